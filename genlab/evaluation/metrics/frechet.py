"""The Fréchet distance between two clouds of features (Dowson and Landau 1982; Heusel et al. 2017).

With the features of an Inception network this is the FID. With those of our own judges it is
not, and is not called so: the two numbers cannot be compared.

The estimate from N images is too large, by about a constant over N: a covariance from few images is
noise, and noise counts as distance. ``frechet_without_bias`` follows the distance to 1/N = 0.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from genlab.evaluation.metrics.inputs import checked_features, drawn


def frechet_distance(a: Tensor, b: Tensor) -> float:
    """Squared Fréchet distance of the Gaussians fitted to two sets of features, at least 0.

        |mu_a - mu_b|^2 + tr(C_a + C_b - 2 (C_a C_b)^(1/2))        (Dowson and Landau 1982, equation 4)

    In one dimension that is (mu_a - mu_b)^2 + (sigma_a - sigma_b)^2.

    Args:
        a, b: features, (N, D) and (M, D), N and M greater than D. Computed in float64.

    Raises:
        GenlabError: other shapes, too few samples for a covariance, or a value that is not finite.
    """
    a, b = checked_features(a, b, least=a.shape[-1] + 1)
    a, b = a.double(), b.double()
    difference = (a.mean(0) - b.mean(0)).square().sum()
    covariance_a, covariance_b = _covariance(a), _covariance(b)
    # tr((C_a C_b)^(1/2)) is the sum of the square roots of the eigenvalues of C_a C_b. Those are also
    # the eigenvalues of the symmetric S C_b S with S = C_a^(1/2), where rounding cannot make them complex.
    root = _square_root(covariance_a)
    product = root @ covariance_b @ root
    trace_of_root = torch.linalg.eigvalsh(product).clamp(min=0).sqrt().sum()
    traces = covariance_a.trace() + covariance_b.trace()
    return max(float(difference + traces - 2 * trace_of_root), 0.0)


@dataclass(frozen=True)
class Extrapolation:
    """The distance that infinitely many images would have.

    Attributes:
        value: where the line through the points below meets 1/N = 0; may be a little below 0.
        standard_error: of that, as the least-squares fit states it: from how the points scatter around
            the line. About right where the two clouds are alike. Where they differ it is too small, by
            a third or so: the points share images, whose own chance moves all of them together.
        sizes: N of each point, ascending.
        distances: the plain estimate at each of them.
    """

    value: float
    standard_error: float
    sizes: tuple[int, ...]
    distances: tuple[float, ...]


def frechet_without_bias(a: Tensor, b: Tensor, *, points: int = 10, seed: int = 0) -> Extrapolation:
    """The Fréchet distance at 1/N = 0, by a line through its values at several N.

    Chong and Forsyth (2020, arXiv:1911.07023): the bias falls as 1/N, but with a factor that
    depends on the model, so that even at the same N two models may be ranked wrongly by it.

    Args:
        a, b: features, (N, D) and (M, D); as many of each are used as there are of the fewer, and these
            should be at least 4 D.
        points: how many N, at least 3, evenly spaced in 1/N from a quarter of all (at least 2 D) to all.
        seed: which images make up each subset.

    Raises:
        GenlabError: as ``frechet_distance``, or too few samples for a line.
    """
    a, b = checked_features(a, b, least=max(4 * a.shape[-1], 8))
    most, dimensions = min(len(a), len(b)), a.shape[1]
    least = max(most // 4, 2 * dimensions)
    sizes = (1 / torch.linspace(1 / least, 1 / most, points, dtype=torch.float64)).round().long().tolist()
    generator = torch.Generator().manual_seed(seed)
    distances = [frechet_distance(drawn(a, size, generator), drawn(b, size, generator)) for size in sizes]
    value, error = _intercept(1 / torch.tensor(sizes).double(), torch.tensor(distances).double())
    return Extrapolation(value, error, tuple(sizes), tuple(distances))


def _intercept(x: Tensor, y: Tensor) -> tuple[float, float]:
    """Of the least-squares line through points (x, y), both (P,): where it meets x = 0, and its error."""
    squares = (x - x.mean()).square().sum()
    slope = ((x - x.mean()) * (y - y.mean())).sum() / squares
    intercept = y.mean() - slope * x.mean()
    variance = (y - intercept - slope * x).square().sum() / (len(x) - 2)
    return float(intercept), float((variance * (1 / len(x) + x.mean() ** 2 / squares)).sqrt())


def _covariance(features: Tensor) -> Tensor:
    """(N, D) to (D, D), also where D is 1."""
    centred = features - features.mean(0)
    return centred.T @ centred / (len(features) - 1)


def _square_root(matrix: Tensor) -> Tensor:
    """The symmetric square root of a symmetric positive semi-definite matrix."""
    values, vectors = torch.linalg.eigh(matrix)
    return vectors @ torch.diag(values.clamp(min=0).sqrt()) @ vectors.T
