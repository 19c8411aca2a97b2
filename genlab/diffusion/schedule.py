"""The noise schedule: how much noise at which time, and the changes of variables that follow from it.

    x_t = alpha[t] x_start + sigma[t] noise                                          (Ho et al. 2020, eq. 4)

Time runs from 0 (almost the image) to T - 1 (almost pure noise). Diffusion and flow matching differ in
these two curves and, by habit, in what the network predicts: diffusion keeps alpha² + sigma² = 1, which
is a quarter circle from image to noise, flow matching keeps alpha + sigma = 1, the straight line.

    Ho et al. 2020          Lu et al. 2022    diffusers                 here
    T                       T                 num_train_timesteps       num_train_timesteps
    x_0                     x_0               pred_original_sample      x_start, pred_original_sample
    epsilon                 epsilon           noise                     noise
    sqrt(alpha-bar_t)       alpha_t           alphas_cumprod ** 0.5     alpha[t]
    sqrt(1 - alpha-bar_t)   sigma_t           (1 - alphas_cumprod)      sigma[t]
                                              ** 0.5
    alpha-bar_t             alpha_t²          alphas_cumprod            alphas_cumprod
    beta_t                                    betas                     betas
    q(x_t | x_0)            q_0t(x_t | x_0)   add_noise                 add_noise

Times are counted from 0 here, as in diffusers, and from 1 in the papers: their x_1 is x_t at t = 0, and
their x_0, the image itself, is at t = -1. The alpha_t of Ho et al. is another one: 1 - beta_t, the share
of the variance kept in a single step.
"""

import math
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal, get_args

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from genlab.errors import GenlabError, did_you_mean

PredictionType = Literal["epsilon", "sample", "v_prediction", "flow_prediction"]
ScheduleName = Literal["linear", "cosine", "sigmoid", "straight"]
Spacing = Literal["trailing", "leading", "linspace", "karras"]


@dataclass(frozen=True, eq=False)
class NoiseSchedule:
    """The forward process, built and kept in float64 on the CPU.

    Attributes:
        alpha: (T,), what an image is multiplied by, decreasing; the last may be 0.
        sigma: (T,), the standard deviation of the noise that is added, increasing to 1.
    """

    alpha: Tensor
    sigma: Tensor

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
        """(T,), beta_t = 1 - alpha-bar_t / alpha-bar_(t-1): of diffusion, the variance of a step."""
        before = torch.cat([torch.ones(1, dtype=torch.float64), self.alphas_cumprod[:-1]])
        return 1 - self.alphas_cumprod / before

    @property
    def snr(self) -> Tensor:
        """(T,), signal-to-noise ratio, (alpha / sigma)²."""
        return (self.alpha / self.sigma).square()

    def at(self, t: int) -> tuple[float, float]:
        """Alpha and sigma at one time, in double precision; t = -1 is the image itself: (1, 0)."""
        return (1.0, 0.0) if t < 0 else (float(self.alpha[t]), float(self.sigma[t]))

    def coefficients(self, t: Tensor | int, like: Tensor) -> tuple[Tensor, Tensor]:
        """Alpha and sigma, float32 (float64 for float64), shaped to multiply ``like``.

        Args:
            t: (N,) int64, or one integer for all; -1 is the image itself: (1, 0).
            like: (N, ...), gives the device and the number of dimensions.
        """
        alpha, sigma = _curves(self, like.device, torch.promote_types(like.dtype, torch.float32))
        shape = (-1,) + (1,) * (like.ndim - 1)
        return alpha[t].reshape(shape), sigma[t].reshape(shape)

    def add_noise(self, x_start: Tensor, noise: Tensor, t: Tensor | int) -> Tensor:
        """x_t in one leap (equation 4; ``q_sample`` elsewhere)."""
        alpha, sigma = self.coefficients(t, x_start)
        return alpha * x_start + sigma * noise

    def target(self, x_start: Tensor, noise: Tensor, t: Tensor | int, kind: PredictionType) -> Tensor:
        """What the network is trained to predict, given x_t."""
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
        """x_start as the network's prediction implies it: the inverse of ``target``."""
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


@lru_cache(maxsize=32)  # moved to a GPU once: a copy at every step would make the CPU wait for it
def _curves(schedule: NoiseSchedule, device: torch.device, precision: torch.dtype) -> tuple[Tensor, Tensor]:
    """(T + 1,) each; the image itself comes last, where the index -1 finds it."""
    alpha = torch.cat([schedule.alpha, torch.ones(1, dtype=torch.float64)])
    sigma = torch.cat([schedule.sigma, torch.zeros(1, dtype=torch.float64)])
    return alpha.to(precision).to(device), sigma.to(precision).to(device)


def make_schedule(
    name: ScheduleName, num_train_timesteps: int, *, zero_terminal_snr: bool = False
) -> NoiseSchedule:
    """The schedule of the given name and length T.

    Args:
        name: linear, cosine and sigmoid are diffusions, straight is flow matching.
        num_train_timesteps: T.
        zero_terminal_snr: bend a diffusion so that at T - 1 nothing is left of the image, which is what
            sampling starts from (Lin et al. 2023, arXiv:2305.08891, algorithm 1). The straight one is so.
    """
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


def timestep_pairs(
    num_train_timesteps: int, num_inference_steps: int, spacing: Spacing = "trailing"
) -> list[tuple[int, int]]:
    """The jumps ``(t, t_prev)`` of a sampler, evenly down, -1 (the finished image) last.

    Args:
        num_train_timesteps: T.
        num_inference_steps: N, how many jumps, 1..T.
        spacing: as in table 2 of Lin et al. 2023 (arXiv:2305.08891). ``trailing`` and ``linspace`` start
            at T - 1, the noisiest time of training; ``linspace`` also visits 0, which spends a
            step on almost nothing. ``leading`` leaves the noisiest levels out: it is the habit of early
            libraries, and hands the network an input that is noisier than it is told. ``karras`` is not
            even in time: see ``karras_pairs``.

    Raises:
        GenlabError: fewer than 1 or more than T steps, a spacing that there is not.
    """
    total, n = num_train_timesteps, num_inference_steps
    _check_steps(n, total)
    if spacing == "trailing":
        times = np.rint(total * np.arange(n, 0, -1) / n) - 1
    elif spacing == "leading":
        times = np.arange(n - 1, -1, -1) * (total // n)
    elif spacing == "linspace":
        times = np.rint(np.linspace(total - 1, 0, n))
    elif spacing == "karras":
        raise GenlabError("the spacing karras follows the noise: use karras_pairs, which takes the schedule")
    else:
        raise GenlabError(f"unknown spacing {spacing!r}: {did_you_mean(spacing, get_args(Spacing))}")
    return _jumps(times)


# Karras et al. 2022, table 1, have 80 and 7, for photographs and 18 steps of another sampler. In more noise
# than 20 a digit looks like any other of its class: a step there is lost. And 12 makes the last steps short.
MOST_NOISE = 20.0  # for each part of the image
RHO = 12.0


def karras_pairs(
    schedule: NoiseSchedule, num_inference_steps: int, rho: float = RHO
) -> list[tuple[int, int]]:
    """The jumps from T - 1 to 0 and to the finished image, shorter the less noise is left.

    The noise for each part of the image, sigma / alpha, is even in its twelfth root (Karras et al. 2022,
    arXiv:2206.00364, equation 5, take the seventh): what goes wrong near the end, no later step mends.

    Args:
        schedule: of T times.
        num_inference_steps: N, how many jumps, 1..T.
        rho: which root, at least 1; the higher, the shorter the last steps.

    Raises:
        GenlabError: fewer than 1 or more than T steps.
    """
    n = num_inference_steps
    _check_steps(n, schedule.num_train_timesteps)
    noise = (schedule.sigma / schedule.alpha).clamp(max=MOST_NOISE).numpy()
    wanted = np.linspace(noise[-1] ** (1 / rho), noise[0] ** (1 / rho), n) ** rho
    times = np.rint(np.interp(np.log(wanted), np.log(noise), np.arange(len(noise))))
    times[0] = len(noise) - 1
    for i in range(1, n):  # each time once: few lie close together where the noise grows fast
        times[i] = min(times[i], times[i - 1] - 1)
    return _jumps(np.maximum(times, np.arange(n - 1, -1, -1)))


def _check_steps(n: int, total: int) -> None:
    if not isinstance(n, int) or isinstance(n, bool) or not 1 <= n <= total:
        raise GenlabError(f"num_inference_steps should be in 1..{total}, got {n}")


def _jumps(times: NDArray[np.float64]) -> list[tuple[int, int]]:
    timesteps = [int(t) for t in times]
    return list(zip(timesteps, [*timesteps[1:], -1], strict=True))
