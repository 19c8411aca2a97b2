"""Shares of classes against NumPy, and their distance against its definition."""

from itertools import product

import numpy as np
import pytest
import torch

from genlab.evaluation.metrics import (
    class_shares,
    classes_drawn,
    conditional_accuracy,
    histogram_distance,
)
from tests.evaluation.conftest import seeded


def random_answers(seed: int) -> torch.Tensor:
    return torch.randint(0, 6, (40,), generator=seeded(seed))


def test_shares_are_numpys() -> None:
    answers = random_answers(0)
    expected = np.bincount(answers.numpy(), minlength=9) / 40
    assert class_shares(answers, 9).tolist() == pytest.approx(expected.tolist())


@pytest.mark.parametrize("seed", range(5))
def test_the_distance_is_the_largest_difference_of_any_event(seed: int) -> None:
    """Total variation by its definition: the largest over all sets of classes."""
    a, b = class_shares(random_answers(seed), 6), class_shares(random_answers(seed + 100), 6)
    events = torch.tensor(list(product([0.0, 1.0], repeat=6)), dtype=torch.float64)
    assert histogram_distance(a, b) == pytest.approx((events @ (a - b)).max().item())
    assert histogram_distance(a, b) == histogram_distance(b, a)
    assert histogram_distance(a, a) == 0


def test_counts_the_classes_that_are_drawn() -> None:
    assert classes_drawn(class_shares(torch.tensor([0] * 980 + [1] * 11 + [2] * 9), 10)) == 2


def test_accuracy_counts_the_classes_asked_for() -> None:
    assert conditional_accuracy(torch.tensor([1, 2, 3, 4]), torch.tensor([1, 2, 0, 4])) == 0.75
