"""The multilayer perceptrons: one stack, and the decoder that the VAE and the GAN share."""

from collections.abc import Sequence
from itertools import pairwise
from math import prod
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

Activation = Literal["relu", "leaky_relu", "silu"]


def activation(name: Activation) -> nn.Module:
    """ReLU, LeakyReLU with the slope 0.2 of DCGAN (Radford et al. 2015, section 3), or SiLU, x sigmoid(x)."""
    match name:
        case "relu":
            return nn.ReLU()
        case "leaky_relu":
            return nn.LeakyReLU(0.2)
        case "silu":
            return nn.SiLU()


def mlp(widths: Sequence[int], hidden: Activation = "relu") -> nn.Sequential:
    """Linear layers of the given widths with an activation between each two: none at the end."""
    layers: list[nn.Module] = []
    for width_in, width_out in pairwise(widths):
        layers += [nn.Linear(width_in, width_out), activation(hidden)]
    return nn.Sequential(*layers[:-1])


def join_labels(x: Tensor, labels: Tensor | None, num_classes: int | None) -> Tensor:
    """Append the labels as one-hot columns: (N, D) to (N, D + num_classes).

    Labels may also be weights of the classes, float (N, num_classes): a blend of several.

    Without classes (``num_classes`` None) ``x`` is returned as it is. The simplest conditioning
    there is: the first layer learns one bias per class (Mirza and Osindero 2014, figure 1).
    """
    if num_classes is None:
        return x
    if labels is None:
        raise ValueError("a class-conditional network needs labels")
    weights = labels if labels.is_floating_point() else F.one_hot(labels, num_classes)
    return torch.cat([x, weights.to(x)], dim=1)


class MLPDecoder(nn.Module):
    """From a code to the logits of an image: the VAE's decoder and the GAN's generator.

    The same architecture serves both; what differs is the loss that trains it. It ends in logits:
    whether a sigmoid (pixels in [0, 1]) or a tanh (in [-1, 1]) follows is up to the family.

    Args:
        latent_dim: width of the code.
        hidden_dim: width of the one hidden layer.
        image_shape: (channels, height, width) of the image.
        num_classes: if given, the label joins the code as a one-hot vector.
        hidden: the activation after the hidden layer.
    """

    def __init__(
        self,
        latent_dim: int,
        hidden_dim: int,
        image_shape: Sequence[int],
        *,
        num_classes: int | None = None,
        hidden: Activation = "relu",
    ) -> None:
        super().__init__()
        self.image_shape = tuple(image_shape)
        self.num_classes = num_classes
        self.layers = mlp([latent_dim + (num_classes or 0), hidden_dim, prod(image_shape)], hidden)

    def forward(self, z: Tensor, labels: Tensor | None = None) -> Tensor:
        """(N, latent_dim) to logits (N, *image_shape)."""
        return self.layers(join_labels(z, labels, self.num_classes)).reshape(-1, *self.image_shape)
