"""The networks of a VAE (Kingma and Welling 2014): the encoders, and encoder and decoder as one."""

from collections.abc import Sequence
from math import log, prod

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from genlab.data import IMAGE_SHAPE
from genlab.nn.convnet import ConvDecoder, ConvFeatures
from genlab.nn.mlp import Activation, MLPDecoder, join_labels, mlp
from genlab.vae.prior import MixturePrior

CONV_ACTIVATION: Activation = "silu"  # of the convolutional halves: smooth, and no unit dies
GREY_LEVEL = -2 * log(255)  # log of the variance of an error of one grey level in [0, 1]


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


class ConvEncoder(nn.Module):
    """The same by two convolutions, 28x28 -> 14x14 -> 7x7 -> hidden -> (mu, log_var).

    The label joins the features.
    """

    def __init__(
        self,
        channels: Sequence[int],
        hidden_dim: int,
        latent_dim: int,
        num_classes: int | None = None,
        *,
        num_res_blocks: int = 0,
    ) -> None:
        super().__init__()
        self.num_classes = num_classes
        self.features = ConvFeatures(channels, num_res_blocks=num_res_blocks, hidden=CONV_ACTIVATION)
        width = self.features.num_features + (num_classes or 0)
        self.last = mlp([width, hidden_dim, 2 * latent_dim], CONV_ACTIVATION)

    def forward(self, images: Tensor, labels: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """(N, 1, 28, 28) in [-1, 1] to ``mu`` and ``log_var``, each (N, latent_dim)."""
        x = join_labels(self.features(images), labels, self.num_classes)
        mu, log_var = self.last(x).chunk(2, dim=1)
        return mu, log_var


class Autoencoder(nn.Module):
    """Encoder, reparameterised draw, decoder: one network, trained as a whole.

    Args:
        encoder: images and labels to ``mu`` and ``log_var``.
        decoder: codes and labels to the logits of images.
        learns_variance: keep the variance of a pixel as one more weight, see ``log_variance``.
        counts_batches: count the batches trained on, for a warm-up.
        prior: of codes, fitted after training; none: N(0, I).
    """

    batches_seen: Tensor | None

    def __init__(
        self,
        encoder: Encoder | ConvEncoder,
        decoder: MLPDecoder | ConvDecoder,
        *,
        learns_variance: bool = False,
        counts_batches: bool = False,
        prior: MixturePrior | None = None,
    ) -> None:
        super().__init__()
        self.encoder, self.decoder, self.prior = encoder, decoder, prior
        # It begins at a variance of 0.05: a bad reconstruction's.
        self.free_log_variance = nn.Parameter(torch.tensor(-3.0)) if learns_variance else None
        self.register_buffer("batches_seen", torch.zeros((), dtype=torch.int64) if counts_batches else None)

    def forward(self, images: Tensor, labels: Tensor | None = None) -> tuple[Tensor, Tensor, Tensor]:
        """(N, 1, 28, 28) in [-1, 1] to the reconstruction's logits, ``mu`` and ``log_var``."""
        mu, log_var = self.encoder(images, labels)
        return self.decoder(reparameterise(mu, log_var), labels), mu, log_var

    @property
    def log_variance(self) -> Tensor | None:
        """The logarithm of a pixel's variance, a scalar; None where it is not learned.

        Bounded below at one grey level: where pixels never change, as in the margin, a density without a
        bound would grow for ever (Rybkin et al. 2021, section 3.3, bounds it likewise).
        """
        if self.free_log_variance is None:
            return None
        return GREY_LEVEL + F.softplus(self.free_log_variance - GREY_LEVEL)


def reparameterise(mu: Tensor, log_var: Tensor) -> Tensor:
    """Draw z ~ N(mu, exp(log_var)) so that gradients reach mu and log_var.

    (Kingma and Welling 2014, equation 10.) The randomness is in ``noise``, which depends on neither: a
    product and a sum have gradients.
    """
    noise = torch.randn_like(mu)
    return mu + torch.exp(log_var / 2) * noise
