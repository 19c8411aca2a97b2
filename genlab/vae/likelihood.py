"""What the VAE's loss says about -log p(x), in nats: which likelihood each reconstruction term stands for.

Training minimises distance + beta * KL. Divided by beta that is a negative ELBO but for a constant:
exp(-distance / beta) is the shape of a density around the reconstruction, as wide as beta makes it
(Rybkin et al. 2021, arXiv:2006.13202). The constant, which scales its integral to 1, changes nothing in
training; it is what makes the bounds of two VAEs comparable. A beta far below the squared error of a
reconstruction, chosen for sharp samples, claims more precision than the model has: such a VAE gets very
many nats.

    l2        exp(-d^2 / beta)    a Gaussian of variance beta / 2 in every pixel
    l1        exp(-|d| / beta)    a Laplace distribution of scale beta
    gaussian  its own density     whatever beta: the variance is learned
    bce       p or 1 - p          a Bernoulli distribution, whatever beta: a grey level is taken as the
                                  probability of white
"""

from math import log, pi

import torch
import torch.nn.functional as F
from torch import Tensor

from genlab.data import to_unit
from genlab.errors import GenlabError
from genlab.vae.loss import Output, Reconstruction, gaussian_nats, kl_divergence, to_pixels


def negative_log_likelihood(
    logits: Tensor,
    images: Tensor,
    kind: Reconstruction,
    output: Output,
    beta: float,
    log_variance: Tensor | None = None,
) -> Tensor:
    """-log p(x|z) of each image: a density over pixels in [0, 1], whatever range the loss counts in.

    Args:
        logits: (N, 1, 28, 28), from the decoder.
        images: (N, 1, 28, 28) in [-1, 1].
        kind, output, beta, log_variance: as the model was trained.

    Returns:
        (N,) nats. Those of ``l2``, ``l1`` and ``gaussian`` are below 0 where the density is above 1; those
        of ``bce`` never are, as it gives probabilities of black and white images: the mean over such
        images, drawn with the grey levels as probabilities. So compare ``bce`` with ``bce`` only.

    Raises:
        GenlabError: ``beta`` is 0, for which ``l2`` and ``l1`` have no density.
    """
    target = to_unit(images).flatten(1)
    pixels = target.shape[1]
    if kind == "bce":
        return F.binary_cross_entropy_with_logits(logits.flatten(1), target, reduction="none").sum(1)
    if kind == "gaussian":
        assert log_variance is not None
        return gaussian_nats(to_unit(to_pixels(logits, output)), to_unit(images), log_variance)
    if beta == 0:
        raise GenlabError(f"a VAE with beta 0 and {kind} has no likelihood: train it with a beta above 0")
    error = to_unit(to_pixels(logits, output)).flatten(1) - target
    # A tanh's errors are counted in [-1, 1], where they are twice as large: in [0, 1] the density that
    # they belong to is half as wide, and so twice as high.
    stretch = 2 if output == "tanh" else 1
    if kind == "l1":
        scale = beta / stretch
        return error.abs().sum(1) / scale + pixels * log(2 * scale)
    variance = beta / 2 / stretch**2
    return error.square().sum(1) / (2 * variance) + pixels / 2 * log(2 * pi * variance)


def kl_of_each(mu: Tensor, log_var: Tensor) -> Tensor:
    """``kl_divergence`` of each image, (N,): that of a batch which holds nothing else."""
    each: Tensor = torch.vmap(kl_divergence)(mu.unsqueeze(1), log_var.unsqueeze(1))
    return each
