"""The importance-weighted bound: how probable an image is, by looking at k codes instead of one."""

from collections.abc import Callable
from math import log, pi

import torch
from torch import Tensor

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
