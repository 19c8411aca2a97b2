"""The training loop: a plain generator that trains any family and yields one record a step.

The command line wraps it in a progress bar, a notebook draws while it iterates, a test stops where
it likes. It learns from the family only which network to step on which loss, and in what order.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from time import perf_counter

import torch
from accelerate import Accelerator
from accelerate.state import AcceleratorState

from genlab.config import TrainConfig
from genlab.data import Dataset
from genlab.errors import GenlabError
from genlab.family import Family
from genlab.training.ema import EMA


@dataclass(frozen=True)
class Step:
    """What one step of training did.

    Attributes:
        step: 1 for the first.
        epoch: passes over the data so far, 1.0 after the first.
        losses: what the family logged: name to value.
        seconds: since training began.
    """

    step: int
    epoch: float
    losses: Mapping[str, float]
    seconds: float


class TrainingDiverged(GenlabError):
    """A loss became infinite or not a number."""


def total_steps(dataset: Dataset, config: TrainConfig) -> int:
    """How many steps ``train`` will make."""
    steps = config.epochs * max(len(dataset) // config.batch_size, 1)
    return steps if config.max_steps is None else min(steps, config.max_steps)


def train(family: Family, dataset: Dataset, config: TrainConfig, *, ema: EMA | None = None) -> Iterator[Step]:
    """Train in place, one yielded record a step; stop whenever you stop iterating.

    Seeds torch's global generator with ``config.seed``: the same seed, data and machine give the
    same weights to the bit.

    Args:
        family: the model; its networks move to the accelerator's device.
        dataset: a split, whole.
        config: steps, learning rate, precision and the like.
        ema: if given, updated after every step.

    Raises:
        TrainingDiverged: a loss is not finite; the step is not made, the weights are the last good ones.
        GenlabError: the data has labels that a class-conditional model cannot take.
    """
    check_labels(family, dataset)
    AcceleratorState._reset_state()  # else the first run's precision binds every later one in a notebook
    accelerator = Accelerator(mixed_precision=config.mixed_precision)
    optimisers = {}
    for name, network in family.networks.items():
        network.to(accelerator.device)
        optimiser = torch.optim.Adam(network.parameters(), lr=config.lr, betas=config.adam_betas, fused=True)
        family.networks[name], optimisers[name] = accelerator.prepare(network, optimiser)
    if ema is not None:
        ema.averaged.to(accelerator.device)
    torch.manual_seed(config.seed)
    order = torch.Generator().manual_seed(config.seed)
    batches = _batches(dataset.to(accelerator.device), config.batch_size, order)

    family.networks.train()
    started = perf_counter()
    for step in range(1, total_steps(dataset, config) + 1):
        images, labels = next(batches)
        logged: dict[str, float] = {}
        for network_name, loss, parts in family.losses(images, labels):
            if not torch.isfinite(loss):
                raise TrainingDiverged(
                    f"the loss of the {network_name} became {loss.item()} in step {step}: "
                    "lower train.lr or set train.clip_grad_norm"
                )
            parameters = list(family.networks[network_name].parameters())
            optimisers[network_name].zero_grad()
            # `inputs` keeps a loss off the other networks: a generator's loss runs through the
            # discriminator, and must leave no gradient there.
            accelerator.backward(loss, inputs=parameters)
            if config.clip_grad_norm is not None:
                accelerator.clip_grad_norm_(parameters, config.clip_grad_norm)
            optimisers[network_name].step()
            logged |= {name: float(value) for name, value in parts.items()}
        if ema is not None:
            ema.update()
        epoch = step * config.batch_size / len(dataset)
        yield Step(step, epoch, logged, perf_counter() - started)


def _batches(
    dataset: Dataset, batch_size: int, generator: torch.Generator
) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
    """Batches without end, epoch after epoch, each epoch in a new order."""
    while True:
        yield from dataset.batches(batch_size, generator=generator)


def check_labels(family: Family, dataset: Dataset) -> None:
    """Raise GenlabError if the data has more classes than a class-conditional model takes."""
    if family.num_classes is not None and dataset.num_classes > family.num_classes:
        raise GenlabError(
            f"{dataset.name} has {dataset.num_classes} classes and the model takes "
            f"{family.num_classes}: set model.num_classes to {dataset.num_classes}"
        )
