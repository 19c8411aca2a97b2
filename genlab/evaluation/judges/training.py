"""Train a judge on real images with augmentation, and average its weights (EMA).

``genlab judge mnist`` does it. A judge that has seen a digit only in its place would call a shifted one
strange, so each image is moved by a random affine map first; clothes may also be mirrored. What is
kept is an average of the weights (Polyak and Juditsky 1992), and what is reported is the accuracy on
the test images, which take no part in training.
"""

from collections.abc import Iterator
from math import pi

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from genlab.data import Dataset
from genlab.evaluation.judges.networks import Judge

BATCH = 128  # images per step
MIRRORED = ("fashion_mnist",)  # a mirrored shirt is a shirt; a mirrored 3 is nothing


def moved(images: Tensor, generator: torch.Generator, *, mirror: bool) -> Tensor:
    """Each image turned by up to 10 degrees, scaled and sheared by up to a tenth, shifted by up to 2 pixels.

    Args:
        images: (N, 1, 28, 28), in [-1, 1].
        generator: decides all.
        mirror: left and right change places for half of them.
    """
    n, images = len(images), images.cpu()
    angle, size, shear = (torch.rand(3, n, generator=generator) * 2 - 1) * torch.tensor(
        [[pi / 18], [0.1], [0.1]]
    )
    shift = (torch.rand(n, 2, generator=generator) * 2 - 1) * (2 / 14)
    scale_x = 1 + size
    if mirror:
        scale_x = scale_x * (1 - 2 * (torch.rand(n, generator=generator) < 0.5).float())
    rows = [
        torch.stack([scale_x * angle.cos(), -angle.sin() + shear, shift[:, 0]], dim=1),
        torch.stack([scale_x * angle.sin(), (1 + size) * angle.cos(), shift[:, 1]], dim=1),
    ]
    places = F.affine_grid(torch.stack(rows, dim=1), list(images.shape), align_corners=False)
    return F.grid_sample(images + 1, places, align_corners=False) - 1  # outside is black, which is -1


def train_judge(judge: Judge, dataset: Dataset, *, steps: int, seed: int = 0) -> Iterator[float]:
    """Train in place; yields the cross-entropy of every step, ends with averaged weights in eval mode.

    Args:
        judge: new.
        dataset: a training split.
        steps: how many; the learning rate rises and falls once over them.
        seed: decides order and augmentation; initial weights are the caller's.
    """
    optimiser = torch.optim.AdamW(judge.parameters(), weight_decay=0.01, fused=True)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, max_lr=5e-3, total_steps=steps)
    decay = max(min(0.998, 1 - 10 / steps), 0.0)  # a short training must not remember its first steps
    average = AveragedModel(judge, multi_avg_fn=get_ema_multi_avg_fn(decay), use_buffers=True)
    generator = torch.Generator().manual_seed(seed)
    mirror, device = dataset.name in MIRRORED, next(judge.parameters()).device
    judge.train()
    for _, (images, labels) in zip(range(steps), _endless(dataset, generator), strict=False):
        images = moved(images, generator, mirror=mirror).to(device)
        loss = F.cross_entropy(judge(images), labels.to(device), label_smoothing=0.05)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        schedule.step()
        average.update_parameters(judge)
        yield loss.item()
    judge.load_state_dict(average.module.state_dict())
    judge.eval()


def default_steps(dataset: Dataset) -> int:
    """Twelve passes over the images; 800 steps where those are few, fourteen passes over clothes."""
    passes = 14 if dataset.name in MIRRORED else 12
    return max(passes * (len(dataset) // BATCH), 800)


def _endless(dataset: Dataset, generator: torch.Generator) -> Iterator[tuple[Tensor, Tensor]]:
    while True:
        yield from dataset.batches(BATCH, generator=generator)
