"""The jackknife: the standard error of any metric computed from images."""

from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor


class Estimate(NamedTuple):
    """A number from a choice of images, and how far another choice would move it."""

    value: float
    standard_error: float


def jackknife_error(
    statistic: Callable[[Tensor], float], features: Tensor, *, groups: int = 10, seed: int = 0
) -> float:
    """Standard error of ``statistic(features)``: how much it would vary with other images of the same source.

    The rows are dealt into G random groups, and the statistic is computed G times, each time without one
    of them. With one row in each group that is the jackknife (Efron and Tibshirani 1993, equation 11.5):

        error^2 = (G - 1) / G * sum_g (s_g - mean of s)^2

    Ten groups make ten computations, and an error that is itself known to about a quarter.

    Args:
        statistic: from rows (n, ...) to a number; smooth in the rows (a mean or a distance, not a median).
        features: (N, ...), rows drawn independently.
        groups: how many, from 2 to N.
        seed: who goes into which.
    """
    order = torch.randperm(len(features), generator=torch.Generator().manual_seed(seed))
    values = []
    for group in order.tensor_split(groups):
        kept = torch.ones(len(features), dtype=torch.bool)
        kept[group] = False
        values.append(float(statistic(features[kept])))
    variance = torch.tensor(values, dtype=torch.float64).var(correction=0)
    return float((variance * (groups - 1)).sqrt())
