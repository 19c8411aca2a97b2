"""Which classes are drawn, and are they the ones that were asked for?

All from what a judge answers: the class that it finds most probable, for each image. A judge is right
about real images some 99 times in a hundred, so the figures of real data come first, as the yardstick.
"""

import torch
from scipy.stats import binom
from torch import Tensor

from genlab.errors import GenlabError


def class_shares(answers: Tensor, num_classes: int) -> Tensor:
    """Share of each class: (N,) int64 in 0..C-1 to (C,) float64 that sum to 1.

    Raises:
        GenlabError: no answers, another type or shape, or a class that is not there.
    """
    _check(answers, "answers")
    if num_classes < 1 or answers.min() < 0 or answers.max() >= num_classes:
        raise GenlabError(
            f"answers should be in 0..{num_classes - 1}, got {int(answers.min())}..{int(answers.max())}"
        )
    return torch.bincount(answers, minlength=num_classes).double() / len(answers)


def histogram_distance(shares_a: Tensor, shares_b: Tensor) -> float:
    """Total variation of two histograms, (C,) each: the share of images that would have to change class.

    From 0 (the same) to 1 (no class in common): half the sum of absolute differences.

    Raises:
        GenlabError: different lengths, or shares that are negative or do not sum to 1.
    """
    if shares_a.ndim != 1 or shares_a.shape != shares_b.shape:
        raise GenlabError(
            f"shares should be (C,) and (C,), got {tuple(shares_a.shape)} and {tuple(shares_b.shape)}"
        )
    for shares in (shares_a, shares_b):
        if shares.min() < 0 or abs(float(shares.double().sum()) - 1) > 1e-4:
            raise GenlabError(f"shares should be at least 0 and sum to 1, got {shares.tolist()}")
    return float((shares_a.double() - shares_b.double()).abs().sum() / 2)


def classes_drawn(shares: Tensor, least: float = 0.01) -> int:
    """How many classes have at least the share ``least``, of (C,): fewer than C is mode collapse."""
    return int((shares >= least).sum())


def conditional_accuracy(answers: Tensor, labels: Tensor) -> float:
    """Share of images in which the judge finds the class that was asked for, in [0, 1].

    Args:
        answers, labels: what the judge says and what was asked for, (N,) int64 each.

    Raises:
        GenlabError: different lengths, none, or another type or shape.
    """
    _check(answers, "answers")
    _check(labels, "labels")
    if len(answers) != len(labels):
        raise GenlabError(f"{len(answers)} answers do not belong to {len(labels)} labels")
    return float((answers == labels).double().mean())


def most_frequent(labels: Tensor) -> float:
    """Share of the most frequent class, of labels (N,): how often one guess for all images is right."""
    _check(labels, "labels")
    return float(torch.bincount(labels).max()) / len(labels)


def hardly_beats_guessing(accuracy: float, labels: Tensor) -> bool:
    """Whether a judge is not clearly better than one that names the most frequent class each time.

    It is clearly better if a judge that has come only a tenth of the way from there to perfection would be
    right so often less than once in 40 times: a one-sided binomial test.

    Args:
        accuracy: share of the test images that it gets right.
        labels: of those test images, (N,) int64.
    """
    guess, n = most_frequent(labels), len(labels)
    return bool(binom.sf(round(accuracy * n) - 1, n, guess + (1 - guess) / 10) > 0.025)


def _check(classes: Tensor, name: str) -> None:
    if classes.ndim != 1 or classes.dtype != torch.int64 or not len(classes):
        raise GenlabError(
            f"{name} should be int64 of shape (N,), at least one, got {classes.dtype} {tuple(classes.shape)}"
        )
