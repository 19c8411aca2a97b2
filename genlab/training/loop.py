"""The training loop: one step that trains any family, and a generator that repeats it.

``step`` is the textbook. ``train`` makes the same step with all that a real run adds (accumulated batches,
several processes, clipping, a learning rate that changes, mixed precision, averaged weights) and yields one
record each. It learns from the family only which network to step on which loss, and in what order.
"""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from time import perf_counter

import torch
import torch.nn.functional as F
from torch import Tensor

from genlab.data import Dataset
from genlab.errors import GenlabError
from genlab.family import Family, HasFinish, Loss
from genlab.nn.device import memory_named
from genlab.training.batches import Batch, batches, images_per_step, total_steps
from genlab.training.distributed import agreed, average_gradients, average_values, whole_batch_noise
from genlab.training.learning_rate import learning_rate
from genlab.training.random_state import restore_torch_random_state, seed_everything, torch_random_state
from genlab.training.settings import TrainConfig
from genlab.training.state import TrainingState


def step(
    family: Family, optimisers: Mapping[str, torch.optim.Optimizer], images: Tensor, labels: Tensor
) -> None:
    """One step of every network, in the order in which the family yields its losses.

    ``train`` makes the same one by ``full_step``; a test holds that both give the same weights.

    Args:
        family: its networks are changed in place.
        optimisers: one per network, by name.
        images, labels: (N, 1, 28, 28) in [-1, 1], and int64 (N,).
    """
    for loss in family.losses(images, labels):
        weights = list(family.networks[loss.network].parameters())
        optimisers[loss.network].zero_grad()
        # `inputs`: a generator's loss runs through the discriminator and must leave no gradient there.
        loss.value.backward(inputs=weights)
        optimisers[loss.network].step()


@dataclass(frozen=True)
class Step:
    """The record of one step of training.

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
    """A loss, or a weight, became infinite or not a number."""


def train(
    family: Family, dataset: Dataset, config: TrainConfig, *, state: TrainingState | None = None
) -> Iterator[Step]:
    """Train in place, one yielded record a step; stop whenever you stop iterating.

    The seed decides all: the same seed, data and machine give the same weights to the bit, whatever
    random numbers are drawn between two steps, and also when the run is broken off after any step
    and goes on later from its ``state``. Only ``config.max_seconds`` asks the clock, and only how many
    steps are made depends on it: the step in which the seconds run out is the last.

    Between two steps the networks are ready to be sampled: in eval mode, and computing in float32.

    Args:
        family: the model; it is trained on the device that its networks are on.
        dataset: a split, whole.
        config: steps, seconds, learning rate, precision and the like.
        state: where to go on from; a new start if left out.

    Raises:
        TrainingDiverged: a loss is not finite; neither its network steps on it, nor those that come after.
        GenlabError: the data has labels that a class-conditional model cannot take; no memory is left.
    """
    check_labels(family, dataset)
    state = TrainingState(family, config) if state is None else state
    if state.random is None:
        seed_everything(config.seed)
    else:
        restore_torch_random_state(state.random, state.device)
    total = total_steps(dataset, config)
    data = batches(dataset.to(state.device), config, state.step + 1)

    while not state.is_over(total, config):
        started = perf_counter()
        rate = learning_rate(state.step + 1, total, config)
        remedy = "halve train.batch_size and double train.gradient_accumulation_steps"
        with state.training(), whole_batch_noise(), memory_named(state.device, remedy):
            logged = full_step(state, next(data), config, rate)
        if state.ema is not None:
            state.ema.update()
        state.step += 1
        state.seconds += agreed(perf_counter() - started)
        state.random = torch_random_state(state.device)
        if state.is_over(total, config):
            state.seconds += finish(state, dataset)
        epoch = state.step * images_per_step(config) / len(dataset)
        yield Step(state.step, epoch, logged, state.seconds)
        restore_torch_random_state(state.random, state.device)


def finish(state: TrainingState, dataset: Dataset) -> float:
    """The family's own last deed, with the averaged weights, after the last step; returns its seconds."""
    if not isinstance(state.family, HasFinish):
        return 0.0
    started = perf_counter()
    with state.training(), state.averaged():
        state.family.finish(dataset)
    if state.ema is not None:
        state.ema.take_buffers()
    return agreed(perf_counter() - started)


def full_step(
    state: TrainingState, parts: Sequence[Batch], config: TrainConfig, rate: float
) -> dict[str, float]:
    """``step`` with all that a real run adds; returns the means of what the family logged.

    Each network steps once, on its loss averaged over several batches (gradient accumulation) and over all
    processes.
    """
    if state.step < config.half_size_steps:
        parts = [(F.avg_pool2d(images, 2), labels) for images, labels in parts]
    running = [state.family.losses(images, labels) for images, labels in parts]
    logged: dict[str, float] = {}
    for first in running[0]:
        network = first.network
        optimiser, weights = state.optimisers[network], list(state.family.networks[network].parameters())
        optimiser.zero_grad()
        values = [_backward(state, first, weights, len(parts))]
        for losses in running[1:]:  # one after the other, so that only one batch's graph is in memory
            values.append(_backward(state, next(losses), weights, len(parts)))
        mean, *means = average_values(torch.stack(values).mean(0).unbind())
        if not math.isfinite(mean):
            raise TrainingDiverged(
                f"the loss of the {network} became {mean} in step {state.step + 1}: "
                "lower train.lr or set train.clip_grad_norm"
            )
        average_gradients(weights)
        if config.clip_grad_norm is not None:
            state.scaler.unscale_(optimiser)
            torch.nn.utils.clip_grad_norm_(weights, config.clip_grad_norm)
        for group in optimiser.param_groups:
            group["lr"] = rate * config.lr_factors.get(network, 1.0)
        state.scaler.step(optimiser)
        state.scaler.update()
        logged |= dict(zip(first.logged, means, strict=True))
    return logged


def _backward(state: TrainingState, loss: Loss, weights: Sequence[Tensor], parts: int) -> Tensor:
    """Add one batch's share to the gradients; returns its loss and what it logged, detached, in a row."""
    state.scaler.scale(loss.value / parts).backward(inputs=weights)
    return torch.stack([loss.value.detach(), *loss.logged.values()])


def check_labels(family: Family, dataset: Dataset) -> None:
    """Raise GenlabError if the data has more classes than a class-conditional model takes."""
    if family.num_classes is not None and dataset.num_classes > family.num_classes:
        raise GenlabError(
            f"{dataset.name} has {dataset.num_classes} classes and the model takes "
            f"{family.num_classes}: set model.num_classes to {dataset.num_classes}"
        )
