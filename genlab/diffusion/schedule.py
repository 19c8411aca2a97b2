"""The noise schedule: how much of the image and how much noise there is in x_t, and what follows from it.

    x_t = alpha[t] x_start + sigma[t] noise                                          (Ho et al. 2020, eq. 4)

Time runs from 0 (almost the image) to T - 1 (almost pure noise). Diffusion and flow matching differ in
these two curves and in nothing else: diffusion keeps alpha² + sigma² = 1, which is a quarter circle
from image to noise, flow matching keeps alpha + sigma = 1, the straight line.

    paper                               diffusers               here
    x_0                                 pred_original_sample    x_start
    epsilon                             noise                   noise
    sqrt(alpha-bar_t), or alpha_t [1]   alphas_cumprod ** 0.5   alpha[t]
    sqrt(1 - alpha-bar_t), or sigma_t   sigmas, in part         sigma[t]
    alpha-bar_t                         alphas_cumprod          alphas_cumprod[t]
    beta_t                              betas                   betas[t]
    sigma_t(eta) of DDIM                std_dev_t               std_dev
    lambda_t = log(alpha_t / sigma_t)   lambda_t                lambda_t, half the log of the SNR
    v_t                                 v_prediction            v_prediction

[1] In Ho et al. alpha_t is 1 - beta_t, one step's share; here alpha_t is that of all steps up to t, as in
Kingma et al. 2021 (arXiv:2107.00630), DPM-Solver and EDM.
"""

import math
from dataclasses import dataclass, field
from typing import Literal, get_args

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from genlab.errors import GenlabError, did_you_mean

PredictionType = Literal["epsilon", "sample", "v_prediction", "flow_prediction"]
ScheduleName = Literal["linear", "cosine", "sigmoid", "straight"]


@dataclass(frozen=True, eq=False)
class NoiseSchedule:
    """The forward process, built and kept in float64 on the CPU.

    Attributes:
        alpha: (T,), the factor of the image, decreasing; the last may be 0.
        sigma: (T,), the standard deviation of the noise that is added, increasing to 1.
    """

    alpha: Tensor
    sigma: Tensor
    _kept: dict[tuple[torch.device, torch.dtype], tuple[Tensor, Tensor]] = field(
        default_factory=dict, repr=False
    )

    @property
    def num_train_timesteps(self) -> int:
        """T."""
        return len(self.alpha)

    @property
    def alphas_cumprod(self) -> Tensor:
        """(T,), share of the image's variance left after steps 0..t."""
        return self.alpha.square()

    @property
    def betas(self) -> Tensor:
        """(T,), share of that variance lost at each step: of a diffusion, the variance of its noise."""
        before = torch.cat([torch.ones(1, dtype=torch.float64), self.alphas_cumprod[:-1]])
        return 1 - self.alphas_cumprod / before

    @property
    def snr(self) -> Tensor:
        """(T,), signal-to-noise ratio, (alpha / sigma)²: what two schedules have in common or not."""
        return (self.alpha / self.sigma).square()

    def at(self, t: int) -> tuple[float, float]:
        """Signal and sigma at one time, in double precision; t = -1 is the image itself: (1, 0)."""
        return (1.0, 0.0) if t < 0 else (float(self.alpha[t]), float(self.sigma[t]))

    def coefficients(self, t: Tensor | int, like: Tensor) -> tuple[Tensor, Tensor]:
        """Signal and sigma, float32 (float64 for float64), shaped to multiply ``like``.

        Args:
            t: (N,) int64, or one integer for all; -1 is the image itself: (1, 0).
            like: (N, ...), gives the device and the number of dimensions.
        """
        alpha, sigma = self._tables(like.device, torch.promote_types(like.dtype, torch.float32))
        t = torch.as_tensor(t, device=like.device).reshape(-1, *[1] * (like.ndim - 1))
        return alpha[t], sigma[t]

    def _tables(self, device: torch.device, dtype: torch.dtype) -> tuple[Tensor, Tensor]:
        """Both curves on a device, once for all calls; behind T - 1, where t = -1 looks, stands the image."""
        key = (device, dtype)
        if key not in self._kept:
            clean = (F.pad(self.alpha, (0, 1), value=1.0), F.pad(self.sigma, (0, 1), value=0.0))
            self._kept[key] = (clean[0].to(dtype).to(device), clean[1].to(dtype).to(device))
        return self._kept[key]

    def add_noise(self, x_start: Tensor, noise: Tensor, t: Tensor | int) -> Tensor:
        """x_t in one leap (equation 4; ``q_sample`` elsewhere)."""
        alpha, sigma = self.coefficients(t, x_start)
        return alpha * x_start + sigma * noise

    def target(self, x_start: Tensor, noise: Tensor, t: Tensor | int, kind: PredictionType) -> Tensor:
        """What the network is trained to say, given x_t."""
        if kind == "epsilon":
            return noise
        if kind == "sample":
            return x_start
        if kind == "flow_prediction":
            return noise - x_start  # Liu et al. 2022, equation 1, whose time runs the other way
        alpha, sigma = self.coefficients(t, x_start)
        return alpha * noise - sigma * x_start  # Salimans and Ho 2022, appendix D

    def pred_original_sample(
        self, x_t: Tensor, prediction: Tensor, t: Tensor | int, kind: PredictionType
    ) -> Tensor:
        """x_start as the network's answer implies it: the inverse of ``target``."""
        if kind == "sample":
            return prediction
        alpha, sigma = self.coefficients(t, x_t)
        if kind == "epsilon":
            return (x_t - sigma * prediction) / alpha
        if kind == "flow_prediction":
            return (x_t - sigma * prediction) / (alpha + sigma)
        return (alpha * x_t - sigma * prediction) / (alpha.square() + sigma.square())

    def pred_noise(self, x_t: Tensor, x_start: Tensor, t: Tensor | int) -> Tensor:
        """The noise that lies between x_t and an image x_start."""
        alpha, sigma = self.coefficients(t, x_t)
        return (x_t - alpha * x_start) / sigma


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
        sigma = torch.arange(1, num_train_timesteps + 1, dtype=torch.float64) / num_train_timesteps
        return NoiseSchedule(1 - sigma, sigma)
    betas = {"linear": linear_betas, "cosine": cosine_betas, "sigmoid": sigmoid_betas}[name]
    alpha = torch.cumprod(1 - betas(num_train_timesteps), dim=0).sqrt()
    if zero_terminal_snr and num_train_timesteps > 1:
        alpha = (alpha - alpha[-1]) * alpha[0] / (alpha[0] - alpha[-1])
    elif zero_terminal_snr:
        alpha = torch.zeros_like(alpha)
    return NoiseSchedule(alpha, (1 - alpha.square()).sqrt())


def check_target(schedule: NoiseSchedule, kind: PredictionType) -> None:
    """Raise GenlabError for a network that is asked for the noise where there is nothing but noise."""
    if kind == "epsilon" and schedule.alpha[-1] == 0:
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
