"""The discriminator of a GAN: an image, and where there are classes a label, to one logit.

The generator is one of the decoders of ``genlab.nn``, which the VAE has too. The discriminator is in two
parts: features of the image, and what is made of them. A label comes in before or after (``conditioning``):

    embedding   the label joins the image: as more inputs of the first layer, one per class, or, where the
                image stays a map, as a learned picture over it (Mirza and Osindero 2014)
    projection  a learned vector per class, whose product with the features is added to the logit
                (Miyato and Koyama 2018, arXiv:1802.05637, equation 4)
"""

from collections.abc import Sequence
from math import prod
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn.utils.parametrizations import spectral_norm

from genlab.data import IMAGE_SHAPE
from genlab.nn.convnet import ConvFeatures
from genlab.nn.mlp import Activation, activation, join_labels

Conditioning = Literal["projection", "embedding"]
PIXELS = prod(IMAGE_SHAPE)


class Discriminator(nn.Module):
    """An image to one logit, positive for "real".

    Args:
        features: of images, (N, num_features).
        num_features: how many.
        num_classes: to compare the features with, by projection; none: the features say it all.
        join: puts image and label together before the features; none: they see the image alone.
    """

    def __init__(
        self,
        features: nn.Module,
        num_features: int,
        num_classes: int | None = None,
        join: nn.Module | None = None,
    ) -> None:
        super().__init__()
        self.join, self.features = join, features
        self.last = nn.Linear(num_features, 1)
        self.class_vectors: nn.Embedding | None = None
        if num_classes is not None and join is None:
            self.class_vectors = nn.Embedding(num_classes, num_features)
            # So small that the first logits depend on the image alone, nearly.
            nn.init.normal_(self.class_vectors.weight, std=0.01)

    def forward(self, images: Tensor, labels: Tensor | None = None) -> Tensor:
        """(N, 1, 28, 28) in [-1, 1] and (N,) classes to logits (N,)."""
        if labels is None and (self.join is not None or self.class_vectors is not None):
            raise ValueError("a class-conditional network needs labels")
        features = self.features(images if self.join is None else self.join(images, labels))
        logits = self.last(features).squeeze(1)
        if self.class_vectors is not None:
            logits = logits + (self.class_vectors(labels) * features).sum(1)
        return logits


class JoinColumns(nn.Module):
    """The label as one-hot columns after the pixels."""

    def __init__(self, num_classes: int) -> None:
        super().__init__()
        self.num_classes = num_classes

    def forward(self, images: Tensor, labels: Tensor) -> Tensor:
        """(N, 1, 28, 28) and (N,) to (N, 784 + num_classes)."""
        return join_labels(images.flatten(1), labels, self.num_classes)


class JoinPicture(nn.Module):
    """A learned picture for each class, as a second channel."""

    def __init__(self, num_classes: int) -> None:
        super().__init__()
        self.pictures = nn.Embedding(num_classes, PIXELS)

    def forward(self, images: Tensor, labels: Tensor) -> Tensor:
        """(N, 1, 28, 28) and (N,) to (N, 2, 28, 28)."""
        return torch.cat([images, self.pictures(labels).view_as(images)], dim=1)


def mlp_discriminator(
    hidden_dim: int,
    num_classes: int | None = None,
    hidden: Activation = "leaky_relu",
    conditioning: Conditioning = "projection",
) -> Discriminator:
    """784 -> hidden -> 1 (Goodfellow et al. 2014)."""
    embedded = num_classes if conditioning == "embedding" else None
    inputs = PIXELS + (embedded or 0)
    features = nn.Sequential(nn.Flatten(), nn.Linear(inputs, hidden_dim), activation(hidden))
    join = None if embedded is None else JoinColumns(embedded)
    return Discriminator(features, hidden_dim, num_classes, join)


def conv_discriminator(
    channels: Sequence[int],
    num_classes: int | None = None,
    conditioning: Conditioning = "projection",
    *,
    num_res_blocks: int = 0,
    batch_norm: bool = False,
) -> Discriminator:
    """28x28 -> 14x14 -> 7x7 -> 1, the mirror image of the generator (Radford et al. 2015)."""
    embedded = num_classes if conditioning == "embedding" else None
    planes = 1 if embedded is None else 2
    features = ConvFeatures(
        channels,
        num_res_blocks=num_res_blocks,
        channels_in=planes,
        hidden="leaky_relu",
        batch_norm=batch_norm,
    )
    join = None if embedded is None else JoinPicture(embedded)
    return Discriminator(features, features.num_features, num_classes, join)


def with_spectral_norm(network: nn.Module) -> nn.Module:
    """The network with every weight matrix divided by its largest singular value.

    A linear layer then stretches a difference of inputs at most to its own length, and several of them
    together as well: a discriminator of matrices cannot be steeper than 1 (Miyato et al. 2018,
    arXiv:1802.05957, equation 8). A convolution here sees each pixel in four patches, and can stretch by
    2; a projection is added to the logit beside it. The bound is wider there, and still one.
    The singular value is followed by one power iteration at every call in training.
    """
    for layer in list(network.modules()):
        if isinstance(layer, (nn.Linear, nn.Conv2d, nn.Embedding)):
            spectral_norm(layer)
    return network
