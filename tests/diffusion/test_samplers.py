import math
from collections.abc import Callable, Iterator
from itertools import pairwise, product
from typing import Any, get_args

import pytest
import torch
from torch import Tensor

from genlab.diffusion.samplers import SAMPLERS, Denoiser, SamplerStep, as_denoiser, ddim, heun
from genlab.diffusion.schedule import (
    NoiseSchedule,
    PredictionType,
    ScheduleName,
    Spacing,
    make_schedule,
    timestep_pairs,
)
from genlab.errors import GenlabError
from tests.oracles.diffusion import (
    DETERMINISTIC,
    ORACLES,
    SCHEDULES,
    SPACINGS,
    TOLERANCE,
    Oracle,
    ddim_with_eta_1_and_ddpm,
    differences,
    diffusers_ddim,
    kinds_of,
    lost,
    made_up,
    noise_of,
    seeded,
)

KINDS: list[PredictionType] = list(get_args(PredictionType))
Sampler = Callable[..., Iterator[SamplerStep]]
ALL: tuple[Sampler, ...] = tuple(SAMPLERS.values())
every_sampler = pytest.mark.parametrize("sampler", ALL, ids=list(SAMPLERS))


def walk(
    n: int,
    x: Tensor,
    *,
    clip: bool = True,
    kind: PredictionType = "epsilon",
    schedule: NoiseSchedule = SCHEDULES["linear"],
) -> list[SamplerStep]:
    denoise = as_denoiser(made_up, schedule, kind, clip_sample=clip)
    return list(ddim(denoise, x, schedule, timestep_pairs(1000, n)))


# --- against others: all of it is in tests/oracles/diffusion.py ------------------------------


NAMED = [
    pytest.param(oracle, schedule, id=f"{oracle.sampler.__name__}-{oracle.name}-{name}")
    for name, schedule in SCHEDULES.items()
    for oracle in ORACLES
    if oracle.knows(schedule)
]


@pytest.mark.parametrize(("oracle", "schedule"), NAMED)
def test_every_state_is_that_of_the_oracle(oracle: Oracle, schedule: NoiseSchedule) -> None:
    """In float64 and, but for Heun where it divides by a sigma of 1 / T, in float32 too."""
    walks: list[tuple[Spacing, int]] = [
        ("trailing", 1), ("trailing", 2), ("trailing", 7), ("leading", 10), ("linspace", 7),
    ]  # fmt: skip
    for spacing, n in walks:
        both = differences(oracle, schedule, spacing, n, (torch.float64, torch.float32))
        assert both[0] < TOLERANCE
        assert both[1] < TOLERANCE or (oracle.sampler is heun and spacing != "trailing")


@pytest.mark.parametrize(("oracle", "n"), [(ORACLES[0], 999), *product(ORACLES, (50, 61))])
def test_nor_do_many_steps_lead_astray(oracle: Oracle, n: int) -> None:
    schedule = next(schedule for schedule in SCHEDULES.values() if oracle.knows(schedule))
    assert max(differences(oracle, schedule, "trailing", n, (torch.float64, torch.float32))) < TOLERANCE


@pytest.mark.parametrize("n", [7, 50])
@pytest.mark.parametrize("eta", [0.3, 1.0])
def test_noise_of_any_eta_is_that_of_diffusers(n: int, eta: float) -> None:
    schedule, x, pairs = SCHEDULES["linear"], noise_of(0), timestep_pairs(1000, n)
    *_, reference = diffusers_ddim(schedule, x.double(), pairs, eta)
    *_, last = ddim(as_denoiser(made_up, schedule), x, schedule, pairs, eta=eta, generator=seeded())
    torch.testing.assert_close(last.x.double(), reference, atol=1e-5, rtol=1e-5)


# --- against each other -----------------------------------------------------------------------


@pytest.mark.parametrize("spacing", SPACINGS)
@pytest.mark.parametrize("name", SCHEDULES)
def test_with_eta_1_ddim_is_ddpm(name: str, spacing: Spacing) -> None:
    for n in (1, 2, 7, 10):
        assert ddim_with_eta_1_and_ddpm(SCHEDULES[name], spacing, n) < 1e-9


# --- what the answer has to be ----------------------------------------------------------------


@pytest.mark.parametrize("spacing", SPACINGS)
@pytest.mark.parametrize("name", SCHEDULES)
def test_an_oracle_recovers_the_image_at_every_step_count(name: str, spacing: Spacing) -> None:
    schedule = SCHEDULES[name]
    for sampler in DETERMINISTIC:
        for n in (1, 2, 10):
            for kind in kinds_of(schedule):
                assert lost(sampler, schedule, kind, timestep_pairs(1000, n, spacing)) < TOLERANCE


@pytest.mark.parametrize("name", SCHEDULES)
def test_and_on_schedules_of_every_length(name: str) -> None:
    kind, *zero = name.split(", ")
    shape: Any = kind
    for total in (1, 2, 5):
        schedule = make_schedule(shape, total, zero_terminal_snr=bool(zero))
        for n, spacing, sampler in product(range(1, total + 1), SPACINGS, ALL):
            for said in {kinds_of(schedule)[0], "v_prediction"}:
                assert lost(sampler, schedule, said, timestep_pairs(total, n, spacing)) < TOLERANCE


def best_of_gaussian(schedule: NoiseSchedule, deviation: float) -> Denoiser:
    """For data N(0, deviation²): the posterior mean of the image."""

    def denoise(x: Tensor, t: int) -> Tensor:
        alpha, sigma = schedule.at(t)
        return alpha * deviation**2 / ((alpha * deviation) ** 2 + sigma**2) * x

    return denoise


@pytest.mark.parametrize("name", get_args(ScheduleName))
@pytest.mark.parametrize(
    ("sampler", "order"), [("ddim", 1), ("euler", 1), ("dpm_solver_pp", 2), ("unipc", 2), ("heun", 2)]
)
def test_the_error_falls_with_the_order_of_the_method(name: ScheduleName, sampler: str, order: int) -> None:
    """For Gaussian data the flow is known: x keeps its place in units of its own standard deviation."""
    schedule, deviation = make_schedule(name, 4000), 0.5
    denoise, (first, end) = best_of_gaussian(schedule, deviation), (2800, 1200)

    def std(t: int) -> float:
        alpha, sigma = schedule.at(t)
        return math.hypot(alpha * deviation, sigma)

    errors = []
    for n in (50, 100, 200):
        jump = (first - end) // n
        pairs = [(t, t - jump) for t in range(first, end, -jump)]
        *_, last = SAMPLERS[sampler](denoise, torch.ones(1, 1, 1, 1, dtype=torch.float64), schedule, pairs)
        errors.append(abs(last.x.item() - std(end) / std(first)))
    for coarse, fine in pairwise(errors):
        assert coarse / fine > 0.85 * 2**order


# --- the walk ---------------------------------------------------------------------------------


@every_sampler
def test_states_count_down_and_end_with_the_finished_image(sampler: Sampler) -> None:
    schedule, pairs = SCHEDULES["linear"], timestep_pairs(1000, 7)
    states = list(sampler(as_denoiser(made_up, schedule), noise_of(0), schedule, pairs))
    assert [state.t for state in states] == [*(t for t, _ in pairs), -1]
    assert torch.equal(states[0].x, noise_of(0))
    assert torch.equal(states[-1].x, states[-2].pred_original_sample)  # the image itself is there: (1, 0)
    assert states[-1].pred_original_sample is states[-1].x
    for state in states[:-1]:
        expected = as_denoiser(made_up, schedule)(state.x, state.t)
        assert torch.equal(state.pred_original_sample, expected)


@every_sampler
def test_the_network_is_asked_once_a_step_and_by_heun_twice(sampler: Sampler) -> None:
    asked: list[int] = []

    def counted(x: Tensor, t: int) -> Tensor:
        asked.append(t)
        return made_up(x, t)

    list(sampler(counted, noise_of(0), SCHEDULES["cosine"], timestep_pairs(1000, 7)))
    assert len(asked) == (13 if sampler is heun else 7)


def test_predicted_images_are_clipped_if_asked() -> None:
    x = 5 * noise_of(0)
    assert max(state.pred_original_sample.abs().max() for state in walk(10, x)[:-1]) <= 1
    assert max(state.pred_original_sample.abs().max() for state in walk(10, x, clip=False)[:-1]) > 1


@pytest.mark.parametrize("kind", KINDS)
def test_after_clipping_the_noise_is_derived_again(kind: PredictionType) -> None:
    """Image and noise of one step add up to x_t; the network's own noise would not, after clipping."""
    schedule, x = SCHEDULES["cosine"], 3 * noise_of(0)
    states = walk(20, x, kind=kind, schedule=schedule)
    clipped = 0
    for state, following in pairwise(states[:-1]):
        raw = schedule.pred_original_sample(state.x, made_up(state.x, state.t), state.t, kind)
        clipped += int((raw.abs() > 1).sum())
        noise = schedule.pred_noise(state.x, state.pred_original_sample, state.t)
        expected = schedule.add_noise(state.pred_original_sample, noise, following.t)
        torch.testing.assert_close(following.x, expected, atol=1e-5, rtol=1e-5)
    assert clipped > 0


def test_the_noise_cannot_be_asked_for_where_there_is_nothing_else() -> None:
    for name in ("straight", "linear, zero SNR"):
        with pytest.raises(GenlabError, match="prediction_type"):
            as_denoiser(made_up, SCHEDULES[name])


def test_steps_are_compared_by_identity() -> None:
    one, other = (SamplerStep(0, noise_of(0), noise_of(1)) for _ in range(2))
    assert one == one
    assert one != other


@every_sampler
def test_no_graph_is_kept(sampler: Sampler) -> None:
    weight = torch.ones((), requires_grad=True)
    *_, last = sampler(lambda x, t: weight * x, noise_of(0), SCHEDULES["linear"], timestep_pairs(1000, 3))
    assert not last.x.requires_grad


@every_sampler
def test_half_precision_predictions_become_float32(sampler: Sampler) -> None:
    schedule = SCHEDULES["linear"]
    half = as_denoiser(lambda x, t: made_up(x, t).bfloat16(), schedule)
    states = sampler(half, noise_of(0), schedule, timestep_pairs(1000, 5))
    assert {state.x.dtype for state in states} == {torch.float32}
