"""Validation of what models are given: images, codes, labels, numbers of things."""

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
    _check_shape("images should be", images, IMAGE_SHAPE)
    if not images.is_floating_point():
        raise GenlabError(f"images should be floats in [-1, 1], got {images.dtype}: genlab.data.to_signed")
    images = images.float() if known is None else torch.where(known.to(images.device), images.float(), -1.0)
    if not (images.abs() <= 1).all():
        raise GenlabError("images should be in [-1, 1], and finite: genlab.data.to_signed makes them so")
    return images


def check_codes(z: Tensor, latent_dim: int) -> Tensor:
    """The codes in float32, (N, latent_dim), if that is what they are.

    Raises:
        GenlabError: no tensor, another shape, none, or a value that is not finite.
    """
    _check_shape("codes should be of shape", z, (latent_dim,))
    z = z.float()
    if not z.isfinite().all():
        raise GenlabError("codes should be finite")
    return z


def _check_shape(wanted: str, x: Tensor, each: tuple[int, ...]) -> None:
    if not isinstance(x, Tensor) or x.shape[1:] != each or not len(x):
        got = tuple(x.shape) if isinstance(x, Tensor) else type(x).__name__
        raise GenlabError(f"{wanted} (N, {', '.join(map(str, each))}), got {got}")


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
    """The labels that ``sample`` works with: checked if given, drawn uniformly if the model needs some.

    Args:
        num_classes, n, labels, blends: as for ``need_labels``.
        generator: to draw from.

    Raises:
        GenlabError: as for ``need_labels``, or an ``n`` that is not whole or below 1.
    """
    check_number(n)
    if num_classes is not None and labels is None:
        return torch.randint(num_classes, (n,), generator=generator)
    return need_labels(num_classes, n, labels, "sample", blends=blends)


def need_labels(
    num_classes: int | None, n: int, labels: Tensor | None, who: str, *, blends: bool = False
) -> Tensor | None:
    """The labels that a method cannot work without, if the model is conditional: checked, never drawn.

    Args:
        num_classes: the model's; None for an unconditional one.
        n: how many labels there should be.
        labels: int64 (n,).
        who: the method's name, for the message.
        blends: also allow weights of the classes, float (n, num_classes), each row with the sum 1.

    Raises:
        GenlabError: no labels for a conditional model or some for an unconditional one, labels of another
            kind or length, or out of range.
    """
    if num_classes is None:
        if labels is not None:
            raise GenlabError("this model is unconditional: it was trained without labels, leave them out")
        return None
    if labels is None:
        raise GenlabError(f"this model is class-conditional: {who} needs labels")
    if blends and isinstance(labels, Tensor) and labels.is_floating_point() and labels.ndim == 2:
        sums_to_one = labels.shape == (n, num_classes) and ((labels.sum(1) - 1).abs() < 1e-4).all()
        if not (sums_to_one and (labels >= 0).all()):
            shape = f"({n}, {num_classes})"
            raise GenlabError(
                f"a blend of classes should be weights {shape}, each row at least 0, with sum 1"
            )
        return labels.float()
    if not isinstance(labels, Tensor) or labels.dtype != torch.int64 or labels.shape != (n,):
        got = f"{labels.dtype} {tuple(labels.shape)}" if isinstance(labels, Tensor) else type(labels).__name__
        raise GenlabError(f"labels should be a tensor of int64, of shape ({n},), got {got}")
    wrong = labels[(labels < 0) | (labels >= num_classes)]
    if len(wrong):
        raise GenlabError(f"labels should be in 0..{num_classes - 1}, got {int(wrong[0])}")
    return labels
