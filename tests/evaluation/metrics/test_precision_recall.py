"""Precision, recall, density and coverage against brute force, also where points lie exactly on a ball."""

from statistics import fmean, stdev

import pytest
import torch

from genlab.evaluation.metrics import manifold, radii
from tests.evaluation.conftest import normal, seeded
from tests.oracles.evaluation import brute_force


def check(real: torch.Tensor, generated: torch.Tensor, k: int) -> None:
    ours = manifold(real, generated, k)
    figures = (ours.precision, ours.recall, ours.density, ours.coverage)
    assert figures == pytest.approx(brute_force(real, generated, k), abs=1e-12)


@pytest.mark.parametrize("k", [1, 3, 5])
@pytest.mark.parametrize(("n", "m", "shift"), [(40, 30, 0.0), (25, 50, 1.0), (30, 30, 4.0)])
def test_all_four_equal_brute_force(n: int, m: int, shift: float, k: int) -> None:
    check(normal(n, 4, 1), normal(m, 4, 2) * 0.7 + shift, k)


@pytest.mark.parametrize("offset", [0, 1000])
def test_ties_are_inside(offset: int) -> None:
    """On a grid many points lie exactly on a ball; and integers have no rounding, so brute force is right."""
    real, generated = (torch.randint(0, 4, (n, 3), generator=seeded(n)) + offset for n in (60, 40))
    check(real.double(), generated.double(), 3)


@pytest.mark.parametrize("scale", [1e-3, 1, 1e3])
@pytest.mark.parametrize("offset", [0, 100])
def test_copies_of_real_images_lie_on_the_balls_they_define(scale: float, offset: float) -> None:
    real = normal(80, 16, 0) * scale + offset
    check(real, real[torch.randperm(80, generator=seeded())[:30]], 4)


@pytest.mark.parametrize("offset", [0, 100])
def test_copies_of_images_that_are_there_many_times_lie_in_balls_of_radius_0(offset: float) -> None:
    real = normal(20, 16, 0).repeat(5, 1) + offset  # each five times: the third nearest is the same
    ours = manifold(real, torch.cat([real[:10], normal(10, 16, 1) + offset]), 3)
    assert (ours.precision, ours.coverage) == (0.5, 0.5)
    assert ours.density == pytest.approx(0.5 * 5 / 3)


def test_copies_in_two_narrow_clusters_far_apart() -> None:
    """The balls are small beside the distance to the common centre: rounding is large beside them."""
    real = normal(60, 8, 0) * 0.1
    real[:30] += 200
    check(real, real[torch.randperm(60, generator=seeded())[:20]], 4)


@pytest.mark.parametrize("k", [1, 5])
def test_copies_of_all_get_full_marks(k: int) -> None:
    real = normal(1500, 64, 0).relu()
    ours = manifold(real, real[torch.randperm(1500, generator=seeded())], k)
    assert (ours.precision, ours.recall, ours.coverage) == (1, 1, 1)
    # Every ball holds its own centre and exactly k others.
    assert ours.density == pytest.approx((k + 1) / k, abs=1e-12)


def test_slices_make_no_difference(monkeypatch: pytest.MonkeyPatch) -> None:
    points = normal(2300, 3, 0)
    every = torch.cdist(points, points, compute_mode="donot_use_mm_for_euclid_dist")
    torch.testing.assert_close(radii(points, 5), every.sort(1).values[:, 5])
    one = manifold(points, points[:1200] + 0.1)
    monkeypatch.setattr("genlab.evaluation.metrics.precision_recall.SLICE", 2300)
    assert manifold(points, points[:1200] + 0.1) == one


def test_the_null_case_is_calibrated() -> None:
    """Real against real: coverage is 1 - (N-1)...(N-k)/((N+M-1)...(N+M-k)), .969 at k 5; density is 1."""
    values = [manifold(normal(1000, 8, 2 * seed), normal(1000, 8, 2 * seed + 1), 5) for seed in range(10)]
    assert sum(v.coverage for v in values) / 10 == pytest.approx(0.969, abs=0.004)
    assert sum(v.density for v in values) / 10 == pytest.approx(1, abs=0.03)


def test_the_stated_error_of_the_density_is_how_far_other_generated_images_move_it() -> None:
    real = normal(300, 8, 0)
    found = [manifold(real, normal(200, 8, 1 + seed)) for seed in range(40)]
    assert stdev(v.density for v in found) == pytest.approx(fmean(v.density_error for v in found), rel=0.25)
