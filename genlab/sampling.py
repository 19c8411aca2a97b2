"""Many samples from any model, and the files they go to."""

import sys
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from tqdm import tqdm

from genlab import plots
from genlab.errors import GenlabError
from genlab.family import Family


def sample_in_batches(
    family: Family, n: int, *, seed: int = 0, label: int | None = None, batch_size: int = 500
) -> Tensor:
    """``n`` images in [0, 1], (n, 1, 28, 28), on the CPU, drawn a batch at a time behind a progress bar.

    Args:
        family: any model.
        n: how many, at least 1.
        seed: decides all of them; the batch size does too.
        label: one class for all; classes are drawn uniformly if left out.
        batch_size: how many at once: memory stays bounded by it.
    """
    generator = torch.Generator().manual_seed(seed)
    drawn: list[Tensor] = []
    file = sys.stdout if "ipykernel" in sys.modules else sys.stderr
    with tqdm(total=n, unit=" images", file=file, disable=n <= batch_size) as bar:
        for start in range(0, n, batch_size):
            size = min(batch_size, n - start)
            labels = None if label is None else torch.full((size,), label)
            drawn.append(family.sample(size, labels=labels, generator=generator).cpu())
            bar.update(size)
    return torch.cat(drawn)


def sample_sheet(family: Family, seed: int = 0) -> Tensor:
    """A hundred images to look at, (100, 1, 28, 28) in [0, 1]; ten of each class where there are ten."""
    labels = None
    if family.num_classes is not None:
        labels = torch.arange(family.num_classes).repeat_interleave(10)[:100]
    n = 100 if labels is None else len(labels)
    return family.sample(n, labels=labels, generator=torch.Generator().manual_seed(seed))


def write_samples(images: Tensor, path: Path) -> None:
    """Write images in [0, 1] as float32 (N, H, W) where the name ends in .npy, else as a PNG sheet."""
    try:
        if path.suffix == ".npy":
            np.save(path, images[:, 0].float().numpy())
        else:
            plots.save_image(plots.grid(images, columns=max(10, round(len(images) ** 0.5))), path)
    except OSError as error:
        raise GenlabError(f"cannot write {path}: {error.strerror}") from None
