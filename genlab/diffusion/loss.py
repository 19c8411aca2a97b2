"""The loss of diffusion: noise an image to a random time and ask what was added (Ho et al. 2020, alg. 1)."""

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor

from genlab.diffusion.schedule import NoiseSchedule, PredictionType


def denoising_loss(
    predict: Callable[[Tensor, Tensor], Tensor],
    x_start: Tensor,
    schedule: NoiseSchedule,
    prediction_type: PredictionType = "epsilon",
) -> Tensor:
    """Mean squared error between the network's answer and the truth, at times drawn uniformly.

    Args:
        predict: the network as a function of (x_t, t).
        x_start: images, (N, 1, 28, 28) in [-1, 1].
        schedule: how much noise at which time.
        prediction_type: what ``predict`` answers: the noise, the image or the velocity.

    Returns:
        A scalar, averaged over pixels and batch (equation 14).
    """
    t = torch.randint(schedule.num_train_timesteps, (len(x_start),), device=x_start.device)
    noise = torch.randn_like(x_start)
    x_t = schedule.add_noise(x_start, noise, t)
    target = schedule.target(x_start, noise, t, prediction_type)
    return F.mse_loss(predict(x_t, t).float(), target)
