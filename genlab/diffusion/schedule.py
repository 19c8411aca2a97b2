"""How much noise at which time, and the changes of variables that follow from it.

    x_t = signal[t] x_start + spread[t] noise                                        (Ho et al. 2020, eq. 4)

Time runs from 0 (almost the image) to T - 1 (almost pure noise). Diffusion and flow matching differ in
these two curves and in nothing else: diffusion keeps signal² + spread² = 1, which is a quarter circle
from image to noise, flow matching keeps signal + spread = 1, the straight line.
"""

import math
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
import torch
from torch import Tensor

from genlab.errors import GenlabError, did_you_mean

PredictionType = Literal["epsilon", "sample", "v_prediction", "flow_prediction"]
ScheduleName = Literal["linear", "cosine", "sigmoid", "straight"]


@dataclass(frozen=True)
class NoiseSchedule:
    """The forward process, built and kept in float64 on the CPU.

    Attributes:
        signal: (T,), what an image is multiplied by, decreasing; the last may be 0.
        spread: (T,), the standard deviation of the noise that is added, increasing to 1.
    """

    signal: Tensor
    spread: Tensor

    @property
    def num_train_timesteps(self) -> int:
        """T."""
        return len(self.signal)

    @property
    def alphas_cumprod(self) -> Tensor:
        """(T,), share of the image's variance left after steps 0..t."""
        return self.signal.square()

    @property
    def betas(self) -> Tensor:
        """(T,), share of that variance lost at each step: of a diffusion, the variance of its noise."""
        before = torch.cat([torch.ones(1, dtype=torch.float64), self.alphas_cumprod[:-1]])
        return 1 - self.alphas_cumprod / before

    @property
    def snr(self) -> Tensor:
        """(T,), signal-to-noise ratio, (signal / spread)²: what two schedules have in common or not."""
        return (self.signal / self.spread).square()

    def at(self, t: int) -> tuple[float, float]:
        """Signal and spread at one time, in double precision; t = -1 is the image itself: (1, 0)."""
        return (1.0, 0.0) if t < 0 else (float(self.signal[t]), float(self.spread[t]))

    def coefficients(self, t: Tensor | int, like: Tensor) -> tuple[Tensor, Tensor]:
        """Signal and spread, float32 (float64 for float64), shaped to multiply ``like``.

        Args:
            t: (N,) int64, or one integer for all; -1 is the image itself: (1, 0).
            like: (N, ...), gives the device and the number of dimensions.
        """
        t = torch.as_tensor(t).reshape(-1).cpu()
        shape = (-1,) + (1,) * (like.ndim - 1)
        signal = torch.where(t < 0, 1.0, self.signal[t]).reshape(shape)
        spread = torch.where(t < 0, 0.0, self.spread[t]).reshape(shape)
        precision = torch.promote_types(like.dtype, torch.float32)
        return signal.to(like.device, precision), spread.to(like.device, precision)

    def add_noise(self, x_start: Tensor, noise: Tensor, t: Tensor | int) -> Tensor:
        """x_t in one leap (equation 4; ``q_sample`` elsewhere)."""
        signal, spread = self.coefficients(t, x_start)
        return signal * x_start + spread * noise

    def target(self, x_start: Tensor, noise: Tensor, t: Tensor | int, kind: PredictionType) -> Tensor:
        """What the network is trained to say, given x_t."""
        if kind == "epsilon":
            return noise
        if kind == "sample":
            return x_start
        if kind == "flow_prediction":
            return noise - x_start  # Liu et al. 2022, equation 1, whose time runs the other way
        signal, spread = self.coefficients(t, x_start)
        return signal * noise - spread * x_start  # Salimans and Ho 2022, appendix D

    def pred_original_sample(
        self, x_t: Tensor, prediction: Tensor, t: Tensor | int, kind: PredictionType
    ) -> Tensor:
        """x_start as the network's answer implies it: the inverse of ``target``."""
        if kind == "sample":
            return prediction
        signal, spread = self.coefficients(t, x_t)
        if kind == "epsilon":
            return (x_t - spread * prediction) / signal
        if kind == "flow_prediction":
            return (x_t - spread * prediction) / (signal + spread)
        return (signal * x_t - spread * prediction) / (signal.square() + spread.square())

    def pred_noise(self, x_t: Tensor, x_start: Tensor, t: Tensor | int) -> Tensor:
        """The noise that lies between x_t and an image x_start."""
        signal, spread = self.coefficients(t, x_t)
        return (x_t - signal * x_start) / spread


def make_schedule(
    name: ScheduleName, num_train_timesteps: int, *, zero_terminal_snr: bool = False
) -> NoiseSchedule:
    """The schedule of the given name and length T.

    Args:
        name: linear, cosine and sigmoid are diffusions, straight is flow matching.
        num_train_timesteps: T.
        zero_terminal_snr: bend a diffusion so that at T - 1 nothing is left of the image, which is what
            sampling starts from (Lin et al. 2023, arXiv:2305.08891, algorithm 1). The straight one is so.

    Raises:
        GenlabError: an unknown name, or fewer than one step.
    """
    if name not in get_args(ScheduleName):
        raise GenlabError(f"unknown schedule {name!r}: {did_you_mean(name, get_args(ScheduleName))}")
    if not isinstance(num_train_timesteps, int) or num_train_timesteps < 1:
        raise GenlabError(
            f"num_train_timesteps should be a whole number, at least 1, got {num_train_timesteps}"
        )
    if name == "straight":
        spread = torch.arange(1, num_train_timesteps + 1, dtype=torch.float64) / num_train_timesteps
        return NoiseSchedule(1 - spread, spread)
    betas = {"linear": linear_betas, "cosine": cosine_betas, "sigmoid": sigmoid_betas}[name]
    signal = torch.cumprod(1 - betas(num_train_timesteps), dim=0).sqrt()
    if zero_terminal_snr and num_train_timesteps > 1:
        signal = (signal - signal[-1]) * signal[0] / (signal[0] - signal[-1])
    elif zero_terminal_snr:
        signal = torch.zeros_like(signal)
    return NoiseSchedule(signal, (1 - signal.square()).sqrt())


def check_target(schedule: NoiseSchedule, kind: PredictionType) -> None:
    """Raise GenlabError for a network that is asked for the noise where there is nothing but noise."""
    if kind == "epsilon" and schedule.signal[-1] == 0:
        raise GenlabError(
            "prediction_type epsilon needs a schedule that leaves something of the image: at zero terminal "
            "SNR x_t is the noise, and no image follows from it; use v_prediction, sample or flow_prediction"
        )


def linear_betas(num_train_timesteps: int) -> Tensor:
    """From 1e-4 to 0.02 (Ho et al. 2020, section 4), for T = 1000; scaled by 1000 / T for fewer steps.

    Without the scaling a short process would end with much of the image still there.
    """
    scale = max(1.0, 1000 / num_train_timesteps)
    # From the end, so that a single step is the largest: it, too, should end in noise.
    betas = torch.linspace(0.02, 1e-4, num_train_timesteps, dtype=torch.float64).flip(0) * scale
    return betas.clamp(max=0.999)


def cosine_betas(num_train_timesteps: int) -> Tensor:
    """alphas_cumprod follows a squared cosine (Nichol and Dhariwal 2021, equation 17), betas below 0.999."""
    offset = 0.008  # keeps the first betas from being too small to matter
    t = torch.linspace(0, 1, num_train_timesteps + 1, dtype=torch.float64)
    return _betas_of(torch.cos((t + offset) / (1 + offset) * math.pi / 2).square())


def sigmoid_betas(num_train_timesteps: int) -> Tensor:
    """alphas_cumprod falls like a sigmoid from 3 to -3 (Jabri et al. 2022, arXiv:2212.11972, figure 8)."""
    t = torch.linspace(0, 1, num_train_timesteps + 1, dtype=torch.float64)
    falling = torch.sigmoid(3 - 6 * t)
    return _betas_of((falling - falling[-1]) / (falling[0] - falling[-1]))


def _betas_of(alpha_bar: Tensor) -> Tensor:
    """(T,) betas from the curve at T + 1 times; the last steps are capped, or they would end in 0 / 0."""
    return (1 - alpha_bar[1:] / alpha_bar[:-1]).clamp(max=0.999)


Spacing = Literal["trailing", "leading", "linspace"]


def timestep_pairs(
    num_train_timesteps: int, num_inference_steps: int, spacing: Spacing = "trailing"
) -> list[tuple[int, int]]:
    """The jumps ``(t, t_prev)`` of a sampler, evenly down, -1 (the finished image) last.

    Args:
        num_train_timesteps: T.
        num_inference_steps: N, how many jumps, 1..T.
        spacing: as in table 2 of Lin et al. 2023 (arXiv:2305.08891). ``trailing`` and ``linspace`` start
            at T - 1, where training ended, in pure noise; ``linspace`` also visits 0, which spends a
            step on almost nothing. ``leading`` leaves the noisiest levels out: it is the habit of early
            libraries, and hands the network an input that is noisier than it is told.

    Raises:
        GenlabError: fewer than 1 or more than T steps, a spacing that there is not.
    """
    total, n = num_train_timesteps, num_inference_steps
    if not isinstance(n, int) or isinstance(n, bool) or not 1 <= n <= total:
        raise GenlabError(f"num_inference_steps should be in 1..{total}, got {n}")
    if spacing == "trailing":
        times = np.rint(total * np.arange(n, 0, -1) / n) - 1
    elif spacing == "leading":
        times = np.arange(n - 1, -1, -1) * (total // n)
    elif spacing == "linspace":
        times = np.rint(np.linspace(total - 1, 0, n))
    else:
        raise GenlabError(f"unknown spacing {spacing!r}: {did_you_mean(spacing, get_args(Spacing))}")
    timesteps = [int(t) for t in times]
    return list(zip(timesteps, [*timesteps[1:], -1], strict=True))
