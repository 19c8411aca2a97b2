import pytest
import torch
from torch import nn

from genlab.training.ema import EMA, warmed_up


class Counter(nn.Module):
    """A weight and two buffers, one of them whole numbers."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(3))
        self.register_buffer("mean", torch.zeros(2))
        self.register_buffer("count", torch.zeros((), dtype=torch.int64))


def networks() -> nn.ModuleDict:
    return nn.ModuleDict({"counter": Counter()})


def set_to(nets: nn.ModuleDict, value: float) -> None:
    for name, tensor in nets.state_dict().items():
        tensor.fill_(int(value) if name.endswith("count") else value)


def state(module: nn.Module) -> list[float]:
    return [tensor.flatten()[0].item() for tensor in module.state_dict().values()]


def test_the_warm_up() -> None:
    assert [warmed_up(0.9999, n) for n in (0, 1, 8)] == [0.1, 2 / 11, 0.5]
    assert warmed_up(0.5, 100) == 0.5
    decays = [warmed_up(0.999, n) for n in range(20_000)]
    assert decays == sorted(decays)
    assert max(decays) == 0.999


@pytest.mark.parametrize("decay", [0.5, 0.9, 0.9999])
def test_the_average_is_the_formula(decay: float) -> None:
    nets = networks()
    set_to(nets, 4.0)
    ema, expected = EMA(nets, decay), 4.0
    assert state(ema.averaged.module) == [4, 4, 4]
    for n, value in enumerate([1.0, -2.0, 3.0, 7.0, 0.0, 5.0], start=1):
        set_to(nets, value)
        ema.update()
        share = min(decay, (1 + n) / (10 + n))
        expected = share * expected + (1 - share) * value
        averaged, mean, count = state(ema.averaged.module)
        assert averaged == pytest.approx(expected, rel=1e-5)
        assert (mean, count) == (value, value)  # buffers are copied
        assert state(nets) == [value, value, value]
    assert ema.num_updates == 6


def test_applied_gives_the_average_and_restores() -> None:
    nets = networks()
    set_to(nets, 10.0)
    ema = EMA(nets, 0.9)
    set_to(nets, 20.0)
    ema.update()
    average = state(ema.averaged.module)
    assert 10 < average[0] < 20
    with ema.applied():
        assert state(nets) == average
    assert state(nets) == [20, 20, 20]

    def fail_inside() -> None:
        with ema.applied():
            set_to(nets, -1.0)
            raise RuntimeError("inside")

    with pytest.raises(RuntimeError, match="inside"):
        fail_inside()
    assert state(nets) == [20, -1, -1]  # weights come back; buffers are the same in both, and stay changed
    assert state(ema.averaged.module) == average  # what was done inside stayed there


def test_the_average_can_take_the_buffers_of_now_and_nothing_else() -> None:
    nets = networks()
    set_to(nets, 10.0)
    ema = EMA(nets, 0.9)
    set_to(nets, 20.0)
    ema.update()
    averaged = state(ema.averaged.module)[0]
    set_to(nets, 30.0)
    ema.take_buffers()
    assert state(ema.averaged.module) == [averaged, 30, 30]
    assert state(nets) == [30, 30, 30]
    set_to(nets, 40.0)
    assert state(ema.averaged.module) == [averaged, 30, 30]  # copies, not the same tensors


def test_the_average_can_become_the_networks() -> None:
    nets = networks()
    ema = EMA(nets, 0.9)
    set_to(nets, 8.0)
    ema.update()
    average = state(ema.averaged.module)
    weight = next(nets.parameters())
    ema.copy_to_networks()
    assert state(nets) == average
    assert next(nets.parameters()) is weight  # copied into place: an optimiser still holds it
    set_to(nets, 1.0)
    assert state(ema.averaged.module) == average


def test_no_graph_is_kept() -> None:
    nets = networks()
    ema = EMA(nets, 0.9)
    nets["counter"].weight.sum().backward()  # type: ignore[operator]
    ema.update()
    assert all(p.grad is None and p.grad_fn is None for p in ema.averaged.parameters())
