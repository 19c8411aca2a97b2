"""Train a judge on real images with augmentation, and average its weights (EMA).

``genlab judge mnist`` does it. A judge that has seen a digit only in its place would call a shifted one
strange, so each image is shifted first; clothes may also be mirrored. By whole pixels: a turn or a shift of
half a pixel has to interpolate, which blurs, and a judge that has seen nothing but blurred images has learned
not to mind blur (notebook 04). What is kept is an average of the weights (Polyak and Juditsky 1992), and
what is reported is the accuracy on the test images, which take no part in training.
"""

from collections.abc import Callable, Iterator
from math import pi

import torch
import torch.nn.functional as F
from torch import Generator, Tensor
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from genlab.data import Dataset, to_signed
from genlab.evaluation.judges.features import look
from genlab.evaluation.judges.networks import Judge, Kind
from genlab.evaluation.metrics.classes import conditional_accuracy

BATCH = 128  # images per step
SQUARE = 9  # pixels that are erased, each way
TEMPERATURE = 0.2
MIRRORED = ("fashion_mnist",)  # a mirrored shirt is a shirt; a mirrored 3 is nothing


def shifted(images: Tensor, generator: Generator, *, mirror: bool) -> Tensor:
    """Each image shifted by up to 2 whole pixels, each way: every pixel keeps its value.

    Args:
        images: (N, 1, H, W), in [-1, 1].
        generator: decides all.
        mirror: left and right change places for half of them.
    """
    n, _, height, width = images.shape
    with_margin = F.pad(images.cpu(), (2, 2, 2, 2), value=-1.0)
    down, right = torch.randint(5, (2, n, 1), generator=generator)
    rows, columns = down + torch.arange(height), right + torch.arange(width)
    if mirror:
        columns = torch.where(torch.rand(n, 1, generator=generator) < 0.5, columns.flip(1), columns)
    return with_margin[torch.arange(n)[:, None, None], 0, rows[:, :, None], columns[:, None, :]][:, None]


def moved(images: Tensor, generator: Generator, *, mirror: bool) -> Tensor:
    """Each image turned by up to 10 degrees, scaled and sheared by up to a tenth, shifted by up to 2 pixels.

    What the judges of earlier versions were trained with. It interpolates, and so it blurs.

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


def erased(images: Tensor, generator: Generator) -> Tensor:
    """A square of each image, (N, 1, H, W) in [-1, 1], painted black (DeVries and Taylor 2017)."""
    n, _, height, width = images.shape
    top = torch.randint(height - SQUARE + 1, (n, 1, 1, 1), generator=generator)
    left = torch.randint(width - SQUARE + 1, (n, 1, 1, 1), generator=generator)
    row, column = torch.arange(height)[:, None] - top, torch.arange(width) - left
    inside = (row >= 0) & (row < SQUARE) & (column >= 0) & (column < SQUARE)
    return images.masked_fill(inside, -1.0)


Move = Callable[..., Tensor]


def contrastive_loss(judge: Judge, images: Tensor, again: Tensor) -> Tensor:
    """Cross-entropy of finding each image's other view among those of the batch.

    Chen et al. 2020 (arXiv:2002.05709), equation 1, both ways, the others of the other view as negatives.

    Args:
        judge: without classes.
        images, again: two views of the same images, (N, 1, 28, 28) in [-1, 1], in the same order.
    """
    similarities = similarity(judge, images, again) / TEMPERATURE
    same = torch.arange(len(images), device=similarities.device)
    return F.cross_entropy(similarities, same) + F.cross_entropy(similarities.T, same)


def similarity(judge: Judge, images: Tensor, others: Tensor) -> Tensor:
    """Cosines between the embeddings of images and those of others, (N, M)."""
    return F.normalize(judge(images), dim=1) @ F.normalize(judge(others), dim=1).T


def train_judge(
    judge: Judge,
    dataset: Dataset,
    *,
    steps: int,
    seed: int = 0,
    move: Move = shifted,
    label_smoothing: float = 0.0,
) -> Iterator[float]:
    """Train in place; yields the loss of every step, ends with averaged weights in eval mode.

    Args:
        judge: new.
        dataset: a training split.
        steps: how many; the learning rate rises and falls once over them.
        seed: decides order and augmentation; initial weights are the caller's.
        move: the augmentation, ``shifted`` or ``moved``.
        label_smoothing: of the classes. It draws all images of a class together in the features, and away
            from what makes them different (Müller et al. 2019, arXiv:1906.02629): 0 for a judge.
    """
    device = next(judge.parameters()).device
    if device.type == "cpu":
        judge.to(memory_format=torch.channels_last)  # up to twice as fast there
    optimiser = torch.optim.AdamW(judge.parameters(), weight_decay=0.01, fused=True)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, max_lr=5e-3, total_steps=steps)
    decay = max(min(0.998, 1 - 10 / steps), 0.0)  # a short training must not remember its first steps
    average = AveragedModel(judge, multi_avg_fn=get_ema_multi_avg_fn(decay), use_buffers=True)
    generator = torch.Generator().manual_seed(seed)
    mirror = dataset.name in MIRRORED
    judge.train()
    for _, (images, labels) in zip(range(steps), _endless(dataset, generator), strict=False):
        view = move(images, generator, mirror=mirror)
        if judge.names_classes:
            logits = judge(view.to(device))
            loss = F.cross_entropy(logits, labels.to(device), label_smoothing=label_smoothing)
        else:
            again = move(images, generator, mirror=mirror)
            loss = contrastive_loss(judge, erased(view, generator).to(device), again.to(device))
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        schedule.step()
        average.update_parameters(judge)
        yield loss.item()
    judge.load_state_dict(average.module.state_dict())
    judge.eval()


@torch.no_grad()
def held_out_accuracy(judge: Judge, test: Dataset) -> float:
    """Share of the test images that a judge gets right, in [0, 1].

    Right is the class; for a judge without classes, the image itself, shifted, among 128 of which it has
    seen another shift with a square erased.
    """
    if judge.names_classes:
        return conditional_accuracy(look(judge, test.images).answers, test.labels)
    generator, device = torch.Generator().manual_seed(0), next(judge.parameters()).device
    right = 0
    for part in test.images.split(BATCH):
        images = to_signed(part)
        view, again = (shifted(images, generator, mirror=test.name in MIRRORED) for _ in range(2))
        found = similarity(judge, erased(view, generator).to(device), again.to(device)).argmax(1)
        right += int((found.cpu() == torch.arange(len(part))).sum())
    return right / len(test)


def best_guess(judge: Judge, test: Dataset) -> float:
    """How often one is right without looking: the share of the most frequent class; or 1 in 128."""
    if not judge.names_classes:
        return 1 / min(BATCH, len(test))
    return float(torch.bincount(test.labels).max()) / len(test)


def default_steps(dataset: Dataset, kind: Kind) -> int:
    """Six passes over the images; where these are few, as many steps as half of them, at most 400.

    Two thirds of the passes, and half of the steps, where each takes two views.
    """
    few = min(len(dataset) // 2, 400)
    passes, least = (4, few // 2) if kind == "contrastive" else (6, few)
    return max(passes * (len(dataset) // BATCH), least, 1)


def _endless(dataset: Dataset, generator: Generator) -> Iterator[tuple[Tensor, Tensor]]:
    while True:
        yield from dataset.batches(BATCH, generator=generator)
