from fractions import Fraction
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
import torch
from diffusers import DDIMScheduler
from torch import Tensor

from genlab.diffusion.samplers import SamplerStep, ddim, timestep_pairs
from genlab.diffusion.schedule import NoiseSchedule, PredictionType, ScheduleName, make_schedule
from genlab.errors import GenlabError

SCHEDULES: list[ScheduleName] = ["linear", "cosine"]
KINDS: list[PredictionType] = ["epsilon", "sample", "v_prediction"]
STEP_COUNTS = [1, 2, 7, 10, 50, 61, 999, 1000]


def noise_of(seed: int, n: int = 2) -> Tensor:
    return torch.randn(n, 1, 4, 4, generator=torch.Generator().manual_seed(seed))


def made_up(x: Tensor, t: Tensor) -> Tensor:
    """A network that depends on both of its inputs, smoothly and boundedly."""
    return torch.tanh(x.flip(-1)) + torch.cos(t.float() / 100)[:, None, None, None] * 0.3


# --- the timesteps ----------------------------------------------------------------------------


def check_pairs(total: int, n: int) -> None:
    pairs = timestep_pairs(total, n)
    assert len(pairs) == n
    assert pairs[0][0] == total - 1
    assert pairs[-1][1] == -1
    assert all(t > t_prev for t, t_prev in pairs)
    assert [t for t, _ in pairs[1:]] == [t_prev for _, t_prev in pairs[:-1]]
    gaps = [t - t_prev for t, t_prev in pairs]
    assert max(gaps) - min(gaps) <= 2  # as even as whole numbers allow
    assert all(isinstance(t, int) for t, _ in pairs)


def test_pairs_are_sound_for_every_step_count() -> None:
    for n in range(1, 1001):
        check_pairs(1000, n)
    for total in range(1, 41):
        for n in range(1, total + 1):
            check_pairs(total, n)


def test_timesteps_are_those_of_diffusers_where_it_gives_as_many_as_asked() -> None:
    reference: Any = DDIMScheduler(1000, timestep_spacing="trailing")
    compared = 0
    for n in range(1, 1001):
        reference.set_timesteps(n)
        theirs = reference.timesteps.tolist()
        if len(theirs) != n or theirs[-1] < 0:
            continue  # its floating-point range gives one too many at times
        compared += 1
        ours = [t for t, _ in timestep_pairs(1000, n)]
        apart = np.abs(np.array(ours) - np.array(theirs))
        assert apart.max() <= 1, n  # a half may be rounded the other way
        if n in STEP_COUNTS:
            assert ours == theirs
    assert compared > 900


@pytest.mark.parametrize("n", [0, -1, 1001])
def test_impossible_step_counts_are_refused(n: int) -> None:
    with pytest.raises(GenlabError, match=rf"in 1\.\.1000, got {n}"):
        timestep_pairs(1000, n)


# --- DDIM -------------------------------------------------------------------------------------


def reference_scheduler(schedule: NoiseSchedule, kind: PredictionType, clip: bool) -> Any:
    """The reference with our schedule: its own is rounded to float32, which a thousand steps add up."""
    scheduler: Any = DDIMScheduler(
        schedule.num_train_timesteps,
        trained_betas=schedule.betas.numpy(),
        clip_sample=clip,
        prediction_type=kind,
        timestep_spacing="trailing",
        set_alpha_to_one=True,
    )
    torch.testing.assert_close(
        scheduler.alphas_cumprod.double(), schedule.alphas_cumprod, rtol=1e-4, atol=1e-7
    )
    scheduler.alphas_cumprod = schedule.alphas_cumprod
    scheduler.final_alpha_cumprod = torch.ones((), dtype=torch.float64)
    return scheduler


def diffusers_walk(
    schedule: NoiseSchedule, x: Tensor, pairs: list[tuple[int, int]], kind: PredictionType, clip: bool
) -> list[tuple[Tensor, Tensor]]:
    """The reference's steps along given pairs, in float64.

    It takes t_prev for t - T // N, which misses the next timestep where N does not divide T. Told that
    N is the fraction T / (t - t_prev), it takes the step that is meant.
    """
    scheduler = reference_scheduler(schedule, kind, clip)
    states = []
    for t, t_prev in pairs:
        scheduler.num_inference_steps = Fraction(schedule.num_train_timesteps, t - t_prev)
        answer = made_up(x, torch.full((len(x),), t))
        step = scheduler.step(answer, t, x, use_clipped_model_output=True)
        states.append((x, step.pred_original_sample))
        x = step.prev_sample
    return [*states, (x, x)]


@pytest.mark.parametrize(
    ("name", "n"), [*(("cosine", n) for n in STEP_COUNTS), *(("linear", n) for n in (1, 7, 50, 999))]
)
def test_every_state_is_that_of_diffusers(name: ScheduleName, n: int) -> None:
    schedule, x = make_schedule(name, 1000), noise_of(0)
    ours = list(ddim(made_up, x, schedule, n))
    theirs = diffusers_walk(schedule, x.double(), timestep_pairs(1000, n), "epsilon", clip=True)
    assert len(ours) == len(theirs) == n + 1
    for state, (x_t, predicted) in zip(ours, theirs, strict=True):
        torch.testing.assert_close(state.x.double(), x_t, atol=1e-5, rtol=1e-5)
        torch.testing.assert_close(state.pred_original_sample.double(), predicted, atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("n", [1, 2, 10, 50, 200])  # N divides T: there its own loop is right
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("clip", [True, False])
def test_diffusers_own_loop_ends_in_the_same_image(n: int, kind: PredictionType, clip: bool) -> None:
    schedule, x = make_schedule("linear", 1000), noise_of(0)
    *_, last = ddim(made_up, x, schedule, n, prediction_type=kind, clip_sample=clip)
    scheduler = reference_scheduler(schedule, kind, clip)
    scheduler.set_timesteps(n)
    reference = x.double()
    for t in scheduler.timesteps.tolist():
        answer = made_up(reference, torch.full((len(x),), t))
        reference = scheduler.step(answer, t, reference, use_clipped_model_output=True).prev_sample
    torch.testing.assert_close(last.x.double(), reference, atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize(
    ("name", "kind", "n"),
    [
        *(("cosine", "epsilon", n) for n in STEP_COUNTS),
        *((name, kind, n) for name in SCHEDULES for kind in KINDS for n in (1, 7, 50)),
    ],
)
def test_an_oracle_recovers_the_image_at_every_step_count(
    name: ScheduleName, kind: PredictionType, n: int
) -> None:
    schedule = make_schedule(name, 1000)
    x_start, noise = noise_of(0).clamp(-1, 1), noise_of(1)

    def oracle(x: Tensor, t: Tensor) -> Tensor:
        return schedule.target(x_start, schedule.pred_noise(x, x_start, t), t, kind)

    x = schedule.add_noise(x_start, noise, 999)
    states = list(ddim(oracle, x, schedule, n, prediction_type=kind))
    # What float32 can hold of an image under the noise from which the last jump starts.
    signal = schedule.alphas_cumprod[states[-2].t].sqrt().item()
    precision = torch.finfo(torch.float32).eps * x.abs().max().item() / signal
    torch.testing.assert_close(states[-1].x, x_start, atol=1e-5 + 2 * precision, rtol=0)
    for state in states[:-1]:  # all along, x_t is the same image under the same noise
        torch.testing.assert_close(state.x, schedule.add_noise(x_start, noise, state.t), atol=1e-2, rtol=0)


def walk(n: int, x: Tensor, eta: float, seed: int = 0, clip: bool = True) -> list[SamplerStep]:
    generator = torch.Generator().manual_seed(seed)
    schedule = make_schedule("linear", 1000)
    return list(ddim(made_up, x, schedule, n, eta=eta, generator=generator, clip_sample=clip))


@pytest.mark.parametrize("n", [1, 7, 50])
def test_eta_0_is_decided_by_its_start_alone(n: int) -> None:
    state = torch.get_rng_state()
    first, second = walk(n, noise_of(0), 0.0, seed=1), walk(n, noise_of(0), 0.0, seed=2)
    assert all(torch.equal(a.x, b.x) for a, b in zip(first, second, strict=True))
    assert torch.equal(state, torch.get_rng_state())  # nor is the global generator drawn from
    assert not torch.equal(first[-1].x, walk(n, noise_of(1), 0.0)[-1].x)


def test_with_eta_the_generator_decides() -> None:
    x = noise_of(0)
    state = torch.get_rng_state()
    first, again, other = (walk(10, x, 1.0, seed)[-1].x for seed in (1, 1, 2))
    assert torch.equal(first, again)
    assert not torch.equal(first, other)
    assert torch.equal(state, torch.get_rng_state())


def test_states_count_down_and_end_with_the_finished_image() -> None:
    states = walk(7, noise_of(0), 0.0)
    assert [state.t for state in states] == [*(t for t, _ in timestep_pairs(1000, 7)), -1]
    assert torch.equal(states[0].x, noise_of(0))
    assert torch.equal(states[-1].x, states[-2].pred_original_sample)  # alpha-bar is 1 there
    assert states[-1].pred_original_sample is states[-1].x


def test_predicted_images_are_clipped_if_asked() -> None:
    x = 5 * noise_of(0)
    assert max(state.pred_original_sample.abs().max() for state in walk(10, x, 0.0)[:-1]) <= 1
    assert max(state.pred_original_sample.abs().max() for state in walk(10, x, 0.0, clip=False)[:-1]) > 1


@pytest.mark.parametrize("kind", KINDS)
def test_after_clipping_the_noise_is_derived_again(kind: PredictionType) -> None:
    """Image and noise of one step add up to x_t; the network's own noise would not, after clipping."""
    schedule, x = make_schedule("cosine", 1000), 3 * noise_of(0)
    states = list(ddim(made_up, x, schedule, 20, prediction_type=kind))
    clipped = 0
    for state, following in pairwise(states[:-1]):
        raw = schedule.pred_original_sample(
            state.x, made_up(state.x, torch.full((2,), state.t)), state.t, kind
        )
        clipped += int((raw.abs() > 1).sum())
        noise = schedule.pred_noise(state.x, state.pred_original_sample, state.t)
        expected = schedule.add_noise(state.pred_original_sample, noise, following.t)
        torch.testing.assert_close(following.x, expected, atol=1e-5, rtol=1e-5)
    assert clipped > 0


@pytest.mark.parametrize("n", [7, 50, 200])
def test_eta_1_is_ddpm(n: int) -> None:
    """Each step draws from the posterior q(x_prev | x_t, x_start) of Ho et al., equations 6 and 7."""
    schedule = make_schedule("linear", 1000)
    states = walk(n, noise_of(0), 1.0, seed=5)
    generator = torch.Generator().manual_seed(5)
    for state, following in pairwise(states):
        alpha_bar = schedule.alphas_cumprod[state.t]
        alpha_bar_prev = schedule.alphas_cumprod[following.t] if following.t >= 0 else torch.ones(()).double()
        beta = 1 - alpha_bar / alpha_bar_prev  # of the whole jump
        x, x_start = state.x.double(), state.pred_original_sample.double()
        mean = alpha_bar_prev.sqrt() * beta / (1 - alpha_bar) * x_start
        mean = mean + (1 - beta).sqrt() * (1 - alpha_bar_prev) / (1 - alpha_bar) * x
        variance = (1 - alpha_bar_prev) / (1 - alpha_bar) * beta
        if following.t >= 0:
            mean = mean + variance.sqrt() * torch.randn(x.shape, generator=generator).double()
        torch.testing.assert_close(following.x.double(), mean, atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("n", [10, 50])
@pytest.mark.parametrize("eta", [0.3, 1.0])
def test_noise_of_any_eta_is_that_of_diffusers(n: int, eta: float) -> None:
    schedule, x = make_schedule("linear", 1000), noise_of(0)
    scheduler = reference_scheduler(schedule, "epsilon", clip=True)
    scheduler.set_timesteps(n)
    generator, reference = torch.Generator().manual_seed(5), x.double()
    for t in scheduler.timesteps.tolist():
        answer = made_up(reference, torch.full((len(x),), t))
        drawn = torch.randn(x.shape, generator=generator).double()
        reference = scheduler.step(
            answer, t, reference, eta=eta, use_clipped_model_output=True, variance_noise=drawn
        ).prev_sample
    torch.testing.assert_close(walk(n, x, eta, seed=5)[-1].x.double(), reference, atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("eta", [0.0, 1.0])
def test_noise_goes_in_and_a_gaussian_comes_out(eta: float) -> None:
    """For data N(0, s^2) the best prediction is known; the sampler must return that distribution."""
    schedule, spread = make_schedule("cosine", 1000), 0.5

    def best(x: Tensor, t: Tensor) -> Tensor:
        alpha_bar = schedule.alphas_cumprod[t][:, None, None, None].float()
        return x * (1 - alpha_bar).sqrt() / (alpha_bar * spread**2 + 1 - alpha_bar)

    generator = torch.Generator().manual_seed(0)
    x = torch.randn(4000, 1, 2, 2, generator=generator)
    *_, last = ddim(best, x, schedule, 100, eta=eta, clip_sample=False, generator=generator)
    assert last.x.mean().item() == pytest.approx(0, abs=0.02)
    assert last.x.std().item() == pytest.approx(spread, rel=0.05)


def test_no_graph_is_kept() -> None:
    weight = torch.ones((), requires_grad=True)
    *_, last = ddim(lambda x, t: weight * x, noise_of(0), make_schedule("linear", 10), 10)
    assert not last.x.requires_grad


def test_half_precision_predictions_become_float32() -> None:
    def half(x: Tensor, t: Tensor) -> Tensor:
        return made_up(x, t).bfloat16()

    assert {state.x.dtype for state in ddim(half, noise_of(0), make_schedule("linear", 10), 5)} == {
        torch.float32
    }


# --- starting part of the way -----------------------------------------------------------------


@pytest.mark.parametrize(("t_start", "n"), [(999, 10), (500, 10), (99, 100), (7, 3), (0, 1)])
def test_a_walk_may_start_part_of_the_way(t_start: int, n: int) -> None:
    schedule = make_schedule("cosine", 1000)
    x_start, noise = noise_of(0).clamp(-1, 1), noise_of(1)

    def oracle(x: Tensor, t: Tensor) -> Tensor:
        return schedule.pred_noise(x, x_start, t)

    x = schedule.add_noise(x_start, noise, t_start)
    states = list(ddim(oracle, x, schedule, n, t_start=t_start))
    assert len(states) == n + 1
    assert states[0].t == t_start
    assert torch.equal(states[0].x, x)
    assert [state.t for state in states] == sorted({state.t for state in states}, reverse=True)
    assert states[-1].t == -1
    torch.testing.assert_close(states[-1].x, x_start, atol=1e-4, rtol=0)


def test_left_out_it_is_the_end_of_the_schedule() -> None:
    schedule, x = make_schedule("linear", 100), noise_of(0)
    [*_, first], [*_, second] = (ddim(made_up, x, schedule, 7, t_start=t) for t in (None, 99))
    assert torch.equal(first.x, second.x)


@pytest.mark.parametrize(
    ("t_start", "n", "complaint"), [(-1, 1, "t_start"), (100, 1, "t_start"), (4, 6, r"1\.\.5")]
)
def test_impossible_starts_are_refused(t_start: int, n: int, complaint: str) -> None:
    with pytest.raises(GenlabError, match=complaint):
        next(ddim(made_up, noise_of(0), make_schedule("linear", 100), n, t_start=t_start))
