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


@dataclass(frozen=True, eq=False)
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


def as_denoiser(
    predict: Callable[[Tensor, Tensor], Tensor],
    schedule: NoiseSchedule,
    prediction_type: PredictionType = "epsilon",
    *,
    clip_sample: bool = True,
) -> Denoiser:
    """A network, whatever it predicts, as a function of (x_t, t) that predicts the image.

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
        denoise: as ``as_denoiser`` makes one.
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
        (alpha, sigma), (alpha_prev, sigma_prev) = schedule.at(t), schedule.at(t_prev)
        kept = alpha / alpha_prev  # of the image's factor, in this jump: sqrt(1 - beta_t) of the paper
        added = sigma**2 - (kept * sigma_prev) ** 2  # the jump's own variance: beta_t of the paper
        mean = alpha_prev * added / sigma**2 * x_start + kept * sigma_prev**2 / sigma**2 * x
        x = _plus_noise(mean, sigma_prev / sigma * added**0.5, generator)
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
        (alpha, sigma), (alpha_prev, sigma_prev) = schedule.at(t), schedule.at(t_prev)
        noise = (x - alpha * x_start) / sigma
        added = sigma**2 - (alpha / alpha_prev * sigma_prev) ** 2
        std_dev = eta * sigma_prev / sigma * added**0.5  # sigma_t in equation 16
        x = alpha_prev * x_start + max(sigma_prev**2 - std_dev**2, 0) ** 0.5 * noise
        x = _plus_noise(x, std_dev, generator)
    yield SamplerStep(-1, x, x)


@torch.no_grad()
def dpm_solver_pp(
    denoise: Denoiser, x: Tensor, schedule: NoiseSchedule, pairs: Pairs
) -> Iterator[SamplerStep]:
    """DPM-Solver++(2M) (Lu et al. 2022, arXiv:2211.01095, algorithm 2): DDIM that looks back one step.

    DDIM takes the predicted image as constant over a step. This takes it as linear in lambda (half the log of
    the signal-to-noise ratio) and extrapolates from the last two predictions (Adams-Bashforth, two steps):
    the error of a step then falls with its length cubed.

    Args:
        denoise, x, schedule, pairs: as for ``ddpm``.

    Yields:
        As ``ddpm``.
    """
    x_start_last, lambda_last = None, 0.0
    for t, t_prev in pairs:
        x_start, lambda_t = denoise(x, t), half_log_snr(schedule, t)
        yield SamplerStep(t, x, x_start)
        (alpha, sigma), (alpha_prev, sigma_prev) = schedule.at(t), schedule.at(t_prev)
        D = x_start
        if x_start_last is not None and t_prev >= 0:  # the last step has infinite h
            h, h_last = half_log_snr(schedule, t_prev) - lambda_t, lambda_t - lambda_last
            D = x_start + h / h_last / 2 * (x_start - x_start_last)  # h_last / h is the paper's r
        # The paper's -alpha_prev (exp(-h) - 1) D, without the infinite h.
        x = sigma_prev / sigma * x + (alpha_prev - sigma_prev / sigma * alpha) * D
        x_start_last, lambda_last = x_start, lambda_t
    yield SamplerStep(-1, x, x)


@torch.no_grad()
def euler(denoise: Denoiser, x: Tensor, schedule: NoiseSchedule, pairs: Pairs) -> Iterator[SamplerStep]:
    """Euler steps along the probability flow (Liu et al. 2022, arXiv:2209.03003, section 2.1).

    Divided by alpha + sigma, x follows the straight path of flow matching on any schedule: with
    s = sigma / (alpha + sigma), dx / ds is the velocity, noise - x_start. A step of it is a step of DDIM.

    Args:
        denoise, x, schedule, pairs: as for ``ddpm``.

    Yields:
        As ``ddpm``.
    """
    for t, t_prev in pairs:
        x_start = denoise(x, t)
        yield SamplerStep(t, x, x_start)
        if t_prev < 0:
            x = x_start  # where the velocity leads; taken itself, no bit of it is lost
            continue
        (alpha, sigma), (alpha_prev, sigma_prev) = schedule.at(t), schedule.at(t_prev)
        scale, scale_prev = alpha + sigma, alpha_prev + sigma_prev  # both 1 on the straight path
        velocity = (x - scale * x_start) / sigma
        x = scale_prev * (x / scale + (sigma_prev / scale_prev - sigma / scale) * velocity)
    yield SamplerStep(-1, x, x)


@torch.no_grad()
def heun(denoise: Denoiser, x: Tensor, schedule: NoiseSchedule, pairs: Pairs) -> Iterator[SamplerStep]:
    """Heun's second-order steps (Karras et al. 2022, arXiv:2206.00364, algorithm 1, along the straight path).

    Two calls of the network a step; one in the last, whose end is the image itself.

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
        (alpha, sigma), (alpha_prev, sigma_prev) = schedule.at(t), schedule.at(t_prev)
        scale, scale_prev = alpha + sigma, alpha_prev + sigma_prev  # both 1 on the straight path
        ds = sigma_prev / scale_prev - sigma / scale
        velocity = (x - scale * x_start) / sigma
        x_next = scale_prev * (x / scale + ds * velocity)  # Euler step
        velocity_next = (x_next - scale_prev * denoise(x_next, t_prev)) / sigma_prev
        x = scale_prev * (x / scale + ds * ((velocity + velocity_next) / 2))  # second-order correction
    yield SamplerStep(-1, x, x)


SAMPLERS: dict[str, Callable[..., Iterator[SamplerStep]]] = {
    "ddpm": ddpm,
    "ddim": ddim,
    "dpm_solver_pp": dpm_solver_pp,
    "euler": euler,
    "heun": heun,
}


def half_log_snr(schedule: NoiseSchedule, t: int) -> float:
    """lambda_t = log(alpha_t / sigma_t); minus infinity where nothing is left of the image."""
    alpha, sigma = schedule.at(t)
    return math.log(alpha / sigma) if alpha > 0 else -math.inf


def _plus_noise(x: Tensor, std_dev: float, generator: torch.Generator | None) -> Tensor:
    return x + std_dev * torch.randn(x.shape, generator=generator).to(x) if std_dev > 0 else x
