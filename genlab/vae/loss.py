"""The two terms of the negative ELBO (Kingma and Welling 2014, equation 10).

Both are summed over the dimensions of one image and averaged over the batch. Averaging one and
summing the other is the commonest mistake in VAE code: it multiplies beta by 784 unseen.
"""

from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor

from genlab.data import to_unit

Reconstruction = Literal["l2", "l1", "bce"]
Output = Literal["sigmoid", "tanh"]


def to_pixels(logits: Tensor, output: Output) -> Tensor:
    """The decoder's logits as pixels in [-1, 1]: directly by a tanh, or by a sigmoid and a stretch."""
    return torch.tanh(logits) if output == "tanh" else 2 * torch.sigmoid(logits) - 1


def reconstruction_loss(
    logits: Tensor, images: Tensor, kind: Reconstruction = "l2", output: Output = "sigmoid"
) -> Tensor:
    """How far the decoded image is from the original one: a scalar, at least 0.

    Args:
        logits: (N, 1, 28, 28), from the decoder.
        images: (N, 1, 28, 28) in [-1, 1].
        kind: ``l2`` squared error, ``l1`` absolute error, ``bce`` cross-entropy of grey levels taken
            as probabilities (sigmoid only).
        output: the range in which errors are counted: ``sigmoid`` [0, 1], ``tanh`` [-1, 1], where the
            same error counts twice (l1) or four times (l2) as much.

    Returns:
        The sum over the 784 pixels, averaged over the batch.
    """
    if kind == "bce":
        loss = F.binary_cross_entropy_with_logits(logits, to_unit(images), reduction="sum")
        return loss / len(images)
    if output == "tanh":
        prediction, target = torch.tanh(logits), images
    else:
        prediction, target = torch.sigmoid(logits), to_unit(images)
    distance = F.mse_loss if kind == "l2" else F.l1_loss
    return distance(prediction, target, reduction="sum") / len(images)


def kl_divergence(mu: Tensor, log_var: Tensor) -> Tensor:
    """KL(N(mu, exp(log_var)) || N(0, I)) in nats (Kingma and Welling 2014, appendix B): at least 0.

    Args:
        mu, log_var: (N, latent_dim).

    Returns:
        The sum over the latent dimensions, averaged over the batch.
    """
    # expm1 keeps the digits of exp(log_var) - 1 where log_var is close to 0: a collapsed dimension.
    return 0.5 * (mu.square() + torch.expm1(log_var) - log_var).sum(1).mean()
