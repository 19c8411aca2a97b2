"""Samplers: plain generators that walk from noise to an image, one yielded state a step."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from genlab.diffusion.schedule import NoiseSchedule, PredictionType
from genlab.errors import GenlabError


@dataclass(frozen=True)
class SamplerStep:
    """Where the walk stands.

    Attributes:
        t: the noise level of ``x``, from T - 1 down; -1 is the finished image.
        x: (N, 1, 28, 28), about [-1, 1] plus noise.
        pred_original_sample: the image that the network expects at the end, seen from here.
    """

    t: int
    x: Tensor
    pred_original_sample: Tensor


def timestep_pairs(num_train_timesteps: int, num_inference_steps: int) -> list[tuple[int, int]]:
    """The jumps ``(t, t_prev)`` of a sampler: T - 1 first, then evenly down, -1 last.

    The "trailing" spacing of Lin et al. 2023 (arXiv:2305.08891, table 2): it starts where training
    ended, at pure noise. Spacings that start lower hand the network an input it has never seen.

    Raises:
        GenlabError: fewer than 1 or more than ``num_train_timesteps`` steps.
    """
    total, n = num_train_timesteps, num_inference_steps
    if not 1 <= n <= total:
        raise GenlabError(f"num_inference_steps should be in 1..{total}, got {n}")
    timesteps = [int(np.rint(total * (n - i) / n)) - 1 for i in range(n)]
    return list(zip(timesteps, [*timesteps[1:], -1], strict=True))


@torch.no_grad()
def ddim(
    predict: Callable[[Tensor, Tensor], Tensor],
    x: Tensor,
    schedule: NoiseSchedule,
    num_inference_steps: int = 50,
    *,
    prediction_type: PredictionType = "epsilon",
    eta: float = 0.0,
    clip_sample: bool = True,
    t_start: int | None = None,
    generator: torch.Generator | None = None,
) -> Iterator[SamplerStep]:
    """Denoising diffusion implicit models (Song et al. 2021, equation 12; ``p_sample`` elsewhere).

    Args:
        predict: the network as a function of (x_t, t), t of shape (N,).
        x: the noise to start from, (N, 1, 28, 28): x_T.
        schedule: the schedule of training.
        num_inference_steps: calls of the network, 1..T.
        prediction_type: what ``predict`` answers.
        eta: 0 is deterministic given x_T; 1 adds as much noise at every step as DDPM does.
        clip_sample: keep the predicted image in [-1, 1] at every step.
        t_start: the noise level of ``x``, T - 1 if left out. Less finishes an image that was noised
            only part of the way, and keeps what survived of it (Meng et al. 2021, arXiv:2108.01073).
        generator: a CPU generator for the noise of eta > 0.

    Yields:
        ``num_inference_steps`` states, each with the prediction made there, then the finished image.
    """
    levels = schedule.num_train_timesteps if t_start is None else t_start + 1
    if not 1 <= levels <= schedule.num_train_timesteps:
        raise GenlabError(f"t_start should be in 0..{schedule.num_train_timesteps - 1}, got {t_start}")
    for t, t_prev in timestep_pairs(levels, num_inference_steps):
        prediction = predict(x, torch.full((len(x),), t, device=x.device)).float()
        x_start = schedule.pred_original_sample(x, prediction, t, prediction_type)
        if clip_sample:
            x_start = x_start.clamp(-1, 1)
        yield SamplerStep(t, x, x_start)

        # The noise is derived from the clipped image, so that the two still add up to x_t.
        noise = schedule.pred_noise(x, x_start, t)
        signal_prev, scale_prev = schedule.coefficients(t_prev, x)
        sigma = eta * _ddpm_sigma(schedule, t, t_prev)
        x = signal_prev * x_start + (scale_prev.square() - sigma**2).clamp(min=0).sqrt() * noise
        if sigma > 0:
            x = x + sigma * torch.randn(x.shape, generator=generator).to(x)
    yield SamplerStep(-1, x, x)


def _ddpm_sigma(schedule: NoiseSchedule, t: int, t_prev: int) -> float:
    """The standard deviation of q(x_prev | x_t, x_start), (Song et al. 2021, equation 16 with eta 1)."""
    alpha_bar = float(schedule.alphas_cumprod[t])
    alpha_bar_prev = float(schedule.alphas_cumprod[t_prev]) if t_prev >= 0 else 1.0
    variance = (1 - alpha_bar_prev) / (1 - alpha_bar) * (1 - alpha_bar / alpha_bar_prev)
    return float(variance**0.5)
