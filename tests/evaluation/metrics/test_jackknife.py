"""The jackknife against closed forms and against what repeated sampling shows."""

import pytest
import torch

from genlab.evaluation.metrics import jackknife_error
from tests.evaluation.conftest import normal


def mean(rows: torch.Tensor) -> float:
    return rows.mean().item()


def variance(rows: torch.Tensor) -> float:
    return rows.var().item()


def test_one_row_in_each_group_is_the_textbooks_error_of_a_mean() -> None:
    rows = normal(50, 1, 0) * 3 + 7
    assert jackknife_error(mean, rows, groups=50) == pytest.approx(rows.std().item() / 50**0.5)


@pytest.mark.parametrize("n", [200, 97])
def test_ten_groups_are_right_on_average_and_need_not_be_of_one_size(n: int) -> None:
    squares = [jackknife_error(mean, normal(n, 1, seed), seed=seed) ** 2 for seed in range(200)]
    assert sum(squares) / 200 == pytest.approx(1 / n, rel=0.1)


def test_a_variance_varies_between_samples_as_the_jackknife_says() -> None:
    squares = [jackknife_error(variance, normal(300, 1, seed)) ** 2 for seed in range(300)]
    assert (sum(squares) / 300) ** 0.5 == pytest.approx((2 / 299) ** 0.5, rel=0.15)  # of a Gaussian


def test_a_constant_has_no_error_and_the_seed_decides() -> None:
    rows = normal(30, 1, 0)
    assert jackknife_error(lambda _: 3.0, rows) == 0
    assert jackknife_error(mean, rows, seed=1) == jackknife_error(mean, rows, seed=1)
    assert jackknife_error(mean, rows, seed=1) != jackknife_error(mean, rows, seed=2)
