import math

import pytest
import torch
from matplotlib import pyplot as plt
from torch import Tensor

from genlab.gan.ring import (
    MODES,
    REACH,
    SPREAD,
    RingGame,
    Round,
    draw_ring,
    modes_covered,
    on_target,
    push,
    ring,
    ring_centres,
)


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def test_the_centres_are_the_corners_of_an_octagon() -> None:
    centres = ring_centres()
    assert centres.shape == (8, 2)
    torch.testing.assert_close(centres.norm(dim=1), torch.ones(8))
    neighbours = (centres - centres.roll(1, 0)).norm(dim=1)
    torch.testing.assert_close(neighbours, torch.full((8,), 2 * math.sin(math.pi / 8)))


def test_points_are_spread_evenly_over_eight_gaussians() -> None:
    points = ring(40_000, seeded())
    assert points.shape == (40_000, 2)
    nearest = torch.cdist(points, ring_centres()).argmin(1)
    counts = nearest.bincount(minlength=MODES)
    assert counts.min() > 4700  # 5,000 expected, standard deviation 66
    offsets = points - ring_centres()[nearest]
    torch.testing.assert_close(offsets.std(0), torch.full((2,), SPREAD), rtol=0.03, atol=0)
    torch.testing.assert_close(offsets.mean(0), torch.zeros(2), rtol=0, atol=0.002)
    assert torch.equal(ring(5, seeded()), ring(5, seeded()))
    assert not torch.equal(ring(5, seeded(0)), ring(5, seeded(1)))


def test_real_points_are_on_target() -> None:
    share = on_target(ring(100_000, seeded())).float().mean().item()
    assert share == pytest.approx(1 - math.exp(-8), abs=3e-4)  # Rayleigh's distribution, four deviations
    assert not on_target(torch.zeros(1, 2))
    assert on_target(ring_centres() * (1 + 3.9 * SPREAD)).all()
    assert not on_target(ring_centres() * (1 + 4.1 * SPREAD)).any()


@pytest.mark.parametrize("modes", range(9))
def test_covered_modes_are_counted(modes: int) -> None:
    points = ring(20_000, seeded())
    kept = points[torch.cdist(points, ring_centres()).argmin(1) < modes]
    assert modes_covered(torch.cat([kept, torch.zeros(10, 2)])) == modes


def test_a_mode_with_a_few_points_does_not_count() -> None:
    centres = ring_centres()
    few = torch.cat([centres[:1].expand(99, 2), centres[1:2]])
    assert modes_covered(few) == 1
    assert modes_covered(few, share=0.01) == 2


def test_rounds_are_counted_over_the_whole_game() -> None:
    game = RingGame(seed=0)
    first = list(game.play(3))
    second = list(game.play(2, penalty=1.0))
    assert [record.number for record in first + second] == [1, 2, 3, 4, 5]
    assert all(isinstance(record, Round) and math.isfinite(record.discriminator) for record in first)
    assert all(math.isfinite(record.generator) for record in first + second)


@pytest.mark.parametrize("penalty", [0.0, 1.0])
def test_the_seed_decides_the_game(penalty: float) -> None:
    def points(seed: int) -> torch.Tensor:
        game = RingGame(seed)
        list(game.play(5, penalty=penalty, batch_size=16))
        return game.points(50)

    assert torch.equal(points(1), points(1))
    assert not torch.equal(points(1), points(2))


def test_a_circle_covers_every_mode_and_half_of_it_is_on_target() -> None:
    angle = torch.arange(10_000) * (2 * math.pi / 10_000)
    circle = torch.stack([angle.cos(), angle.sin()], dim=1)
    assert modes_covered(circle) == MODES
    assert on_target(circle).float().mean().item() == pytest.approx(16 * math.asin(0.1) / math.pi, abs=1e-3)


@pytest.mark.parametrize("steps", [1, 7])
def test_the_generator_makes_so_many_steps_a_round(steps: int) -> None:
    game = RingGame(seed=0, generator_steps=steps)
    list(game.play(2))
    for network, expected in ((game.generator, 2 * steps), (game.discriminator, 2)):
        states = game.optimisers[network].state.values()
        assert {int(state["step"]) for state in states} == {expected}


def test_the_plain_game_collapses_and_the_penalty_brings_the_modes_back() -> None:
    """What notebook 02 shows, in fewer rounds."""
    game = RingGame(seed=0)
    list(game.play(200))
    assert modes_covered(game.points()) <= 2
    assert game.points().std(0).mean() < 0.2
    list(game.play(300, penalty=5.0))
    assert modes_covered(game.points()) == MODES
    assert on_target(game.points()).float().mean() > 0.55


def answer(points: Tensor) -> Tensor:
    """A discriminator that calls real what lies to the right."""
    return points[..., :1]


def test_the_push_points_where_the_answer_rises() -> None:
    pushes = push(answer, torch.randn(6, 2, generator=seeded()))
    torch.testing.assert_close(pushes, torch.tensor([[1.0, 0.0]]).expand(6, 2))
    assert not push(lambda points: 0 * points[:, :1], torch.zeros(1, 2)).any()


def test_the_discriminator_is_drawn_under_the_points() -> None:
    axis = plt.figure().add_subplot()
    draw_ring(axis, ring(40, seeded()), "#000000", answer)
    shade = axis.images[0].get_array()
    assert shade is not None
    assert shade[0, 0] == shade[-1, 0] < shade[0, -1] == shade[-1, -1]  # x runs along the columns
    assert shade[40, 40] == 0.5
    assert axis.get_xlim() == axis.get_ylim() == (-REACH, REACH)
    draw_ring(plt.figure().add_subplot(), ring(40, seeded()), "#000000")
    plt.close("all")


def test_asking_for_points_changes_nothing() -> None:
    game = RingGame(seed=0)
    assert torch.equal(game.points(20), game.points(20))
    state = torch.get_rng_state()
    assert game.points().shape == (1000, 2)
    assert torch.equal(state, torch.get_rng_state())


def test_a_step_of_one_leaves_no_gradient_at_the_other() -> None:
    game = RingGame(seed=0)
    before = [p.clone() for p in game.generator.parameters()]
    weights = [p.clone() for p in game.discriminator.parameters()]
    next(game.play(1, penalty=1.0))
    assert any(not torch.equal(a, b) for a, b in zip(before, game.generator.parameters(), strict=True))
    assert any(not torch.equal(a, b) for a, b in zip(weights, game.discriminator.parameters(), strict=True))
    own = [p.grad.clone() for p in game.discriminator.parameters() if p.grad is not None]
    game._step(game.generator, game.discriminator(game.generator(torch.randn(4, game.latent_dim))).mean())
    after = [p.grad for p in game.discriminator.parameters() if p.grad is not None]
    assert all(torch.equal(a, b) for a, b in zip(own, after, strict=True))
