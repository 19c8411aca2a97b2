"""Precision, recall, density and coverage, from nearest neighbours among features.

Precision and recall (Kynkäänniemi et al. 2019, arXiv:1904.06991), density and coverage (Naeem et al.
2020, arXiv:2002.09797). Around every image lies a ball that reaches to its k-th nearest neighbour
among its own kind; the balls together are the region where its kind lives. A few real images that lie
far out have huge balls, so precision and density of a poor model depend on which real images were drawn,
more than their errors say; coverage, for which every ball counts once, hardly does.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from genlab.evaluation.metrics.inputs import checked_features

SLICE = 500  # rows of a distance matrix at a time: 40 MB of it with 10,000 columns


@dataclass(frozen=True)
class Manifold:
    """What nearest neighbours say of generated images.

    Attributes:
        precision: share of the generated inside the region of the real, in [0, 1].
        recall: share of the real inside the region of the generated, in [0, 1].
        density: real balls that a generated image is in, over k: about 1 for real data, may be more.
        coverage: share of the real balls with a generated image inside, in [0, 1].
        density_error: standard error of the density, as far as the choice of generated images goes.
    """

    precision: float
    recall: float
    density: float
    coverage: float
    density_error: float


def manifold(real: Tensor, generated: Tensor, k: int = 5) -> Manifold:
    """All four figures from features, (N, D) and (M, D).

    Args:
        real, generated: features; distances are Euclidean, computed in float64.
        k: which neighbour the balls reach to, not counting the image itself.

    Raises:
        GenlabError: other shapes, no more than k images of a kind, or a value that is not finite.
    """
    real, generated = checked_features(real, generated, least=k + 1)
    # Around one centre: inner products of numbers far from 0 would lose the digits of their differences.
    centre = real.double().mean(0)
    real, generated = real.double() - centre, generated.double() - centre
    real_reach, generated_reach = _reach(real, k), _reach(generated, k)
    in_real = torch.zeros(len(generated), dtype=torch.int64)  # how many real balls each of them is in
    recalled, covered = [], []
    for part, reach in zip(real.split(SLICE), real_reach.split(SLICE), strict=True):
        distances = _squared_distances(part, generated)
        inside = distances <= reach[:, None]
        in_real += inside.sum(0)
        covered.append(inside.any(1))
        recalled.append((distances <= generated_reach).any(1))
    return Manifold(
        precision=(in_real > 0).double().mean().item(),
        recall=torch.cat(recalled).double().mean().item(),
        density=in_real.double().mean().item() / k,
        coverage=torch.cat(covered).double().mean().item(),
        density_error=in_real.double().std().item() / k / len(generated) ** 0.5,
    )


def radii(features: Tensor, k: int) -> Tensor:
    """(N, D) to the distance of each one's k-th nearest other, (N,), in float64."""
    features = features.cpu().double()
    parts = [
        _squared_distances(part, features).topk(k + 1, dim=1, largest=False).values[:, k]
        for part in features.split(SLICE)  # k + 1: the nearest is the image itself
    ]
    return torch.cat(parts).clamp(min=0).sqrt()


def _reach(features: Tensor, k: int) -> Tensor:
    """Squared radii, (N,), larger by a hair, so that what lies exactly on a ball is inside.

    A generated copy of a real image lies exactly on the ball that this image defined. Its distance is
    the same sum, but rounded in another order, and without the hair chance would decide. The rounding
    is some 1e-15 of the squared lengths of the two vectors, and the one on the ball is at most as long
    as centre and radius together; 1e-12 of those is safely more, and far less than images differ by.
    """
    squares = radii(features, k).square()
    return squares + 1e-12 * (squares + features.square().sum(1))


def _squared_distances(a: Tensor, b: Tensor) -> Tensor:
    """(N, D) and (M, D), float64, to |a|^2 + |b|^2 - 2 a.b, (N, M): one matrix product, hence fast."""
    distances = torch.addmm(b.square().sum(1), a, b.T, alpha=-2)
    return distances.add_(a.square().sum(1)[:, None])
