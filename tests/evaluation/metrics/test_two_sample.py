"""The classifier guesses where there is nothing to see, and sees what is there."""

import warnings
from math import comb
from typing import Any

import pytest
import torch
from scipy.stats import kstest
from sklearn.exceptions import ConvergenceWarning
from sklearn.neural_network import MLPClassifier

from genlab.evaluation.metrics import two_sample_test
from tests.evaluation.conftest import normal


def test_without_a_difference_it_guesses() -> None:
    tests = [
        two_sample_test(normal(120, 3, 2 * seed), normal(120, 3, 2 * seed + 1), seed=seed)
        for seed in range(60)
    ]
    accuracies = torch.tensor([test.accuracy for test in tests])
    assert accuracies.mean().item() == pytest.approx(0.5, abs=3 * 0.5 / (60 * 120) ** 0.5)
    assert kstest([test.p_value for test in tests], "uniform").pvalue > 0.01


def test_a_narrower_cloud_with_the_same_mean_is_noticed() -> None:
    result = two_sample_test(normal(600, 8, 1), 0.5 * normal(600, 8, 2))
    assert result.accuracy > 0.5 + 5 * result.standard_error


def test_error_and_p_value_are_those_of_coin_tosses() -> None:
    result = two_sample_test(normal(60, 2, 1), normal(60, 2, 2) + 0.5)
    right = round(result.accuracy * 60)
    tail = sum(comb(60, r) for r in range(right, 61)) / 2**60
    assert result.p_value == pytest.approx(tail)
    assert result.standard_error == pytest.approx((result.accuracy * (1 - result.accuracy) / 60) ** 0.5)


def test_the_larger_set_is_cut_to_the_smaller() -> None:
    """Also from 300 to 100, which a classifier could win by always saying the commoner kind."""
    result = two_sample_test(normal(300, 3, 1), normal(100, 3, 2))
    assert 0.35 < result.accuracy < 0.65
    assert (result.accuracy * 100) % 1 == pytest.approx(0, abs=1e-9)


def test_the_seed_decides_all() -> None:
    a, b = normal(100, 3, 1), normal(100, 3, 2) + 0.5
    assert two_sample_test(a, b, seed=3) == two_sample_test(a, b, seed=3)
    assert len({two_sample_test(a, b, seed=seed).accuracy for seed in range(5)}) > 1


def test_the_scale_of_a_feature_and_a_constant_one_do_not_matter() -> None:
    a, b = normal(200, 2, 1), normal(200, 2, 2) + 1
    scale, constant = torch.tensor([1e-3, 1e4]), torch.full((200, 1), 5.0)
    other = two_sample_test(torch.cat([a * scale, constant], 1), torch.cat([b * scale, constant], 1))
    assert other.accuracy == pytest.approx(two_sample_test(a, b).accuracy, abs=0.08)


def test_no_warning_leaks_where_a_hundred_epochs_were_not_enough(monkeypatch: pytest.MonkeyPatch) -> None:
    def short(*sizes: tuple[int, ...], **options: Any) -> MLPClassifier:
        return MLPClassifier(*sizes, **{**options, "max_iter": 2})

    with pytest.warns(ConvergenceWarning):
        short((4,)).fit(normal(50, 8, 1).numpy(), [0, 1] * 25)
    monkeypatch.setattr("genlab.evaluation.metrics.two_sample.MLPClassifier", short)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        two_sample_test(normal(400, 8, 1), 0.7 * normal(400, 8, 2))
