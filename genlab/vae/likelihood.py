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

from collections.abc import Callable
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
    return torch.vmap(kl_divergence)(mu.unsqueeze(1), log_var.unsqueeze(1))


AT_ONCE = 2_000  # codes decoded in one go: memory stays bounded whatever k and N are


def importance_weighted_nats(
    log_joint: Callable[[Tensor, slice], Tensor],
    mu: Tensor,
    log_var: Tensor,
    k: int,
    generator: torch.Generator | None = None,
) -> Tensor:
    """-log (1/k) sum_i p(x, z_i) / q(z_i | x), z_i ~ q (Burda et al. 2016, arXiv:1509.00519, equation 8).

    On average an upper bound on -log p(x), for k = 1 the negative ELBO; it falls as k grows, and reaches
    -log p(x) in the limit (theorem 1 there).

    Args:
        log_joint: log p(x, z) = log p(x | z) + log p(z), given codes (n * m, latent_dim) and which images
            they belong to: m codes for each image of the slice, one image after the other.
        mu, log_var: of the Gaussian q(z | x) of each image, (N, latent_dim).
        k: codes per image, at least 1.
        generator: a CPU generator; the same one draws the same codes on any device.

    Returns:
        (N,).
    """
    per_image, at_once = [], max(1, AT_ONCE // k)
    for start in range(0, len(mu), at_once):
        rows = slice(start, start + at_once)
        centre, log_spread = mu[rows, None], log_var[rows, None] / 2
        total = torch.full((len(centre),), -torch.inf, device=mu.device)
        for done in range(0, k, AT_ONCE):
            size = (len(centre), min(AT_ONCE, k - done), mu.shape[1])
            noise = torch.randn(size, generator=generator).to(mu.device)
            z = (centre + log_spread.exp() * noise).flatten(0, 1)
            log_q = -(log_spread + noise.square() / 2 + log(2 * pi) / 2).sum(2)
            weights = log_joint(z, rows).reshape(size[:2]) - log_q
            total = torch.logaddexp(total, weights.logsumexp(1))
        per_image.append(log(k) - total)
    return torch.cat(per_image)


def log_standard_normal(z: Tensor) -> Tensor:
    """log N(z; 0, I): (N, latent_dim) to (N,)."""
    return -(z.square() + log(2 * pi)).sum(1) / 2
