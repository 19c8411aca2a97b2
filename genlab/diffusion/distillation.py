"""A student that draws in one step what its teacher draws in many (Luhman and Luhman 2021, arXiv:2101.02388).

One step from noise to image is what notebook 03 begins with, and it gives the mean of all images: noise and
image were paired at random, so every noise could become any image. A walk without randomness on the way
pairs each noise with one image, and the same regression has an answer.
"""

import torch
import torch.nn.functional as F
from torch import Tensor

from genlab.data import IMAGE_SHAPE, to_bytes, to_signed, to_unit
from genlab.diffusion.loss import beyond
from genlab.diffusion.samplers import Denoiser
from genlab.errors import GenlabError
from genlab.family import Family, Walks


def imitation_loss(
    student: Denoiser, last_t: int, noise: Tensor, image: Tensor, *, clipped: bool = False
) -> Tensor:
    """Mean squared error between the student's one step and the end of the teacher's walk.

    Args:
        student: (x_t, t) to an image.
        last_t: T - 1, where noise is all there is.
        noise: where the teacher set out, (N, 1, 28, 28).
        image: where it came to, in [-1, 1].
        clipped: count no error beyond black and white, as in ``denoising_loss``.
    """
    predicted = student(noise, last_t).float()
    if clipped:
        image = torch.where(beyond(predicted, image), predicted.detach(), image)
    return F.mse_loss(predicted, image)


class Lessons:
    """Pairs of noise and image that a teacher makes, a batch at a time, each when it is first asked for.

    A batch is decided by its number alone, so a run that goes on later learns from the same pairs. Images
    are kept as bytes: 40 MB for 50,000.

    Args:
        teacher: a diffusion model, which walks as its own config says.
        pairs: how many different ones, about.

    Raises:
        GenlabError: a teacher that does not walk.
    """

    def __init__(self, teacher: Family, pairs: int) -> None:
        if not isinstance(teacher, Walks):
            raise GenlabError(
                "model.teacher: only a diffusion model, which walks to its images, can be imitated"
            )
        self.teacher, self.pairs = teacher, pairs
        self.made: dict[tuple[int, int], Tensor] = {}

    def draw(self, n: int) -> tuple[Tensor, Tensor | None, Tensor]:
        """Noise, classes (None where the teacher knows none) and images in [-1, 1]: any batch of ``n``."""
        number = int(torch.randint(max(1, self.pairs // n), (1,)))
        generator, classes = torch.Generator().manual_seed(number), self.teacher.num_classes
        noise = torch.randn(n, *IMAGE_SHAPE, generator=generator)
        labels = None if classes is None else torch.randint(classes, (n,), generator=generator)
        if (number, n) not in self.made:
            for state in self.teacher.trajectory(n, labels=labels, noise=noise, generator=generator):
                image = state.x
            self.made[number, n] = to_bytes(to_unit(image))
        return noise, labels, to_signed(self.made[number, n])
