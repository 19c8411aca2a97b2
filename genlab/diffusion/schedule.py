"""How much noise at which time, and the changes of variables that follow from it.

    x_t = sqrt(alphas_cumprod[t]) x_start + sqrt(1 - alphas_cumprod[t]) noise        (Ho et al. 2020, eq. 4)

Time runs from 0 (almost the image) to T - 1 (almost pure noise).
"""

import math
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

PredictionType = Literal["epsilon", "sample", "v_prediction"]
ScheduleName = Literal["linear", "cosine"]


@dataclass(frozen=True)
class NoiseSchedule:
    """The variances of the forward process, built and kept in float64 on the CPU.

    Attributes:
        betas: (T,), variance added at each step.
        alphas_cumprod: (T,), share of the image's variance left after steps 0..t, decreasing.
    """

    betas: Tensor
    alphas_cumprod: Tensor

    @property
    def num_train_timesteps(self) -> int:
        """T."""
        return len(self.betas)

    def coefficients(self, t: Tensor | int, like: Tensor) -> tuple[Tensor, Tensor]:
        """sqrt(alphas_cumprod[t]) and sqrt(1 - alphas_cumprod[t]), float32, shaped to multiply ``like``.

        Args:
            t: (N,) int64, or one integer for all; -1 is the image itself: (1, 0).
            like: (N, ...), gives the device and the number of dimensions.
        """
        t = torch.as_tensor(t).reshape(-1).cpu()
        alpha_bar = torch.where(t < 0, torch.ones((), dtype=torch.float64), self.alphas_cumprod[t])
        shape = (-1,) + (1,) * (like.ndim - 1)
        signal, noise = alpha_bar.sqrt().reshape(shape), (1 - alpha_bar).sqrt().reshape(shape)
        return signal.to(like.device, torch.float32), noise.to(like.device, torch.float32)

    def add_noise(self, x_start: Tensor, noise: Tensor, t: Tensor | int) -> Tensor:
        """x_t in one leap (equation 4; ``q_sample`` elsewhere)."""
        signal_scale, noise_scale = self.coefficients(t, x_start)
        return signal_scale * x_start + noise_scale * noise

    def target(self, x_start: Tensor, noise: Tensor, t: Tensor | int, kind: PredictionType) -> Tensor:
        """What the network is trained to say, given x_t."""
        if kind == "epsilon":
            return noise
        if kind == "sample":
            return x_start
        signal_scale, noise_scale = self.coefficients(t, x_start)
        return signal_scale * noise - noise_scale * x_start  # Salimans and Ho 2022, appendix D

    def pred_original_sample(
        self, x_t: Tensor, prediction: Tensor, t: Tensor | int, kind: PredictionType
    ) -> Tensor:
        """x_start as the network's answer implies it: the inverse of ``target``."""
        if kind == "sample":
            return prediction
        signal_scale, noise_scale = self.coefficients(t, x_t)
        if kind == "v_prediction":
            return signal_scale * x_t - noise_scale * prediction
        return (x_t - noise_scale * prediction) / signal_scale

    def pred_noise(self, x_t: Tensor, x_start: Tensor, t: Tensor | int) -> Tensor:
        """The noise that lies between x_t and an image x_start."""
        signal_scale, noise_scale = self.coefficients(t, x_t)
        return (x_t - signal_scale * x_start) / noise_scale


def make_schedule(name: ScheduleName, num_train_timesteps: int) -> NoiseSchedule:
    """The schedule of the given name and length T."""
    steps = num_train_timesteps
    betas = linear_betas(steps) if name == "linear" else cosine_betas(steps)
    return NoiseSchedule(betas, torch.cumprod(1 - betas, dim=0))


def linear_betas(num_train_timesteps: int) -> Tensor:
    """From 1e-4 to 0.02 (Ho et al. 2020, section 4), for T = 1000; scaled by 1000 / T for fewer steps.

    Without the scaling a short process would end with much of the image still there.
    """
    scale = max(1.0, 1000 / num_train_timesteps)
    betas = torch.linspace(1e-4, 0.02, num_train_timesteps, dtype=torch.float64) * scale
    return betas.clamp(max=0.999)


def cosine_betas(num_train_timesteps: int) -> Tensor:
    """alphas_cumprod follows a squared cosine (Nichol and Dhariwal 2021, equation 17), betas below 0.999."""
    offset = 0.008  # keeps the first betas from being too small to matter
    t = torch.linspace(0, 1, num_train_timesteps + 1, dtype=torch.float64)
    alpha_bar = torch.cos((t + offset) / (1 + offset) * math.pi / 2).square()
    return (1 - alpha_bar[1:] / alpha_bar[:-1]).clamp(max=0.999)
