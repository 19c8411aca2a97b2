"""The judges: small networks whose features measure images (notebook 04).

There are three, of different make and with different lessons, so that a verdict can be checked: a ranking
that does not hold for all of them is no result. Two name the class of an image. The third knows no classes:
it has learned to recognise an image among others. All are trained on real images only and have never seen
a generated one before they judge it.
"""

from collections.abc import Callable
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

FEATURES = 64
EMBEDDING = 32
Kind = Literal["plain", "residual", "contrastive"]


class Judge(nn.Module):
    """A network whose features are the space in which images are compared.

    Args:
        body: the layers from an image (N, 1, 28, 28) to its features (N, 64).
        num_classes: how many classes it names; None for one that embeds images and knows no classes.
    """

    def __init__(self, body: nn.Module, num_classes: int | None = 10) -> None:
        super().__init__()
        self.body = body
        self.names_classes = num_classes is not None
        self.head = nn.Linear(FEATURES, num_classes or EMBEDDING)

    def forward(self, images: Tensor) -> Tensor:
        """(N, 1, 28, 28) in [-1, 1] to logits (N, num_classes), or to the embedding, (N, 32)."""
        return self.head(self.body(images))


def convolution(channels_in: int, channels_out: int, stride: int = 1) -> nn.Sequential:
    """3x3, then normalised over the batch and rectified (Ioffe and Szegedy 2015, arXiv:1502.03167)."""
    return nn.Sequential(
        nn.Conv2d(channels_in, channels_out, 3, stride=stride, padding=1, bias=False),
        nn.BatchNorm2d(channels_out),
        nn.ReLU(),
    )


class TwoDepths(nn.Module):
    """Features from two depths of a network: how an image is drawn, and what is drawn.

    The early layers know edges and textures, of which the mean over all places is taken. A classifier's last
    layer has forgotten them: it keeps what tells the classes apart. Each feature is brought to mean 0 and
    deviation 1 over the training images, so that in a distance each counts alike.

    Args:
        early: images (N, 1, 28, 28) to maps (N, 32, H, W).
        late: those to (N, 32).
    """

    def __init__(self, early: nn.Module, late: nn.Module) -> None:
        super().__init__()
        self.early, self.late = early, late
        self.standardise = nn.BatchNorm1d(FEATURES, affine=False)

    def forward(self, images: Tensor) -> Tensor:
        """(N, 1, 28, 28) to features (N, 64): 32 of the late layers, then 32 of the early ones."""
        maps = self.early(images)
        features: Tensor = self.standardise(torch.cat([self.late(maps), maps.mean((2, 3))], dim=1))
        return features


def plain_judge(num_classes: int = 10) -> Judge:
    """Convolutions and pooling down to 7x7, then one hidden layer that sees where things are."""
    early = [convolution(1, 16), nn.MaxPool2d(2), convolution(16, 32), convolution(32, 32)]
    late = [nn.MaxPool2d(2), convolution(32, 64), convolution(64, 64), nn.Flatten()]
    hidden = nn.Linear(64 * 7 * 7, FEATURES // 2)
    return Judge(TwoDepths(nn.Sequential(*early), nn.Sequential(*late, hidden, nn.ReLU())), num_classes)


def residual_judge(num_classes: int = 10) -> Judge:
    """Residual blocks with strides, then the mean over all places (He et al. 2016, arXiv:1512.03385)."""
    early = nn.Sequential(convolution(1, 16), Residual(16, 32))
    late = [Residual(32, 64), Residual(64, FEATURES // 2), nn.AdaptiveAvgPool2d(1), nn.Flatten()]
    return Judge(TwoDepths(early, nn.Sequential(*late)), num_classes)


def contrastive_judge(_: int = 10) -> Judge:
    """Convolutions and the mean over all places; it is told no classes, however many there are."""
    layers = [convolution(1, 16), convolution(16, 32, 2), convolution(32, 32), convolution(32, 64, 2)]
    pooled = [convolution(64, 64), nn.AdaptiveAvgPool2d(1), nn.Flatten()]
    return Judge(nn.Sequential(*layers, *pooled, nn.Linear(64, FEATURES), nn.ReLU()), None)


class Residual(nn.Module):
    """Two convolutions and a shortcut; half the resolution comes out."""

    def __init__(self, channels_in: int, channels_out: int) -> None:
        super().__init__()
        self.first = convolution(channels_in, channels_out, stride=2)
        self.second = nn.Conv2d(channels_out, channels_out, 3, padding=1, bias=False)
        self.norm = nn.BatchNorm2d(channels_out)
        self.shortcut = nn.Conv2d(channels_in, channels_out, 1, stride=2, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        """(N, C_in, H, W) to (N, C_out, H/2, W/2), rounded up."""
        return F.relu(self.norm(self.second(self.first(x))) + self.shortcut(x))


JUDGES: dict[Kind, Callable[..., Judge]] = {
    "plain": plain_judge,
    "residual": residual_judge,
    "contrastive": contrastive_judge,
}
