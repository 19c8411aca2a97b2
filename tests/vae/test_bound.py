"""The importance-weighted bound, against integrals over a grid and against a closed form."""

import math
from typing import NamedTuple

import pytest
import torch
from torch import Tensor
from torch.distributions import MultivariateNormal, Normal

from genlab.vae import likelihood as bound
from genlab.vae.likelihood import importance_weighted_nats, log_standard_normal


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


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

    def nats(self, k: int, seed: int = 0) -> Tensor:
        return importance_weighted_nats(self.log_terms, self.mu, self.log_var, k, seeded(seed))

    def repeated(self, times: int) -> "Toy":
        """Every image many times over, one copy after the other: many draws of the bound in one call."""
        mu, log_var = self.mu.repeat_interleave(times, 0), self.log_var.repeat_interleave(times, 0)
        return self._replace(x=self.x.repeat_interleave(times, 0), mu=mu, log_var=log_var)

    def means(self, k: int, times: int, seed: int = 0) -> tuple[Tensor, Tensor]:
        """The bound's mean over many draws, and that mean's standard error: (N,) each."""
        draws = self.repeated(times).nats(k, seed).reshape(len(self.x), times)
        return draws.mean(1), draws.std(1) / math.sqrt(times)


def toy(latent_dim: int) -> Toy:
    generator = seeded(latent_dim)
    x = 0.5 + torch.randn(5, 3, generator=generator, dtype=torch.float64) / 2
    mu = torch.randn(5, latent_dim, generator=generator, dtype=torch.float64) / 2
    log_var = torch.linspace(-0.3, 0.3, 5, dtype=torch.float64)[:, None].repeat(1, latent_dim)
    weight = torch.randn(latent_dim, 3, generator=generator, dtype=torch.float64)
    return Toy(x, mu, log_var, weight)


class Truth(NamedTuple):
    """What integrals over a fine grid say, (N,) each."""

    nats: Tensor  # -log p(x)
    negative_elbo: Tensor
    spread: Tensor  # the variance, at one draw, of p(x, z) / q(z | x) in units of p(x)


def integrated(model: Toy) -> Truth:
    latent_dim = model.mu.shape[1]
    line = torch.linspace(-7, 7, {1: 20_001, 2: 201}[latent_dim], dtype=torch.float64)
    z = torch.cartesian_prod(*[line] * latent_dim).reshape(-1, latent_dim)
    volume = math.log(14 / (len(line) - 1)) * latent_dim
    log_prior = Normal(0.0, 1.0).log_prob(z).sum(1)
    found = []
    for x, mu, log_var in zip(model.x, model.mu, model.log_var, strict=True):
        log_joint = model.log_likelihood(x, z) + log_prior
        log_q = Normal(mu, (log_var / 2).exp()).log_prob(z).sum(1)
        log_p = (log_joint + volume).logsumexp(0)
        elbo = ((log_q + volume).exp() * (log_joint - log_q)).sum()
        second = (2 * (log_joint - log_p) - log_q + volume).logsumexp(0).exp()
        found.append(torch.stack([-log_p, -elbo, second - 1]))
    return Truth(*torch.stack(found, dim=1))


# --- what it bounds ---------------------------------------------------------------------------


@pytest.mark.parametrize("latent_dim", [1, 2])
def test_with_many_codes_it_reaches_the_truth(latent_dim: int) -> None:
    model = toy(latent_dim)
    truth = integrated(model)
    assert (truth.negative_elbo - truth.nats > 0.2).all()  # there is something to gain
    for k in (3_000, 30_000):  # more than are decoded in one go
        error = 4 * (truth.spread / k).sqrt()
        assert error.max() < 0.5
        assert ((model.nats(k) - truth.nats).abs() < error).all()


@pytest.mark.parametrize("latent_dim", [1, 2])
def test_one_code_averages_to_the_negative_elbo(latent_dim: int) -> None:
    model = toy(latent_dim)
    mean, error = model.means(1, 20_000)
    assert ((mean - integrated(model).negative_elbo).abs() < 4 * error).all()


@pytest.mark.parametrize("latent_dim", [1, 2])
def test_it_falls_with_every_doubling_and_never_below_the_truth(latent_dim: int) -> None:
    """Burda et al. 2016, theorem 1."""
    model = toy(latent_dim)
    truth = integrated(model)
    means, errors = zip(*(model.means(k, 2500, seed=k) for k in (1, 2, 4, 8, 16)), strict=True)
    for before, after, error in zip(means, means[1:], errors, strict=False):
        assert (after < before + error).all()
        assert after.mean() < before.mean() - 2 * error.mean()
    assert (means[-1] > truth.nats - 4 * errors[-1]).all()


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


# --- how it is computed -----------------------------------------------------------------------


@pytest.mark.parametrize("at_once", [8, 24, 64, 128, 100_000])
def test_the_same_draws_in_parts_or_in_one_go(at_once: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Parts of a multiple of 16 numbers: those a generator gives do not depend on how they are asked for."""
    model, sizes = toy(2), []

    def log_terms(z: Tensor, rows: slice) -> tuple[Tensor, Tensor]:
        sizes.append(len(z))
        return model.log_terms(z, rows)

    whole = model.nats(64)
    monkeypatch.setattr(bound, "CODES_AT_ONCE", at_once)
    parts = importance_weighted_nats(log_terms, model.mu, model.log_var, 64, seeded())
    torch.testing.assert_close(parts, whole)
    assert max(sizes) <= at_once
    assert sum(sizes) == 5 * 64


@pytest.mark.parametrize(("at_once", "k"), [(7, 30), (1, 3), (120, 50)])
def test_odd_parts_mean_the_same(at_once: int, k: int, monkeypatch: pytest.MonkeyPatch) -> None:
    model = toy(1)
    mean, error = model.means(k, 2000)
    monkeypatch.setattr(bound, "CODES_AT_ONCE", at_once)
    other, other_error = model.means(k, 25, seed=1)
    assert ((mean - other).abs() < 4 * (error.square() + other_error.square()).sqrt()).all()


def test_images_beyond_one_go_are_each_their_own(monkeypatch: pytest.MonkeyPatch) -> None:
    """A decoder that ignores the code, an encoder that answers with the prior: the bound is exact."""
    monkeypatch.setattr(bound, "CODES_AT_ONCE", 10)
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
