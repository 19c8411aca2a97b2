"""The importance-weighted bound against closed forms; in test_likelihood.py against integrals over a grid."""

import math
from typing import NamedTuple

import pytest
import torch
from torch import Tensor
from torch.distributions import MultivariateNormal, Normal

from genlab.vae import likelihood as bound
from genlab.vae.likelihood import importance_weighted_nats, log_standard_normal
from tests.vae.conftest import seeded


class Toy(NamedTuple):
    """Five images of three pixels, a bent decoder, and an encoder that is not very good."""

    x: Tensor
    mu: Tensor
    log_var: Tensor
    weight: Tensor

    def log_likelihood(self, x: Tensor, z: Tensor) -> Tensor:
        mean = torch.sin(2 * z @ self.weight) + (z @ self.weight).square() / 4
        return Normal(mean, 0.5, validate_args=False).log_prob(x).sum(-1)

    def log_terms(self, z: Tensor, rows: slice) -> tuple[Tensor, Tensor]:
        x = self.x[rows].repeat_interleave(len(z) // len(self.x[rows]), 0)
        return self.log_likelihood(x, z), Normal(0.0, 1.0).log_prob(z).sum(1)

    def nats(self, k: int) -> Tensor:
        return importance_weighted_nats(self.log_terms, self.mu, self.log_var, k, seeded())


def toy(latent_dim: int) -> Toy:
    generator = seeded(latent_dim)
    x = 0.5 + torch.randn(5, 3, generator=generator, dtype=torch.float64) / 2
    mu = torch.randn(5, latent_dim, generator=generator, dtype=torch.float64) / 2
    log_var = torch.linspace(-0.3, 0.3, 5, dtype=torch.float64)[:, None].repeat(1, latent_dim)
    weight = torch.randn(latent_dim, 3, generator=generator, dtype=torch.float64)
    return Toy(x, mu, log_var, weight)


@pytest.mark.parametrize("k", [1, 2, 7, 50, 2_500])
def test_with_the_exact_posterior_it_is_the_truth_at_any_draw(k: int) -> None:
    """x = Az + b + noise: Gaussian throughout, and orthogonal columns make the posterior diagonal."""
    noise = 0.3
    a = torch.linalg.qr(torch.randn(6, 3, generator=seeded(), dtype=torch.float64))[0]
    a = a * torch.tensor([0.5, 1.0, 2.0])
    b = torch.randn(6, generator=seeded(1), dtype=torch.float64)
    x = b + torch.randn(4, 6, generator=seeded(2), dtype=torch.float64)
    variance = 1 / (1 + a.square().sum(0) / noise**2)
    mu = variance * ((x - b) @ a) / noise**2

    def log_terms(z: Tensor, rows: slice) -> tuple[Tensor, Tensor]:
        own = x[rows].repeat_interleave(len(z) // len(x[rows]), 0)
        return Normal(z @ a.T + b, noise).log_prob(own).sum(1), log_standard_normal(z)

    got = importance_weighted_nats(log_terms, mu, variance.log().expand(4, 3), k)
    truth = MultivariateNormal(b, a @ a.T + noise**2 * torch.eye(6)).log_prob(x)
    torch.testing.assert_close(got, -truth, rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("at_once", [8, 24, 64, 128, 100_000])
def test_the_same_draws_in_parts_or_in_one_go(at_once: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Parts of a multiple of 16 numbers: those a generator gives do not depend on how they are asked for."""
    model, sizes = toy(2), []

    def log_terms(z: Tensor, rows: slice) -> tuple[Tensor, Tensor]:
        sizes.append(len(z))
        return model.log_terms(z, rows)

    whole = model.nats(64)
    monkeypatch.setattr(bound, "AT_ONCE", at_once)
    parts = importance_weighted_nats(log_terms, model.mu, model.log_var, 64, seeded())
    torch.testing.assert_close(parts, whole)
    assert max(sizes) <= at_once
    assert sum(sizes) == 5 * 64


def test_images_beyond_one_go_are_each_their_own(monkeypatch: pytest.MonkeyPatch) -> None:
    """A decoder that ignores the code, an encoder that answers with the prior: the bound is exact."""
    monkeypatch.setattr(bound, "AT_ONCE", 10)
    x = torch.arange(33.0)

    def log_terms(z: Tensor, rows: slice) -> tuple[Tensor, Tensor]:
        return -x[rows].repeat_interleave(len(z) // len(x[rows])), log_standard_normal(z)

    for k in (1, 4, 10, 23):
        zeros = torch.zeros(33, 2)
        torch.testing.assert_close(importance_weighted_nats(log_terms, zeros, zeros, k), x)


@pytest.mark.parametrize("shift", [-1e5, 1e3])
def test_tiny_and_huge_densities_stay_logarithms(shift: float) -> None:
    model = toy(1)

    def log_terms(z: Tensor, rows: slice) -> tuple[Tensor, Tensor]:
        log_likelihood, log_prior = model.log_terms(z, rows)
        return log_likelihood + shift, log_prior

    shifted = importance_weighted_nats(log_terms, model.mu, model.log_var, 3_000, seeded())
    torch.testing.assert_close(shifted + shift, model.nats(3_000), rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("log_var", [-250.0, -100.0, 0.0, 50.0])
def test_narrow_and_wide_posteriors_have_a_finite_bound(log_var: float) -> None:
    """A decoder that ignores the code, and a prior of 1: only q's density is left, at any width."""
    each = torch.full((2, 4), log_var)
    nats = importance_weighted_nats(lambda z, _: (torch.zeros(len(z)),) * 2, 0 * each, each, 5, seeded())
    noise = torch.randn((2, 5, 4), generator=seeded())
    log_q = Normal(0.0, 1.0).log_prob(noise).sum(2) - 4 * log_var / 2
    torch.testing.assert_close(nats, math.log(5) - (-log_q).logsumexp(1))


def test_the_global_generator_is_left_alone() -> None:
    state = torch.get_rng_state()
    toy(1).nats(5)
    assert torch.equal(state, torch.get_rng_state())
