"""Corruptions of real images, by degrees: known flaws of generators (notebook 04).

A figure that is to be trusted must get worse when the images do. Each function here makes one known
flaw, from none at level 0 to all of it at level 1, and keeps number, shape and range of the images.
"""

import torch
from torch import Tensor
from torchvision.transforms.v2.functional import gaussian_blur

from genlab.data import to_unit
from genlab.errors import GenlabError


def add_noise(images: Tensor, level: float, generator: torch.Generator) -> Tensor:
    """Gaussian noise of standard deviation ``level``, clipped: a diffusion that stopped too early.

    Args:
        images: (N, 1, 28, 28), float in [0, 1]; here and below.
        level: in [0, 1]; here and below.
        generator: decides all that is random; here and below.

    Raises:
        GenlabError: images or a level outside [0, 1]; here and below.
    """
    images = _checked(images, level)
    return (images + level * torch.randn(images.shape, generator=generator)).clamp(0, 1)


def blur(images: Tensor, level: float) -> Tensor:
    """A Gaussian blur of up to 2 pixels' standard deviation: a VAE."""
    images = _checked(images, level)
    if level == 0:
        return images.clone()
    blurred: Tensor = gaussian_blur(images, [13, 13], [2 * level, 2 * level])  # 6 pixels either side
    return blurred.clamp(0, 1)


def drop_classes(images: Tensor, labels: Tensor, level: float, generator: torch.Generator) -> Tensor:
    """The last ``level`` of all classes give way to images of the others: a GAN that lost modes.

    Each image of the classes kept comes once more before any comes a third time. One class is always kept.

    Args:
        images: as above.
        labels: (N,) int64.
        level: share of the classes, rounded.
        generator: as above.
    """
    images = _checked(images, level)
    labels = labels.cpu()
    classes = labels.unique()
    dropped = min(round(level * len(classes)), len(classes) - 1)
    lost = torch.isin(labels, classes[len(classes) - dropped :])
    kept, places = (~lost).nonzero()[:, 0], lost.nonzero()[:, 0]
    order = torch.randperm(len(kept), generator=generator)
    return images.index_copy(0, places, images[kept[order[torch.arange(len(places)) % len(kept)]]])


def duplicate(images: Tensor, level: float, generator: torch.Generator) -> Tensor:
    """A share ``level`` becomes copies of a twentieth of the images: a GAN that draws few again and again."""
    images = _checked(images, level)
    order = torch.randperm(len(images), generator=generator)
    few, copies = max(len(images) // 20, 1), round(level * len(images))
    places = torch.arange(len(images) - copies, len(images))  # in that order, the few come first and go last
    return images.index_copy(0, order[places], images[order[places % few]])


def memorise(images: Tensor, training: Tensor, level: float, generator: torch.Generator) -> Tensor:
    """A share ``level`` becomes training images, each at most once: a model that learned by heart.

    Args:
        images: as above.
        training: (M, 1, 28, 28), uint8 or float in [0, 1], at least as many as are replaced.
        level, generator: as above.
    """
    images = _checked(images, level)
    copies = round(level * len(images))
    copied = training.cpu()[torch.randperm(len(training), generator=generator)[:copies]]
    copied = to_unit(copied) if copied.dtype == torch.uint8 else copied
    places = torch.randperm(len(images), generator=generator)[:copies]
    return images.index_copy(0, places, copied.to(images.dtype))


def _checked(images: Tensor, level: float) -> Tensor:
    """The images on the CPU, if they and the level are in [0, 1]."""
    if not (images.is_floating_point() and ((images >= 0) & (images <= 1)).all()):
        raise GenlabError("images should be float in [0, 1]")
    if not 0 <= level <= 1:
        raise GenlabError(f"level should be in [0, 1], got {level}")
    return images.cpu()
