import math
from collections.abc import Sequence

import pytest
import torch
from torch import Tensor
from torch.distributions import Normal
from torch.distributions import kl_divergence as reference_kl

from genlab.vae.loss import (
    Output,
    Reconstruction,
    free_bits_kl,
    gaussian_nats,
    kl_divergence,
    kl_per_dimension,
    reconstruction_loss,
)

KINDS: list[tuple[Reconstruction, Output]] = [
    ("l2", "sigmoid"),
    ("l1", "sigmoid"),
    ("bce", "sigmoid"),
    ("l2", "tanh"),
    ("l1", "tanh"),
]


@pytest.fixture
def logits(images: Tensor) -> Tensor:
    return torch.randn(images.shape, generator=torch.Generator().manual_seed(0))


# --- the KL term ------------------------------------------------------------------------------


@pytest.mark.parametrize("scale", [0.0, 1e-8, 1e-6, 1e-4, 1e-2, 1.0, 10.0])
def test_kl_is_never_negative(scale: float) -> None:
    generator = torch.Generator().manual_seed(0)
    for _ in range(50):
        mu, log_var = scale * torch.randn(2, 4, 20, generator=generator)
        assert kl_divergence(mu, log_var) >= 0
        assert kl_divergence(torch.zeros_like(mu), log_var) >= 0
    assert kl_divergence(torch.zeros(1, 20), torch.zeros(1, 20)) == 0


def test_kl_keeps_its_digits_where_the_posterior_has_collapsed() -> None:
    tiny = torch.full((1, 1), 1e-3)
    exact = 0.5 * (math.expm1(1e-3) - 1e-3)
    assert kl_divergence(torch.zeros(1, 1), tiny).item() == pytest.approx(exact, rel=1e-3)


def test_the_kl_is_torch_distributions() -> None:
    """Of each dimension averaged over the batch; of all, their sum."""
    mu, log_var = 2 * torch.randn(2, 7, 80, generator=torch.Generator().manual_seed(0))
    each = reference_kl(Normal(mu, (log_var / 2).exp()), Normal(0.0, 1.0))
    torch.testing.assert_close(kl_per_dimension(mu, log_var), each.mean(0))
    torch.testing.assert_close(kl_divergence(mu, log_var), each.sum(1).mean())


# --- free bits --------------------------------------------------------------------------------


def codes(scale: Sequence[float], n: int = 6) -> tuple[Tensor, Tensor]:
    """The encoder's answers for a batch, a scale for each dimension: 0 is collapsed."""
    generator = torch.Generator().manual_seed(0)
    mu, log_var = torch.randn(2, n, len(scale), generator=generator) * torch.tensor(scale)
    return mu.requires_grad_(), log_var.requires_grad_()


@pytest.mark.parametrize("free_bits", [0.0, 1e-3, 0.1, 0.5, 3.0])
def test_free_bits_are_a_floor_under_each_dimension_of_the_batch(free_bits: float) -> None:
    mu, log_var = codes([0.0, 0.01, 0.1, 0.5, 1.0, 2.0, 4.0])
    got = free_bits_kl(mu, log_var, free_bits)
    each = reference_kl(Normal(mu, (log_var / 2).exp()), Normal(0.0, 1.0)).mean(0)
    expected = sum(max(kl, free_bits) for kl in each.tolist())
    assert got.item() == pytest.approx(expected, rel=1e-5)


def test_a_dimension_below_the_floor_is_not_pulled_and_one_above_is_as_ever() -> None:
    scale = [0.0, 0.1, 2.0, 3.0]
    plain, free = codes(scale), codes(scale)
    kl_divergence(*plain).backward()
    free_bits_kl(*free, 0.2).backward()
    for with_floor, without in zip(free, plain, strict=True):
        assert with_floor.grad is not None
        assert without.grad is not None
        assert (with_floor.grad[:, :2] == 0).all()
        torch.testing.assert_close(with_floor.grad[:, 2:], without.grad[:, 2:])
        assert (without.grad[:, 1:] != 0).any(0).all()


# --- the reconstruction term ------------------------------------------------------------------


@pytest.mark.parametrize(("kind", "output"), KINDS)
def test_reconstruction_by_hand(kind: Reconstruction, output: Output, logits: Tensor, images: Tensor) -> None:
    total = 0.0
    for logit, image in zip(logits.double(), images.double(), strict=True):
        if output == "tanh":
            prediction, target = logit.tanh(), image
        else:
            prediction, target = logit.sigmoid(), (image + 1) / 2
        if kind == "l2":
            total += (prediction - target).square().sum().item()
        elif kind == "l1":
            total += (prediction - target).abs().sum().item()
        else:
            cross = target * prediction.log() + (1 - target) * (1 - prediction).log()
            total -= cross.sum().item()
    assert reconstruction_loss(logits, images, kind, output).item() == pytest.approx(total / 8, rel=1e-5)


@pytest.mark.parametrize(("kind", "output"), KINDS)
def test_extreme_logits_stay_finite(kind: Reconstruction, output: Output, images: Tensor) -> None:
    for size in (-1e4, 1e4):
        logits = torch.full_like(images, size).requires_grad_()
        loss = reconstruction_loss(logits, images, kind, output)
        loss.backward()
        assert loss.isfinite()
        assert logits.grad is not None
        assert logits.grad.isfinite().all()


# --- as likelihoods ---------------------------------------------------------------------------


@pytest.mark.parametrize("log_variance", [-8.0, -3.0, 0.0, 2.0])
@pytest.mark.parametrize("output", ["sigmoid", "tanh"])
def test_gaussian_is_the_density_of_torch_distributions(
    output: Output, log_variance: float, logits: Tensor, images: Tensor
) -> None:
    """Of pixels in [0, 1], with either output: the variance is the same thing for both."""
    prediction = (logits.double().tanh() + 1) / 2 if output == "tanh" else logits.double().sigmoid()
    target = (images.double() + 1) / 2
    each = -Normal(prediction, math.exp(log_variance / 2)).log_prob(target).sum((1, 2, 3))
    nats = gaussian_nats(prediction.float(), target.float(), torch.tensor(log_variance))
    assert nats.shape == (8,)
    torch.testing.assert_close(nats.double(), each, rtol=1e-5, atol=1e-2)
    loss = reconstruction_loss(logits, images, "gaussian", output, torch.tensor(log_variance))
    assert loss.item() == pytest.approx(each.mean().item(), rel=1e-5, abs=1e-2)
