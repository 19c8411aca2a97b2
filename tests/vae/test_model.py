import pytest
import torch

from genlab.nn.mlp import MLPDecoder
from genlab.vae.model import Autoencoder, Encoder, reparameterise


@pytest.mark.parametrize("num_classes", [None, 10])
def test_the_encoder_answers_with_a_gaussian(
    num_classes: int | None, images: torch.Tensor, labels: torch.Tensor
) -> None:
    encoder = Encoder(16, 5, num_classes)
    mu, log_var = encoder(images, labels)
    assert mu.shape == log_var.shape == (8, 5)
    assert not torch.equal(mu, log_var)
    assert torch.equal(mu, encoder(images, (labels + 1) % 10)[0]) == (num_classes is None)


def test_a_draw_has_the_mean_and_the_variance_asked_for() -> None:
    torch.manual_seed(0)
    mu, log_var = torch.tensor([-1.0, 0.0, 2.0]), torch.tensor([-2.0, 0.0, 1.0])
    z = reparameterise(mu.expand(200_000, 3), log_var.expand(200_000, 3))
    torch.testing.assert_close(z.mean(0), mu, atol=0.02, rtol=0)
    torch.testing.assert_close(z.var(0), log_var.exp(), rtol=0.02, atol=0)


def test_gradients_pass_through_the_draw() -> None:
    """E[z] = mu and E[(z - mu)^2] = var, so the gradients of their sums are known."""
    torch.manual_seed(0)
    mu = torch.zeros(100_000, requires_grad=True)
    log_var = torch.full((100_000,), 0.5, requires_grad=True)
    z = reparameterise(mu, log_var)
    [grad] = torch.autograd.grad(z.sum(), mu, retain_graph=True)
    assert torch.equal(grad, torch.ones_like(mu))
    [grad] = torch.autograd.grad(z.square().mean(), log_var)
    assert grad.sum().item() == pytest.approx(0.5**0 * torch.tensor(0.5).exp().item(), rel=0.03)


def test_the_autoencoder_decodes_a_new_draw_each_time(images: torch.Tensor) -> None:
    model = Autoencoder(16, 5)
    assert isinstance(model.decoder, MLPDecoder)
    first, mu, _ = model(images)
    second, again, _ = model(images)
    assert first.shape == images.shape
    assert torch.equal(mu, again)
    assert not torch.equal(first, second)
