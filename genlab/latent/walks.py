"""Ways through a latent space: grids, walks and class means, for any family that decodes.

All of these give codes, (N, latent_dim), on the CPU; ``decode`` makes images of them.
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
    line = torch.special.ndtri(torch.linspace(rim, 1 - rim, rows))
    return torch.cartesian_prod(line.flip(0), line).flip(1)  # (y, x), y from the top down, to (x, y)


def linear_walk(start: Tensor, end: Tensor, steps: int = 10) -> Tensor:
    """``steps`` codes on the straight line from one code to another, both ends included.

    Args:
        start, end: (latent_dim,) each.
        steps: at least 2.

    Returns:
        (steps, latent_dim).
    """
    start, end = start.cpu(), end.cpu()
    weight = torch.linspace(0, 1, steps)[:, None]
    return (1 - weight) * start + weight * end


def spherical_walk(start: Tensor, end: Tensor, steps: int = 10) -> Tensor:
    """The same on a great circle (Shoemake 1985), the length going evenly from one code's to the other's.

    In many dimensions nearly all of N(0, I) lies in a shell of radius sqrt(latent_dim), and the middle
    of a straight line between two codes lies far inside it, where a decoder has practised little (White
    2016, arXiv:1609.04468, section 2.1). Codes in line with the origin have no circle: the walk is linear.

    Args:
        start, end, steps: as for ``linear_walk``.
    """
    start, end = start.cpu(), end.cpu()
    cosine = torch.nn.functional.cosine_similarity(start.double(), end.double(), dim=0).clamp(-1, 1)
    angle = torch.arccos(cosine)
    if angle.sin() < 1e-6 or not (start.any() and end.any()):
        return linear_walk(start, end, steps)
    lengths = linear_walk(start.norm()[None], end.norm()[None], steps)
    weight = torch.linspace(0, 1, steps, dtype=torch.float64)[:, None]
    from_start = ((1 - weight) * angle).sin() * (start / start.norm())
    from_end = (weight * angle).sin() * (end / end.norm())
    return ((from_start + from_end) / angle.sin() * lengths).to(start.dtype)


def class_means(codes: Tensor, labels: Tensor, num_classes: int) -> Tensor:
    """The mean code of each class: the middle of its region in the latent space.

    Args:
        codes: (N, latent_dim).
        labels: int64 (N,), every class at least once.
        num_classes: how many.

    Returns:
        (num_classes, latent_dim). Differences of them are directions: ``z + means[8] - means[3]`` moves a
        code from where the threes are towards the eights (Radford et al. 2015, section 6.3.2).

    Raises:
        GenlabError: a class without a code.
    """
    codes, labels = codes.cpu(), labels.cpu()
    own = [codes[labels == label] for label in range(num_classes)]
    if not all(map(len, own)):
        raise GenlabError(
            f"every class in 0..{num_classes - 1} needs a code: give more images, or fewer classes"
        )
    return torch.stack([codes_of_class.mean(0) for codes_of_class in own])
