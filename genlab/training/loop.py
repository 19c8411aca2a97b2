"""The training loop: a plain generator that trains any family and yields one record a step.

The command line wraps it in a progress bar, a notebook draws while it iterates, a test stops where
it likes. It learns from the family only which network to step on which loss, and in what order.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import chain
from time import perf_counter

import torch
import torch.nn.functional as F

from genlab.data import Dataset
from genlab.errors import GenlabError
from genlab.family import Family, HasFinish
from genlab.training.batches import Batch, batches, images_per_step, total_steps
from genlab.training.distributed import agreed, average_gradients, average_values, whole_batch_noise
from genlab.training.learning_rate import learning_rate
from genlab.training.random_state import restore_torch_random_state, seed_everything, torch_random_state
from genlab.training.settings import TrainConfig
from genlab.training.state import TrainingState


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

    family.networks.train()
    with _autocast(state):
        while not state.is_over(total, config):
            started = perf_counter()
            rate = learning_rate(state.step + 1, total, config)
            with whole_batch_noise():
                logged = _make_step(state, next(data), config, rate)
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


def _make_step(
    state: TrainingState, parts: Sequence[Batch], config: TrainConfig, rate: float
) -> dict[str, float]:
    """Step each network once, on its loss averaged over the batches, and return what was logged."""
    if state.step < config.half_size_steps:
        parts = [(F.avg_pool2d(images, 2), labels) for images, labels in parts]
    running = [state.family.losses(images, labels) for images, labels in parts]
    logged: dict[str, float] = {}
    for first in running[0]:
        optimiser = state.optimisers[first.network]
        parameters = list(state.family.networks[first.network].parameters())
        optimiser.zero_grad()
        values = []
        for loss in chain([first], (next(losses) for losses in running[1:])):
            # `inputs` keeps a loss off the other networks: a generator's loss runs through the
            # discriminator, and must leave no gradient there.
            state.accelerator.backward(loss.value / len(parts), inputs=parameters)
            values.append(torch.stack([loss.value.detach(), *loss.logged.values()]))
        value, *means = average_values(torch.stack(values).mean(0).unbind())
        if not torch.isfinite(torch.tensor(value)):
            raise TrainingDiverged(
                f"the loss of the {first.network} became {value} in step {state.step + 1}: "
                "lower train.lr or set train.clip_grad_norm"
            )
        average_gradients(parameters)
        if config.clip_grad_norm is not None:
            state.accelerator.unscale_gradients(optimiser)
            torch.nn.utils.clip_grad_norm_(parameters, config.clip_grad_norm)
        for group in optimiser.param_groups:
            group["lr"] = rate * config.lr_factors.get(first.network, 1.0)
        optimiser.step()
        logged |= dict(zip(first.logged, means, strict=True))
    return logged


@contextmanager
def _autocast(state: TrainingState) -> Iterator[None]:
    """The networks compute in the precision asked for, inside the ``with`` block and nowhere else."""
    networks = list(state.family.networks.values())
    for network in networks:
        # "Evaluation" is accelerate's word for: precision yes, DistributedDataParallel no.
        state.accelerator.prepare_model(network, evaluation_mode=True)
    try:
        yield
    finally:
        for network in networks:  # accelerate has laid its `forward` over that of the class
            vars(network).pop("forward", None)
            vars(network).pop("_original_forward", None)


def check_labels(family: Family, dataset: Dataset) -> None:
    """Raise GenlabError if the data has more classes than a class-conditional model takes."""
    if family.num_classes is not None and dataset.num_classes > family.num_classes:
        raise GenlabError(
            f"{dataset.name} has {dataset.num_classes} classes and the model takes "
            f"{family.num_classes}: set model.num_classes to {dataset.num_classes}"
        )
