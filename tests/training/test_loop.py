from collections.abc import Iterator
from itertools import count, islice
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from genlab.config import Settings
from genlab.data import Dataset
from genlab.errors import GenlabError
from genlab.family import Loss
from genlab.training import loop
from genlab.training.batches import total_steps
from genlab.training.ema import warmed_up
from genlab.training.learning_rate import learning_rate
from genlab.training.loop import Step, TrainingDiverged, full_step, train
from genlab.training.settings import TrainConfig
from genlab.training.state import TrainingState
from genlab.zoo import build, load_config


class Quadratic:
    """Two numbers pulled to the mean of the images, by as many losses as asked; not in genlab's zoo."""

    num_classes: int | None = None

    def __init__(self, names: tuple[str, ...] = ("a",), bad_step: int = 0, bad: float = float("nan")) -> None:
        self.config = Settings()
        self.networks = nn.ModuleDict({name: nn.Linear(1, 1) for name in names})
        self.events: list[str] = []
        self.calls, self.bad_step, self.bad = 0, bad_step, bad

    def losses(self, images: Tensor, labels: Tensor) -> Iterator[Loss]:
        self.calls += 1
        for name, network in self.networks.items():
            before = network.weight.clone()  # type: ignore[operator]
            loss = (network(torch.ones(1, 1)) - images.mean()).square().sum()
            if self.calls == self.bad_step and name == list(self.networks)[-1]:
                loss = loss * self.bad
            self.events.append(f"{name} asked")
            yield Loss(name, loss, {name: loss.detach()})
            moved = not torch.equal(before, network.weight)  # type: ignore[arg-type]
            self.events.append(f"{name} {'stepped' if moved else 'left'}")

    def sample(
        self, n: int, *, labels: Tensor | None = None, generator: torch.Generator | None = None
    ) -> Tensor:
        return torch.zeros(n, 1, 28, 28)


SMALL: dict[str, dict[str, object]] = {
    "vae": {"model.network.hidden_dim": 16},
    "gan": {"model.network.hidden_dim": 16},
    "diffusion": {"model.network.channels": [4, 8]},
    "diffusion-mlp": {"model.network.hidden_dim": 16},
}


def trained(name: str, dataset: Dataset, **train_settings: Any) -> tuple[list[Tensor], list[Step]]:
    overrides = {f"train.{key}": value for key, value in train_settings.items()}
    config = load_config(name, SMALL[name] | {"train.batch_size": 8, "train.epochs": 1} | overrides)
    family = build(config)
    steps = list(train(family, dataset, config.train))
    return [p.detach().clone() for p in family.networks.parameters()], steps


@pytest.mark.parametrize("name", list(SMALL))
def test_the_same_seed_gives_the_same_weights_to_the_bit(name: str, dataset: Dataset) -> None:
    torch.manual_seed(123)
    first, steps = trained(name, dataset)
    torch.manual_seed(456)
    again, steps_again = trained(name, dataset)
    other, _ = trained(name, dataset, seed=1)
    assert all(torch.equal(a, b) for a, b in zip(first, again, strict=True))
    assert [step.losses for step in steps] == [step.losses for step in steps_again]
    assert not all(torch.equal(a, b) for a, b in zip(first, other, strict=True))


# --- the steps --------------------------------------------------------------------------------


def test_one_record_a_step(dataset: Dataset) -> None:
    steps = list(train(Quadratic(), dataset, TrainConfig(epochs=2, batch_size=8)))
    assert [step.step for step in steps] == list(range(1, 11))
    assert [step.epoch for step in steps] == pytest.approx([0.2 * i for i in range(1, 11)])
    assert all(set(step.losses) == {"a"} and isinstance(step.losses["a"], float) for step in steps)
    seconds = [step.seconds for step in steps]
    assert seconds == sorted(seconds)
    assert seconds[0] > 0


@pytest.mark.parametrize(
    ("batch_size", "epochs", "max_steps", "expected"),
    [(8, 2, None, 10), (8, 2, 3, 3), (8, 2, 99, 99), (7, 1, None, 5), (64, 3, None, 3)],
)
def test_as_many_steps_as_asked(
    batch_size: int, epochs: int, max_steps: int | None, expected: int, dataset: Dataset
) -> None:
    config = TrainConfig(epochs=epochs, batch_size=batch_size, max_steps=max_steps)
    assert total_steps(dataset, config) == expected
    assert len(list(train(Quadratic(), dataset, config))) == expected


def test_seconds_end_the_run_with_a_step(dataset: Dataset, monkeypatch: pytest.MonkeyPatch) -> None:
    def steps(max_seconds: float, **settings: Any) -> list[Step]:
        """Every step takes half a second, as the clock ticks where one begins and where it ends."""
        monkeypatch.setattr("genlab.training.loop.perf_counter", count(100, 0.5).__next__)
        config = TrainConfig(batch_size=8, max_seconds=max_seconds, **settings)
        return list(train(Quadratic(), dataset, config))

    assert [step.seconds for step in steps(2)] == [0.5, 1, 1.5, 2]
    assert [step.seconds for step in steps(2.1)] == [0.5, 1, 1.5, 2, 2.5]
    assert len(steps(0.001)) == 1
    assert len(steps(1000, max_steps=7)) == 7  # whichever is first
    assert len(steps(2, max_steps=7)) == 4


def test_only_seconds_in_steps_count(dataset: Dataset, monkeypatch: pytest.MonkeyPatch) -> None:
    clock = count(100, 0.5)
    monkeypatch.setattr("genlab.training.loop.perf_counter", clock.__next__)
    family, config = Quadratic(), TrainConfig(batch_size=8, max_seconds=3)
    state = TrainingState(family, config)
    for step in train(family, dataset, config, state=state):
        next(clock), next(clock)  # a second goes by between two steps
        if step.step == 4:
            break
    assert [step.step for step in train(family, dataset, config, state=state)] == [5, 6]
    assert list(train(family, dataset, config, state=state)) == []


def test_several_processes_agree_on_seconds(dataset: Dataset, monkeypatch: pytest.MonkeyPatch) -> None:
    """This process takes half a second a step and the other one 1.5: for both it is one second."""
    monkeypatch.setattr("genlab.training.loop.perf_counter", count(100, 0.5).__next__)
    monkeypatch.setattr("genlab.training.loop.agreed", lambda seconds: (seconds + 1.5) / 2)
    steps = train(Quadratic(), dataset, TrainConfig(batch_size=8, max_seconds=3))
    assert [step.seconds for step in steps] == [1, 2, 3]


def test_a_network_is_stepped_before_the_next_loss_is_asked_for(dataset: Dataset) -> None:
    family = Quadratic(("first", "second"))
    next(train(family, dataset, TrainConfig(batch_size=8)))
    assert family.events == ["first asked", "first stepped", "second asked", "second stepped"]


def test_every_step_has_the_rate_of_its_number(dataset: Dataset) -> None:
    config = TrainConfig(batch_size=8, epochs=1, lr_warmup_steps=2, lr_schedule="cosine")
    state = TrainingState(Quadratic(), config)
    groups = state.optimisers["a"].param_groups
    rates = [groups[0]["lr"] for _ in train(state.family, dataset, config, state=state)]
    assert rates == [learning_rate(step, 5, config) for step in range(1, 6)]


@pytest.mark.parametrize(
    "schedule", [{}, {"lr_warmup_steps": 3}, {"lr_warmup_steps": 2, "lr_schedule": "cosine"}]
)
def test_a_network_with_a_factor_learns_at_its_own_rate(schedule: dict[str, Any], dataset: Dataset) -> None:
    def trained(lr: float, factors: dict[str, float]) -> dict[str, dict[str, Tensor]]:
        torch.manual_seed(0)
        family = Quadratic(("first", "second"))
        list(train(family, dataset, TrainConfig(batch_size=8, lr=lr, lr_factors=factors, **schedule)))
        return {name: network.state_dict() for name, network in family.networks.items()}

    both, slow, fast = trained(0.01, {"second": 4.0}), trained(0.01, {}), trained(0.04, {})
    torch.testing.assert_close(both, {"first": slow["first"], "second": fast["second"]})
    assert not torch.allclose(slow["second"]["weight"], fast["second"]["weight"])


def test_a_factor_for_a_network_that_the_family_lacks(dataset: Dataset) -> None:
    for wrong, hint in (("secnd", "did you mean 'second'"), ("x", "choose from first, second")):
        with pytest.raises(GenlabError, match=rf"train\.lr_factors: .*'{wrong}', {hint}"):
            TrainingState(Quadratic(("first", "second")), TrainConfig(lr_factors={"first": 2, wrong: 2}))


def test_gradients_are_clipped(dataset: Dataset) -> None:
    family = Quadratic()
    with torch.no_grad():
        family.networks["a"].weight.fill_(1000)  # type: ignore[operator]
    next(train(family, dataset, TrainConfig(batch_size=8, clip_grad_norm=0.5)))
    grads = torch.cat([p.grad.flatten() for p in family.networks.parameters() if p.grad is not None])
    assert grads.norm().item() == pytest.approx(0.5, rel=1e-4)


def test_networks_are_in_train_mode_inside_a_step_alone(dataset: Dataset) -> None:
    family, modes = Quadratic(), list[bool]()
    family.networks["a"].register_forward_hook(lambda network, *_: modes.append(network.training))
    for _ in train(family, dataset, TrainConfig(batch_size=8)):
        assert not family.networks["a"].training
    assert modes
    assert all(modes)


def test_between_steps_the_networks_compute_in_float32(dataset: Dataset) -> None:
    family = build(load_config("gan-small"))
    steps = train(family, dataset, TrainConfig(batch_size=8, mixed_precision="bf16"))
    next(steps)  # the generator is alive, as after a `break`
    assert family.networks["generator"](torch.zeros(2, 20)).dtype == torch.float32
    steps.close()  # type: ignore[attr-defined]
    assert "forward" not in vars(family.networks["generator"])


@pytest.mark.parametrize("name", ["vae-small", "gan-small", "diffusion-mlp"])
def test_the_textbook_step_and_the_full_one_give_the_same_weights(name: str, dataset: Dataset) -> None:
    config = load_config(name, {"train.batch_size": 8})
    textbook, full = build(config), build(config)
    optimisers = {
        key: torch.optim.Adam(network.parameters(), config.train.lr, config.train.adam_betas, fused=True)
        for key, network in textbook.networks.items()
    }
    state = TrainingState(full, config.train)
    for images, labels in islice(dataset.batches(8), 3):
        random = torch.get_rng_state()
        loop.step(textbook, optimisers, images, labels)
        torch.set_rng_state(random)
        full_step(state, [(images, labels)], config.train, config.train.lr)
    for name, weight in textbook.networks.state_dict().items():
        assert torch.equal(weight, full.networks.state_dict()[name]), name


# --- what can go wrong ------------------------------------------------------------------------


@pytest.mark.parametrize("bad", [float("nan"), float("inf"), float("-inf")])
@pytest.mark.parametrize("names", [("a",), ("first", "second")])
def test_a_bad_loss_makes_no_step(bad: float, names: tuple[str, ...], dataset: Dataset) -> None:
    family = Quadratic(names, bad_step=3, bad=bad)
    steps = train(family, dataset, TrainConfig(batch_size=8))
    assert [next(steps).step, next(steps).step] == [1, 2]
    with pytest.raises(TrainingDiverged, match=rf"{names[-1]} became {bad} in step 3: .*train\.lr"):
        next(steps)
    assert all(p.isfinite().all() for p in family.networks.parameters())


def test_labels_that_the_model_cannot_take_are_refused_before_training(dataset: Dataset) -> None:
    family = Quadratic()
    family.num_classes = 5
    with pytest.raises(GenlabError, match=r"10 classes.* 5: set model\.num_classes to 10"):
        next(train(family, dataset, TrainConfig()))
    assert family.calls == 0
    family.num_classes = 10
    next(train(family, dataset, TrainConfig(batch_size=8)))


# --- averaged weights and precision -----------------------------------------------------------


def test_the_average_follows_every_step(dataset: Dataset) -> None:
    family = Quadratic()
    expected = family.networks["a"].weight.item()  # type: ignore[operator]
    config = TrainConfig(epochs=1, batch_size=8, ema_decay=0.999)
    state = TrainingState(family, config)
    ema = state.ema
    assert ema is not None
    for step in train(family, dataset, config, state=state):
        share = warmed_up(0.999, step.step)
        expected = share * expected + (1 - share) * family.networks["a"].weight.item()  # type: ignore[operator]
        assert next(ema.averaged.module.parameters()).item() == pytest.approx(expected, rel=1e-5)
    assert ema.num_updates == 5


def test_an_average_changes_nothing_in_the_training(dataset: Dataset) -> None:
    def weights(averaged: bool) -> list[Tensor]:
        torch.manual_seed(0)
        family = Quadratic()
        list(train(family, dataset, TrainConfig(batch_size=8, ema_decay=0.99 if averaged else None)))
        return [p.detach() for p in family.networks.parameters()]

    assert all(torch.equal(a, b) for a, b in zip(weights(True), weights(False), strict=True))


@pytest.mark.parametrize("name", ["vae", "gan", "diffusion-mlp"])
def test_bf16_trains_float32_weights_to_about_the_same_place(name: str, dataset: Dataset) -> None:
    plain, steps = trained(name, dataset)
    mixed, mixed_steps = trained(name, dataset, mixed_precision="bf16")
    for ours, theirs in zip(mixed, plain, strict=True):
        assert ours.dtype == torch.float32
        torch.testing.assert_close(ours, theirs, atol=0.02, rtol=0.1)
    assert steps[0].losses != mixed_steps[0].losses  # it did make a difference
    for key, value in steps[0].losses.items():
        assert mixed_steps[0].losses[key] == pytest.approx(value, rel=0.05, abs=0.2)
    again, _ = trained(name, dataset)  # and back
    assert all(torch.equal(a, b) for a, b in zip(plain, again, strict=True))


@pytest.mark.parametrize("full", [False, True])
def test_a_loss_leaves_no_gradient_in_the_networks_it_runs_through(
    full: bool, images: Tensor, labels: Tensor, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A generator learns through its discriminator, whose own gradients stay as they are."""
    family = build(load_config("gan-small"))
    state, losses = TrainingState(family, TrainConfig()), family.losses
    seen: list[list[Tensor]] = []

    def watched(images: Tensor, labels: Tensor) -> Iterator[Loss]:
        for loss in losses(images, labels):
            yield loss  # the loop has stepped on it when it comes back
            weights = family.networks["discriminator"].parameters()
            seen.append([p.grad.clone() for p in weights if p.grad is not None])

    monkeypatch.setattr(family, "losses", watched)
    if full:
        full_step(state, [(images, labels)], TrainConfig(), 0.1)
    else:
        loop.step(family, state.optimisers, images, labels)
    after_its_own, after_the_generators = seen
    assert after_its_own
    torch.testing.assert_close(after_its_own, after_the_generators, rtol=0, atol=0)
