"""The bound against torch.distributions, and against -log p(x) itself where an integral gives it."""

import math
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.distributions import Bernoulli, Laplace, Normal
from torch.distributions import kl_divergence as reference_kl

from genlab.data import to_unit
from genlab.errors import GenlabError
from genlab.vae import VAE, VAEConfig
from genlab.vae.likelihood import kl_of_each, negative_log_likelihood
from genlab.vae.loss import Output, Reconstruction, kl_divergence, reconstruction_loss
from genlab.vae.model import Autoencoder

DENSITIES: list[tuple[Reconstruction, Output]] = [
    ("l2", "sigmoid"),
    ("l1", "sigmoid"),
    ("l2", "tanh"),
    ("l1", "tanh"),
]


def small(**settings: Any) -> VAE:
    torch.manual_seed(0)
    return VAE(VAEConfig(**{"hidden_dim": 16, "latent_dim": 5, "beta": 0.5} | settings))


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def decoder_of(family: VAE) -> nn.Module:
    autoencoder = family.networks["autoencoder"]
    assert isinstance(autoencoder, Autoencoder)
    return autoencoder.decoder


@pytest.fixture
def logits(images: Tensor) -> Tensor:
    return torch.randn(images.shape, generator=seeded())


# --- -log p(x|z) ------------------------------------------------------------------------------


@pytest.mark.parametrize("beta", [5e-5, 0.3, 4.0])
@pytest.mark.parametrize(("kind", "output"), DENSITIES)
def test_it_is_the_density_of_torch_distributions_per_image(
    kind: Reconstruction, output: Output, beta: float, logits: Tensor, images: Tensor
) -> None:
    """The density in the range in which errors are counted; then, for [-1, 1], twice that in [0, 1]."""
    x, logits64 = images.double(), logits.double()
    if output == "tanh":
        mean, change = logits64.tanh(), math.log(2)
    else:
        mean, change, x = logits64.sigmoid(), 0.0, (x + 1) / 2
    density = Normal(mean, math.sqrt(beta / 2)) if kind == "l2" else Laplace(mean, beta)
    expected = -(density.log_prob(x) + change).sum((1, 2, 3))
    got = negative_log_likelihood(logits, images, kind, output, beta)
    assert got.shape == (8,)
    torch.testing.assert_close(got.double(), expected, rtol=1e-5, atol=1e-2)


@pytest.mark.parametrize(("kind", "output"), DENSITIES)
def test_the_density_of_a_pixel_in_0_to_1_integrates_to_1(kind: Reconstruction, output: Output) -> None:
    pixel = torch.linspace(0, 1, 20_001).reshape(-1, 1, 1, 1)  # narrow and in the middle: nothing is outside
    logits = torch.full_like(pixel, 0.2)
    density = (-negative_log_likelihood(logits, 2 * pixel - 1, kind, output, 0.02)).exp()
    assert torch.trapezoid(density, dx=1 / 20_000).item() == pytest.approx(1, abs=1e-4)


def test_bce_is_the_mean_over_the_black_and_white_images_that_grey_levels_stand_for(
    logits: Tensor, images: Tensor
) -> None:
    got = negative_log_likelihood(logits, images, "bce", "sigmoid", 7.0)
    cross_entropy = F.binary_cross_entropy(logits.sigmoid(), to_unit(images), reduction="none")
    torch.testing.assert_close(got, cross_entropy.sum((1, 2, 3)))
    drawn = torch.bernoulli(to_unit(images).expand(3000, -1, -1, -1, -1), generator=seeded())
    of_drawn = -Bernoulli(logits=logits).log_prob(drawn).sum((2, 3, 4)).mean(0)
    torch.testing.assert_close(got, of_drawn, rtol=2e-3, atol=0)


@pytest.mark.parametrize(("kind", "output"), DENSITIES)
def test_the_loss_is_beta_times_the_bound_but_for_a_constant(
    kind: Reconstruction, output: Output, logits: Tensor, images: Tensor
) -> None:
    beta = 0.3
    mu, log_var = torch.randn(2, 8, 5, generator=seeded())
    loss, bound = [], []
    for scale in (1.0, 2.0):
        distance = reconstruction_loss(scale * logits, images, kind, output)
        loss.append(distance + beta * kl_divergence(scale * mu, log_var))
        nll = negative_log_likelihood(scale * logits, images, kind, output, beta)
        bound.append((nll + kl_of_each(scale * mu, log_var)).mean())
    torch.testing.assert_close(loss[1] - loss[0], beta * (bound[1] - bound[0]), rtol=1e-4, atol=1e-3)


@pytest.mark.parametrize(("kind", "output"), DENSITIES)
def test_without_beta_there_is_no_density(kind: Reconstruction, output: Output, images: Tensor) -> None:
    with pytest.raises(GenlabError, match=f"a VAE with beta 0 and {kind} has no likelihood: train it with"):
        small(reconstruction=kind, output=output, beta=0.0).nats(images)
    assert small(reconstruction="bce", beta=0.0).nats(images).isfinite().all()


def test_the_kl_of_each_image_is_torch_distributions() -> None:
    mu, log_var = 2 * torch.randn(2, 7, 80, generator=seeded())
    expected = reference_kl(Normal(mu, (log_var / 2).exp()), Normal(0.0, 1.0)).sum(1)
    torch.testing.assert_close(kl_of_each(mu, log_var), expected)


# --- nats -------------------------------------------------------------------------------------


@pytest.mark.parametrize(("kind", "output"), [*DENSITIES, ("bce", "sigmoid")])
def test_nats_are_the_negative_elbo_at_the_draw_that_the_generator_makes(
    kind: Reconstruction, output: Output, images: Tensor
) -> None:
    family = small(reconstruction=kind, output=output)
    got = family.nats(images, generator=seeded(3))
    mu, log_var = family.posterior(images)
    z = mu + (log_var / 2).exp() * torch.randn(8, 5, generator=seeded(3))
    mean = family.decode(z)
    density: Any = {
        "l2": Normal(mean, math.sqrt(0.25) / (2 if output == "tanh" else 1)),
        "l1": Laplace(mean, 0.5 / (2 if output == "tanh" else 1)),
        "bce": Bernoulli(mean, validate_args=False),  # grey levels are not in its support
    }[kind]
    kl = reference_kl(Normal(mu, (log_var / 2).exp()), Normal(0.0, 1.0)).sum(1)
    expected = -density.log_prob(to_unit(images)).sum((1, 2, 3)) + kl
    torch.testing.assert_close(got, expected, rtol=1e-5, atol=1e-3)
    assert got.shape == (8,)
    assert not got.requires_grad


def test_the_generator_decides_and_the_global_one_is_left_alone(images: Tensor) -> None:
    family, state = small(), torch.get_rng_state()
    first, again, other = (family.nats(images, generator=seeded(seed)) for seed in (1, 1, 2))
    assert torch.equal(first, again)
    assert not torch.equal(first, other)
    assert torch.equal(state, torch.get_rng_state())
    assert not torch.equal(family.nats(images), family.nats(images))


def test_a_sharp_likelihood_that_fits_is_a_density_above_1(images: Tensor) -> None:
    """A reconstruction that is right to the last digit: nats are below 0, as the docstring says."""
    white = torch.ones_like(images)
    nats = negative_log_likelihood(99 * white, white, "l2", "sigmoid", 1e-4)
    torch.testing.assert_close(nats, torch.full((8,), 392 * math.log(math.pi * 1e-4)))
    assert (nats < 0).all()


def test_a_conditional_model_needs_labels_and_bounds_each_class_by_itself(
    images: Tensor, labels: Tensor
) -> None:
    family = small(num_classes=10)
    with pytest.raises(GenlabError, match="class-conditional: nats needs labels"):
        family.nats(images)
    with pytest.raises(GenlabError, match=r"labels should be in 0\.\.9, got 10"):
        family.nats(images, labels + 3)
    with pytest.raises(GenlabError, match=r"shape \(8,\)"):
        family.nats(images, labels[:4])
    right, wrong = (family.nats(images, given, generator=seeded()) for given in (labels, (labels + 1) % 10))
    assert not torch.equal(right, wrong)
    plain = small()
    ignored = plain.nats(images, labels, generator=seeded())
    assert torch.equal(ignored, plain.nats(images, generator=seeded()))


# --- the bound and what it bounds -------------------------------------------------------------


def exact(family: VAE, images: Tensor) -> tuple[Tensor, Tensor]:
    """-log p(x), and KL(q(z|x) || p(z|x)), by which the bound should miss it: (N,) each.

    For one latent dimension, where both are integrals over a line: sums over a fine grid.
    """
    z = torch.linspace(-9, 9, 6001, dtype=torch.float64)
    config = family.config
    scale = math.sqrt(config.beta / 2) if config.reconstruction == "l2" else config.beta
    mean = family.decode(z.float()[:, None]).double()
    kind = Normal if config.reconstruction == "l2" else Laplace
    density = kind(mean, scale)
    log_likelihood = torch.stack([density.log_prob(x).sum((1, 2, 3)) for x in to_unit(images).double()])
    log_joint = log_likelihood + Normal(0.0, 1.0).log_prob(z)
    log_p = log_joint.logsumexp(1) + math.log(18 / 6000)
    mu, log_var = (each.double() for each in family.posterior(images))
    q = Normal(mu, (log_var / 2).exp())
    gap = (q.log_prob(z).exp() * (q.log_prob(z) - (log_joint - log_p[:, None]))).sum(1) * 18 / 6000
    return -log_p, gap


@pytest.mark.parametrize(("kind", "beta"), [("l2", 20.0), ("l1", 3.0)])
def test_the_bound_misses_the_truth_by_the_error_of_the_posterior(
    kind: str, beta: float, images: Tensor
) -> None:
    family = small(reconstruction=kind, beta=beta, latent_dim=1)
    with torch.no_grad():
        for weight in decoder_of(family).parameters():
            weight.mul_(3)  # so that the code matters
    truth, gap = exact(family, images)
    draws = torch.stack([family.nats(images, generator=seeded(seed)).double() for seed in range(2000)])
    error = 5 * draws.std(0) / math.sqrt(2000)
    assert (gap > 0.05).any()
    assert ((draws.mean(0) - truth - gap).abs() < error + 2e-3).all()
    assert (draws.mean(0) > truth - error).all()


def test_a_decoder_that_ignores_the_code_costs_the_kl_and_nothing_else(images: Tensor) -> None:
    family = small(latent_dim=1, beta=20.0)
    with torch.no_grad():
        next(decoder_of(family).parameters()).zero_()  # the first layer's weights
    truth, _ = exact(family, images)
    mu, log_var = family.posterior(images)
    nats = family.nats(images).double()
    assert (nats > truth).all()
    torch.testing.assert_close(nats, truth + kl_of_each(mu, log_var).double(), rtol=1e-5, atol=1e-3)
