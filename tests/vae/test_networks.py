from math import exp
from typing import Any

import pytest
import torch

from genlab.family import count_parameters
from genlab.nn.convnet import ConvDecoder
from genlab.nn.mlp import MLPDecoder
from genlab.vae.networks import Autoencoder, ConvEncoder, Encoder, reparameterise
from genlab.vae.prior import MixturePrior


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


@pytest.mark.parametrize("num_classes", [None, 10])
def test_the_convolutional_encoder_does_too(
    num_classes: int | None, images: torch.Tensor, labels: torch.Tensor
) -> None:
    encoder = ConvEncoder((3, 4), 12, 5, num_classes)
    mu, log_var = encoder(images, labels)
    assert mu.shape == log_var.shape == (8, 5)
    assert not torch.equal(mu, log_var)
    other_mu, other_log_var = encoder(images, (labels + 1) % 10)
    assert torch.equal(mu, other_mu) == torch.equal(log_var, other_log_var) == (num_classes is None)
    assert not torch.isclose(encoder(images.roll(4, 3), labels)[0], mu).all(1).any()
    if num_classes is None:
        assert torch.equal(encoder(images)[0], mu)
    else:
        with pytest.raises(ValueError, match="needs labels"):
            encoder(images)


@pytest.mark.parametrize("num_classes", [None, 10])
def test_the_weights_are_as_many_as_a_hand_count(num_classes: int | None) -> None:
    labels = num_classes or 0
    dense = (784 + labels) * 16 + 16 + 16 * 10 + 10
    assert count_parameters(Encoder(16, 5, num_classes)) == dense
    convolutions = 3 * 1 * 16 + 3 + 4 * 3 * 16 + 4
    joined = (4 * 49 + labels) * 12 + 12 + 12 * 10 + 10
    assert count_parameters(ConvEncoder((3, 4), 12, 5, num_classes)) == convolutions + joined


def make(kind: str, **settings: Any) -> Autoencoder:
    torch.manual_seed(0)
    if kind == "mlp":
        return Autoencoder(Encoder(16, 5), MLPDecoder(5, 16, (1, 28, 28)), **settings)
    return Autoencoder(ConvEncoder((3, 4), 12, 5), ConvDecoder(5, (3, 4)), **settings)


@pytest.mark.parametrize("kind", ["mlp", "conv"])
def test_the_autoencoder_decodes_a_new_draw_each_time(kind: str, images: torch.Tensor) -> None:
    model = make(kind)
    first, mu, _ = model(images)
    second, again, _ = model(images)
    assert first.shape == images.shape
    assert torch.equal(mu, again)
    assert not torch.equal(first, second)
    assert model.log_variance is None
    assert model.batches_seen is None
    assert model.prior is None


def test_the_learned_variance_is_never_below_one_grey_level() -> None:
    model = make("mlp", learns_variance=True)
    assert make("mlp").state_dict().keys() == model.state_dict().keys() - {"free_log_variance"}
    free, floor = model.free_log_variance, 1 / 255
    assert free is not None
    deviations = []
    for value in (-1e4, -50.0, -11.0, -3.0, 0.0, 3.0):
        with torch.no_grad():
            free.fill_(value)
        assert model.log_variance is not None
        deviations.append(model.log_variance.exp().sqrt().item())
    assert deviations[0] == pytest.approx(floor, rel=1e-5)
    assert deviations == sorted(deviations)
    # Far above the floor the weight is the log-variance itself.
    assert deviations[3:] == pytest.approx([exp(-3 / 2), 1.0, exp(3 / 2)], rel=1e-3)
    log_variance = model.log_variance
    assert log_variance is not None
    [grad] = torch.autograd.grad(log_variance, free)
    assert grad.item() == pytest.approx(1, abs=1e-5)


def test_a_learned_variance_begins_at_a_bad_reconstructions() -> None:
    log_variance = make("mlp", learns_variance=True).log_variance
    assert log_variance is not None
    assert log_variance.exp().item() == pytest.approx(0.05, rel=0.01)


def test_what_is_counted_and_fitted_is_in_the_state() -> None:
    state = make("mlp", counts_batches=True, prior=MixturePrior(5, 3)).state_dict()
    added = state.keys() - make("mlp").state_dict().keys()
    assert added == {"batches_seen", "prior.weights", "prior.means", "prior.factors"}
    assert state["batches_seen"] == 0
