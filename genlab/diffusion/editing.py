"""Image editing and inpainting with a trained model: no training of their own is needed."""

import torch
from torch import Tensor

from genlab.diffusion.samplers import Denoiser
from genlab.diffusion.schedule import NoiseSchedule, timestep_pairs


def noised_start(
    images: Tensor, schedule: NoiseSchedule, t_start: int, steps: int, generator: torch.Generator | None
) -> tuple[Tensor, list[tuple[int, int]]]:
    """Where a walk sets out that is to keep something of the images (Meng et al. 2021, arXiv:2108.01073).

    Denoised from there as another class, an image keeps what the noise has left of it and no more: at a
    low ``t_start`` nearly all, at T - 1 nothing.

    Args:
        images: (N, 1, 28, 28) in [-1, 1].
        schedule: the schedule of training.
        t_start: how far they are noised, 0..T - 1.
        steps: of the walk from there, 1..t_start + 1.
        generator: a CPU generator for the noise.

    Returns:
        The noised images and the jumps of the walk, for any sampler.

    Raises:
        GenlabError: fewer than 1 or more than t_start + 1 steps.
    """
    pairs = timestep_pairs(t_start + 1, steps)
    noise = torch.randn(images.shape, generator=generator).to(images)
    return schedule.add_noise(images, noise, t_start), pairs


def inpainting(denoise: Denoiser, images: Tensor, known: Tensor) -> Denoiser:
    """A denoiser that knows some of the pixels, for any sampler.

    What it expects at the end is right where the image is known; everywhere else it is the model's
    guess, which sees the known part in x_t and joins on to it. (Lugmayr et al. 2022, arXiv:2201.09865, put
    a noised copy of the known part into x_t instead, and repeat steps; with the image that is expected in
    its place no sampler needs to know.)

    Args:
        denoise: as ``genlab.diffusion.samplers.as_denoiser`` makes one.
        images: (N, 1, 28, 28) in [-1, 1]; what stands in the unknown part does not matter.
        known: bool, of a shape that broadcasts to the images'.
    """
    return lambda x, t: torch.where(known, images, denoise(x, t))
