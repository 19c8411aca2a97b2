"""The two terms of the negative ELBO (Kingma and Welling 2014, equation 10).

Both are summed over the dimensions of one image and averaged over the batch. Averaging one and
summing the other is the commonest mistake in VAE code: it multiplies beta by 784 unseen.
"""

from math import log, pi
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor

from genlab.data import to_unit

Reconstruction = Literal["l2", "l1", "bce", "gaussian"]
Output = Literal["sigmoid", "tanh"]


def to_pixels(logits: Tensor, output: Output) -> Tensor:
    """The decoder's logits as pixels in [-1, 1]: directly by a tanh, or by a sigmoid and a stretch."""
    return torch.tanh(logits) if output == "tanh" else 2 * torch.sigmoid(logits) - 1


def reconstruction_loss(
    logits: Tensor,
    images: Tensor,
    kind: Reconstruction = "l2",
    output: Output = "sigmoid",
    log_variance: Tensor | None = None,
) -> Tensor:
    """How far the decoded image is from the original one: a scalar, at least 0 but for ``gaussian``.

    Args:
        logits: (N, 1, 28, 28), from the decoder.
        images: (N, 1, 28, 28) in [-1, 1].
        kind: ``l2`` squared error, ``l1`` absolute error, ``bce`` cross-entropy of grey levels taken
            as probabilities (sigmoid only), ``gaussian`` the negative log-density of ``gaussian_nats``.
        output: the range in which l1 and l2 count errors: ``sigmoid`` [0, 1], ``tanh`` [-1, 1], where the
            same error counts twice (l1) or four times (l2) as much.
        log_variance: a scalar, for ``gaussian``.

    Returns:
        The sum over the 784 pixels, averaged over the batch.
    """
    if kind == "bce":
        loss = F.binary_cross_entropy_with_logits(logits, to_unit(images), reduction="sum")
        return loss / len(images)
    if kind == "gaussian":
        assert log_variance is not None
        return gaussian_nats(to_unit(to_pixels(logits, output)), to_unit(images), log_variance).mean()
    if output == "tanh":
        prediction, target = torch.tanh(logits), images
    else:
        prediction, target = torch.sigmoid(logits), to_unit(images)
    distance = F.mse_loss if kind == "l2" else F.l1_loss
    return distance(prediction, target, reduction="sum") / len(images)


def gaussian_nats(predicted: Tensor, images: Tensor, log_variance: Tensor) -> Tensor:
    """-log N(x; predicted, exp(log_variance)) summed over the pixels of each image, in nats: (N,).

    With the variance learned beside the weights, the squared error is weighed by how large it is, and
    no beta has to be chosen (Rybkin et al. 2021, arXiv:2006.13202, equation 4). Below 0 where the density
    is above 1, as it is around a good reconstruction.

    Args:
        predicted, images: (N, 1, 28, 28) in [0, 1].
        log_variance: a scalar, shared by all pixels.
    """
    squares = (predicted - images).square().flatten(1)
    return 0.5 * (squares / log_variance.exp() + log_variance + log(2 * pi)).sum(1)


def kl_divergence(mu: Tensor, log_var: Tensor) -> Tensor:
    """KL(N(mu, exp(log_var)) || N(0, I)) in nats (Kingma and Welling 2014, appendix B): at least 0.

    Args:
        mu, log_var: (N, latent_dim).

    Returns:
        The sum over the latent dimensions, averaged over the batch.
    """
    return kl_per_dimension(mu, log_var).sum()


def kl_per_dimension(mu: Tensor, log_var: Tensor) -> Tensor:
    """The KL of each latent dimension, averaged over the batch, (latent_dim,): near 0 is collapsed."""
    # expm1 keeps the digits of exp(log_var) - 1 where log_var is close to 0: a collapsed dimension.
    return 0.5 * (mu.square() + torch.expm1(log_var) - log_var).mean(0)


def free_bits_kl(mu: Tensor, log_var: Tensor, free_bits: float) -> Tensor:
    """The KL with a floor: a dimension is charged ``free_bits`` nats even if it uses fewer.

    What costs the same whether used or not gets used: the cure of posterior collapse by Kingma et al.
    (2016, arXiv:1606.04934, appendix C.8), with each dimension as a group.

    Args:
        mu, log_var: (N, latent_dim).
        free_bits: nats per dimension, of the batch's mean; 0 gives ``kl_divergence``.
    """
    return kl_per_dimension(mu, log_var).clamp(min=free_bits).sum()
