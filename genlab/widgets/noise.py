"""Drown an image in noise, to any time in one leap: the forward process under a slider."""

from collections.abc import Callable

import torch
from torch import Tensor

from genlab.data import to_unit
from genlab.plots import Picture, grid
from genlab.widgets.controls import Control
from genlab.widgets.panel import Panel


class NoiseExplorer(Panel):
    """A row of images and a slider for the time t.

    Args:
        images: (N, 1, 28, 28) in [-1, 1].
        add_noise: (images, noise, t) to x_t, such as ``NoiseSchedule.add_noise``.
        num_train_timesteps: T.
        seed: draws the noise, the same at every t.
    """

    def __init__(
        self,
        images: Tensor,
        add_noise: Callable[[Tensor, Tensor, int], Tensor],
        num_train_timesteps: int = 1000,
        seed: int = 0,
    ) -> None:
        self.images, self.add_noise = images.cpu(), add_noise
        self.noise = torch.randn(images.shape, generator=torch.Generator().manual_seed(seed))
        self.t = Control("t", num_train_timesteps // 3, 0, num_train_timesteps - 1, 1)
        super().__init__([self.t], self.draw_noised, "A row of images, partly drowned in noise.")
        self.t.on_change(self.redraw)

    def draw_noised(self) -> Picture:
        """x_t at the time that the slider points to."""
        return grid(to_unit(self.add_noise(self.images, self.noise, self.t.value)))
