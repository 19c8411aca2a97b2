"""Ways through a latent space: grids, walks, means and sums of codes, for any family that decodes.

All of these give codes, (N, latent_dim); ``decode`` makes images of them.
"""

import torch
from torch import Tensor

from genlab.errors import GenlabError


def manifold_grid(rows: int = 20, rim: float = 0.02) -> Tensor:
    """A grid over a plane of codes, read like a page: the first row is the top one.

    The lines are spaced so that N(0, I) has the same share between each two (Kingma and Welling 2014,
    figure 4): narrow in the crowded middle, wide at the rim.

    Args:
        rows: rows, and columns, at least 2.
        rim: the share of N(0, 1) that lies beyond the outermost lines on each side, in (0, 0.5).

    Returns:
        (rows * rows, 2).
    """
    if type(rows) is not int or rows < 2 or not 0 < rim < 0.5:
        raise GenlabError(f"rows should be at least 2 and rim in (0, 0.5), got {rows} and {rim}")
    line = torch.special.ndtri(torch.linspace(rim, 1 - rim, rows))
    return torch.stack(torch.meshgrid(line, line.flip(0), indexing="xy"), dim=-1).reshape(-1, 2)


def linear_walk(start: Tensor, end: Tensor, steps: int = 10) -> Tensor:
    """``steps`` codes on the straight line from one code to another, both ends included.

    Args:
        start, end: (latent_dim,) each.
        steps: at least 2.

    Returns:
        (steps, latent_dim).
    """
    _check_walk(start, end, steps)
    weight = torch.linspace(0, 1, steps, device=start.device)[:, None]
    return (1 - weight) * start + weight * end


def spherical_walk(start: Tensor, end: Tensor, steps: int = 10) -> Tensor:
    """The same on a great circle (Shoemake 1985), the length going evenly from one code's to the other's.

    In many dimensions nearly all of N(0, I) lies in a shell of radius sqrt(latent_dim), and the middle
    of a straight line between two codes lies far inside it, where a decoder has practised little (White
    2016, arXiv:1609.04468, section 2.1). Codes in line with the origin have no circle: the walk is linear.

    Args:
        start, end, steps: as for ``linear_walk``.
    """
    _check_walk(start, end, steps)
    lengths = linear_walk(start.norm()[None], end.norm()[None], steps)
    cosine = torch.nn.functional.cosine_similarity(start.double(), end.double(), dim=0).clamp(-1, 1)
    angle = torch.arccos(cosine)
    if angle.sin() < 1e-6 or not (start.any() and end.any()):
        return linear_walk(start, end, steps)
    weight = torch.linspace(0, 1, steps, device=start.device, dtype=torch.float64)[:, None]
    from_start = ((1 - weight) * angle).sin() * (start / start.norm())
    from_end = (weight * angle).sin() * (end / end.norm())
    walk: Tensor = (from_start + from_end) / angle.sin() * lengths
    return walk.to(start.dtype)


def class_means(codes: Tensor, labels: Tensor, num_classes: int) -> Tensor:
    """The mean code of each class: the place on the map that it is spread around.

    Args:
        codes: (N, latent_dim).
        labels: int64 (N,), every class at least once.
        num_classes: how many.

    Returns:
        (num_classes, latent_dim). Differences of them are directions: ``z + means[8] - means[3]`` moves a
        code from where the threes are towards the eights (Radford et al. 2015, section 6.3.2).

    Raises:
        GenlabError: a class without a code, or codes and labels of other kinds or shapes.
    """
    if codes.ndim != 2 or labels.shape != codes.shape[:1] or labels.dtype != torch.int64:
        raise GenlabError(
            f"codes should be (N, latent_dim) and labels int64 (N,), got {tuple(codes.shape)} and "
            f"{labels.dtype} {tuple(labels.shape)}"
        )
    if len(labels) and labels.min() < 0:
        raise GenlabError(f"labels should be at least 0, got {int(labels.min())}")
    counts = torch.bincount(labels, minlength=num_classes)
    if len(counts) > num_classes or not counts.all():
        raise GenlabError(f"every class in 0..{num_classes - 1}, and no other, needs a code")
    sums = torch.zeros(num_classes, codes.shape[1], dtype=codes.dtype, device=codes.device)
    return sums.index_add_(0, labels.to(codes.device), codes) / counts.to(codes)[:, None]


def _check_walk(start: Tensor, end: Tensor, steps: int) -> None:
    if not all(isinstance(code, Tensor) and code.is_floating_point() for code in (start, end)):
        raise GenlabError("a walk goes between two codes: tensors of floats")
    if start.ndim != 1 or start.shape != end.shape:
        raise GenlabError(
            f"a walk goes between two codes of shape (latent_dim,), got {tuple(start.shape)} and "
            f"{tuple(end.shape)}"
        )
    if type(steps) is not int or steps < 2:
        raise GenlabError(f"a walk needs a whole number of steps, at least 2, got {steps}")
