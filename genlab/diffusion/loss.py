"""The loss of diffusion: noise an image to a random time and predict the noise (Ho et al. 2020, alg. 1)."""

from collections.abc import Callable
from functools import lru_cache

import torch
import torch.nn.functional as F
from torch import Tensor

from genlab.diffusion.schedule import NoiseSchedule, PredictionType


def denoising_loss(
    predict: Callable[[Tensor, Tensor], Tensor],
    x_start: Tensor,
    schedule: NoiseSchedule,
    prediction_type: PredictionType = "epsilon",
    *,
    min_snr_gamma: float | None = None,
    clipped: bool = False,
) -> Tensor:
    """Mean squared error between the network's prediction and the truth, at times drawn uniformly.

    Args:
        predict: the network as a function of (x_t, t).
        x_start: images, (N, 1, 28, 28) in [-1, 1].
        schedule: how much noise at which time.
        prediction_type: what ``predict`` predicts: the noise, the image or one of the two velocities.
        min_snr_gamma: weigh times by ``min_snr_weights``; all alike if left out.
        clipped: count no error where the image is black or white and the predicted one is beyond that, as
            sampling clips it. What is predicted best stays the same, once clipped: the mean of images never
            is beyond. But the network may play safe, and black is black, not grey level 1 or 2.

    Returns:
        A scalar, averaged over pixels and batch (equation 14).
    """
    t = torch.randint(schedule.num_train_timesteps, (len(x_start),), device=x_start.device)
    noise = torch.randn_like(x_start)
    x_t = schedule.add_noise(x_start, noise, t)
    target = schedule.target(x_start, noise, t, prediction_type)
    prediction = predict(x_t, t).float()
    if clipped:
        image = schedule.pred_original_sample(x_t, prediction, t, prediction_type)
        target = torch.where(beyond(image, x_start), prediction.detach(), target)
    if min_snr_gamma is None:
        return F.mse_loss(prediction, target)
    weights = _weights_on(prediction.device, schedule, prediction_type, min_snr_gamma)[t]
    return (weights * (prediction - target).square().flatten(1).mean(1)).mean()


def beyond(predicted: Tensor, image: Tensor) -> Tensor:
    """Where a predicted image is blacker than black or whiter than white, and the true one black or white."""
    return (image.abs() >= 1) & (predicted * image > 1)


@lru_cache(maxsize=32)  # made once, and not at every step
def _weights_on(
    device: torch.device, schedule: NoiseSchedule, prediction_type: PredictionType, gamma: float
) -> Tensor:
    return min_snr_weights(schedule, prediction_type, gamma).float().to(device)


def min_snr_weights(schedule: NoiseSchedule, prediction_type: PredictionType, gamma: float) -> Tensor:
    """The Min-SNR weight of each timestep, (T,) float64: the loss of the image, weighed by min(SNR, gamma).

    Without it the nearly clean times, where the prediction is easy and the signal-to-noise ratio huge, pull
    hardest (Hang et al. 2023, arXiv:2303.09556, equation 8; gamma is 5 there).
    """
    alpha, sigma = schedule.alpha, schedule.sigma
    # How far the image is off when the prediction is off by one, squared: see ``pred_original_sample``.
    squared = {
        "sample": torch.ones_like(alpha),
        "epsilon": (sigma / alpha).square(),
        "flow_prediction": (sigma / (alpha + sigma)).square(),
        "v_prediction": (sigma / (alpha.square() + sigma.square())).square(),
    }[prediction_type]
    return schedule.snr.clamp(max=gamma) * squared
