import math

import pytest
import torch
from torch.distributions import Bernoulli, Normal
from torch.distributions import kl_divergence as reference_kl

from genlab.vae.loss import Output, Reconstruction, kl_divergence, reconstruction_loss, to_pixels

KINDS: list[tuple[Reconstruction, Output]] = [
    ("l2", "sigmoid"),
    ("l1", "sigmoid"),
    ("bce", "sigmoid"),
    ("l2", "tanh"),
    ("l1", "tanh"),
]


@pytest.fixture
def logits(images: torch.Tensor) -> torch.Tensor:
    return torch.randn(images.shape, generator=torch.Generator().manual_seed(0))


# --- the KL term ------------------------------------------------------------------------------


def test_kl_is_torch_distributions_summed_over_dimensions_and_averaged_over_the_batch() -> None:
    generator = torch.Generator().manual_seed(0)
    mu = torch.randn(7, 80, generator=generator)
    log_var = 3 * torch.randn(7, 80, generator=generator)
    each = reference_kl(Normal(mu.double(), (log_var.double() / 2).exp()), Normal(0.0, 1.0))
    assert kl_divergence(mu, log_var).item() == pytest.approx(each.sum(1).mean().item(), rel=1e-5)


def test_kl_by_monte_carlo() -> None:
    torch.manual_seed(0)
    mu, log_var = torch.tensor([[0.5, -1.0]]), torch.tensor([[0.3, -0.7]])
    posterior, prior = Normal(mu, (log_var / 2).exp()), Normal(0.0, 1.0)
    z = posterior.sample((200_000,))
    estimate = (posterior.log_prob(z) - prior.log_prob(z)).sum(-1).mean().item()
    assert kl_divergence(mu, log_var).item() == pytest.approx(estimate, rel=0.02)


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


# --- the reconstruction term ------------------------------------------------------------------


@pytest.mark.parametrize(("kind", "output"), KINDS)
def test_reconstruction_is_summed_over_pixels_and_averaged_over_the_batch(
    kind: Reconstruction, output: Output, logits: torch.Tensor, images: torch.Tensor
) -> None:
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
def test_a_duplicated_batch_has_the_same_loss(
    kind: Reconstruction, output: Output, logits: torch.Tensor, images: torch.Tensor
) -> None:
    once = reconstruction_loss(logits, images, kind, output)
    twice = reconstruction_loss(logits.repeat(2, 1, 1, 1), images.repeat(2, 1, 1, 1), kind, output)
    torch.testing.assert_close(once, twice)
    mu, log_var = torch.randn(2, 8, 20)
    torch.testing.assert_close(
        kl_divergence(mu, log_var), kl_divergence(mu.repeat(2, 1), log_var.repeat(2, 1))
    )


def test_bce_is_the_bernoulli_likelihood_of_black_and_white_images(
    logits: torch.Tensor, images: torch.Tensor
) -> None:
    binary = (images > 0).float()
    likelihood = Bernoulli(logits=logits).log_prob(binary).sum((1, 2, 3)).mean()
    loss = reconstruction_loss(logits, 2 * binary - 1, "bce", "sigmoid")
    torch.testing.assert_close(loss, -likelihood)


@pytest.mark.parametrize(("kind", "output"), KINDS)
def test_extreme_logits_stay_finite(kind: Reconstruction, output: Output, images: torch.Tensor) -> None:
    for size in (-1e4, 1e4):
        logits = torch.full_like(images, size).requires_grad_()
        loss = reconstruction_loss(logits, images, kind, output)
        loss.backward()
        assert loss.isfinite()
        assert logits.grad is not None
        assert logits.grad.isfinite().all()


@pytest.mark.parametrize(("kind", "output"), [pair for pair in KINDS if pair[0] != "bce"])
def test_a_perfect_reconstruction_costs_nothing(kind: Reconstruction, output: Output) -> None:
    logits = torch.linspace(-3, 3, 784).reshape(1, 1, 28, 28)
    images = to_pixels(logits, output)
    assert reconstruction_loss(logits, images, kind, output).item() == pytest.approx(0, abs=1e-3)


def test_both_outputs_reach_from_minus_one_to_one() -> None:
    for output in ("sigmoid", "tanh"):
        pixels = to_pixels(torch.tensor([-100.0, 0.0, 100.0]), output)
        assert pixels.tolist() == [-1, 0, 1]
    x = torch.linspace(-4, 4, 9)  # 2 sigmoid(2x) - 1 = tanh(x)
    torch.testing.assert_close(to_pixels(2 * x, "sigmoid"), to_pixels(x, "tanh"))
