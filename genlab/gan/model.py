"""The detective of a GAN: an image, and where there are classes a label, to one logit.

The forger is one of the decoders of ``genlab.nn``, which the VAE has too. The detective is in two parts:
features of the image, and what is made of them. A label can come in before or after (``conditioning``):

    embedding   a learned picture per class, laid beside the image (Mirza and Osindero 2014)
    projection  a learned vector per class, whose product with the features is added to the logit
                (Miyato and Koyama 2018, arXiv:1802.05637, equation 4)
"""

from collections.abc import Sequence
from math import prod
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn.utils.parametrizations import spectral_norm

from genlab.family import IMAGE_SHAPE
from genlab.nn.convnet import ConvFeatures
from genlab.nn.mlp import Activation, activation

Conditioning = Literal["projection", "embedding"]
PIXELS = prod(IMAGE_SHAPE)


class Discriminator(nn.Module):
    """An image to one logit, positive for "real".

    Args:
        features: images (N, C, 28, 28) to (N, num_features); C is 2 with embedding, else 1.
        num_features: how many.
        num_classes: if given, the detective is asked whether this is a real one *of its class*.
        conditioning: how it is told the class.
    """

    def __init__(
        self,
        features: nn.Module,
        num_features: int,
        *,
        num_classes: int | None = None,
        conditioning: Conditioning = "projection",
    ) -> None:
        super().__init__()
        self.features = features
        self.last = nn.Linear(num_features, 1)
        projects = num_classes is not None and conditioning == "projection"
        embeds = num_classes is not None and conditioning == "embedding"
        self.class_vectors = nn.Embedding(num_classes or 1, num_features) if projects else None
        self.class_pictures = nn.Embedding(num_classes or 1, PIXELS) if embeds else None
        if self.class_vectors is not None:  # the first answers hang on the image, as without classes
            nn.init.normal_(self.class_vectors.weight, std=0.01)

    def forward(self, images: Tensor, labels: Tensor | None = None) -> Tensor:
        """(N, 1, 28, 28) in [-1, 1] and (N,) classes to logits (N,)."""
        if self.class_pictures is not None:
            images = torch.cat([images, self.class_pictures(_given(labels)).view_as(images)], dim=1)
        features = self.features(images)
        logits: Tensor = self.last(features).squeeze(1)
        if self.class_vectors is not None:
            logits = logits + (self.class_vectors(_given(labels)) * features).sum(1)
        return logits


def _given(labels: Tensor | None) -> Tensor:
    if labels is None:
        raise ValueError("a class-conditional network needs labels")
    return labels


def mlp_discriminator(
    hidden_dim: int,
    num_classes: int | None = None,
    hidden: Activation = "leaky_relu",
    conditioning: Conditioning = "projection",
) -> Discriminator:
    """784 -> hidden -> 1 (Goodfellow et al. 2014)."""
    pictures = 2 if num_classes is not None and conditioning == "embedding" else 1
    features = nn.Sequential(nn.Flatten(), nn.Linear(pictures * PIXELS, hidden_dim), activation(hidden))
    return Discriminator(features, hidden_dim, num_classes=num_classes, conditioning=conditioning)


def conv_discriminator(
    channels: Sequence[int],
    num_classes: int | None = None,
    hidden: Activation = "leaky_relu",
    conditioning: Conditioning = "projection",
    batch_norm: bool = False,
) -> Discriminator:
    """28x28 -> 14x14 -> 7x7 -> 1, the mirror image of the generator (Radford et al. 2015)."""
    pictures = 2 if num_classes is not None and conditioning == "embedding" else 1
    features = ConvFeatures(channels, channels_in=pictures, hidden=hidden, batch_norm=batch_norm)
    return Discriminator(features, features.num_features, num_classes=num_classes, conditioning=conditioning)


def with_spectral_norm(network: nn.Module) -> nn.Module:
    """The network with every weight matrix divided by its largest singular value.

    A linear layer then stretches a difference of inputs at most to its own length, and several of them
    together as well: a detective of matrices cannot be steeper than 1 (Miyato et al. 2018,
    arXiv:1802.05957, equation 8). A convolution here sees each pixel in four patches, and can stretch by
    2; a projection is a second answer beside the first. The bound is wider there, and still one.
    The singular value is followed by one power iteration a step.
    """
    for layer in list(network.modules()):
        if isinstance(layer, (nn.Linear, nn.Conv2d, nn.Embedding)):
            spectral_norm(layer)
    return network
