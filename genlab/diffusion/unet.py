"""A UNet for 28x28: down to coarse maps, back up, with a skip connection at every level.

Ronneberger et al. 2015 for the shape, Ho et al. 2020 (appendix B) for the use in diffusion.
"""

from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from genlab.diffusion.embedding import TimestepEmbedding
from genlab.errors import GenlabError


class GroupNorm(nn.GroupNorm):
    """Group normalisation in float32, whatever the convolutions compute in (Wu and He 2018).

    Sums over thousands of pixels want the digits; and on a processor it takes half the time, as torch's
    kernel for bfloat16 converts every number twice.
    """

    def __init__(self, channels: int) -> None:
        groups = min(8, channels // 4)  # at most 8 groups, and of at least 4 channels each
        while channels % groups:
            groups -= 1
        super().__init__(groups, channels)

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, H, W) to the same shape, float32."""
        return super().forward(x.float())


def in_float32(device: torch.device) -> AbstractContextManager[object]:
    """Inside the ``with`` block layers compute in float32, also where autocast is on around it.

    For the first and the last layer, which see pixels: near 1, bfloat16 tells values apart that differ by
    1/128, which is a whole grey level.
    """
    available = torch.amp.is_autocast_available(device.type)
    return torch.autocast(device.type, enabled=False) if available else nullcontext()


def zeroed(module: nn.Module) -> nn.Module:
    """The module with all weights at zero: its block starts as the identity (Goyal et al. 2017, 5.1)."""
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
        self.norm1 = GroupNorm(channels_in)
        self.conv1 = nn.Conv2d(channels_in, channels_out, 3, padding=1)
        self.embed = nn.Linear(embedding_dim, channels_out)
        self.norm2 = GroupNorm(channels_out)
        self.conv2 = zeroed(nn.Conv2d(channels_out, channels_out, 3, padding=1))
        self.shortcut = (
            nn.Identity() if channels_in == channels_out else nn.Conv2d(channels_in, channels_out, 1)
        )

    def forward(self, x: Tensor, embedding: Tensor) -> Tensor:
        """(N, C_in, H, W) and (N, E) to (N, C_out, H, W)."""
        h = self.conv1(F.silu(self.norm1(x)))
        h = h + self.embed(F.silu(embedding))[:, :, None, None]
        h = self.conv2(F.silu(self.norm2(h)))
        return self.shortcut(x) + h


class Upsample(nn.Module):
    """Back to the resolution that the skip connection brings: twice as fine, or 7x7 from 4x4."""

    def forward(self, x: Tensor, like: Tensor) -> Tensor:
        """(N, C, h, w) and a map of (..., H, W) to (N, C, H, W), every value repeated."""
        return F.interpolate(x, size=like.shape[-2:])


def attend(q: Tensor, k: Tensor, v: Tensor) -> Tensor:
    """softmax(q k^T / sqrt(d)) v (Vaswani et al. 2017, equation 1): three of (..., positions, d) to one.

    torch has it as one function, in blocks that never hold the whole matrix of weights. For 49 positions
    in bfloat16 on a processor its way back takes seven times as long as these plain products.
    """
    if q.device.type == "cpu" and q.dtype is torch.bfloat16:
        weights = (q @ k.transpose(-1, -2) / q.shape[-1] ** 0.5).softmax(-1)
        return weights @ v
    return F.scaled_dot_product_attention(q, k, v)


class SelfAttention(nn.Module):
    """Every position looks at every other one, across the whole image (Vaswani et al. 2017, equation 1).

    Convolutions see 3x3 pixels at a time; one layer of attention lets the two ends of a stroke agree.
    """

    def __init__(self, channels: int, heads: int = 4) -> None:
        super().__init__()
        self.heads = heads
        self.norm = GroupNorm(channels)
        self.qkv = nn.Conv2d(channels, 3 * channels, 1)
        self.out = zeroed(nn.Conv2d(channels, channels, 1))

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, H, W) to the same shape."""
        n, c, h, w = x.shape
        qkv = self.qkv(self.norm(x)).reshape(n, 3, self.heads, c // self.heads, h * w)
        q, k, v = qkv.transpose(-1, -2).unbind(1)  # each (N, heads, H*W, C/heads)
        attended = attend(q, k, v)
        return x + self.out(attended.transpose(-1, -2).reshape(n, c, h, w))


class AttendingBlock(ResidualBlock):
    """A residual block with self-attention after it."""

    def __init__(self, channels_in: int, channels_out: int, embedding_dim: int) -> None:
        super().__init__(channels_in, channels_out, embedding_dim)
        self.attention = SelfAttention(channels_out)

    def forward(self, x: Tensor, embedding: Tensor) -> Tensor:
        """(N, C_in, H, W) and (N, E) to (N, C_out, H, W)."""
        return self.attention(super().forward(x, embedding))


class UNet(nn.Module):
    """x_t, t and a class to a prediction of the same shape as x_t.

    Args:
        channels: width of each level; each level after the first has half the resolution.
        patch_size: fold so many pixels by so many into channels first (pixel-unshuffle). 2 makes the
            finest maps 14x14: a quarter of the work, which is what makes training on a laptop possible.
        num_res_blocks: residual blocks per level on the way down (one more on the way up).
        attention: self-attention in the middle, at the coarsest level.
        attention_levels: self-attention also after every residual block of so many levels, coarsest first.
        num_classes: if given, there is an embedding per class, and one more, with the id
            ``num_classes``, for "no class in particular".
    """

    def __init__(
        self,
        channels: Sequence[int] = (64, 128, 256),
        *,
        patch_size: int = 1,
        num_res_blocks: int = 1,
        attention: bool = True,
        attention_levels: int = 0,
        num_classes: int | None = None,
    ) -> None:
        super().__init__()
        embedding_dim = 4 * channels[0]
        self.embed_time = TimestepEmbedding(embedding_dim)
        self.embed_class = None if num_classes is None else nn.Embedding(num_classes + 1, embedding_dim)

        self.patch_size, pixels = patch_size, patch_size**2
        blocks = [
            AttendingBlock if level >= len(channels) - attention_levels else ResidualBlock
            for level in range(len(channels))
        ]
        self.unfold, self.fold = nn.PixelUnshuffle(patch_size), nn.PixelShuffle(patch_size)
        self.first = nn.Conv2d(pixels, channels[0], 3, padding=1)

        self.down, self.up = nn.ModuleList(), nn.ModuleList()
        width, skips = channels[0], [channels[0]]
        for level, wide in enumerate(channels):
            if level > 0:
                self.down.append(nn.Conv2d(width, width, 3, stride=2, padding=1))
                skips.append(width)
            for _ in range(num_res_blocks):
                self.down.append(blocks[level](width, wide, embedding_dim))
                width = wide
                skips.append(width)

        self.middle = nn.ModuleList([ResidualBlock(width, width, embedding_dim)])
        if attention:
            self.middle += [SelfAttention(width), ResidualBlock(width, width, embedding_dim)]

        for level, wide in reversed(list(enumerate(channels))):
            for _ in range(num_res_blocks + 1):
                self.up.append(blocks[level](width + skips.pop(), wide, embedding_dim))
                width = wide
            if level > 0:
                self.up.append(Upsample())

        self.last = nn.Sequential(GroupNorm(width), nn.SiLU(), zeroed(nn.Conv2d(width, pixels, 3, padding=1)))

    def forward(self, x: Tensor, t: Tensor, labels: Tensor | None = None) -> Tensor:
        """(N, 1, 28, 28), (N,) timesteps and (N,) class ids to the prediction, (N, 1, 28, 28).

        In place of ids there may be weights, float (N, num_classes + 1), of a blend of classes.

        Any other height and width that ``patch_size`` divides will do as well.

        Raises:
            GenlabError: images of another shape, or no labels for a class-conditional network.
        """
        if x.ndim != 4 or x.shape[1] != 1 or any(size % self.patch_size for size in x.shape[2:]):
            raise GenlabError(
                f"the UNet takes images (N, 1, 28, 28), or of another size that {self.patch_size} divides, "
                f"got {tuple(x.shape)}"
            )
        embedding = self.embed_time(t)
        if self.embed_class is not None:
            if labels is None:
                raise GenlabError("a class-conditional UNet needs labels (num_classes for none)")
            blend = labels.is_floating_point()
            embedding = embedding + (labels @ self.embed_class.weight if blend else self.embed_class(labels))

        with in_float32(x.device):
            h = self.first(self.unfold(x))
        skips = [h]
        for block in self.down:
            h = block(h, embedding) if isinstance(block, ResidualBlock) else block(h)
            skips.append(h)
        for block in self.middle:
            h = block(h, embedding) if isinstance(block, ResidualBlock) else block(h)
        for block in self.up:
            if isinstance(block, ResidualBlock):
                h = block(torch.cat([h, skips.pop()], dim=1), embedding)
            else:
                h = block(h, skips[-1])
        with in_float32(x.device):
            return self.fold(self.last(h.float()))
