"""Where the codes of a model lie, which directions among them change its pictures most, and how.

A code has as many axes as the model has dimensions, and nobody knows beforehand which of them matter. The
leading directions are found by looking at pictures, and named by what is seen to change in them.
"""

from typing import Any, NamedTuple

import torch
from torch import Tensor

from genlab.data import IMAGE_SHAPE
from genlab.errors import GenlabError
from genlab.family import Decodes, DrawsCodes

MOVES = {  # what is measured in a picture, and the words for more and less of it
    "ink": ("bolder", "fainter"),
    "slant": ("leaning right", "leaning left"),
    "width": ("wider", "narrower"),
    "height": ("taller", "flatter"),
    "balance": ("heavier below", "heavier above"),
}


class Directions(NamedTuple):
    """Ways to move a code.

    Attributes:
        vectors: (K, latent_dim); one unit of a slider goes as far as one standard deviation of the codes.
        names: what moving along each does, "bolder, wider" say.
    """

    vectors: Tensor
    names: tuple[str, ...]


def draw_codes(
    model: Decodes,
    n: int,
    labels: Tensor | None = None,
    generator: torch.Generator | None = None,
    **settings: Any,
) -> Tensor:
    """Codes of a model, (n, latent_dim): from where it says they are, or from N(0, I).

    Args:
        model: anything that decodes.
        n, labels, generator: as for ``DrawsCodes.draw_codes``.
        settings: dials of the model, such as a VAE's ``prior``.
    """
    if isinstance(model, DrawsCodes):
        return model.draw_codes(n, labels=labels, generator=generator, **settings)
    return torch.randn(n, model.latent_dim, generator=generator)


def leading_directions(model: Decodes, count: int, samples: int = 512) -> Directions:
    """The directions in code along which the picture changes most, at right angles to each other.

    Codes are drawn and decoded; the left singular vectors of the covariance between codes and pixels
    are the directions with the largest linear effect (partial least squares; Wold 1975). Of a conditional
    model every class is looked at around its own mean: classes are chosen in a menu, not moved to.

    Args:
        model: anything that decodes.
        count: how many, at most latent_dim.
        samples: codes to look at.

    Returns:
        The largest effect first. What each does is measured by moving the codes along it; its sign is chosen
        so that the first word of its name is one for "more".

    Raises:
        GenlabError: more directions than dimensions.
    """
    if not 1 <= count <= model.latent_dim:
        raise GenlabError(f"there are 1 to {model.latent_dim} directions in these codes, got {count}")
    generator = torch.Generator().manual_seed(0)
    labels = None
    if model.num_classes is not None:
        labels = torch.arange(samples) % model.num_classes
    z = draw_codes(model, samples, labels, generator)
    images = model.decode(z, labels).flatten(1)
    covariance = _centred(z, labels).T @ _centred(images, labels) / samples
    left, _, _ = torch.linalg.svd(covariance, full_matrices=False)
    vectors = left.T[:count]
    vectors = vectors * (_centred(z, labels) @ vectors.T).std(0)[:, None]
    spread = _measure(images).std(0).clamp_min(0.02)  # what hardly varies at all names nothing
    named = [_orient(model, z[:128], None if labels is None else labels[:128], v, spread) for v in vectors]
    return Directions(torch.stack([vector for vector, _ in named]), tuple(name for _, name in named))


def _centred(x: Tensor, labels: Tensor | None) -> Tensor:
    """Rows minus their mean, or minus the mean of their class."""
    if labels is None:
        return x - x.mean(0)
    centred = x.clone()
    for label in labels.unique():
        centred[labels == label] -= x[labels == label].mean(0)
    return centred


def _orient(
    model: Decodes, z: Tensor, labels: Tensor | None, vector: Tensor, spread: Tensor
) -> tuple[Tensor, str]:
    """The direction, turned so that what it does most is "more", and the words for what it does."""
    more, less = (_measure(model.decode(z + step * vector, labels).flatten(1)) for step in (1, -1))
    effect = (more - less).mean(0) / spread
    first = int(effect.abs().argmax())
    if effect[first] < 0:
        vector, effect = -vector, -effect
    words: list[str] = []
    for index in effect.abs().argsort(descending=True).tolist():
        if not words or effect[index].abs() > 0.7 * effect[first]:
            words.append(list(MOVES.values())[index][0 if effect[index] > 0 else 1])
    return vector, ", ".join(words[:2])


def _measure(images: Tensor) -> Tensor:
    """What ``MOVES`` lists, of each picture: moments of its ink, (N, 784) to (N, 5)."""
    side = IMAGE_SHAPE[1]
    ink = images.clamp_min(0).reshape(-1, side, side) + 1e-6
    total = ink.sum((1, 2))
    axis = torch.arange(side, dtype=ink.dtype) - (side - 1) / 2
    x, y = axis[None, None, :], -axis[None, :, None]  # y upwards

    def mean(values: Tensor) -> Tensor:
        return (ink * values).sum((1, 2)) / total

    mean_x, mean_y = mean(x), mean(y)
    dx, dy = x - mean_x[:, None, None], y - mean_y[:, None, None]
    var_x, var_y = mean(dx**2), mean(dy**2)
    slant = mean(dx * dy) / var_y  # how far right the ink goes for each pixel up
    return torch.stack([total / 100, slant, var_x.sqrt(), var_y.sqrt(), -mean_y], dim=1)
