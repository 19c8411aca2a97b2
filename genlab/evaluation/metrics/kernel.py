"""The kernel distance, KID with features of our own judges (Bińkowski et al. 2018, arXiv:1801.01401).

The Fréchet distance compares means and covariances alone and is too large with few images. This one
compares whole distributions, and its estimate is right on average whatever the number of images: the
null case gives 0 up to noise, and the noise is stated.
"""

import torch
from torch import Tensor

from genlab.evaluation.metrics.inputs import checked_features, drawn
from genlab.evaluation.metrics.jackknife import Estimate


def kernel_distance(
    a: Tensor, b: Tensor, *, subsets: int = 100, subset_size: int = 500, seed: int = 0
) -> Estimate:
    """Squared maximum mean discrepancy with the kernel (x.y / D + 1)^3, averaged over random subsets.

    It may be a little below 0 where there is no difference. The error is then up to twice too large, and it
    is not a number where every subset is made of all images.

    Args:
        a, b: features, (N, D) and (M, D). Computed in float64.
        subsets: how many.
        subset_size: images of each cloud in a subset, at least 2.
        seed: which.

    Raises:
        GenlabError: other shapes, too few images for a subset, or a value that is not finite.
    """
    a, b = checked_features(a, b, least=subset_size)
    a, b = a.double(), b.double()
    generator = torch.Generator().manual_seed(seed)
    pairs = ((drawn(a, subset_size, generator), drawn(b, subset_size, generator)) for _ in range(subsets))
    values = torch.stack([squared_mmd(*pair) for pair in pairs])
    # Subsets share images, so their spread over the root of their number would be far too small. Of n
    # images each leaves out n - m: the delete-d jackknife (Shao and Wu 1989) scales the spread by that.
    n, m = min(len(a), len(b)), subset_size
    error = float(values.std() * (m / (n - m)) ** 0.5) if subsets > 1 and m < n else float("nan")
    return Estimate(float(values.mean()), error)


def squared_mmd(a: Tensor, b: Tensor) -> Tensor:
    """The unbiased estimate: an image is never compared with itself (Gretton et al. 2012, equation 3)."""
    n, m = len(a), len(b)
    within_a, within_b = _kernel(a, a), _kernel(b, b)
    same = (within_a.sum() - within_a.trace()) / (n * (n - 1))
    same = same + (within_b.sum() - within_b.trace()) / (m * (m - 1))
    return same - 2 * _kernel(a, b).mean()


def _kernel(a: Tensor, b: Tensor) -> Tensor:
    return (a @ b.T / a.shape[1] + 1) ** 3
