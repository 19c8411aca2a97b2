from itertools import pairwise
from typing import Any, get_args

import numpy as np
import pytest
from diffusers import DDIMScheduler, EulerDiscreteScheduler

from genlab.diffusion.schedule import (
    MOST_NOISE,
    ScheduleName,
    Spacing,
    karras_pairs,
    make_schedule,
    timestep_pairs,
)
from genlab.errors import GenlabError

SPACINGS: list[Spacing] = [spacing for spacing in get_args(Spacing) if spacing != "karras"]
STEP_COUNTS = [1, 2, 7, 10, 50, 61, 999, 1000]


def check_pairs(total: int, n: int, spacing: Spacing) -> None:
    pairs = timestep_pairs(total, n, spacing)
    times = [t for t, _ in pairs]
    assert len(pairs) == n
    assert all(isinstance(t, int) and t in range(total) for t in times)
    assert all(t > following for t, following in pairwise(times))
    assert [t_prev for _, t_prev in pairs] == [*times[1:], -1]
    if spacing != "leading":
        assert times[0] == total - 1
    if spacing != "trailing" and n > 1:
        assert times[-1] == 0
    gaps = [t - following for t, following in pairwise(times)]
    assert not gaps or max(gaps) - min(gaps) <= (0 if spacing == "leading" else 2)  # even, in whole numbers


@pytest.mark.parametrize("spacing", SPACINGS)
def test_pairs_are_sound_for_every_step_count(spacing: Spacing) -> None:
    for n in [*range(1, 100), *range(100, 1001, 7), 999, 1000]:
        check_pairs(1000, n, spacing)
    for total in range(1, 41):
        for n in range(1, total + 1):
            check_pairs(total, n, spacing)


@pytest.mark.parametrize("spacing", SPACINGS)
@pytest.mark.parametrize("n", STEP_COUNTS)
def test_they_are_those_of_diffusers_where_it_is_right(spacing: Spacing, n: int) -> None:
    reference: Any = DDIMScheduler(1000, timestep_spacing=spacing)
    reference.set_timesteps(n)
    theirs = reference.timesteps.tolist()
    if (spacing, n) == ("linspace", 1):  # from 0, where there is nothing to denoise
        assert theirs == [0]
        theirs = [999]
    if (spacing, n) == ("trailing", 61):  # its floating-point range has one too many
        assert (len(theirs), theirs.pop()) == (62, -1)
    ours = [t for t, _ in timestep_pairs(1000, n, spacing)]
    if (spacing, n) == ("linspace", 61):  # a half may be 499.49999999999994 and rounded the other way
        halves = [i for i in range(61) if 999 * i % 60 == 30]
        for i in halves:
            assert theirs[i] in (ours[i], ours[i] - 1)
            theirs[i] = ours[i]
    assert ours == theirs


def test_trailing_rounds_a_half_as_numpy_does() -> None:
    times = [t for t, _ in timestep_pairs(1000, 16)]
    assert times == (np.rint(np.arange(16, 0, -1) * 62.5).astype(int) - 1).tolist()


@pytest.mark.parametrize("n", [0, -1, 1001])
@pytest.mark.parametrize("spacing", SPACINGS)
def test_impossible_step_counts_are_refused(n: int, spacing: Spacing) -> None:
    with pytest.raises(GenlabError, match="num_inference_steps"):
        timestep_pairs(1000, n, spacing)


def test_an_unknown_spacing_is_refused() -> None:
    wrong: Any = "trailng"
    with pytest.raises(GenlabError, match="spacing"):
        timestep_pairs(1000, 10, wrong)


# --- Karras et al. 2022: even in a root of the noise ---------------------------------


@pytest.mark.parametrize("name", get_args(ScheduleName))
def test_karras_visits_each_time_once_from_the_noise_to_the_image(name: ScheduleName) -> None:
    many = [(1000, n) for n in [*range(1, 60), 250, 999, 1000]]
    for total, n in many + [(few, n) for few in range(1, 30) for n in range(1, few + 1)]:
        pairs = karras_pairs(make_schedule(name, total), n)
        times = [t for t, _ in pairs]
        assert len(pairs) == n
        assert all(isinstance(t, int) and t in range(total) for t in times)
        assert all(t > following for t, following in pairwise(times))
        assert [t_prev for _, t_prev in pairs] == [*times[1:], -1]
        assert times[0] == total - 1
        assert times[-1] == 0 or n == 1


@pytest.mark.parametrize("n", [5, 10, 18])
def test_karras_noise_is_that_of_diffusers(n: int) -> None:
    """Theirs lies between two whole times, ours at the nearest."""
    schedule = make_schedule("linear", 1000)
    noise = (schedule.sigma / schedule.alpha).clamp(max=MOST_NOISE).numpy()
    reference: Any = EulerDiscreteScheduler(1000)
    theirs = reference._convert_to_karras(in_sigmas=noise[::-1], num_inference_steps=n)
    ours = noise[[t for t, _ in karras_pairs(schedule, n, rho=7)]]  # theirs is fixed
    nearest = [noise[np.abs(np.log(noise) - np.log(wanted)).argmin()] for wanted in theirs]
    np.testing.assert_allclose(ours, nearest, rtol=0.02)


@pytest.mark.parametrize("n", [0, -1, 101])
def test_karras_refuses_impossible_step_counts(n: int) -> None:
    with pytest.raises(GenlabError, match="num_inference_steps"):
        karras_pairs(make_schedule("cosine", 100), n)


def test_karras_needs_the_schedule() -> None:
    with pytest.raises(GenlabError, match="karras_pairs"):
        timestep_pairs(1000, 10, "karras")
