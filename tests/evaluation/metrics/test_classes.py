"""Shares of classes against NumPy, and their distance against its definition."""

from itertools import product

import numpy as np
import pytest
import torch
from scipy.stats import binomtest

from genlab.evaluation.metrics.classes import (
    class_shares,
    classes_drawn,
    conditional_accuracy,
    hardly_beats_guessing,
    histogram_distance,
    most_frequent,
)


def random_shares(seed: int, classes: int = 6) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    return class_shares(torch.randint(0, classes, (40,), generator=generator), classes)


def test_shares_are_numpys_and_sum_to_1() -> None:
    answers = torch.randint(0, 7, (100,), generator=torch.Generator().manual_seed(0))
    shares = class_shares(answers, 9)
    assert shares.tolist() == pytest.approx(list(np.bincount(answers.numpy(), minlength=9) / 100))
    assert shares.sum().item() == pytest.approx(1)


@pytest.mark.parametrize("seed", range(5))
def test_the_distance_is_the_largest_difference_of_any_event(seed: int) -> None:
    """Total variation by its definition: the largest over all sets of classes."""
    a, b = random_shares(seed), random_shares(seed + 100)
    events = torch.tensor(list(product([0.0, 1.0], repeat=6)), dtype=torch.float64)
    assert histogram_distance(a, b) == pytest.approx((events @ (a - b)).max().item())
    assert histogram_distance(a, b) == histogram_distance(b, a)
    assert histogram_distance(a, a) == 0


def test_nothing_in_common_is_1_and_float32_will_do() -> None:
    assert histogram_distance(torch.tensor([1.0, 0, 0]), torch.tensor([0, 0.1, 0.9])) == pytest.approx(1)


def test_counts_the_classes_that_are_drawn() -> None:
    shares = class_shares(torch.tensor([0] * 980 + [1] * 11 + [2] * 9), 10)
    assert classes_drawn(shares) == 2
    assert classes_drawn(shares, least=0.009) == 3
    assert classes_drawn(torch.full((10,), 0.1)) == 10


def test_accuracy_counts_the_classes_asked_for() -> None:
    assert conditional_accuracy(torch.tensor([1, 2, 3, 4]), torch.tensor([1, 2, 0, 4])) == 0.75


@pytest.mark.parametrize(
    ("right", "counts", "hardly"),
    [
        (113, [113, *[98] * 9], True),  # always the most frequent class
        (200, [100] * 10, True),  # a tenth of the way is 0.19, and chance may do the rest
        (300, [100] * 10, False),
        (90, [90, 10], True),  # nine in ten are right, and so is whoever says "the first" each time
        (98, [90, 10], False),
        (2, [1, 1], True),  # so few prove nothing
        (5, [5], True),  # one class: there is nothing to tell apart
    ],
)
def test_who_hardly_beats_guessing(right: int, counts: list[int], hardly: bool) -> None:
    labels = torch.repeat_interleave(torch.arange(len(counts)), torch.tensor(counts))
    assert hardly_beats_guessing(right / len(labels), labels) is hardly
    assert most_frequent(labels) == max(counts) / sum(counts)


@pytest.mark.parametrize("right", range(10, 26))
def test_better_than_guessing_is_a_binomial_test(right: int) -> None:
    labels = torch.arange(10).repeat(5)
    p = binomtest(right, 50, 0.1 + 0.9 / 10, alternative="greater").pvalue
    assert hardly_beats_guessing(right / 50, labels) is bool(p > 0.025)
