"""The two convolutional halves that the VAE and the GAN share: an image to features, a code to an image.

Both work on maps of 14x14 and 7x7, as DCGAN does (Radford et al. 2015, arXiv:1511.06434, figure 1): a
convolution of stride 2 halves the resolution, a transposed one doubles it. Where there are three widths, the
first is of maps as fine as the image itself.
"""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from genlab.nn.mlp import Activation, activation, join_labels, mlp

COARSEST = 7  # 28 -> 14 -> 7


def _halve(channels_in: int, channels_out: int) -> nn.Conv2d:
    return nn.Conv2d(channels_in, channels_out, kernel_size=4, stride=2, padding=1)


def _double(channels_in: int, channels_out: int) -> nn.ConvTranspose2d:
    # 4 is a multiple of the stride 2, so that every pixel is written equally often: no chequerboard.
    return nn.ConvTranspose2d(channels_in, channels_out, kernel_size=4, stride=2, padding=1)


def _same(channels_in: int, channels_out: int) -> nn.Conv2d:
    return nn.Conv2d(channels_in, channels_out, kernel_size=3, padding=1)


class Residual(nn.Module):
    """What two convolutions add to the maps (He et al. 2016, arXiv:1603.05027, figure 1b).

    Args:
        channels: of the maps.
        hidden: the activation before each convolution.
        batch_norm: normalise the maps over the batch before each activation.
    """

    def __init__(self, channels: int, hidden: Activation, *, batch_norm: bool = False) -> None:
        super().__init__()

        def convolution() -> list[nn.Module]:
            norm = nn.BatchNorm2d(channels) if batch_norm else nn.Identity()
            return [norm, activation(hidden), _same(channels, channels)]

        self.layers = nn.Sequential(*convolution(), *convolution())

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, H, W) to the same shape."""
        return x + self.layers(x)


class ConvFeatures(nn.Module):
    """An image to features: two convolutions of stride 2, then all 7x7 positions in one row.

    Args:
        channels: widths at (28x28 and) 14x14 and at 7x7.
        num_res_blocks: residual blocks at 14x14, and as many at 7x7.
        channels_in: of the image, and of anything that is laid over it.
        hidden: the activation after each convolution.
        batch_norm: normalise the second convolution's maps over the batch (the first sees the image, whose
            grey levels should not be hidden from it: Radford et al. 2015, section 3).
    """

    def __init__(
        self,
        channels: Sequence[int],
        *,
        num_res_blocks: int = 0,
        channels_in: int = 1,
        hidden: Activation = "relu",
        batch_norm: bool = False,
    ) -> None:
        super().__init__()
        *finest, fine, coarse = channels
        self.num_features = coarse * COARSEST**2

        def blocks(width: int) -> list[nn.Module]:
            return [Residual(width, hidden, batch_norm=batch_norm) for _ in range(num_res_blocks)]

        layers: list[nn.Module] = [
            part for w in finest for part in (_same(channels_in, w), activation(hidden))
        ]
        self.layers = nn.Sequential(
            *layers,
            _halve(finest[0] if finest else channels_in, fine),
            activation(hidden),
            *blocks(fine),
            _halve(fine, coarse),
            nn.BatchNorm2d(coarse) if batch_norm else nn.Identity(),
            activation(hidden),
            *blocks(coarse),
            nn.Flatten(),
        )
        # The layout in which convolutions run faster on a CPU; the numbers are the same.
        self.to(memory_format=torch.channels_last)

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, 28, 28) to (N, num_features)."""
        return self.layers(x)


class ConvDecoder(nn.Module):
    """From a code to the logits of an image, in convolutions: the VAE's decoder and the GAN's generator.

    Takes the place of ``genlab.nn.mlp.MLPDecoder`` and has its signature.

    Args:
        latent_dim: width of the code.
        channels, num_res_blocks: as for ``ConvFeatures``, whose mirror image this is.
        hidden_dim: width of a layer between the code and the maps, where every part of the code meets
            every other before anything has a place; none: no such layer.
        num_classes: if given, the label joins the code as a one-hot vector.
        hidden: the activation after each layer but the last.
        batch_norm: normalise the maps over the batch (all but the last).
    """

    def __init__(
        self,
        latent_dim: int,
        channels: Sequence[int],
        *,
        num_res_blocks: int = 0,
        hidden_dim: int | None = None,
        num_classes: int | None = None,
        hidden: Activation = "relu",
        batch_norm: bool = False,
    ) -> None:
        super().__init__()
        *finest, fine, coarse = channels
        self.num_classes = num_classes

        def normalised(width: int) -> list[nn.Module]:
            return [nn.BatchNorm2d(width) if batch_norm else nn.Identity(), activation(hidden)]

        def blocks(width: int) -> list[nn.Module]:
            return [Residual(width, hidden, batch_norm=batch_norm) for _ in range(num_res_blocks)]

        last: list[nn.Module] = [part for w in finest for part in (*normalised(w), _same(w, 1))]

        widths = [latent_dim + (num_classes or 0), *([hidden_dim] if hidden_dim else [])]
        self.first = mlp([*widths, coarse * COARSEST**2], hidden)
        self.layers = nn.Sequential(
            nn.Unflatten(1, (coarse, COARSEST, COARSEST)),
            *blocks(coarse),
            *normalised(coarse),
            _double(coarse, fine),
            *blocks(fine),
            *normalised(fine),
            _double(fine, finest[0] if finest else 1),
            *last,
        )
        self.to(memory_format=torch.channels_last)

    def forward(self, z: Tensor, labels: Tensor | None = None) -> Tensor:
        """(N, latent_dim) to logits (N, 1, 28, 28)."""
        return self.layers(self.first(join_labels(z, labels, self.num_classes)))
