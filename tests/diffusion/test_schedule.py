import math
from typing import Any, get_args

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
    sigmoid_betas,
)
from tests.oracles.diffusion import schedules_and_oracles

NAMES: list[ScheduleName] = list(get_args(ScheduleName))
CURVED = NAMES[:-1]
KINDS: list[PredictionType] = list(get_args(PredictionType))
LENGTHS = [1, 2, 5, 10, 100, 999, 1000, 1001, 4000]


@pytest.mark.parametrize("zero", [False, True])
@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("length", LENGTHS)
def test_every_schedule_is_float64_and_sound(name: ScheduleName, length: int, zero: bool) -> None:
    schedule = make_schedule(name, length, zero_terminal_snr=zero)
    alpha, sigma, betas, alpha_bar = schedule.alpha, schedule.sigma, schedule.betas, schedule.alphas_cumprod
    for curve in (alpha, sigma, betas, alpha_bar, schedule.snr):
        assert curve.dtype == torch.float64
        assert curve.shape == (length,)
        assert curve.isfinite().all()
    assert schedule.num_train_timesteps == length
    assert (alpha.diff() < 0).all()
    assert (sigma.diff() >= 0).all()  # 4000 linear steps leave less of the image than 1 - 1e-16 shows
    assert (alpha[:-1] > 0).all()
    assert (alpha[-1] == 0) == (zero or name == "straight")
    assert (sigma > 0).all()
    whole = alpha + sigma if name == "straight" else alpha.square() + sigma.square()
    torch.testing.assert_close(whole, torch.ones(length, dtype=torch.float64))
    torch.testing.assert_close(schedule.snr, alpha_bar / sigma.square())
    assert (betas > 0).all()
    if not zero and name != "straight":
        assert (betas <= 0.999 + 1e-12).all()
    by_hand = 1.0
    for beta, value in zip(betas.tolist(), alpha_bar.tolist(), strict=True):
        by_hand *= 1 - beta
        assert value == pytest.approx(by_hand, rel=1e-9)


def test_curves_are_those_of_other_libraries() -> None:
    for name, theirs, mine, other in schedules_and_oracles():
        assert (mine - other).abs().max() < 1e-5, (name, theirs)
    assert make_schedule("linear", 1000, zero_terminal_snr=True).alpha[-1] == 0


@pytest.mark.parametrize("length", LENGTHS)
def test_the_sigmoid_is_the_papers_up_to_its_capped_end(length: int) -> None:
    """Algorithm 1 of Jabri et al. with start -3, end 3, tau 1."""

    def sigmoid(value: float) -> float:
        return 1 / (1 + math.exp(-value))

    alpha_bar = make_schedule("sigmoid", length).alphas_cumprod
    for t in range(length - 1):
        gamma = (sigmoid(3) - sigmoid(6 * (t + 1) / length - 3)) / (sigmoid(3) - sigmoid(-3))
        assert alpha_bar[t].item() == pytest.approx(gamma, rel=1e-8)
    assert sigmoid_betas(length)[-1] == 0.999


@pytest.mark.parametrize("length", LENGTHS)
def test_the_straight_one_goes_in_even_steps(length: int) -> None:
    schedule = make_schedule("straight", length)
    assert schedule.sigma.tolist() == [(t + 1) / length for t in range(length)]


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
    longer = linear_betas(4000)  # is not scaled
    assert (longer[0].item(), longer[-1].item()) == pytest.approx((1e-4, 0.02))


# --- changes of variables ---------------------------------------------------------------------


@pytest.fixture
def x_start() -> Tensor:
    return torch.rand(6, 1, 4, 4, generator=torch.Generator().manual_seed(0)) * 2 - 1


@pytest.fixture
def noise() -> Tensor:
    return torch.randn(6, 1, 4, 4, generator=torch.Generator().manual_seed(1))


@pytest.mark.parametrize(
    ("given", "precision"),
    [(torch.float16, torch.float32), (torch.float32, torch.float32), (torch.float64, torch.float64)],
)
def test_coefficients_are_the_curves_rounded_once(given: torch.dtype, precision: torch.dtype) -> None:
    """And kept: a second call builds nothing anew, another schedule has its own."""
    one, other = make_schedule("cosine", 50), make_schedule("linear", 50)
    like = torch.zeros(51, 3, 2, dtype=given)
    for schedule in (one, other, one):
        alpha, sigma = schedule.coefficients(torch.arange(-1, 50), like)
        assert alpha.shape == sigma.shape == (51, 1, 1)
        assert (alpha[0].item(), sigma[0].item()) == (1, 0)
        assert torch.equal(alpha[1:, 0, 0], schedule.alpha.to(precision))
        assert torch.equal(sigma[1:, 0, 0], schedule.sigma.to(precision))
        for t in (-1, 0, 49):
            assert [x.item() for x in schedule.coefficients(t, like)] == [alpha[t + 1], sigma[t + 1]]
    assert one.coefficients(3, like)[0].data_ptr() == one.coefficients(3, like)[0].data_ptr()


def test_schedules_are_compared_by_identity() -> None:
    one, other = make_schedule("cosine", 50), make_schedule("cosine", 50)
    assert one == one
    assert one != other
    assert isinstance(hash(one), int)


def test_each_image_is_noised_to_its_own_time(x_start: Tensor, noise: Tensor) -> None:
    schedule = make_schedule("cosine", 1000)
    times = torch.tensor([0, 999, 500, 500, 3, 10])
    together = schedule.add_noise(x_start, noise, times)
    for i, t in enumerate(times.tolist()):
        assert torch.equal(together[i : i + 1], schedule.add_noise(x_start[i : i + 1], noise[i : i + 1], t))
    assert torch.equal(schedule.add_noise(x_start, noise, -1), x_start)


@pytest.mark.parametrize("name", CURVED)
def test_noising_is_that_of_diffusers(name: ScheduleName, x_start: Tensor, noise: Tensor) -> None:
    schedule = make_schedule(name, 1000)
    reference: Any = DDIMScheduler(1000, trained_betas=schedule.betas.float().numpy())
    times = torch.tensor([0, 1, 100, 500, 900, 999])
    for ours, theirs in (
        (schedule.add_noise(x_start, noise, times), reference.add_noise(x_start, noise, times)),
        (
            schedule.target(x_start, noise, times, "v_prediction"),
            reference.get_velocity(x_start, noise, times),
        ),
    ):
        torch.testing.assert_close(ours, theirs, atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize("zero", [False, True])
@pytest.mark.parametrize("name", NAMES)
def test_the_truth_gives_both_back(name: ScheduleName, zero: bool, x_start: Tensor, noise: Tensor) -> None:
    """To what float32 holds of the noise where there is little of it, and of the image where all is noise."""
    schedule = make_schedule(name, 1000, zero_terminal_snr=zero)
    for t in (0, 1, 300, 700, 950, 999):
        alpha, sigma = schedule.at(t)
        x_t = schedule.add_noise(x_start, noise, t)
        noise_back = schedule.pred_noise(x_t, x_start, t)
        torch.testing.assert_close(noise_back, noise, atol=1e-6 / sigma, rtol=1e-5)
        for kind in KINDS:
            if kind == "epsilon" and alpha < 0.01:
                continue
            answer = schedule.target(x_start, noise, t, kind)
            image_back = schedule.pred_original_sample(x_t, answer, t, kind)
            room = 2e-6 / (alpha if kind == "epsilon" else 1)
            torch.testing.assert_close(image_back, x_start, atol=room, rtol=1e-5)


def test_targets_have_their_meaning(x_start: Tensor, noise: Tensor) -> None:
    schedule = make_schedule("cosine", 1000)
    assert schedule.target(x_start, noise, 5, "epsilon") is noise
    assert schedule.target(x_start, noise, 5, "sample") is x_start
    # The flow's velocity is d x / d sigma on the straight path.
    straight = make_schedule("straight", 1000)
    ahead, behind = (straight.add_noise(x_start.double(), noise.double(), t) for t in (401, 399))
    velocity = ((ahead - behind) / (straight.at(401)[1] - straight.at(399)[1])).float()
    torch.testing.assert_close(straight.target(x_start, noise, 400, "flow_prediction"), velocity)


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
