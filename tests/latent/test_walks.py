"""Grids, walks and sums of codes, against geometry and the normal distribution."""

import pytest
import torch
from scipy import stats
from torch.distributions import Normal

from genlab.errors import GenlabError
from genlab.gan.gan import truncated
from genlab.latent import class_means, linear_walk, manifold_grid, spherical_walk


def pair(width: int = 20, seed: int = 0) -> tuple[torch.Tensor, torch.Tensor]:
    start, end = torch.randn(2, width, generator=torch.Generator().manual_seed(seed))
    return start, end


@pytest.mark.parametrize(("rows", "rim"), [(2, 0.1), (5, 0.02), (20, 0.02)])
def test_the_prior_has_the_same_share_between_each_two_lines(rows: int, rim: float) -> None:
    grid = manifold_grid(rows, rim).reshape(rows, rows, 2)
    across, up = grid[0, :, 0], grid[:, 0, 1]
    shares = Normal(0, 1).cdf(across).diff()
    torch.testing.assert_close(shares, torch.full((rows - 1,), (1 - 2 * rim) / (rows - 1)))
    torch.testing.assert_close(up, across.flip(0))  # the first row is the top one
    assert (grid[:, :, 0] == across).all()
    assert (grid[:, :, 1] == up[:, None]).all()


@pytest.mark.parametrize("walk", [linear_walk, spherical_walk])
@pytest.mark.parametrize("steps", [2, 3, 10])
def test_a_walk_begins_and_ends_where_it_should(walk: type, steps: int) -> None:
    start, end = pair()
    codes = walk(start, end, steps)
    assert codes.shape == (steps, 20)
    torch.testing.assert_close(codes[0], start)
    torch.testing.assert_close(codes[-1], end)
    torch.testing.assert_close(walk(end, start, steps).flip(0), codes)


def test_a_linear_walk_takes_equal_steps() -> None:
    start, end = pair()
    steps = linear_walk(start, end, 8).diff(dim=0)
    torch.testing.assert_close(steps, ((end - start) / 7).expand(7, -1))


@pytest.mark.parametrize("seed", range(5))
def test_a_spherical_walk_turns_evenly_and_changes_its_length_evenly(seed: int) -> None:
    start, end = pair(seed=seed)
    codes = spherical_walk(start, end, 9).double()
    lengths = codes.norm(dim=1)
    torch.testing.assert_close(lengths, torch.linspace(float(start.norm()), float(end.norm()), 9).double())
    directions = codes / lengths[:, None]
    angles = (directions[1:] * directions[:-1]).sum(1).clamp(-1, 1).arccos()
    torch.testing.assert_close(angles, angles.mean().expand(8), rtol=1e-4, atol=1e-5)
    plane = torch.linalg.matrix_rank(torch.cat([codes, start[None].double()]), rtol=1e-5)
    assert plane == 2


def test_in_a_right_angle_the_middle_is_the_bisector() -> None:
    start, end = torch.tensor([2.0, 0, 0]), torch.tensor([0, 2.0, 0])
    torch.testing.assert_close(spherical_walk(start, end, 3)[1], torch.tensor([2**0.5, 2**0.5, 0]))
    assert linear_walk(start, end, 3)[1].norm() == pytest.approx(2**0.5)


@pytest.mark.parametrize("factor", [1.0, 3.0, -1.0, 0.0])
def test_codes_in_line_with_the_origin_are_walked_straight(factor: float) -> None:
    start, _ = pair()
    codes = spherical_walk(start, factor * start, 5)
    assert codes.isfinite().all()
    torch.testing.assert_close(codes, linear_walk(start, factor * start, 5), rtol=1e-4, atol=1e-4)


def test_the_mean_code_of_each_class() -> None:
    codes, labels = torch.randn(50, 7), torch.arange(50) % 4
    means = class_means(codes, labels, 4)
    for label in range(4):
        torch.testing.assert_close(means[label], codes[labels == label].mean(0))
    moved = codes[labels == 1] + means[3] - means[1]
    torch.testing.assert_close(moved.mean(0), means[3])


def test_a_class_without_a_code_is_refused() -> None:
    with pytest.raises(GenlabError, match=r"0\.\.1"):
        class_means(torch.randn(5, 3), torch.zeros(5, dtype=torch.int64), 2)


@pytest.mark.parametrize("limit", [0.1, 0.5, 1.0, 2.0, 4.0])
def test_truncated_codes_are_those_of_the_normal_cut_off(limit: float) -> None:
    codes = truncated(torch.randn(20_000, generator=torch.Generator().manual_seed(0)), limit)
    assert codes.abs().max() <= limit
    assert stats.kstest(codes.numpy(), stats.truncnorm(-limit, limit).cdf).pvalue > 0.01


def test_under_a_slider_truncation_moves_every_entry_smoothly_and_keeps_their_order() -> None:
    z = torch.randn(50, generator=torch.Generator().manual_seed(0)).sort().values
    walk = torch.stack([truncated(z, limit) for limit in torch.linspace(0.1, 4, 40).tolist()])
    assert (walk.diff(dim=1) >= 0).all()
    assert walk.diff(dim=0).abs().max() < 0.11  # hardly more than the limit itself moves
    torch.testing.assert_close(truncated(z, 9.0), z)
    assert truncated(torch.tensor([-40.0, 40.0]), 2.0).tolist() == [-2, 2]


@pytest.mark.parametrize("limit", [0.0, -1.0, float("nan")])
def test_truncation_to_nothing_is_refused(limit: float) -> None:
    with pytest.raises(GenlabError, match="truncation should be above 0"):
        truncated(torch.zeros(3), limit)
