import math

import pytest
import torch

from genlab.gan.loss import discriminator_loss, generator_loss, gradient_penalty

REAL = torch.tensor([2.0, -1.0, 0.5])
FAKE = torch.tensor([-3.0, 0.25])


def test_the_discriminators_loss_is_equation_1() -> None:
    def log(p: torch.Tensor) -> torch.Tensor:
        return p.double().log()

    expected = -log(REAL.double().sigmoid()).mean() - log(1 - FAKE.double().sigmoid()).mean()
    assert discriminator_loss(REAL, FAKE).item() == pytest.approx(expected.item(), rel=1e-6)


def test_undecided_it_costs_two_bits() -> None:
    assert discriminator_loss(torch.zeros(4), torch.zeros(4)).item() == pytest.approx(2 * math.log(2))
    assert generator_loss(torch.zeros(4)).item() == pytest.approx(math.log(2))


def test_the_generators_loss_is_the_non_saturating_one() -> None:
    expected = -FAKE.double().sigmoid().log().mean()
    assert generator_loss(FAKE).item() == pytest.approx(expected.item(), rel=1e-6)
    sure = torch.tensor([-50.0], requires_grad=True)  # the detective is sure: the slope is still 1
    [slope] = torch.autograd.grad(generator_loss(sure), sure)
    assert slope.item() == pytest.approx(-1)


@pytest.mark.parametrize("smoothing", [0.0, 0.1, 0.3])
def test_smoothing_is_one_sided(smoothing: float) -> None:
    """With smoothing s the best answer to a real image is the logit of 1 - s; to a fake, still -infinity."""
    real = torch.tensor([math.log((1 - smoothing) / smoothing) if smoothing else 40.0], requires_grad=True)
    fake = torch.tensor([-40.0], requires_grad=True)
    slopes = torch.autograd.grad(discriminator_loss(real, fake, smoothing), [real, fake])
    assert slopes[0].item() == pytest.approx(0, abs=1e-6)
    assert slopes[1].item() == pytest.approx(0, abs=1e-6)
    difference = discriminator_loss(REAL, FAKE, smoothing) - discriminator_loss(REAL, FAKE)
    assert difference.item() == pytest.approx(smoothing * REAL.mean().item(), abs=1e-6)
    changed = discriminator_loss(REAL, FAKE + 1, smoothing) - discriminator_loss(REAL, FAKE + 1)
    assert changed.item() == pytest.approx(difference.item(), abs=1e-6)  # the fakes have no part in it


@pytest.mark.parametrize("size", [1e2, 1e4, 1e30])
def test_confidence_never_gives_an_infinity(size: float) -> None:
    """A sigmoid and a logarithm apart would give log(0)."""
    for sign in (1, -1):
        real = torch.tensor([sign * size], requires_grad=True)
        fake = torch.tensor([sign * size], requires_grad=True)
        for loss in (discriminator_loss(real, fake, 0.1), generator_loss(fake)):
            assert loss.isfinite()
            for slope in torch.autograd.grad(loss, [real, fake], retain_graph=True, allow_unused=True):
                assert slope is None or slope.isfinite().all()


def test_batches_are_averaged() -> None:
    torch.testing.assert_close(
        discriminator_loss(REAL.repeat(3), FAKE.repeat(2)), discriminator_loss(REAL, FAKE)
    )
    torch.testing.assert_close(generator_loss(FAKE.repeat(2)), generator_loss(FAKE))


# --- the gradient penalty ---------------------------------------------------------------------


def test_the_penalty_of_a_linear_detective_is_its_slope_squared() -> None:
    weights = torch.randn(784, generator=torch.Generator().manual_seed(0))
    for n in (1, 5):
        inputs = torch.randn(n, 1, 28, 28)
        penalty = gradient_penalty(lambda x: x.flatten(1) @ weights + 3, inputs)
        torch.testing.assert_close(penalty, weights.square().sum())


def test_the_penalty_is_averaged_over_the_inputs() -> None:
    inputs = torch.tensor([[1.0], [2.0], [3.0]])
    penalty = gradient_penalty(lambda x: x.squeeze(1) ** 2, inputs)  # the slopes are 2, 4 and 6
    assert penalty.item() == pytest.approx((4 + 16 + 36) / 3)


def test_the_penalty_can_be_differentiated_by_the_weights_and_leaves_the_inputs_alone() -> None:
    weight = torch.tensor([3.0, -1.0], requires_grad=True)
    inputs = torch.randn(4, 2, requires_grad=True)
    gradient_penalty(lambda x: x @ weight, inputs).backward()
    assert weight.grad is not None
    torch.testing.assert_close(weight.grad, 2 * weight.detach())  # of w squared
    assert inputs.grad is None
