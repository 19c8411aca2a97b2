from collections.abc import Callable
from functools import partial
from math import exp
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from genlab.family import count_parameters
from genlab.nn.mlp import MLPDecoder
from genlab.vae.networks import Autoencoder, ConvEncoder, Encoder, reparameterise


@pytest.mark.parametrize("num_classes", [None, 10])
@pytest.mark.parametrize("make", [partial(Encoder, 16), partial(ConvEncoder, (3, 4), 12)])
def test_encoders_answer_with_a_gaussian_of_each_image(
    make: Callable[..., nn.Module], num_classes: int | None, images: Tensor, labels: Tensor
) -> None:
    encoder = make(5, num_classes)
    mu, log_var = encoder(images, labels)
    assert mu.shape == log_var.shape == (8, 5)
    assert not torch.equal(mu, log_var)
    assert not torch.isclose(encoder(images.roll(4, 3), labels)[0], mu).all(1).any()
    other_mu, other_log_var = encoder(images, (labels + 1) % 10)
    assert torch.equal(mu, other_mu) == torch.equal(log_var, other_log_var) == (num_classes is None)
    if num_classes is None:
        assert torch.equal(encoder(images)[0], mu)
    else:
        with pytest.raises(ValueError, match="needs labels"):
            encoder(images)


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
    assert grad.sum().item() == pytest.approx(exp(0.5), rel=0.03)


@pytest.mark.parametrize("num_classes", [None, 10])
def test_the_weights_are_as_many_as_a_hand_count(num_classes: int | None) -> None:
    labels = num_classes or 0
    dense = (784 + labels) * 16 + 16 + 16 * 10 + 10
    assert count_parameters(Encoder(16, 5, num_classes)) == dense
    convolutions = 3 * 1 * 16 + 3 + 4 * 3 * 16 + 4
    joined = (4 * 49 + labels) * 12 + 12 + 12 * 10 + 10
    assert count_parameters(ConvEncoder((3, 4), 12, 5, num_classes)) == convolutions + joined


def make(**settings: Any) -> Autoencoder:
    torch.manual_seed(0)
    return Autoencoder(Encoder(16, 5), MLPDecoder(5, 16, (1, 28, 28)), **settings)


def test_the_autoencoder_decodes_a_new_draw_each_time(images: Tensor) -> None:
    model = make()
    first, mu, _ = model(images)
    second, again, _ = model(images)
    assert first.shape == images.shape
    assert torch.equal(mu, again)
    assert not torch.equal(first, second)


def test_the_learned_variance_is_never_below_one_grey_level() -> None:
    assert make().log_variance is None  # unless it is asked for
    model = make(learns_variance=True)
    free, floor = model.free_log_variance, 1 / 255
    assert free is not None
    assert model.log_variance is not None
    assert model.log_variance.exp().item() == pytest.approx(0.05, rel=0.01)  # a bad reconstruction's
    deviations = []
    for value in (-1e4, -50.0, -11.0, -3.0, 0.0, 3.0):
        with torch.no_grad():
            free.fill_(value)
        deviations.append(model.log_variance.exp().sqrt().item())
    assert deviations[0] == pytest.approx(floor, rel=1e-5)
    assert deviations == sorted(deviations)
    # Far above the floor the weight is the log-variance itself.
    assert deviations[3:] == pytest.approx([exp(-3 / 2), 1.0, exp(3 / 2)], rel=1e-3)
    [grad] = torch.autograd.grad(model.log_variance, free)
    assert grad.item() == pytest.approx(1, abs=1e-5)
