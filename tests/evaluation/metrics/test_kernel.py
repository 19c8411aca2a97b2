"""The kernel distance against its definition, torchmetrics and the null case."""

from math import isnan
from statistics import fmean, stdev

import pytest
import torch

from genlab.evaluation.metrics import kernel_distance, squared_mmd
from tests.evaluation.conftest import normal
from tests.oracles.evaluation import torchmetrics_kernel


def by_pairs(a: torch.Tensor, b: torch.Tensor) -> float:
    """The unbiased estimate by its definition, one pair at a time."""

    def kernel(x: torch.Tensor, y: torch.Tensor) -> float:
        return (float(x @ y) / len(x) + 1) ** 3

    n, m = len(a), len(b)
    within_a = sum(kernel(a[i], a[j]) for i in range(n) for j in range(n) if i != j) / (n * (n - 1))
    within_b = sum(kernel(b[i], b[j]) for i in range(m) for j in range(m) if i != j) / (m * (m - 1))
    between = sum(kernel(x, y) for x in a for y in b) / (n * m)
    return within_a + within_b - 2 * between


@pytest.mark.parametrize(("n", "m"), [(2, 2), (7, 12), (20, 15)])
def test_equals_the_definition(n: int, m: int) -> None:
    a, b = normal(n, 3, 1), normal(m, 3, 2) + 0.5
    assert squared_mmd(a, b).item() == pytest.approx(by_pairs(a, b), rel=1e-9)


@pytest.mark.filterwarnings("ignore:Metric `Kernel Inception Distance`:UserWarning")
@pytest.mark.parametrize("d", [1, 8, 64])
def test_equals_torchmetrics(d: int) -> None:
    a, b = normal(100, d, 1), normal(100, d, 2) * 1.5 + 0.5
    ours, error = kernel_distance(a, b, subsets=2, subset_size=100)
    assert ours == pytest.approx(torchmetrics_kernel(a, b), rel=1e-6)
    assert isnan(error)  # one subset of all says nothing of others


@pytest.mark.parametrize("shift", [0.0, 0.5])
def test_the_stated_error_is_how_far_other_images_move_it(shift: float) -> None:
    pairs = [(normal(400, 8, 2 * seed), normal(400, 8, 2 * seed + 1) + shift) for seed in range(40)]
    found = [kernel_distance(a, b, subsets=30, subset_size=100) for a, b in pairs]
    values = [each.value for each in found]
    stated = fmean(each.standard_error**2 for each in found) ** 0.5
    # Without a difference the estimate is all noise, and the stated error on the safe side.
    assert 0.7 * stdev(values) < stated < (1.4 if shift else 2.6) * stdev(values)
    if shift:
        assert min(values) > 3 * stated
    else:
        assert abs(fmean(values)) < 3 * stdev(values) / 40**0.5
        assert min(values) < 0 < max(values)
