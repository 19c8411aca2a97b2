"""Samplers: plain generators that walk from noise to an image, one yielded state a step.

They know no network. All they need is a denoiser, any function of (x_t, t) that predicts the image at
the end, and a list of jumps from ``timestep_pairs``. ``alpha`` and ``sigma`` belong to the time t,
``alpha_prev`` and ``sigma_prev`` to t_prev, the next and less noisy one.
"""

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from genlab.diffusion.schedule import NoiseSchedule, PredictionType
from genlab.errors import GenlabError

Denoiser = Callable[[Tensor, int], Tensor]
Pairs = Sequence[tuple[int, int]]


@dataclass(frozen=True, eq=False)
class SamplerStep:
    """Where the walk stands.

    Attributes:
        t: the timestep of ``x``; -1 is the finished image.
        x: (N, 1, 28, 28), about [-1, 1] plus noise.
        pred_original_sample: the image that the network expects at the end, seen from here.
    """

    t: int
    x: Tensor
    pred_original_sample: Tensor

    def cpu(self) -> "SamplerStep":
        """The same, on the CPU."""
        return SamplerStep(self.t, self.x.cpu(), self.pred_original_sample.cpu())


def as_denoiser(
    predict: Callable[[Tensor, Tensor], Tensor],
    schedule: NoiseSchedule,
    prediction_type: PredictionType = "epsilon",
    *,
    clip_sample: bool = True,
) -> Denoiser:
    """A network's prediction as an image, whatever it was trained to predict.

    Args:
        predict: the network as a function of (x_t, t), t of shape (N,).
        schedule: the schedule of training.
        prediction_type: what ``predict`` predicts.
        clip_sample: keep the image in [-1, 1]. Samplers derive the noise from the clipped image, so
            that the two still add up to x_t.

    Raises:
        GenlabError: a network that predicts the noise, on a schedule that ends in nothing else.
    """
    if prediction_type == "epsilon" and schedule.alpha[-1] == 0:
        raise GenlabError(
            "prediction_type epsilon needs a schedule that leaves something of the image: no image follows "
            "from pure noise; use v_prediction, sample or flow_prediction"
        )

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
        kept = alpha / alpha_prev  # of the image, in this jump: sqrt(alpha_t) of the paper
        added = sigma**2 - (kept * sigma_prev) ** 2  # the jump's own variance: beta_t of the paper
        mean = alpha_prev * added / sigma**2 * x_start + kept * sigma_prev**2 / sigma**2 * x  # equation 7
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
        fresh = eta * sigma_prev / sigma * added**0.5  # equation 16, sigma_t of the paper
        x = alpha_prev * x_start + max(sigma_prev**2 - fresh**2, 0) ** 0.5 * noise  # equation 12
        x = _plus_noise(x, fresh, generator)
    yield SamplerStep(-1, x, x)


@torch.no_grad()
def dpm_solver_pp(
    denoise: Denoiser, x: Tensor, schedule: NoiseSchedule, pairs: Pairs
) -> Iterator[SamplerStep]:
    """DPM-Solver++(2M) (Lu et al. 2022, arXiv:2211.01095, algorithm 2): DDIM that looks back one step.

    The predicted image changes from step to step. Instead of the last prediction it takes the line
    through the last two, extrapolated to the middle of the step (Adams-Bashforth, 2 steps). In the half
    log-SNR, lambda = log(alpha / sigma), the error of a step falls with its length h cubed.

    Args:
        denoise, x, schedule, pairs: as for ``ddpm``.

    Yields:
        As ``ddpm``.
    """
    yield from _multistep(denoise, x, schedule, pairs, correct=False)


@torch.no_grad()
def unipc(denoise: Denoiser, x: Tensor, schedule: NoiseSchedule, pairs: Pairs) -> Iterator[SamplerStep]:
    """Predictor and corrector (Zhao et al. 2023, arXiv:2302.04867: UniP-2 and UniC-1, B(h) = e^h - 1).

    The predictor is DPM-Solver++(2M). Where its jump ends the network speaks again; before the next one the
    same jump is made anew, with the mean of what the network said at both its ends. That takes no call
    more, and fewer steps do: twelve are as good as eighteen on MNIST.

    Args:
        denoise, x, schedule, pairs: as for ``ddpm``.

    Yields:
        As ``ddpm``; the states as the predictor makes them, which is where the network was asked.
    """
    yield from _multistep(denoise, x, schedule, pairs, correct=True)


def _multistep(
    denoise: Denoiser, x: Tensor, schedule: NoiseSchedule, pairs: Pairs, *, correct: bool
) -> Iterator[SamplerStep]:
    last: SamplerStep | None = None
    for t, t_prev in pairs:
        x_start = denoise(x, t)
        yield SamplerStep(t, x, x_start)
        d = x_start  # D of the papers
        if last is not None:
            if correct:
                x = _jump(schedule, last.x, last.t, t, (last.pred_original_sample + x_start) / 2)
            if t_prev >= 0:  # the last jump is infinitely long in lambda: no line there
                lambda_last, lambda_t, lambda_prev = (
                    _half_log_snr(schedule, time) for time in (last.t, t, t_prev)
                )
                h, h_last = lambda_prev - lambda_t, lambda_t - lambda_last
                # 1 / (2 r), with r = h_last / h
                d = x_start + h / h_last / 2 * (x_start - last.pred_original_sample)
        last = SamplerStep(t, x, x_start)
        x = _jump(schedule, x, t, t_prev, d)
    yield SamplerStep(-1, x, x)


def _jump(schedule: NoiseSchedule, x: Tensor, t: int, t_prev: int, x_start: Tensor) -> Tensor:
    """From t to t_prev while the prediction stays the same: exact then, and DDIM with eta 0."""
    (alpha, sigma), (alpha_prev, sigma_prev) = schedule.at(t), schedule.at(t_prev)
    shrunk = sigma_prev / sigma
    return shrunk * x + (alpha_prev - shrunk * alpha) * x_start  # the bracket is -alpha_prev (exp(-h) - 1)


@torch.no_grad()
def euler(denoise: Denoiser, x: Tensor, schedule: NoiseSchedule, pairs: Pairs) -> Iterator[SamplerStep]:
    """Straight steps along the flow (Liu et al. 2022, arXiv:2209.03003, section 2.1).

    Any schedule becomes the straight one when x is divided by alpha + sigma; there
    dx / d sigma = noise - x_start. A step along it is the step of DDIM.

    Args:
        denoise, x, schedule, pairs: as for ``ddpm``.

    Yields:
        As ``ddpm``.
    """
    for t, t_prev in pairs:
        x_start = denoise(x, t)
        yield SamplerStep(t, x, x_start)
        if t_prev < 0:  # at the end the velocity leads to x_start: taken itself, no bit of it is lost
            x = x_start
            continue
        (alpha, sigma), (alpha_prev, sigma_prev) = schedule.at(t), schedule.at(t_prev)
        scale, scale_prev = alpha + sigma, alpha_prev + sigma_prev  # 1 on the straight path
        step = sigma_prev / scale_prev - sigma / scale
        velocity = (x - scale * x_start) / sigma  # noise - x_start
        x = scale_prev * (x / scale + step * velocity)
    yield SamplerStep(-1, x, x)


@torch.no_grad()
def heun(denoise: Denoiser, x: Tensor, schedule: NoiseSchedule, pairs: Pairs) -> Iterator[SamplerStep]:
    """Euler with a correction (Karras et al. 2022, arXiv:2206.00364, algorithm 1, along the straight path).

    The velocity is computed at both ends of a step, and the step is made with the mean of the two: two
    calls of the network a step, but one in the last, whose end is the image itself.

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
        scale, scale_prev = alpha + sigma, alpha_prev + sigma_prev  # 1 on the straight path
        step = sigma_prev / scale_prev - sigma / scale
        velocity = (x - scale * x_start) / sigma
        x_prev = scale_prev * (x / scale + step * velocity)  # Euler step
        velocity_prev = (x_prev - scale_prev * denoise(x_prev, t_prev)) / sigma_prev
        x = scale_prev * (x / scale + step * ((velocity + velocity_prev) / 2))  # second-order correction
    yield SamplerStep(-1, x, x)


SAMPLERS: dict[str, Callable[..., Iterator[SamplerStep]]] = {
    "ddpm": ddpm,
    "ddim": ddim,
    "dpm_solver_pp": dpm_solver_pp,
    "unipc": unipc,
    "euler": euler,
    "heun": heun,
}


def _plus_noise(x: Tensor, deviation: float, generator: torch.Generator | None) -> Tensor:
    return x + deviation * torch.randn(x.shape, generator=generator).to(x) if deviation > 0 else x


def _half_log_snr(schedule: NoiseSchedule, t: int) -> float:
    alpha, sigma = schedule.at(t)
    return math.log(alpha / sigma) if alpha > 0 else -math.inf
