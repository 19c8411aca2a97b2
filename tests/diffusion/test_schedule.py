import math
from typing import Any

import pytest
import torch
from diffusers import DDIMScheduler
from torch import Tensor

from genlab.diffusion.schedule import (
    PredictionType,
    ScheduleName,
    cosine_betas,
    linear_betas,
    make_schedule,
)

SCHEDULES: list[ScheduleName] = ["linear", "cosine"]
KINDS: list[PredictionType] = ["epsilon", "sample", "v_prediction"]
LENGTHS = [1, 2, 5, 10, 100, 999, 1000, 1001, 4000]


@pytest.mark.parametrize("name", SCHEDULES)
@pytest.mark.parametrize("length", LENGTHS)
def test_every_schedule_is_float64_and_sound(name: ScheduleName, length: int) -> None:
    schedule = make_schedule(name, length)
    betas, alpha_bar = schedule.betas, schedule.alphas_cumprod
    assert betas.dtype == alpha_bar.dtype == torch.float64
    assert betas.shape == alpha_bar.shape == (length,)
    assert schedule.num_train_timesteps == length
    assert (betas > 0).all()
    assert (betas <= 0.999).all()
    assert betas.isfinite().all()
    assert (alpha_bar > 0).all()
    assert (alpha_bar < 1).all()
    assert (alpha_bar.diff() < 0).all()
    by_hand = 1.0
    for beta, value in zip(betas.tolist(), alpha_bar.tolist(), strict=True):
        by_hand *= 1 - beta
        assert value == pytest.approx(by_hand, rel=1e-12)


@pytest.mark.parametrize(("ours", "theirs"), [("linear", "linear"), ("cosine", "squaredcos_cap_v2")])
def test_betas_are_those_of_diffusers(ours: ScheduleName, theirs: str) -> None:
    reference: Any = DDIMScheduler(1000, beta_start=1e-4, beta_end=0.02, beta_schedule=theirs)
    torch.testing.assert_close(make_schedule(ours, 1000).betas.float(), reference.betas, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("length", LENGTHS)
def test_the_cosine_is_the_papers_up_to_its_capped_end(length: int) -> None:
    """Equation 17 of Nichol and Dhariwal: alpha_bar = f(t) / f(0)."""

    def f(t: float) -> float:
        return math.cos((t / length + 0.008) / 1.008 * math.pi / 2) ** 2

    betas = cosine_betas(length)
    alpha_bar = make_schedule("cosine", length).alphas_cumprod
    for t in range(length):
        uncapped = 1 - f(t + 1) / f(t)
        assert betas[t].item() == pytest.approx(min(uncapped, 0.999), rel=1e-9)
        if uncapped < 0.999:
            assert alpha_bar[t].item() == pytest.approx(f(t + 1) / f(0), rel=1e-9)
    assert betas[-1] == 0.999  # f is 0 there: uncapped, the end would be a division by zero
    assert alpha_bar[-1] > 0


@pytest.mark.parametrize("length", [100, 250, 500, 999, 1000])
def test_the_linear_schedule_ends_in_noise_at_every_length(length: int) -> None:
    betas = linear_betas(length)
    assert betas[0].item() == pytest.approx(1e-4 * 1000 / length)
    assert betas[-1].item() == pytest.approx(0.02 * 1000 / length)
    assert torch.allclose(betas.diff(), betas.diff()[:1], rtol=1e-6)
    full = make_schedule("linear", 1000).alphas_cumprod[-1]
    assert 0 < make_schedule("linear", length).alphas_cumprod[-1] <= 1.001 * full


def test_a_longer_linear_schedule_is_not_scaled() -> None:
    betas = linear_betas(4000)
    assert (betas[0].item(), betas[-1].item()) == pytest.approx((1e-4, 0.02))


# --- changes of variables ---------------------------------------------------------------------


@pytest.fixture
def x_start() -> Tensor:
    return torch.rand(6, 1, 4, 4, generator=torch.Generator().manual_seed(0)) * 2 - 1


@pytest.fixture
def noise() -> Tensor:
    return torch.randn(6, 1, 4, 4, generator=torch.Generator().manual_seed(1))


@pytest.mark.parametrize("name", SCHEDULES)
def test_coefficients_keep_the_variance_and_have_a_place_for_the_image(name: ScheduleName) -> None:
    schedule = make_schedule(name, 1000)
    like = torch.zeros(1001, 1, 2, 2, dtype=torch.float16)
    signal, scale = schedule.coefficients(torch.arange(-1, 1000), like)
    assert signal.shape == scale.shape == (1001, 1, 1, 1)
    assert signal.dtype == scale.dtype == torch.float32
    torch.testing.assert_close(signal.square() + scale.square(), torch.ones(1001, 1, 1, 1))
    assert (signal[0].item(), scale[0].item()) == (1, 0)
    torch.testing.assert_close(
        signal[1:].flatten().double().square(), schedule.alphas_cumprod, rtol=1e-5, atol=1e-9
    )
    for t in (-1, 0, 500, 999):
        one = schedule.coefficients(t, like)
        assert (one[0].item(), one[1].item()) == (signal[t + 1].item(), scale[t + 1].item())


@pytest.mark.parametrize("name", SCHEDULES)
def test_one_leap_has_the_distribution_of_all_the_steps(name: ScheduleName) -> None:
    """x_t = sqrt(1 - beta) x + sqrt(beta) noise, 1000 times: mean and variance by hand."""
    schedule = make_schedule(name, 1000)
    mean, variance = 1.0, 0.0
    ones = torch.ones(1, 1)
    for t, beta in enumerate(schedule.betas.tolist()):
        mean, variance = mean * (1 - beta) ** 0.5, variance * (1 - beta) + beta
        if t in (0, 1, 10, 500, 999):
            assert schedule.add_noise(ones, 0 * ones, t).item() == pytest.approx(mean, rel=1e-5)
            assert schedule.add_noise(0 * ones, ones, t).item() == pytest.approx(variance**0.5, rel=1e-5)


def test_each_image_is_noised_to_its_own_time(x_start: Tensor, noise: Tensor) -> None:
    schedule = make_schedule("cosine", 1000)
    times = torch.tensor([0, 999, 500, 500, 3, 10])
    together = schedule.add_noise(x_start, noise, times)
    for i, t in enumerate(times.tolist()):
        assert torch.equal(together[i : i + 1], schedule.add_noise(x_start[i : i + 1], noise[i : i + 1], t))
    assert torch.equal(schedule.add_noise(x_start, noise, -1), x_start)


@pytest.mark.parametrize("name", SCHEDULES)
def test_noising_is_that_of_diffusers(name: ScheduleName, x_start: Tensor, noise: Tensor) -> None:
    schedule = make_schedule(name, 1000)
    reference: Any = DDIMScheduler(1000, trained_betas=schedule.betas.float().numpy())
    times = torch.tensor([0, 1, 100, 500, 900, 999])
    torch.testing.assert_close(
        schedule.add_noise(x_start, noise, times),
        reference.add_noise(x_start, noise, times),
        atol=1e-5,
        rtol=1e-4,
    )
    torch.testing.assert_close(
        schedule.target(x_start, noise, times, "v_prediction"),
        reference.get_velocity(x_start, noise, times),
        atol=1e-5,
        rtol=1e-4,
    )


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("t", [0, 1, 300, 700, 950])
def test_the_truth_as_prediction_gives_the_image_and_the_noise_back(
    kind: PredictionType, t: int, x_start: Tensor, noise: Tensor
) -> None:
    schedule = make_schedule("cosine", 1000)
    x_t = schedule.add_noise(x_start, noise, t)
    answer = schedule.target(x_start, noise, t, kind)
    torch.testing.assert_close(
        schedule.pred_original_sample(x_t, answer, t, kind), x_start, atol=1e-4, rtol=1e-4
    )
    torch.testing.assert_close(schedule.pred_noise(x_t, x_start, t), noise, atol=1e-3, rtol=1e-3)


def test_targets_have_their_meaning(x_start: Tensor, noise: Tensor) -> None:
    schedule = make_schedule("cosine", 1000)
    assert schedule.target(x_start, noise, 5, "epsilon") is noise
    assert schedule.target(x_start, noise, 5, "sample") is x_start
    # v is d x / d angle, with x = cos(angle) x_start + sin(angle) noise (Salimans and Ho 2022, appendix D)
    t = torch.full((6,), 400)
    angle = torch.acos(schedule.alphas_cumprod[400].sqrt())
    small = 1e-6
    ahead, behind = (
        torch.cos(angle + s) * x_start.double() + torch.sin(angle + s) * noise.double()
        for s in (small, -small)
    )
    velocity = ((ahead - behind) / (2 * small)).float()
    torch.testing.assert_close(
        schedule.target(x_start, noise, t, "v_prediction"), velocity, atol=1e-4, rtol=1e-4
    )


def test_the_schedule_stays_float32_under_autocast(x_start: Tensor, noise: Tensor) -> None:
    schedule = make_schedule("cosine", 1000)
    plain = schedule.add_noise(x_start, noise, 500)
    with torch.autocast("cpu", torch.bfloat16):
        assert torch.equal(schedule.add_noise(x_start, noise, 500), plain)
        assert (
            schedule.pred_original_sample(x_start, noise.bfloat16().float(), 500, "epsilon").dtype
            == torch.float32
        )
        assert schedule.target(x_start, noise, 500, "v_prediction").dtype == torch.float32
