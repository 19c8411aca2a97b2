"""Which images a step sees: decided by the seed, the step and the process, and by nothing else.

So there is nothing to save: a run that goes on at step 1,000 finds the images that step 1,000 would
have had.
"""

from collections.abc import Iterator

import torch
from torch import Tensor

from genlab.data import Dataset, to_signed
from genlab.errors import GenlabError
from genlab.nn.device import processes
from genlab.training.settings import TrainConfig

Batch = tuple[Tensor, Tensor]


def images_per_step(config: TrainConfig) -> int:
    """Images that one step learns from, over all processes and accumulated batches."""
    return config.batch_size * config.gradient_accumulation_steps * int(processes().num_processes)


def steps_per_epoch(dataset: Dataset, config: TrainConfig) -> int:
    """How many steps show every image once, but for those that do not fill a step."""
    return max(len(dataset) // images_per_step(config), 1)


def total_steps(dataset: Dataset, config: TrainConfig) -> int:
    """How many steps a whole run makes."""
    if config.max_steps is not None:
        return config.max_steps
    return config.epochs * steps_per_epoch(dataset, config)


def save_interval(dataset: Dataset, config: TrainConfig) -> int:
    """Steps between two checkpoints where the config names no number: an epoch, but at least 200.

    With a few hundred images an epoch is a step or two, and saving would take longer than training.
    """
    return max(steps_per_epoch(dataset, config), 200)


def check_shares(dataset: Dataset, config: TrainConfig) -> None:
    """Raise GenlabError if there are not enough images to give every batch of a step one."""
    parts = config.gradient_accumulation_steps * int(processes().num_processes)
    if len(dataset) < parts:
        raise GenlabError(
            f"{len(dataset)} images cannot fill the {parts} batches of a step (train.gradient_accumulation_"
            "steps times the number of processes): use fewer"
        )


def batches(dataset: Dataset, config: TrainConfig, first_step: int = 1) -> Iterator[list[Batch]]:
    """For each step from ``first_step`` on, without end, this process's batches: images and labels.

    There is one batch a step, or ``gradient_accumulation_steps`` of them. Images are float32 in
    [-1, 1]. Every epoch has its own order; images that do not fill a step are left out of it, and
    data smaller than a step is one step, short.

    Raises:
        GenlabError: there are not enough images to give every batch one.
    """
    check_shares(dataset, config)
    size, ranks = images_per_step(config), processes()
    parts = config.gradient_accumulation_steps * ranks.num_processes
    first_epoch, first = divmod(first_step - 1, steps_per_epoch(dataset, config))
    generator = torch.Generator().manual_seed(config.seed)
    for _ in range(first_epoch):
        torch.randperm(len(dataset), generator=generator)  # the orders of epochs past
    while True:
        order = torch.randperm(len(dataset), generator=generator)
        for step in range(first, steps_per_epoch(dataset, config)):
            indices = order[step * size : (step + 1) * size]
            indices = indices[: len(indices) // parts * parts]  # all parts alike, also of a short step
            mine = indices.chunk(parts)[ranks.process_index :: ranks.num_processes]
            yield [_batch(dataset, index) for index in mine]
        first = 0


def _batch(dataset: Dataset, index: Tensor) -> Batch:
    index = index.to(dataset.images.device)
    return to_signed(dataset.images[index]), dataset.labels[index]
