from typing import Any

import pytest
import torch
from pydantic import ValidationError
from torch.distributions import Normal
from torch.distributions import kl_divergence as reference_kl

from genlab.data import to_unit
from genlab.errors import GenlabError
from genlab.vae import VAE, VAEConfig


def small(**settings: Any) -> VAE:
    torch.manual_seed(0)
    return VAE(VAEConfig(**{"hidden_dim": 16, "latent_dim": 5} | settings))


@pytest.mark.parametrize("beta", [0.0, 5e-5, 1.0, 4.0])
@pytest.mark.parametrize("mode", [True, False])
def test_beta_multiplies_the_kl_in_training_and_validation_alike(
    beta: float, mode: bool, images: torch.Tensor, labels: torch.Tensor
) -> None:
    family = small(beta=beta)
    family.networks.train(mode)
    [(name, loss, logged)] = family.losses(images, labels)
    assert name == "autoencoder"
    assert set(logged) == {"reconstruction", "kl"}
    torch.testing.assert_close(loss, logged["reconstruction"] + beta * logged["kl"])
    mu, log_var = family.networks["autoencoder"].encoder(images)  # type: ignore[operator]
    each = reference_kl(Normal(mu, (log_var / 2).exp()), Normal(0.0, 1.0)).sum(1)
    torch.testing.assert_close(logged["kl"], each.mean().detach())
    assert logged["kl"] >= 0


def test_a_duplicated_batch_gives_the_same_loss_and_gradients(
    images: torch.Tensor, labels: torch.Tensor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("genlab.vae.model.torch.randn_like", torch.zeros_like)  # take the noise out
    results = []
    for repeats in (1, 2):
        family = small(beta=1.0)
        [(_, loss, _)] = family.losses(images.repeat(repeats, 1, 1, 1), labels.repeat(repeats))
        loss.backward()
        results.append((loss.detach(), [p.grad for p in family.networks.parameters()]))
    torch.testing.assert_close(results[0], results[1], rtol=1e-4, atol=1e-5)


def test_codes_are_means_or_draws(images: torch.Tensor) -> None:
    family = small()
    mean = family.encode(images)
    assert mean.shape == (8, family.latent_dim) == (8, 5)
    assert torch.equal(mean, family.encode(images))
    assert not torch.equal(mean, family.encode(images, draw=True))
    torch.manual_seed(0)
    draws = family.encode(images.repeat(2000, 1, 1, 1), draw=True).reshape(2000, 8, 5)
    torch.testing.assert_close(draws.mean(0), mean, atol=0.2, rtol=0)


def test_the_posterior_is_the_gaussian_that_draws_come_from(images: torch.Tensor) -> None:
    family = small()
    mu, log_var = family.posterior(images)
    assert mu.shape == log_var.shape == (8, 5)
    assert not mu.requires_grad
    assert torch.equal(mu, family.encode(images))
    torch.manual_seed(0)
    draws = family.encode(images.repeat(2000, 1, 1, 1), draw=True).reshape(2000, 8, 5)
    torch.testing.assert_close(draws.var(0), log_var.exp(), rtol=0.25, atol=0)


@pytest.mark.parametrize("output", ["sigmoid", "tanh"])
def test_decoding_is_certain_and_ends_in_0_to_1(output: str) -> None:
    family = small(output=output)
    z = 10 * torch.randn(4, 5)
    images = family.decode(z)
    assert images.shape == (4, 1, 28, 28)
    assert images.min() >= 0
    assert images.max() <= 1
    assert torch.equal(images, family.decode(z))
    logits = family.networks["autoencoder"].decoder(z)  # type: ignore[operator]
    expected = logits.sigmoid() if output == "sigmoid" else (logits.tanh() + 1) / 2
    torch.testing.assert_close(images, expected.detach(), atol=1e-6, rtol=1e-5)


@pytest.mark.parametrize("shape", [(4, 6), (5,), (4, 5, 1), (0, 4)])
def test_codes_of_another_shape_are_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(GenlabError, match=r"shape \(N, 5\), got"):
        small().decode(torch.zeros(shape))


def test_samples_are_decoded_draws_from_the_prior() -> None:
    family = small()
    images = family.sample(6, generator=torch.Generator().manual_seed(3))
    z = torch.randn(6, 5, generator=torch.Generator().manual_seed(3))
    assert torch.equal(images, family.decode(z))


def test_a_conditional_model_needs_labels_to_encode_and_uses_them(
    images: torch.Tensor, labels: torch.Tensor
) -> None:
    family = small(num_classes=10)
    with pytest.raises(GenlabError, match="encode needs labels"):
        family.encode(images)
    other = (labels + 1) % 10
    assert not torch.equal(family.encode(images, labels), family.encode(images, other))
    z = torch.zeros(8, 5)
    assert not torch.equal(family.decode(z, labels), family.decode(z, other))
    [(_, loss, _)] = family.losses(images, labels)
    assert loss.isfinite()


def test_it_learns_the_images_it_is_shown(images: torch.Tensor, labels: torch.Tensor) -> None:
    family = small(hidden_dim=64, beta=1e-3)
    optimiser = torch.optim.Adam(family.networks.parameters(), lr=3e-3)

    def error() -> float:
        return (family.decode(family.encode(images)) - to_unit(images)).square().sum((1, 2, 3)).mean().item()

    before = error()
    for _ in range(150):
        [(_, loss, _)] = family.losses(images, labels)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    assert error() < before / 5


def test_defaults_are_the_reference_design() -> None:
    config = VAEConfig()
    assert (config.hidden_dim, config.latent_dim, config.output, config.beta) == (1024, 80, "sigmoid", 5e-5)
    shapes = [tuple(p.shape) for p in VAE(config).networks.parameters() if p.ndim == 2]
    assert shapes == [(1024, 784), (160, 1024), (1024, 80), (784, 1024)]


def test_bce_on_a_tanh_is_refused() -> None:
    with pytest.raises(ValidationError, match="compares probabilities"):
        VAEConfig(output="tanh", reconstruction="bce")
