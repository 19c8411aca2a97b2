"""Diseases of generators, given to real images by degrees (notebook 04).

A figure that is to be trusted must get worse when the images do. Each function makes one known flaw, from
none at level 0 on, and keeps number, shape and range of the images; ``DISEASES`` lists them with the levels
at which ``genlab.evaluation.sensitivity`` tries them.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Generator, Tensor
from torchvision.transforms.v2.functional import gaussian_blur

from genlab.data import to_unit
from genlab.errors import GenlabError


def blur(images: Tensor, sigma: float) -> Tensor:
    """A Gaussian blur of standard deviation ``sigma`` pixels, at most 2: a VAE.

    Args:
        images: (N, 1, 28, 28), float in [0, 1]; here and below.
        sigma: 0 or more; so is the level of every other disease, and shares are at most 1.

    Raises:
        GenlabError: images outside [0, 1], or a level that is none; here and below.
    """
    images = _checked(images, sigma, most=2)
    if sigma == 0:
        return images.clone()
    blurred: Tensor = gaussian_blur(images, [13, 13], [sigma, sigma])  # 6 pixels either side
    return blurred.clamp(0, 1)


def haze(images: Tensor, grey: float, generator: Generator) -> Tensor:
    """A veil over the ground of ``grey`` levels of 255 in the mean, another one in each pixel: diffusion.

    Args:
        images: as for ``blur``; here and below.
        grey: the veil is uniform from 0 to twice that; what is drawn brighter hides it.
        generator: decides all that is random; here and below.
    """
    images = _checked(images, grey, most=127)
    return torch.maximum(images, torch.rand(images.shape, generator=generator) * 2 * grey / 255)


def add_noise(images: Tensor, sigma: float, generator: Generator) -> Tensor:
    """Gaussian noise of standard deviation ``sigma``, clipped to [0, 1]: a diffusion stopped too early."""
    images = _checked(images, sigma)
    return (images + sigma * torch.randn(images.shape, generator=generator)).clamp(0, 1)


def fade(images: Tensor, share: float) -> Tensor:
    """Contrast lost: what is drawn loses a ``share`` of its brightness."""
    return _checked(images, share) * (1 - share)


def wobble(images: Tensor, pixels: float, generator: Generator) -> Tensor:
    """Strokes that tremble: each place shows one some ``pixels`` away, neighbouring places much the same one.

    The shifts are normal at 7 x 7 places, smooth between them, and whole pixels: nothing is blurred by it.

    Args:
        pixels: standard deviation at these places, down and to the right, at most 7; 0.86 of it is left
            in the mean over the image, since a place between others gets a mean of theirs.
    """
    images = _checked(images, pixels, most=7)
    n, _, height, width = images.shape
    shift = pixels * torch.randn(n, 2, 7, 7, generator=generator)
    shift = F.interpolate(shift, (height, width), mode="bicubic", align_corners=False)
    rows, columns = torch.meshgrid(torch.arange(height), torch.arange(width), indexing="ij")
    down = (rows + shift[:, 0]).round().long().clamp(0, height - 1)
    right = (columns + shift[:, 1]).round().long().clamp(0, width - 1)
    return images[torch.arange(n)[:, None, None], 0, down, right][:, None]


def drop_classes(images: Tensor, labels: Tensor, share: float, generator: Generator) -> Tensor:
    """The last ``share`` of all classes give way to images of the others: a GAN that lost modes.

    Each image of the classes kept comes once more before any comes a third time. One class is always kept.

    Args:
        labels: (N,) int64.
        share: of the classes, rounded.
    """
    images = _checked(images, share)
    labels = labels.cpu()
    classes = labels.unique()
    dropped = min(round(share * len(classes)), len(classes) - 1)
    lost = torch.isin(labels, classes[len(classes) - dropped :])
    kept, places = (~lost).nonzero()[:, 0], lost.nonzero()[:, 0]
    order = torch.randperm(len(kept), generator=generator)
    return images.index_copy(0, places, images[kept[order[torch.arange(len(places)) % len(kept)]]])


def duplicate(images: Tensor, share: float, generator: Generator) -> Tensor:
    """A ``share`` becomes copies of a twentieth of the images: a GAN that draws few again and again."""
    images = _checked(images, share)
    order = torch.randperm(len(images), generator=generator)
    few, copies = max(len(images) // 20, 1), round(share * len(images))
    places = torch.arange(len(images) - copies, len(images))  # in that order, the few come first and go last
    return images.index_copy(0, order[places], images[order[places % few]])


def memorise(images: Tensor, training: Tensor, share: float, generator: Generator) -> Tensor:
    """A ``share`` becomes training images, each at most once: a model that learned by heart.

    Args:
        training: (M, 1, 28, 28), uint8 or float in [0, 1], at least as many as are replaced.
    """
    images = _checked(images, share)
    copies = round(share * len(images))
    copied = training.cpu()[torch.randperm(len(training), generator=generator)[:copies]]
    copied = to_unit(copied) if copied.dtype == torch.uint8 else copied
    places = torch.randperm(len(images), generator=generator)[:copies]
    return images.index_copy(0, places, copied.to(images.dtype))


@dataclass(frozen=True, eq=False)
class Healthy:
    """Real images that the diseases are given to.

    Attributes:
        images: (N, 1, 28, 28), float in [0, 1].
        labels: int64, (N,).
        training: what a model would have learned by heart, (M, 1, 28, 28), uint8, M at least N.
    """

    images: Tensor
    labels: Tensor
    training: Tensor


@dataclass(frozen=True)
class Disease:
    """A flaw by degrees.

    Attributes:
        unit: of its levels.
        levels: those that are tried, ascending.
        spoil: healthy images, a level and a generator to sick images, (N, 1, 28, 28) in [0, 1].
    """

    unit: str
    levels: tuple[float, ...]
    spoil: Callable[[Healthy, float, Generator], Tensor]


_SHARES = (0.02, 0.05, 0.1, 0.2, 0.5, 0.9)
DISEASES: Mapping[str, Disease] = {
    "blur": Disease("pixels", (0.3, 0.4, 0.5, 0.6, 0.8, 1.2), lambda h, level, _: blur(h.images, level)),
    "haze": Disease("grey levels", (0.5, 1, 2, 4, 8, 16), lambda h, level, g: haze(h.images, level, g)),
    "noise": Disease(
        "of white", (0.005, 0.01, 0.02, 0.05, 0.1, 0.2), lambda h, level, g: add_noise(h.images, level, g)
    ),
    "contrast": Disease("lost", _SHARES[:5], lambda h, level, _: fade(h.images, level)),
    "wobble": Disease(
        "pixels", (0.2, 0.3, 0.4, 0.6, 0.8, 1.2), lambda h, level, g: wobble(h.images, level, g)
    ),
    "lost classes": Disease(
        "of all", (0.1, 0.2, 0.3, 0.5, 0.8), lambda h, level, g: drop_classes(h.images, h.labels, level, g)
    ),
    "duplicates": Disease("of all", _SHARES, lambda h, level, g: duplicate(h.images, level, g)),
    "memorised": Disease("of all", _SHARES, lambda h, level, g: memorise(h.images, h.training, level, g)),
}


def _checked(images: Tensor, level: float, most: float = 1) -> Tensor:
    """The images on the CPU, if they are in [0, 1] and the level in [0, most]."""
    if not (images.is_floating_point() and ((images >= 0) & (images <= 1)).all()):
        raise GenlabError("images should be float in [0, 1]")
    if not 0 <= level <= most:
        raise GenlabError(f"level should be in [0, {most:g}], got {level}")
    return images.cpu()
