"""The Fréchet distance between two clouds of features (Dowson and Landau 1982; Heusel et al. 2017).

With the features of an Inception network this is the FID. With those of our own classifier it is
not, and is not called so: the two numbers cannot be compared.
"""

import torch
from torch import Tensor

from genlab.errors import GenlabError


def frechet_distance(a: Tensor, b: Tensor) -> float:
    """Squared Fréchet distance of the Gaussians fitted to two sets of features, at least 0.

        |mu_a - mu_b|^2 + tr(C_a + C_b - 2 (C_a C_b)^(1/2))        (Dowson and Landau 1982, equation 4)

    In one dimension that is (mu_a - mu_b)^2 + (sigma_a - sigma_b)^2.

    Args:
        a, b: features, (N, D) and (M, D), N and M greater than D. Computed in float64.

    Raises:
        GenlabError: other shapes, too few samples for a covariance, or a value that is not finite.
    """
    if a.ndim != 2 or b.ndim != 2 or a.shape[1] != b.shape[1]:
        raise GenlabError(f"features should be (N, D) and (M, D), got {tuple(a.shape)} and {tuple(b.shape)}")
    if min(len(a), len(b)) <= a.shape[1]:
        raise GenlabError(
            f"{min(len(a), len(b))} samples are too few for the covariance of {a.shape[1]} features: "
            f"use more than {a.shape[1]}"
        )
    a, b = a.double(), b.double()
    if not (torch.isfinite(a).all() and torch.isfinite(b).all()):
        raise GenlabError("features hold a value that is not finite: look at the images they came from")
    difference = (a.mean(0) - b.mean(0)).square().sum()
    covariance_a, covariance_b = _covariance(a), _covariance(b)
    # tr((C_a C_b)^(1/2)) is the sum of the square roots of the eigenvalues of C_a C_b. Those are also
    # the eigenvalues of the symmetric S C_b S with S = C_a^(1/2), where rounding cannot make them complex.
    root = _square_root(covariance_a)
    product = root @ covariance_b @ root
    trace_of_root = torch.linalg.eigvalsh(product).clamp(min=0).sqrt().sum()
    traces = covariance_a.trace() + covariance_b.trace()
    return max(float(difference + traces - 2 * trace_of_root), 0.0)


def _covariance(features: Tensor) -> Tensor:
    """(N, D) to (D, D), also where D is 1."""
    centred = features - features.mean(0)
    return centred.T @ centred / (len(features) - 1)


def _square_root(matrix: Tensor) -> Tensor:
    """The symmetric square root of a symmetric positive semi-definite matrix."""
    values, vectors = torch.linalg.eigh(matrix)
    root: Tensor = vectors @ torch.diag(values.clamp(min=0).sqrt()) @ vectors.T
    return root
