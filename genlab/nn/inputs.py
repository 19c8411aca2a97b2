"""What every family checks of what it is given: images, codes, labels, a number of images."""

import torch
from torch import Tensor

from genlab.data.dataset import IMAGE_SHAPE
from genlab.errors import GenlabError


def check_images(images: Tensor, known: Tensor | None = None) -> Tensor:
    """The images in float32, (N, 1, 28, 28) in [-1, 1], if that is what they are.

    Args:
        images: as given.
        known: bool, of the same shape or (28, 28): what stands in other pixels does not matter.

    Raises:
        GenlabError: no tensor, another shape, none, whole numbers, or a value out of range or not finite.
    """
    if not isinstance(images, Tensor):
        raise GenlabError(f"images should be a tensor, got {type(images).__name__}")
    if images.ndim != 4 or images.shape[1:] != IMAGE_SHAPE or not len(images):
        height, width = IMAGE_SHAPE[1:]
        raise GenlabError(f"images should be (N, 1, {height}, {width}), got {tuple(images.shape)}")
    if not images.is_floating_point():
        raise GenlabError(f"images should be floats in [-1, 1], got {images.dtype}: genlab.data.to_signed")
    images = images.float() if known is None else torch.where(known, images.float(), -1.0)
    if not (images.abs() <= 1).all():
        raise GenlabError("images should be in [-1, 1], and finite: genlab.data.to_signed makes them so")
    return images


def check_codes(z: Tensor, latent_dim: int) -> Tensor:
    """The codes in float32, (N, latent_dim), if that is what they are.

    Raises:
        GenlabError: no tensor, another shape, none, or a value that is not finite.
    """
    if not isinstance(z, Tensor):
        raise GenlabError(f"codes should be a tensor, got {type(z).__name__}")
    if z.ndim != 2 or z.shape[1] != latent_dim or not len(z):
        raise GenlabError(f"codes should be of shape (N, {latent_dim}), got {tuple(z.shape)}")
    z = z.float()
    if not z.isfinite().all():
        raise GenlabError("codes should be finite")
    return z


def check_number(n: int, name: str = "n") -> None:
    """Raise GenlabError if ``n``, known by a name, counts nothing: not whole, or below 1."""
    if type(n) is not int or n < 1:
        raise GenlabError(f"{name} should be {'at least 1' if type(n) is int else 'a whole number'}, got {n}")


def choose_labels(
    num_classes: int | None,
    n: int,
    labels: Tensor | None,
    generator: torch.Generator | None,
    *,
    blends: bool = False,
) -> Tensor | None:
    """The labels that ``sample`` works with: checked if given, drawn if the model needs some.

    Args:
        num_classes, n, labels, generator: the model's, and what it was asked for.
        blends: also allow weights of the classes, float (n, num_classes), each row with the sum 1.

    Raises:
        GenlabError: labels on an unconditional model, of another kind or length, or out of range; an ``n``
            that is not whole or below 1.
    """
    check_number(n)
    if num_classes is None:
        if labels is not None:
            raise GenlabError("this model is unconditional: it was trained without labels, leave them out")
        return None
    if labels is None:
        return torch.randint(num_classes, (n,), generator=generator)
    if blends and isinstance(labels, Tensor) and labels.is_floating_point() and labels.ndim == 2:
        return _check_blend(labels, n, num_classes)
    if not isinstance(labels, Tensor) or labels.dtype != torch.int64:
        kind = labels.dtype if isinstance(labels, Tensor) else type(labels).__name__
        raise GenlabError(f"labels should be a tensor of int64, torch.tensor([3, 8]) say, got {kind}")
    if labels.shape != (n,):
        raise GenlabError(f"labels should be of shape ({n},), one per image, got {tuple(labels.shape)}")
    wrong = labels[(labels < 0) | (labels >= num_classes)]
    if len(wrong):
        raise GenlabError(f"labels should be in 0..{num_classes - 1}, got {int(wrong[0])}")
    return labels


def _check_blend(weights: Tensor, n: int, num_classes: int) -> Tensor:
    if weights.shape != (n, num_classes):
        raise GenlabError(f"a blend of classes should be ({n}, {num_classes}), got {tuple(weights.shape)}")
    sums_to_one = (weights.sum(1) - 1).abs() < 1e-4
    if not ((weights >= 0).all() and sums_to_one.all()):
        raise GenlabError(
            "the weights of a blend of classes should be at least 0, with the sum 1 in each row"
        )
    return weights.float()
