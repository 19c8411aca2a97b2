"""The features that metrics compare: their one check, and how some of them are drawn."""

import torch
from torch import Tensor

from genlab.errors import GenlabError


def checked_features(a: Tensor, b: Tensor, least: int = 1) -> tuple[Tensor, Tensor]:
    """Two sets of features, (N, D) and (M, D), fit for a metric; on the CPU, which has float64.

    Raises:
        GenlabError: other shapes, fewer than ``least`` rows in one of them, or a value that is not finite.
    """
    if a.ndim != 2 or b.ndim != 2 or a.shape[1] != b.shape[1]:
        raise GenlabError(f"features should be (N, D) and (M, D), got {tuple(a.shape)} and {tuple(b.shape)}")
    if min(len(a), len(b)) < least:
        raise GenlabError(f"{min(len(a), len(b))} images are too few for this metric: use at least {least}")
    if not (torch.isfinite(a).all() and torch.isfinite(b).all()):
        raise GenlabError("features hold a value that is not finite: look at the images they came from")
    return a.cpu(), b.cpu()


def drawn(features: Tensor, n: int, generator: torch.Generator) -> Tensor:
    """Some n rows, in random order."""
    return features[torch.randperm(len(features), generator=generator)[:n]]
