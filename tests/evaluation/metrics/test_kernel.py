"""The kernel distance against its definition, torchmetrics and the null case."""

import pytest
import torch
from torchmetrics.image.kid import KernelInceptionDistance

from genlab.evaluation.metrics.kernel import kernel_distance, squared_mmd


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
    torch.manual_seed(n)
    a, b = torch.randn(n, 3).double(), torch.randn(m, 3).double() + 0.5
    assert squared_mmd(a, b).item() == pytest.approx(by_pairs(a, b), rel=1e-9)


@pytest.mark.filterwarnings("ignore:Metric `Kernel Inception Distance`:UserWarning")
@pytest.mark.parametrize("d", [1, 8, 64])
def test_equals_torchmetrics(d: int) -> None:
    torch.manual_seed(d)
    a, b = torch.randn(100, d).double(), torch.randn(100, d).double() * 1.5 + 0.5
    # All images in each subset, so that it does not matter which; "features" are the images themselves.
    theirs = KernelInceptionDistance(torch.nn.Identity(), subsets=2, subset_size=100)
    theirs.update(a, real=True)
    theirs.update(b, real=False)
    expected = theirs.compute()[0].item()
    ours = kernel_distance(a, b, subsets=2, subset_size=100).value
    assert ours == pytest.approx(expected, rel=1e-4, abs=0)
    assert ours == pytest.approx(expected, rel=0, abs=1e-4)


def test_the_whole_as_one_subset() -> None:
    torch.manual_seed(0)
    a, b = torch.randn(30, 4), torch.randn(30, 4) + 1
    one = kernel_distance(a, b, subsets=1, subset_size=30)
    assert one.value == pytest.approx(squared_mmd(a.double(), b.double()).item(), rel=1e-9)


def test_the_null_case_is_nothing_within_its_error() -> None:
    torch.manual_seed(0)
    values = []
    for seed in range(20):
        a, b = torch.randn(2000, 8), torch.randn(2000, 8)
        values.append(kernel_distance(a, b, subsets=20, subset_size=200, seed=seed).value)
    mean, spread = torch.tensor(values).mean(), torch.tensor(values).std() / 20**0.5
    assert abs(mean) < 3 * spread
    assert min(values) < 0 < max(values)
    moved = kernel_distance(torch.randn(2000, 8), torch.randn(2000, 8) + 0.3, subsets=20, subset_size=200)
    assert moved.value > 10 * moved.standard_error


@pytest.mark.parametrize("shift", [0.0, 0.5])
def test_the_stated_error_is_how_far_other_images_move_it(shift: float) -> None:
    torch.manual_seed(1)
    found = [
        kernel_distance(torch.randn(400, 8), torch.randn(400, 8) + shift, subsets=30, subset_size=100)
        for _ in range(40)
    ]
    scatter = torch.tensor([each.value for each in found]).std().item()
    stated = torch.tensor([each.standard_error for each in found]).square().mean().sqrt().item()
    # Without a difference the estimate is all noise, and the stated error on the safe side.
    assert 0.7 * scatter < stated < (1.4 if shift else 2.6) * scatter


def test_one_subset_of_all_states_no_error() -> None:
    assert torch.isnan(
        torch.tensor(kernel_distance(torch.randn(9, 2), torch.randn(9, 2), subset_size=9).standard_error)
    )
