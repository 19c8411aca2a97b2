"""Four figures from nearest neighbours: is it like the data, and is all of the data there?

Precision and recall (Kynkäänniemi et al. 2019, arXiv:1904.06991), density and coverage (Naeem et al.
2020, arXiv:2002.09797). Around every image lies a ball that reaches to its k-th nearest neighbour
among its own kind; the balls together are the region where its kind lives.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from genlab.errors import GenlabError


@dataclass(frozen=True)
class Manifold:
    """What nearest neighbours say of generated images.

    Attributes:
        precision: share of the generated inside the region of the real, in [0, 1].
        recall: share of the real inside the region of the generated, in [0, 1].
        density: real balls that a generated image is in, over k: about 1 for real data, may be more.
        coverage: share of the real balls with a generated image inside, in [0, 1].
    """

    precision: float
    recall: float
    density: float
    coverage: float


def manifold(real: Tensor, generated: Tensor, k: int = 5) -> Manifold:
    """All four figures from features, (N, D) and (M, D).

    Args:
        real, generated: features; distances are Euclidean, in float32 as given.
        k: which neighbour the balls reach to, not counting the image itself.

    Raises:
        GenlabError: other shapes, no more than k images of a kind, or a value that is not finite.
    """
    if real.ndim != 2 or generated.ndim != 2 or real.shape[1] != generated.shape[1]:
        raise GenlabError(
            f"features should be (N, D) and (M, D), got {tuple(real.shape)} and {tuple(generated.shape)}"
        )
    if not 1 <= k < min(len(real), len(generated)):
        raise GenlabError(f"k should be in 1..{min(len(real), len(generated)) - 1}, got {k}")
    if not (torch.isfinite(real).all() and torch.isfinite(generated).all()):
        raise GenlabError("features hold a value that is not finite: look at the images they came from")
    real_radii, generated_radii = radii(real, k), radii(generated, k)
    in_real = torch.zeros(len(generated))  # how many real balls each generated image is in
    found = torch.zeros(len(generated), dtype=torch.bool)
    recalled, covered = [], []
    for part, radius in zip(real.split(1000), real_radii.split(1000), strict=True):
        distances = _distances(part, generated)  # a slice at a time: memory stays small
        inside = distances <= radius[:, None]
        in_real += inside.sum(0)
        found |= inside.any(0)
        covered.append(inside.any(1))
        recalled.append((distances <= generated_radii[None, :]).any(1))
    return Manifold(
        precision=found.float().mean().item(),
        recall=torch.cat(recalled).float().mean().item(),
        density=(in_real / k).mean().item(),
        coverage=torch.cat(covered).float().mean().item(),
    )


def radii(features: Tensor, k: int) -> Tensor:
    """(N, D) to the distance of each one's k-th nearest other, (N,)."""
    parts = [
        _distances(part, features).kthvalue(k + 1, dim=1).values  # the nearest is the image itself
        for part in features.split(1000)
    ]
    return torch.cat(parts)


def _distances(a: Tensor, b: Tensor) -> Tensor:
    """Without the shortcut through inner products, whose rounding would decide ties."""
    return torch.cdist(a, b, compute_mode="donot_use_mm_for_euclid_dist")
