"""Images kept out of training, and the losses on them: has the model learned, or learned by heart?"""

from dataclasses import replace

import torch
from torch import Tensor

from genlab.data import Dataset, to_signed
from genlab.errors import GenlabError
from genlab.family import Family, device_of
from genlab.training.random_state import forked


def hold_out(dataset: Dataset, n: int) -> tuple[Dataset, Dataset]:
    """The data set without ``n`` images drawn at random, and those; always the same ones.

    Raises:
        GenlabError: nothing would be left to train on.
    """
    if n >= len(dataset):
        raise GenlabError(
            f"train.validation_images {n} leaves none of the {len(dataset)} images of {dataset.name} "
            "to train on: keep fewer"
        )
    order = torch.randperm(len(dataset), generator=torch.Generator().manual_seed(0))

    def part(index: Tensor) -> Dataset:
        return replace(dataset, images=dataset.images[index], labels=dataset.labels[index])

    return part(order[n:].sort().values), part(order[:n].sort().values)


@torch.no_grad()
def validation_losses(family: Family, held_out: Dataset, batch_size: int) -> dict[str, float]:
    """What the family logs on the held-out images, averaged, each name after ``validation/``.

    The noise is the same at every call, so that two values differ by what was learned between them.
    The networks' mode and torch's random state are left as they were.
    """
    device, training = device_of(family.networks), family.networks.training
    sums: dict[str, float] = {}
    family.networks.eval()
    with forked(device):
        torch.manual_seed(0)
        for start in range(0, len(held_out), batch_size):
            images = to_signed(held_out.images[start : start + batch_size].to(device))
            labels = held_out.labels[start : start + batch_size].to(device)
            for loss in family.losses(images, labels):
                for name, value in loss.logged.items():
                    sums[name] = sums.get(name, 0.0) + float(value) * len(images)
    family.networks.train(training)
    return {f"validation/{name}": total / len(held_out) for name, total in sums.items()}
