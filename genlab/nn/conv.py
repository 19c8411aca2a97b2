"""The convolutional blocks of a UNet: a residual block that hears the time, and self-attention."""

import torch.nn.functional as F
from torch import Tensor, nn


def group_norm(channels: int) -> nn.GroupNorm:
    """Normalise over groups of channels: at most 8 groups, and of at least 4 channels each."""
    groups = min(8, channels // 4)
    while channels % groups:
        groups -= 1
    return nn.GroupNorm(groups, channels)


def zeroed(module: nn.Module) -> nn.Module:
    """The module with all weights at zero, so that a block starts as the identity (He et al. 2016)."""
    for parameter in module.parameters():
        nn.init.zeros_(parameter)
    return module


class ResidualBlock(nn.Module):
    """Two convolutions with a shortcut, and the embedding added in between (Ho et al. 2020, appendix B).

    Args:
        channels_in, channels_out: of the feature maps.
        embedding_dim: width of the time (and class) embedding.
    """

    def __init__(self, channels_in: int, channels_out: int, embedding_dim: int) -> None:
        super().__init__()
        self.norm1 = group_norm(channels_in)
        self.conv1 = nn.Conv2d(channels_in, channels_out, 3, padding=1)
        self.embed = nn.Linear(embedding_dim, channels_out)
        self.norm2 = group_norm(channels_out)
        self.conv2 = zeroed(nn.Conv2d(channels_out, channels_out, 3, padding=1))
        self.shortcut = (
            nn.Identity() if channels_in == channels_out else nn.Conv2d(channels_in, channels_out, 1)
        )

    def forward(self, x: Tensor, embedding: Tensor) -> Tensor:
        """(N, C_in, H, W) and (N, E) to (N, C_out, H, W)."""
        h = self.conv1(F.silu(self.norm1(x)))
        h = h + self.embed(F.silu(embedding))[:, :, None, None]
        h = self.conv2(F.silu(self.norm2(h)))
        out: Tensor = self.shortcut(x) + h
        return out


class Upsample(nn.Module):
    """Back to the resolution that the bridge brings: twice as fine, or 7x7 from 4x4."""

    def forward(self, x: Tensor, like: Tensor) -> Tensor:
        """(N, C, h, w) and a map of (..., H, W) to (N, C, H, W), every value repeated."""
        return F.interpolate(x, size=like.shape[-2:])


class SelfAttention(nn.Module):
    """Every position looks at every other one, across the whole image (Vaswani et al. 2017, equation 1).

    Convolutions see 3x3 pixels at a time; one layer of attention lets the two ends of a stroke agree.
    """

    def __init__(self, channels: int, heads: int = 4) -> None:
        super().__init__()
        self.heads = heads
        self.norm = group_norm(channels)
        self.qkv = nn.Conv2d(channels, 3 * channels, 1)
        self.out = zeroed(nn.Conv2d(channels, channels, 1))

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, H, W) to the same shape."""
        n, c, h, w = x.shape
        qkv = self.qkv(self.norm(x)).reshape(n, 3, self.heads, c // self.heads, h * w)
        q, k, v = qkv.transpose(-1, -2).unbind(1)  # each (N, heads, H*W, C/heads)
        attended = F.scaled_dot_product_attention(q, k, v)
        out: Tensor = x + self.out(attended.transpose(-1, -2).reshape(n, c, h, w))
        return out
