"""The training loop: a plain generator that trains any family and yields one record a step.

The command line wraps it in a progress bar, a notebook draws while it iterates, a test stops where
it likes. It learns from the family only which network to step on which loss, and in what order.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from math import isfinite
from time import perf_counter
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from genlab.data import Dataset
from genlab.errors import GenlabError
from genlab.family import Family, HasFinish, Loss
from genlab.training.batches import Batch, batches, images_per_step, total_steps
from genlab.training.distributed import agreed, average_gradients, average_values, whole_batch_noise
from genlab.training.learning_rate import learning_rate
from genlab.training.random_state import restore_torch_random_state, seed_everything, torch_random_state
from genlab.training.settings import TrainConfig
from genlab.training.state import TrainingState


def step(
    family: Family, optimisers: Mapping[str, torch.optim.Optimizer], images: Tensor, labels: Tensor
) -> None:
    """One step of every network, in the order in which the family yields its losses: the whole idea.

    ``train`` does the same with several batches, several processes and all that ``TrainConfig`` offers.
    """
    for loss in family.losses(images, labels):
        weights = list(family.networks[loss.network].parameters())
        optimisers[loss.network].zero_grad()
        # `inputs` keeps a loss off the other networks: a generator's loss runs through the
        # discriminator, and must leave no gradient there.
        loss.value.backward(inputs=weights)
        optimisers[loss.network].step()


@dataclass(frozen=True)
class Step:
    """What one step of training did.

    Attributes:
        step: 1 for the first.
        epoch: passes over the data so far, 1.0 after the first.
        losses: what the family logged: name to value.
        seconds: spent training, since the first step.
    """

    step: int
    epoch: float
    losses: Mapping[str, float]
    seconds: float


class TrainingDiverged(GenlabError):
    """A loss became infinite or not a number."""


def train(
    family: Family, dataset: Dataset, config: TrainConfig, *, state: TrainingState | None = None
) -> Iterator[Step]:
    """Train in place, one yielded record a step; stop whenever you stop iterating.

    Between two steps, and after the last, the networks are in eval mode and compute in float32, so
    they can be sampled there; their weights are the newest, not the averaged ones.

    The seed decides all: the same seed, data and machine give the same weights to the bit, whatever
    random numbers are drawn between two steps, and also when the run is broken off after any step
    and goes on later from its ``state``. Only ``config.max_seconds`` asks the clock, and only how many
    steps are made depends on it: the step in which the seconds run out is the last.

    Args:
        family: the model; its networks move to the accelerator's device.
        dataset: a split, whole.
        config: steps, seconds, learning rate, precision and the like.
        state: where to go on from; a new start if left out.

    Raises:
        TrainingDiverged: a loss is not finite; the step is not made, the weights are the last good ones.
        GenlabError: the data has labels that a class-conditional model cannot take.
    """
    check_labels(family, dataset)
    state = TrainingState(family, config) if state is None else state
    if state.random is None:
        seed_everything(config.seed)
    else:
        restore_torch_random_state(state.random)
    total = total_steps(dataset, config)
    data = batches(dataset.to(state.accelerator.device), config, state.step + 1)

    forwards = _mixed_precision_forwards(state)
    while not state.is_over(total, config):
        with _training(family, forwards):
            started = perf_counter()
            rate = learning_rate(state.step + 1, total, config)
            with whole_batch_noise():
                logged = _full_step(state, next(data), config, rate)
            if state.ema is not None:
                state.ema.update()
            state.step += 1
            state.seconds += agreed(perf_counter() - started)
            state.random = torch_random_state()
            if state.is_over(total, config):
                state.seconds += finish(state, dataset)
        epoch = state.step * images_per_step(config) / len(dataset)
        yield Step(state.step, epoch, logged, state.seconds)
        restore_torch_random_state(state.random)


def finish(state: TrainingState, dataset: Dataset) -> float:
    """What the family does once, after its last step, as it will be sampled; the seconds that took."""
    if not isinstance(state.family, HasFinish):
        return 0.0
    started = perf_counter()
    with state.averaged():
        state.family.finish(dataset)
    if state.ema is not None:
        state.ema.take_buffers()
    return agreed(perf_counter() - started)


def _full_step(
    state: TrainingState, parts: Sequence[Batch], config: TrainConfig, rate: float
) -> dict[str, float]:
    """``step``, on each loss averaged over the batches; returns what was logged."""
    if state.step < config.half_size_steps:
        parts = [(F.avg_pool2d(images, 2), labels) for images, labels in parts]
    first, *others = [state.family.losses(images, labels) for images, labels in parts]
    logged: dict[str, float] = {}
    for loss in first:
        optimiser = state.optimisers[loss.network]
        weights = list(state.family.networks[loss.network].parameters())
        optimiser.zero_grad()
        logged |= _backward(state, loss, others, weights)
        average_gradients(weights)
        if config.clip_grad_norm is not None:
            state.accelerator.unscale_gradients(optimiser)
            torch.nn.utils.clip_grad_norm_(weights, config.clip_grad_norm)
        for group in optimiser.param_groups:
            group["lr"] = rate * config.lr_factors.get(loss.network, 1.0)
        optimiser.step()
    return logged


def _backward(
    state: TrainingState, loss: Loss, others: Sequence[Iterator[Loss]], weights: Sequence[Tensor]
) -> dict[str, float]:
    """Add up the gradients of one network's loss on every batch; returns what was logged, averaged.

    The other batches' losses are asked for one by one, each after the backward pass of the one before
    it: so only one network's graph on one batch is in memory at a time.
    """
    network, names, values = loss.network, list(loss.logged), []
    for part in range(1 + len(others)):
        loss = loss if part == 0 else next(others[part - 1])
        state.accelerator.backward(loss.value / (1 + len(others)), inputs=weights)  # as in `step`
        values.append(torch.stack([loss.value.detach(), *loss.logged.values()]))
    value, *means = average_values(torch.stack(values).mean(0).unbind())
    if not isfinite(value):
        raise TrainingDiverged(
            f"the loss of the {network} became {value} in step {state.step + 1}: "
            "lower train.lr or set train.clip_grad_norm"
        )
    return dict(zip(names, means, strict=True))


def _mixed_precision_forwards(state: TrainingState) -> list[dict[str, Any]]:
    """For each network, the attributes by which accelerate makes it compute in the precision asked for."""
    forwards = []
    for network in state.family.networks.values():
        # "Evaluation" is accelerate's word for: precision yes, DistributedDataParallel no.
        state.accelerator.prepare_model(network, evaluation_mode=True)
        names = [name for name in ("forward", "_original_forward") if name in vars(network)]
        forwards.append({name: vars(network).pop(name) for name in names})
    return forwards


@contextmanager
def _training(family: Family, forwards: Sequence[Mapping[str, Any]]) -> Iterator[None]:
    """The networks in train mode and in the precision asked for, inside the ``with`` block alone."""
    family.networks.train()
    for network, forward in zip(family.networks.values(), forwards, strict=True):
        vars(network).update(forward)
    try:
        yield
    finally:
        for network, forward in zip(family.networks.values(), forwards, strict=True):
            for name in forward:
                del vars(network)[name]
        family.networks.eval()


def check_labels(family: Family, dataset: Dataset) -> None:
    """Raise GenlabError if the data has more classes than a class-conditional model takes."""
    if family.num_classes is not None and dataset.num_classes > family.num_classes:
        raise GenlabError(
            f"{dataset.name} has {dataset.num_classes} classes and the model takes "
            f"{family.num_classes}: set model.num_classes to {dataset.num_classes}"
        )
