"""The importance-weighted bound against closed forms; in test_likelihood.py against integrals over a grid."""

import math
from collections.abc import Callable

import pytest
import torch
from torch import Tensor
from torch.distributions import MultivariateNormal, Normal

from genlab.vae import likelihood as bound
from genlab.vae.likelihood import importance_weighted_nats, log_standard_normal
from tests.vae.conftest import seeded

LogTerms = Callable[[Tensor, slice], tuple[Tensor, Tensor]]

NOISE = 0.3
A = torch.linalg.qr(torch.randn(6, 3, generator=seeded(), dtype=torch.float64))[0]
A = A * torch.tensor([0.5, 1.0, 2.0])  # orthogonal columns make the posterior diagonal
B = torch.randn(6, generator=seeded(1), dtype=torch.float64)
X = B + torch.randn(4, 6, generator=seeded(2), dtype=torch.float64)
VARIANCE = 1 / (1 + A.square().sum(0) / NOISE**2)
MU = VARIANCE * ((X - B) @ A) / NOISE**2


def log_terms(z: Tensor, rows: slice) -> tuple[Tensor, Tensor]:
    """x = Az + b + noise: Gaussian throughout."""
    own = X[rows].repeat_interleave(len(z) // len(X[rows]), 0)
    return Normal(z @ A.T + B, NOISE).log_prob(own).sum(1), log_standard_normal(z)


def rough(k: int, log_terms: LogTerms = log_terms) -> Tensor:
    """The bound by an encoder that is only nearly right: every draw counts."""
    return importance_weighted_nats(log_terms, MU + 0.1, (2 * VARIANCE).log().expand(4, 3), k, seeded())


@pytest.mark.parametrize("k", [1, 2, 7, 50, 2_500])
def test_with_the_exact_posterior_it_is_the_truth_at_any_draw(k: int) -> None:
    got = importance_weighted_nats(log_terms, MU, VARIANCE.log().expand(4, 3), k)
    truth = MultivariateNormal(B, A @ A.T + NOISE**2 * torch.eye(6)).log_prob(X)
    torch.testing.assert_close(got, -truth, rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("at_once", [16, 48, 64, 128, 100_000])
def test_the_same_draws_in_parts_or_in_one_go(at_once: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Parts of a multiple of 16 numbers: those a generator gives do not depend on how they are asked for."""
    sizes = []

    def watched(z: Tensor, rows: slice) -> tuple[Tensor, Tensor]:
        sizes.append(len(z))
        return log_terms(z, rows)

    whole = rough(64)
    monkeypatch.setattr(bound, "CODES_AT_ONCE", at_once)
    torch.testing.assert_close(rough(64, watched), whole)
    assert max(sizes) <= at_once
    assert sum(sizes) == 4 * 64


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
    def shifted(z: Tensor, rows: slice) -> tuple[Tensor, Tensor]:
        log_likelihood, log_prior = log_terms(z, rows)
        return log_likelihood + shift, log_prior

    torch.testing.assert_close(rough(3_000, shifted) + shift, rough(3_000), rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("log_var", [-250.0, -100.0, 0.0, 50.0])
def test_narrow_and_wide_posteriors_have_a_finite_bound(log_var: float) -> None:
    """A decoder that ignores the code, and a prior of 1: only q's density is left, at any width."""
    each = torch.full((2, 4), log_var)
    nats = importance_weighted_nats(lambda z, _: (torch.zeros(len(z)),) * 2, 0 * each, each, 5, seeded())
    noise = torch.randn((2, 5, 4), generator=seeded())
    log_q = Normal(0.0, 1.0).log_prob(noise).sum(2) - 4 * log_var / 2
    torch.testing.assert_close(nats, math.log(5) - (-log_q).logsumexp(1))
