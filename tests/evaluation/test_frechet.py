"""The Fréchet distance against its closed form, SciPy's matrix square root and its invariances."""

import numpy as np
import pytest
import torch
from scipy.linalg import sqrtm

from genlab.errors import GenlabError
from genlab.evaluation.frechet import frechet_distance


def features(n: int, d: int, seed: int) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    mix = torch.randn(d, d, generator=generator, dtype=torch.float64)
    return torch.randn(n, d, generator=generator, dtype=torch.float64) @ mix + seed


def test_one_dimension_is_the_difference_of_means_and_of_deviations() -> None:
    a, b = features(50, 1, 1), features(70, 1, 2)
    expected = (a.mean() - b.mean()) ** 2 + (a.std() - b.std()) ** 2
    assert frechet_distance(a, b) == pytest.approx(expected.item(), rel=1e-9)


@pytest.mark.parametrize("d", [2, 5, 20])
def test_equals_the_definition_with_scipys_square_root(d: int) -> None:
    a, b = features(100, d, 1), features(80, d, 2)
    covariance_a, covariance_b = np.cov(a.numpy().T), np.cov(b.numpy().T)
    root = sqrtm(covariance_a @ covariance_b).real
    expected = ((a.mean(0) - b.mean(0)) ** 2).sum().item()
    expected += np.trace(covariance_a + covariance_b - 2 * root)
    assert frechet_distance(a, b) == pytest.approx(expected, rel=1e-6)


def test_is_zero_of_a_set_and_itself_and_symmetric() -> None:
    a, b = features(100, 8, 1), features(100, 8, 2)
    assert frechet_distance(a, a) == pytest.approx(0, abs=1e-6)
    assert frechet_distance(a, b) == pytest.approx(frechet_distance(b, a))


def test_features_that_are_all_zero_do_not_break_it() -> None:
    a = torch.cat([features(100, 3, 1), torch.zeros(100, 2, dtype=torch.float64)], dim=1)
    assert frechet_distance(a, a) == pytest.approx(0, abs=1e-6)


@pytest.mark.parametrize(
    ("a", "b", "says"),
    [
        (torch.zeros(5, 8), torch.zeros(50, 8), "too few"),
        (torch.zeros(50, 8), torch.zeros(50, 7), "should be"),
        (torch.full((50, 2), torch.nan), torch.zeros(50, 2), "not finite"),
    ],
)
def test_refuses(a: torch.Tensor, b: torch.Tensor, says: str) -> None:
    with pytest.raises(GenlabError, match=says):
        frechet_distance(a, b)
