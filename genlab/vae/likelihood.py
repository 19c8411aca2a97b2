"""The evidence lower bound (ELBO) on log p(x), in nats, and what it is made of.

Training minimises distance + beta * KL. For ``l2`` and ``l1`` that is beta * -ELBO but for a constant:
exp(-distance / beta) is the shape of a density around the reconstruction, as wide as beta makes it
(Rybkin et al. 2021, arXiv:2006.13202). The constant, which scales its integral to 1, changes nothing in
training; it is what makes the bounds of two VAEs comparable. A beta far below the squared error of a
reconstruction, chosen for sharp samples, claims more precision than the model has: its ELBO is very low.
For ``bce`` and ``gaussian`` the distance is a likelihood of its own, and the loss is -ELBO at beta 1
alone. With free bits it is no bound.

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
from torch.distributions import Normal

from genlab.data import to_unit
from genlab.family import NoLikelihood
from genlab.vae.loss import Output, Reconstruction, gaussian_nats, kl_divergence, to_pixels


def elbo(log_likelihood: Tensor, kl: Tensor) -> Tensor:
    """The evidence lower bound on log p(x) at one z ~ q(z|x): log p(x|z) - KL(q(z|x) || p(z)).

    Reconstruction minus KL (Kingma and Welling 2014, equations 3 and 7). The KL may also be estimated by
    the same z, as log q(z|x) - log p(z), which makes the bound log p(x|z) + log p(z) - log q(z|x)
    (equation 2 there). The bound itself is the mean over z, which is not above log p(x) for either.

    What is made of it: the loss that ``VAE.losses`` yields is -elbo in another unit, as said above;
    ``VAE.nats`` is -elbo for k = 1, and for more codes ``importance_weighted_nats``: minus the logarithm of
    the mean of exp(elbo).
    """
    return log_likelihood - kl


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
        NoLikelihood: ``beta`` is 0, for which ``l2`` and ``l1`` have no density.
    """
    target = to_unit(images).flatten(1)
    if kind == "bce":
        return F.binary_cross_entropy_with_logits(logits.flatten(1), target, reduction="none").sum(1)
    pixels = to_unit(to_pixels(logits, output))
    if kind == "gaussian":
        assert log_variance is not None
        return gaussian_nats(pixels, to_unit(images), log_variance)
    if beta == 0:
        raise NoLikelihood(f"a VAE with beta 0 and {kind} has no likelihood: train it with a beta above 0")
    error = pixels.flatten(1) - target
    # A tanh's errors are counted in [-1, 1], where they are twice as large: in [0, 1] the density that
    # they belong to is half as wide, and so twice as high.
    stretch = 2 if output == "tanh" else 1
    if kind == "l1":
        scale = beta / stretch
        return (error.abs() / scale + log(2 * scale)).sum(1)
    variance = beta / 2 / stretch**2
    return (error.square() / variance + log(2 * pi * variance)).sum(1) / 2


def kl_of_each(mu: Tensor, log_var: Tensor) -> Tensor:
    """The KL of each image, (N,), where ``kl_divergence`` is their mean."""
    return torch.vmap(kl_divergence)(mu.unsqueeze(1), log_var.unsqueeze(1))


CODES_AT_ONCE = 2_000  # decoded in one go: memory stays bounded whatever k and N are


def importance_weighted_nats(
    log_terms: Callable[[Tensor, slice], tuple[Tensor, Tensor]],
    mu: Tensor,
    log_var: Tensor,
    k: int,
    generator: torch.Generator | None = None,
) -> Tensor:
    """-log (1/k) sum_i p(x, z_i) / q(z_i | x), z_i ~ q (Burda et al. 2016, arXiv:1509.00519, equation 8).

    The logarithm of each weight is an ``elbo`` at one z. On average an upper bound on -log p(x), for k = 1
    the negative ELBO; it falls as k grows, and reaches -log p(x) in the limit (theorem 1 there).

    Args:
        log_terms: log p(x | z) and log p(z), given codes (n * m, latent_dim) and which images they belong
            to: m codes for each image of the slice, one image after the other.
        mu, log_var: of the Gaussian q(z | x) of each image, (N, latent_dim).
        k: codes per image, at least 1.
        generator: a CPU generator; the same one draws the same codes on any device.

    Returns:
        (N,).
    """
    per_image, images_at_once = [], max(1, CODES_AT_ONCE // k)
    for start in range(0, len(mu), images_at_once):
        rows = slice(start, start + images_at_once)
        centre, log_sigma = mu[rows, None], log_var[rows, None] / 2
        total = torch.full((len(centre),), -torch.inf, device=mu.device)
        for done in range(0, k, CODES_AT_ONCE):
            size = (len(centre), min(CODES_AT_ONCE, k - done), mu.shape[1])
            noise = torch.randn(size, generator=generator).to(mu.device)
            log_likelihood, log_prior = log_terms((centre + log_sigma.exp() * noise).flatten(0, 1), rows)
            log_q = (log_standard_normal(noise) - log_sigma.sum(2)).flatten()
            log_weights = elbo(log_likelihood, log_q - log_prior).reshape(size[:2])
            total = torch.logaddexp(total, log_weights.logsumexp(1))
        per_image.append(log(k) - total)
    return torch.cat(per_image)


def log_standard_normal(z: Tensor) -> Tensor:
    """log N(z; 0, I): (..., latent_dim) to (...)."""
    return Normal(0.0, 1.0, validate_args=False).log_prob(z).sum(-1)
