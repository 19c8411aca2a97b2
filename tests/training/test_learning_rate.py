import pytest
import torch

from genlab.training.learning_rate import learning_rate
from genlab.training.settings import TrainConfig


def test_constant() -> None:
    assert {learning_rate(step, 100, TrainConfig(lr=0.1)) for step in range(1, 101)} == {0.1}


def test_the_warm_up_is_a_straight_line() -> None:
    config = TrainConfig(lr=0.1, lr_warmup_steps=10)
    rates = [learning_rate(step, 100, config) for step in range(1, 101)]
    assert rates[:10] == pytest.approx([0.01 * i for i in range(1, 11)])
    assert set(rates[10:]) == {0.1}


@pytest.mark.parametrize("warmup", [0, 5])
def test_cosine_is_torchs(warmup: int) -> None:
    config = TrainConfig(lr=0.1, lr_schedule="cosine", lr_warmup_steps=warmup)
    optimiser = torch.optim.SGD([torch.zeros(1)], lr=0.1)
    scheduler = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, T_max=50 - warmup)
    for step in range(warmup + 1, 51):
        assert learning_rate(step, 50, config) == pytest.approx(optimiser.param_groups[0]["lr"], rel=1e-9)
        optimiser.step()
        scheduler.step()
    assert learning_rate(51, 50, config) == pytest.approx(0, abs=1e-12)


def test_a_warm_up_longer_than_the_run() -> None:
    config = TrainConfig(lr=0.1, lr_schedule="cosine", lr_warmup_steps=100)
    assert learning_rate(10, 10, config) == pytest.approx(0.01)
