"""The two halves of a VAE (Kingma and Welling 2014): an encoder that answers with a Gaussian, a decoder."""

from math import prod

import torch
from torch import Tensor, nn

from genlab.family import IMAGE_SHAPE
from genlab.nn.mlp import MLPDecoder, join_labels, mlp


class Encoder(nn.Module):
    """An image to the mean and log-variance of its code: 784 -> hidden -> (mu, log_var)."""

    def __init__(self, hidden_dim: int, latent_dim: int, num_classes: int | None = None) -> None:
        super().__init__()
        self.num_classes = num_classes
        self.layers = mlp([prod(IMAGE_SHAPE) + (num_classes or 0), hidden_dim, 2 * latent_dim])

    def forward(self, images: Tensor, labels: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """(N, 1, 28, 28) in [-1, 1] to ``mu`` and ``log_var``, each (N, latent_dim)."""
        x = join_labels(images.flatten(1), labels, self.num_classes)
        mu, log_var = self.layers(x).chunk(2, dim=1)
        return mu, log_var


class Autoencoder(nn.Module):
    """Encoder, reparameterised draw, decoder: one network, trained as a whole."""

    def __init__(self, hidden_dim: int, latent_dim: int, num_classes: int | None = None) -> None:
        super().__init__()
        self.encoder = Encoder(hidden_dim, latent_dim, num_classes)
        self.decoder = MLPDecoder(latent_dim, hidden_dim, IMAGE_SHAPE, num_classes=num_classes)

    def forward(self, images: Tensor, labels: Tensor | None = None) -> tuple[Tensor, Tensor, Tensor]:
        """(N, 1, 28, 28) in [-1, 1] to the reconstruction's logits, ``mu`` and ``log_var``."""
        mu, log_var = self.encoder(images, labels)
        return self.decoder(reparameterise(mu, log_var), labels), mu, log_var


def reparameterise(mu: Tensor, log_var: Tensor) -> Tensor:
    """Draw z ~ N(mu, exp(log_var)) so that gradients reach mu and log_var (equation 10 there).

    The randomness comes in from outside, as ``noise``; what is left is a product and a sum, which
    have gradients.
    """
    noise = torch.randn_like(mu)
    return mu + torch.exp(log_var / 2) * noise
