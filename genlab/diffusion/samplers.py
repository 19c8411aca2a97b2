"""Samplers: plain generators that walk from noise to an image, one yielded state a step.

They know no network. All they ask for is a denoiser, any function of (x_t, t) that says which image
it expects at the end, and a list of jumps from ``timestep_pairs``.
"""

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from genlab.diffusion.schedule import NoiseSchedule, PredictionType, check_target

Denoiser = Callable[[Tensor, int], Tensor]
Pairs = Sequence[tuple[int, int]]


@dataclass(frozen=True)
class SamplerStep:
    """Where the walk stands.

    Attributes:
        t: the noise level of ``x``; -1 is the finished image.
        x: (N, 1, 28, 28), about [-1, 1] plus noise.
        pred_original_sample: the image that the network expects at the end, seen from here.
    """

    t: int
    x: Tensor
    pred_original_sample: Tensor


def denoiser(
    predict: Callable[[Tensor, Tensor], Tensor],
    schedule: NoiseSchedule,
    prediction_type: PredictionType = "epsilon",
    *,
    clip_sample: bool = True,
) -> Denoiser:
    """A network's answer as an image, whatever it was trained to say.

    Args:
        predict: the network as a function of (x_t, t), t of shape (N,).
        schedule: the schedule of training.
        prediction_type: what ``predict`` answers.
        clip_sample: keep the image in [-1, 1]. Samplers derive the noise from the clipped image, so
            that the two still add up to x_t.

    Raises:
        GenlabError: a network that says the noise, on a schedule that ends in nothing else.
    """
    check_target(schedule, prediction_type)

    def denoise(x: Tensor, t: int) -> Tensor:
        answer = predict(x, torch.full((len(x),), t, device=x.device)).to(x)
        x_start = schedule.pred_original_sample(x, answer, t, prediction_type)
        return x_start.clamp(-1, 1) if clip_sample else x_start

    return denoise


@torch.no_grad()
def ddpm(
    denoise: Denoiser,
    x: Tensor,
    schedule: NoiseSchedule,
    pairs: Pairs,
    *,
    generator: torch.Generator | None = None,
) -> Iterator[SamplerStep]:
    """Ancestral sampling: draw each x_prev from q(x_prev | x_t, x_start) (Ho et al. 2020, equations 6, 7).

    One step of it is ``p_sample`` elsewhere.

    Args:
        denoise: as ``denoiser`` makes one.
        x: noise at the first of the times, (N, 1, 28, 28): x_T.
        schedule: the schedule of training.
        pairs: the jumps, as ``timestep_pairs`` lists them.
        generator: a CPU generator for the noise that every step adds.

    Yields:
        The state before each jump with the prediction made there, then the finished image.
    """
    for t, t_prev in pairs:
        x_start = denoise(x, t)
        yield SamplerStep(t, x, x_start)
        (signal, spread), (signal_prev, spread_prev) = schedule.at(t), schedule.at(t_prev)
        kept = signal / signal_prev  # of the signal, in this jump: sqrt(alpha_t) of the paper
        added = spread**2 - (kept * spread_prev) ** 2  # the jump's own variance: beta_t
        mean = signal_prev * added / spread**2 * x_start + kept * spread_prev**2 / spread**2 * x
        x = _plus_noise(mean, spread_prev / spread * added**0.5, generator)
    yield SamplerStep(-1, x, x)


@torch.no_grad()
def ddim(
    denoise: Denoiser,
    x: Tensor,
    schedule: NoiseSchedule,
    pairs: Pairs,
    *,
    eta: float = 0.0,
    generator: torch.Generator | None = None,
) -> Iterator[SamplerStep]:
    """Denoising diffusion implicit models (Song et al. 2021, equation 12).

    Args:
        denoise, x, schedule, pairs: as for ``ddpm``.
        eta: 0 is deterministic given x_T; 1 adds as much noise at every step as DDPM does.
        generator: a CPU generator for the noise of eta > 0.

    Yields:
        As ``ddpm``.
    """
    for t, t_prev in pairs:
        x_start = denoise(x, t)
        yield SamplerStep(t, x, x_start)
        (signal, spread), (signal_prev, spread_prev) = schedule.at(t), schedule.at(t_prev)
        noise = (x - signal * x_start) / spread
        added = spread**2 - (signal / signal_prev * spread_prev) ** 2
        sigma = eta * spread_prev / spread * added**0.5  # equation 16
        x = signal_prev * x_start + max(spread_prev**2 - sigma**2, 0) ** 0.5 * noise
        x = _plus_noise(x, sigma, generator)
    yield SamplerStep(-1, x, x)


@torch.no_grad()
def dpm_solver_pp(
    denoise: Denoiser, x: Tensor, schedule: NoiseSchedule, pairs: Pairs
) -> Iterator[SamplerStep]:
    """DPM-Solver++(2M) (Lu et al. 2022, arXiv:2211.01095, algorithm 2): DDIM that looks back one step.

    The image that is expected changes from step to step; instead of the last one it believes a line
    through the last two. In half log-SNR, lambda, the error of a step falls with its length cubed.

    Args:
        denoise, x, schedule, pairs: as for ``ddpm``.

    Yields:
        As ``ddpm``.
    """
    before: tuple[Tensor, float] | None = None  # the last step's x_start and lambda
    for t, t_prev in pairs:
        x_start, now = denoise(x, t), _half_log_snr(schedule, t)
        yield SamplerStep(t, x, x_start)
        (signal, spread), (signal_prev, spread_prev) = schedule.at(t), schedule.at(t_prev)
        believed = x_start
        if before is not None and t_prev >= 0:  # the last jump is infinitely long in lambda: no line there
            ratio = (_half_log_snr(schedule, t_prev) - now) / (now - before[1])
            believed = x_start + ratio / 2 * (x_start - before[0])
        shrunk = spread_prev / spread
        x = shrunk * x + (signal_prev - shrunk * signal) * believed
        before = x_start, now
    yield SamplerStep(-1, x, x)


@torch.no_grad()
def euler(denoise: Denoiser, x: Tensor, schedule: NoiseSchedule, pairs: Pairs) -> Iterator[SamplerStep]:
    """Straight steps along the flow (Liu et al. 2022, arXiv:2209.03003, section 2.1).

    Any schedule becomes the straight one when x is divided by signal + spread; there
    dx / d spread = noise - x_start. A step along it is the step of DDIM.

    Args:
        denoise, x, schedule, pairs: as for ``ddpm``.

    Yields:
        As ``ddpm``.
    """
    for t, t_prev in pairs:
        x_start = denoise(x, t)
        yield SamplerStep(t, x, x_start)
        # At the end the velocity leads to x_start: taken itself, no bit of it is lost.
        x = _along(schedule, x, t, t_prev, _velocity(schedule, x, t, x_start)) if t_prev >= 0 else x_start
    yield SamplerStep(-1, x, x)


@torch.no_grad()
def heun(denoise: Denoiser, x: Tensor, schedule: NoiseSchedule, pairs: Pairs) -> Iterator[SamplerStep]:
    """Euler with a second look (Karras et al. 2022, arXiv:2206.00364, algorithm 1, along the straight path).

    The velocity is asked for at both ends of a step and the mean of the two is gone along: two calls
    of the network a step, but one in the last, whose end is the image itself.

    Args:
        denoise, x, schedule, pairs: as for ``ddpm``.

    Yields:
        As ``ddpm``.
    """
    for t, t_prev in pairs:
        x_start = denoise(x, t)
        yield SamplerStep(t, x, x_start)
        if t_prev < 0:
            x = x_start
            continue
        velocity = _velocity(schedule, x, t, x_start)
        there = _along(schedule, x, t, t_prev, velocity)
        velocity = (velocity + _velocity(schedule, there, t_prev, denoise(there, t_prev))) / 2
        x = _along(schedule, x, t, t_prev, velocity)
    yield SamplerStep(-1, x, x)


def _plus_noise(x: Tensor, sigma: float, generator: torch.Generator | None) -> Tensor:
    return x + sigma * torch.randn(x.shape, generator=generator).to(x) if sigma > 0 else x


def _half_log_snr(schedule: NoiseSchedule, t: int) -> float:
    signal, spread = schedule.at(t)
    return math.log(signal / spread) if signal > 0 else -math.inf


def _velocity(schedule: NoiseSchedule, x: Tensor, t: int, x_start: Tensor) -> Tensor:
    """noise - x_start, where the two add up to x."""
    signal, spread = schedule.at(t)
    return (x - (signal + spread) * x_start) / spread


def _along(schedule: NoiseSchedule, x: Tensor, t: int, t_prev: int, velocity: Tensor) -> Tensor:
    (signal, spread), (signal_prev, spread_prev) = schedule.at(t), schedule.at(t_prev)
    here, there = signal + spread, signal_prev + spread_prev  # 1 on the straight path
    return there * (x / here + (spread_prev / there - spread / here) * velocity)
