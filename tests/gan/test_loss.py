import math
from typing import get_args

import pytest
import torch
from torch import Tensor
from torch.distributions import Bernoulli

from genlab.gan.loss import (
    Game,
    decision_boundary,
    discriminator_loss,
    generator_loss,
    gradient_penalty,
    slope_penalty,
)

GAMES: tuple[Game, ...] = get_args(Game)
REAL = torch.tensor([2.0, -1.0, 0.5])
FAKE = torch.tensor([-3.0, 0.25, 1.5])


def cost(logits: Tensor, called: float) -> float:
    """Mean of -log p of an answer, in double precision and by torch.distributions."""
    logits = logits.double()
    answers = Bernoulli(logits=logits, validate_args=False)
    log_p: Tensor = answers.log_prob(torch.full_like(logits, called))
    return -log_p.mean().item()


def mean(values: list[float]) -> float:
    return sum(values) / len(values)


def log_sigmoid(x: float) -> float:
    return -math.log(1 + math.exp(-x))


PAIRS = list(zip(REAL.tolist(), FAKE.tolist(), strict=True))
BY_HAND: dict[Game, tuple[float, float]] = {  # the discriminator's loss and the generator's
    "non_saturating": (cost(REAL, 1) + cost(FAKE, 0), cost(FAKE, 1)),
    "least_squares": (
        0.5 * mean([(r - 1) ** 2 for r, _ in PAIRS]) + 0.5 * mean([f**2 for _, f in PAIRS]),
        0.5 * mean([(f - 1) ** 2 for _, f in PAIRS]),
    ),
    "hinge": (
        mean([max(0, 1 - r) for r, _ in PAIRS]) + mean([max(0, 1 + f) for _, f in PAIRS]),
        -mean([f for _, f in PAIRS]),
    ),
    "wgan_gp": (mean([f for _, f in PAIRS]) - mean([r for r, _ in PAIRS]), -mean([f for _, f in PAIRS])),
    "relativistic": (
        -mean([log_sigmoid(r - f) for r, f in PAIRS]),
        -mean([log_sigmoid(f - r) for r, f in PAIRS]),
    ),
}


@pytest.mark.parametrize("game", GAMES)
def test_both_losses_are_the_papers(game: Game) -> None:
    discriminators, generators = BY_HAND[game]
    assert discriminator_loss(REAL, FAKE, game=game).item() == pytest.approx(discriminators, rel=1e-6)
    assert generator_loss(FAKE, REAL, game).item() == pytest.approx(generators, rel=1e-6)


def test_the_first_game_is_played_unless_another_is_asked_for() -> None:
    assert discriminator_loss(REAL, FAKE) == discriminator_loss(REAL, FAKE, game="non_saturating")
    assert generator_loss(FAKE) == generator_loss(FAKE, game="non_saturating")


@pytest.mark.parametrize("game", GAMES)
@pytest.mark.parametrize("size", [1e2, 1e4, 1e18])
def test_confidence_never_gives_an_infinity(game: Game, size: float) -> None:
    """A sigmoid and a logarithm apart would give log(0)."""
    smoothing = 0.1 if game in ("non_saturating", "least_squares") else 0.0
    for real_sign, fake_sign in ((1, 1), (1, -1), (-1, 1), (-1, -1)):
        real = torch.tensor([real_sign * size], requires_grad=True)
        fake = torch.tensor([fake_sign * size], requires_grad=True)
        played = discriminator_loss(real, fake, smoothing, game), generator_loss(fake, real.detach(), game)
        for loss in played:
            assert loss.isfinite()
            for slope in torch.autograd.grad(loss, [real, fake], retain_graph=True, allow_unused=True):
                assert slope is None or slope.isfinite().all()


# --- smoothing and the boundary ---------------------------------------------------------------


@pytest.mark.parametrize("smoothing", [0.1, 0.3])
def test_smoothing_moves_the_target_of_real_images_alone(smoothing: float) -> None:
    target = 1 - smoothing
    expected = {game: value for game, (value, _) in BY_HAND.items()} | {
        "non_saturating": cost(REAL, target) + cost(FAKE, 0),
        "least_squares": mean([(r - target) ** 2 for r, _ in PAIRS]) / 2 + mean([f**2 for _, f in PAIRS]) / 2,
    }
    for game in GAMES:
        found = discriminator_loss(REAL, FAKE, smoothing, game)
        assert found.item() == pytest.approx(expected[game], rel=1e-6)


@pytest.mark.parametrize(
    ("game", "boundary"),
    [("non_saturating", 0), ("hinge", 0), ("least_squares", 0.5), ("wgan_gp", 7.5), ("relativistic", 7.5)],
)
def test_the_boundary_lies_between_what_the_game_wants_of_real_and_fake(game: Game, boundary: float) -> None:
    """Halfway between the targets, 1 and 0 or 1 and -1; where there are none, between the two means."""
    real, fake = torch.tensor([9.0, 11.0], requires_grad=True), torch.tensor([4.0, 6.0])
    found = decision_boundary(real, fake, game)
    assert float(found) == boundary
    assert not isinstance(found, Tensor) or not found.requires_grad


# --- the penalties ----------------------------------------------------------------------------


def test_the_slope_is_asked_for_between_the_two_of_each_pair() -> None:
    """Of D(x) = |x|^2 / 2 the slope at x is x: its length says where the points were."""
    real, fake = torch.zeros(2000, 2), torch.tensor([[4.0, 0.0], [0.0, 8.0]]).repeat(1000, 1)
    seen: list[Tensor] = []

    def bowl(x: Tensor) -> Tensor:
        seen.append(x.detach())
        return x.square().sum(1) / 2

    torch.manual_seed(0)
    penalty = slope_penalty(bowl, real, fake)
    [points] = seen
    assert torch.equal(points == 0, fake == 0)  # each on its own line, and a share of its own
    share = points.norm(dim=1) / fake.norm(dim=1)
    assert 0 <= share.min() < 0.01
    assert 0.99 < share.max() <= 1
    assert share.mean().item() == pytest.approx(0.5, abs=0.02)
    torch.testing.assert_close(penalty, (points.norm(dim=1) - 1).square().mean())
    # E(4u - 1)^2 and E(8u - 1)^2 of a uniform u, averaged
    assert penalty.item() == pytest.approx(((16 / 3 - 4 + 1) + (64 / 3 - 8 + 1)) / 2, rel=0.05)


def test_the_penalties_can_be_differentiated_by_the_weights_and_leave_the_inputs_alone() -> None:
    weight = torch.tensor([3.0, -1.0], requires_grad=True)
    real, fake = torch.randn(4, 2, requires_grad=True), torch.randn(4, 2, requires_grad=True)

    def discriminator(x: Tensor) -> Tensor:
        return x @ weight

    [slope] = torch.autograd.grad(gradient_penalty(discriminator, real), weight)
    torch.testing.assert_close(slope, 2 * weight.detach())  # of w squared
    [slope] = torch.autograd.grad(slope_penalty(discriminator, real, fake), weight)
    norm = weight.detach().norm()
    torch.testing.assert_close(slope, 2 * (norm - 1) * weight.detach() / norm)  # of (|w| - 1)^2
    gradient_penalty(discriminator, real).backward()
    slope_penalty(discriminator, real, fake).backward()
    assert real.grad is None
    assert fake.grad is None


def test_a_curved_discriminators_penalty_has_the_slope_of_its_closed_form() -> None:
    """D(x) = a x^2 / 2 + b x: the squared slope (a x + b)^2, differentiated by a and b."""
    a, b = torch.tensor(1.5, requires_grad=True), torch.tensor(-0.5, requires_grad=True)
    x = torch.tensor([[1.0], [-2.0], [0.5]])
    penalty = gradient_penalty(lambda x: (a * x.square() / 2 + b * x).squeeze(1), x)
    slopes = 1.5 * x - 0.5
    torch.testing.assert_close(penalty, slopes.square().mean())
    by_a, by_b = torch.autograd.grad(penalty, [a, b])
    torch.testing.assert_close(by_a, (2 * slopes * x).mean())
    torch.testing.assert_close(by_b, (2 * slopes).mean())


def test_a_constant_discriminator_has_no_slope_and_finite_gradients() -> None:
    weight = torch.zeros(784, requires_grad=True)

    def flat(x: Tensor) -> Tensor:
        return x.flatten(1) @ weight + 2

    real, fake = torch.randn(3, 1, 28, 28), torch.randn(3, 1, 28, 28)
    for inputs in (real, fake):
        penalty = gradient_penalty(flat, inputs)
        assert penalty.item() == 0
        [slope] = torch.autograd.grad(penalty, weight)
        assert torch.equal(slope, torch.zeros(784))
    penalty = slope_penalty(flat, real, fake)  # the root's own slope at 0 is infinite
    assert penalty.item() == pytest.approx(1, abs=1e-4)
    [slope] = torch.autograd.grad(penalty, weight)
    assert slope.isfinite().all()
