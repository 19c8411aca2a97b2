"""The Fréchet distance against its closed form, torchmetrics, SciPy's line and its invariances."""

import pytest
import torch
from scipy.stats import linregress

from genlab.evaluation.metrics import frechet_distance, frechet_without_bias
from tests.evaluation.conftest import normal
from tests.oracles.evaluation import torchmetrics_frechet


def features(n: int, d: int, seed: int) -> torch.Tensor:
    return normal(n, d, seed) @ normal(d, d, seed + 100) + seed


def test_one_dimension_is_the_difference_of_means_and_of_deviations() -> None:
    a, b = features(50, 1, 1), features(70, 1, 2)
    expected = (a.mean() - b.mean()) ** 2 + (a.std() - b.std()) ** 2
    assert frechet_distance(a, b) == pytest.approx(expected.item(), rel=1e-9)


def test_equals_torchmetrics() -> None:
    a, b = features(500, 64, 1), features(900, 64, 2)
    assert frechet_distance(a, b) == pytest.approx(torchmetrics_frechet(a, b), rel=1e-6)


def test_is_symmetric_and_zero_of_a_set_and_itself_also_of_fewer_dimensions() -> None:
    a, b = features(100, 8, 1), features(100, 8, 2)
    assert frechet_distance(a, b) == pytest.approx(frechet_distance(b, a))
    a[:, 5:] = a[:, :3]  # rounding makes an eigenvalue of nothing a little less than that
    assert frechet_distance(a, a) == pytest.approx(0, abs=1e-6)


def test_without_a_difference_the_distance_falls_as_one_over_n_and_the_extrapolation_is_nothing() -> None:
    plain, half, z = [], [], []
    for seed in range(10):
        a, b = normal(1000, 16, 2 * seed), normal(1000, 16, 2 * seed + 1)
        plain.append(frechet_distance(a, b))
        half.append(frechet_distance(a[:500], b[:500]))
        line = frechet_without_bias(a, b, seed=seed)
        z.append(line.value / line.standard_error)
    assert min(plain) > 0.1
    assert sum(half) / sum(plain) == pytest.approx(2, rel=0.1)
    assert max(abs(value) for value in z) < 4
    assert abs(sum(z) / 10) < 3 / 10**0.5


def test_comes_closer_to_the_distance_of_two_known_gaussians() -> None:
    true = 20 * (0.1**2 + 0.2**2)  # means 0.1 apart in each of 20 directions, deviations 1 and 1.2
    plain, without_bias = [], []
    for seed in range(10):
        a, b = normal(1000, 20, 2 * seed), normal(1000, 20, 2 * seed + 1) * 1.2 + 0.1
        plain.append(frechet_distance(a, b) - true)
        without_bias.append(frechet_without_bias(a, b, seed=seed).value - true)
    assert min(plain) > 0
    assert abs(sum(without_bias)) < sum(plain) / 3


def test_the_line_is_scipys_and_its_last_point_the_plain_estimate_from_all() -> None:
    a, b = normal(400, 4, 1), normal(400, 4, 2)
    line = frechet_without_bias(a, b, points=7)
    theirs = linregress([1 / n for n in line.sizes], line.distances)
    assert line.value == pytest.approx(theirs.intercept)
    assert line.standard_error == pytest.approx(theirs.intercept_stderr)
    assert line.distances[-1] == pytest.approx(frechet_distance(a, b), rel=1e-9)


def test_sizes_are_even_in_one_over_n_and_never_too_few_for_a_covariance() -> None:
    line = frechet_without_bias(normal(4000, 3, 1), normal(5000, 3, 2), points=4)
    assert line.sizes == (1000, 1333, 2000, 4000)
    assert frechet_without_bias(normal(100, 20, 1), normal(100, 20, 2)).sizes[0] == 40
