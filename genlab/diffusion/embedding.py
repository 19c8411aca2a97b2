"""The sinusoidal embedding of a timestep."""

import math

import torch
from torch import Tensor, nn


def sinusoidal_embedding(t: Tensor, dim: int, max_period: float = 10_000) -> Tensor:
    """Cosines and sines of ``t`` at geometrically spaced frequencies (Vaswani et al. 2017, section 3.5).

    Close timesteps get close vectors, and any shift in time is a rotation: easier for a network to
    use than the bare number, which is one input among hundreds.

    Args:
        t: (N,), timesteps.
        dim: width of the result, even.
        max_period: the longest wavelength, in timesteps.

    Returns:
        float32, (N, dim).
    """
    half = dim // 2
    frequencies = torch.exp(-math.log(max_period) * torch.arange(half, device=t.device) / half)
    angles = t.float()[:, None] * frequencies
    return torch.cat([angles.cos(), angles.sin()], dim=1)


class TimestepEmbedding(nn.Module):
    """Sinusoids, then two linear layers (Ho et al. 2020, appendix B)."""

    def __init__(self, dim: int) -> None:
        super().__init__()
        self.dim = dim
        self.layers = nn.Sequential(nn.Linear(dim, dim), nn.SiLU(), nn.Linear(dim, dim))

    def forward(self, t: Tensor) -> Tensor:
        """(N,) to (N, dim)."""
        return self.layers(sinusoidal_embedding(t, self.dim))
