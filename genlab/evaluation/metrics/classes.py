"""Classes of generated images: their shares, and the accuracy of class-conditional sampling.

All from a judge's predicted class of each image. A judge is right
about real images some 99 times in a hundred, so the figures of real data come first, as the yardstick.
"""

import torch
from torch import Tensor


def class_shares(answers: Tensor, num_classes: int) -> Tensor:
    """Share of each class: (N,) int64 in 0..C-1 to (C,) float64 that sum to 1."""
    return torch.bincount(answers.cpu(), minlength=num_classes).double() / len(answers)


def histogram_distance(shares_a: Tensor, shares_b: Tensor) -> float:
    """Total variation of two histograms, (C,) each: the share of images that would have to change class.

    From 0 (the same) to 1 (no class in common): half the sum of absolute differences.
    """
    return float((shares_a.cpu().double() - shares_b.cpu().double()).abs().sum() / 2)


def classes_drawn(shares: Tensor, least: float = 0.01) -> int:
    """How many classes have at least the share ``least``, of (C,): fewer than C is mode collapse."""
    return int((shares.cpu() >= least).sum())


def conditional_accuracy(answers: Tensor, labels: Tensor) -> float:
    """Share of images in which the judge finds the class that was asked for, in [0, 1].

    Args:
        answers, labels: predicted and asked for, (N,) int64 each.
    """
    return float((answers.cpu() == labels.cpu()).double().mean())
