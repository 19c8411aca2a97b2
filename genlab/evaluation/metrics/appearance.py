"""Sharpness and fine detail: two plain figures of pixels, which no judge has a say in.

A blurred image has weak edges, and little power at high spatial frequencies; a noisy one has too much of
both. Each figure is the mean over generated images divided by that over real ones: 1 is right.
"""

import torch
import torch.nn.functional as F
from torch import Tensor

from genlab.evaluation.metrics.jackknife import Estimate

LAPLACIAN = torch.tensor([[[[0.0, 1.0, 0.0], [1.0, -4.0, 1.0], [0.0, 1.0, 0.0]]]])
SLICE = 1000  # images at a time: 16 MB of frequencies


def edge_strength(images: Tensor) -> Tensor:
    """Mean absolute Laplacian of each image, (N, 1, H, W) to (N,): how sharply its pixels change."""
    return F.conv2d(images.cpu(), LAPLACIAN.to(images.dtype)).abs().mean((1, 2, 3))


def power_spectrum(images: Tensor) -> Tensor:
    """Power of each image at each spatial frequency, whatever its direction: (N, 1, H, H) to (N, H/2).

    |FFT|^2 (over pixels), averaged over rings: entry f - 1 holds the frequencies that fit f times into the
    image, rounded, from 1 to H/2, which is a change from pixel to pixel (the Nyquist frequency). That of 0,
    the mean grey, is left out.
    """
    size = images.shape[-1]
    down, right = torch.fft.fftfreq(size) * size, torch.fft.rfftfreq(size) * size
    ring = torch.hypot(down[:, None], right).round().long().flatten()
    parts = []
    for part in images.cpu().split(SLICE):
        power = torch.fft.rfft2(part[:, 0]).abs().square().flatten(1)
        sums = torch.zeros(len(part), int(ring.max()) + 1).index_add_(1, ring, power)
        parts.append(sums / torch.bincount(ring))
    return torch.cat(parts)[:, 1 : size // 2 + 1]


def fine_power(images: Tensor) -> Tensor:
    """Mean power of each image in the upper half of its frequencies, (N,)."""
    spectrum = power_spectrum(images)
    return spectrum[:, spectrum.shape[1] // 2 :].mean(1)


def ratio_of_means(a: Tensor, b: Tensor) -> Estimate:
    """mean(a) / mean(b) and its standard error to first order, from independent (N,) and (M,)."""
    (mean_a, error_a), (mean_b, error_b) = (
        (x.mean().item(), (x.var() / len(x)).sqrt().item()) for x in (a, b)
    )
    ratio = mean_a / mean_b
    return Estimate(ratio, (error_a**2 + (ratio * error_b) ** 2) ** 0.5 / mean_b)
