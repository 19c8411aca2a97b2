"""Memorisation: does the generator copy its training images?

A generated image that lies near a training image need not be a copy: an image without detail lies near
many of them. So two figures are taken, both against test images, which are like the training images
and cannot be copies: how near the nearest training image is, and how much nearer it is than the next.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from genlab.data import to_unit
from genlab.evaluation.metrics.jackknife import Estimate

SLICE = 2000  # rows of queries or training images at a time: 16 MB of distances, 6 MB of images


@dataclass(frozen=True, eq=False)
class Nearest:
    """The nearest training images of each of N images.

    Attributes:
        distances: Euclidean, ascending, (N, k), float32; exactly 0 for a copy.
        indices: which training images, (N, k), int64.
    """

    distances: Tensor
    indices: Tensor

    def relative(self) -> Tensor:
        """d_1 / mean(d_1, ..., d_k), (N,), in [0, 1]: small if one training image stands out as near.

        Carlini et al. (2023, arXiv:2301.13188, section 4.2). Where all k are at distance 0 (a training
        image that is there k times) it is 0 too: a copy.
        """
        mean = self.distances.mean(1)
        return torch.where(mean > 0, self.distances[:, 0] / mean, 0.0)


def nearest(queries: Tensor, training: Tensor, *, k: int = 50) -> Nearest:
    """The k nearest training images of each query.

    Args:
        queries, training: images (N, 1, 28, 28), uint8 or float in [0, 1], or features (N, D). Bytes are
            scaled to [0, 1].
        k: how many; at most all.
    """
    k, queries, training = min(k, len(training)), queries.cpu(), training.cpu()
    parts = [_nearest(_rows(part), training, k) for part in queries.split(SLICE)]
    return Nearest(torch.cat([d for d, _ in parts]), torch.cat([i for _, i in parts]))


def memorisation(generated: Nearest, test: Nearest) -> tuple[Estimate, Estimate]:
    """How generated images lie to the training images, compared with test images.

    Args:
        generated, test: the training images nearest to both, the same number k > 1 of them.

    Returns:
        closer: probability that a random generated image is nearer to its nearest training image than a
            random test image is to its own (Mann and Whitney 1947; ties count half). 0.5 for real data;
            copies raise it, but so does a slight blur, and a strong one lowers it. Its error is that of no
            difference.
        copied: share of the generated images whose relative distance is within the lowest hundredth of
            that of the test images. 0.01 for real data; copies raise it, blur does not. Its error is
            binomial; the hundredth itself is uncertain, too: from M test images by a tenth of 1 / sqrt(M).
    """
    ours, theirs = generated.distances[:, 0].contiguous(), test.distances[:, 0].sort().values
    nearer, nearer_or_same = (torch.searchsorted(theirs, ours, right=right) for right in (False, True))
    closer = 1 - float((nearer + nearer_or_same).double().mean()) / (2 * len(theirs))
    # At most, not below: where test images themselves are copies, the limit is 0 and so is a copy.
    limit = test.relative().quantile(0.01, interpolation="lower")
    copied = float((generated.relative() <= limit).double().mean())
    n, m = len(ours), len(theirs)
    closer_error = ((n + m + 1) / (12 * n * m)) ** 0.5
    return Estimate(closer, closer_error), Estimate(copied, (copied * (1 - copied) / n) ** 0.5)


def closest_pairs(generated: Nearest, n: int) -> Tensor:
    """Which generated images to look at: those n of smallest relative distance, smallest first, (n,)."""
    return generated.relative().argsort(stable=True)[:n]


def _nearest(queries: Tensor, training: Tensor, k: int) -> tuple[Tensor, Tensor]:
    """Rows (N, D) to distances and indices, (N, k) each: find by matrix products, then measure directly."""
    centre = _rows(training[:SLICE]).mean(0)  # so that products of numbers far from 0 keep their digits
    centred = queries - centre
    best, indices = torch.empty(len(queries), 0), torch.empty(len(queries), 0, dtype=torch.int64)
    for start in range(0, len(training), SLICE):
        part = _rows(training[start : start + SLICE]) - centre
        # |t|^2 - 2 q.t: without |q|^2, which does not change the order
        scores = torch.addmm(part.square().sum(1), centred, part.T, alpha=-2)
        near, places = scores.topk(min(k, len(part)), dim=1, largest=False, sorted=False)
        best, indices = torch.cat([best, near], dim=1), torch.cat([indices, places + start], dim=1)
        best, kept = best.topk(min(k, best.shape[1]), dim=1, largest=False, sorted=False)
        indices = indices.gather(1, kept)
    measured = [
        (_rows(training[found.flatten()]).view(*found.shape, -1) - query[:, None]).square().sum(2).sqrt()
        for query, found in zip(queries.split(100), indices.split(100), strict=True)
    ]
    distances, order = torch.cat(measured).sort(dim=1, stable=True)
    return distances, indices.gather(1, order)


def _rows(images: Tensor) -> Tensor:
    """(N, ...) to float32 (N, D)."""
    return (to_unit(images) if images.dtype == torch.uint8 else images.float()).flatten(1)
