"""Move through a code and watch the image: for families that decode."""

from collections.abc import Sequence

import ipywidgets as widgets
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from genlab.errors import GenlabError
from genlab.family import Decodes
from genlab.plots import grid
from genlab.widgets.panel import Control, Panel


def leading_directions(model: Decodes, count: int, samples: int = 512) -> Tensor:
    """The directions in code along which the picture changes most, (count, latent_dim), unit length.

    Codes are drawn and decoded; the left singular vectors of the covariance between codes and pixels
    are the directions with the largest linear effect. Single coordinates of a code would do as well,
    but which of them matter differs from model to model.
    """
    generator = torch.Generator().manual_seed(0)
    z = torch.randn(samples, model.latent_dim, generator=generator)
    labels = None
    if model.num_classes is not None:
        labels = torch.randint(model.num_classes, (samples,), generator=generator)
    images = model.decode(z, labels).flatten(1).cpu()
    covariance: Tensor = z.T @ (images - images.mean(0)) / samples
    left, _, _ = torch.linalg.svd(covariance, full_matrices=False)
    directions: Tensor = left.T[:count]
    # A singular vector's sign is arbitrary: moving right shall mean more ink.
    ink = directions @ covariance.sum(1)
    signs: Tensor = torch.where(ink < 0, -1.0, 1.0)
    return directions * signs[:, None]


class LatentExplorer(Panel):
    """A row of decoded codes and a slider for each leading direction.

    Args:
        model: anything that decodes (``genlab.family.Decodes``).
        labels: (N,), one image per label, for a conditional model; ten images if left out.
        directions: (K, latent_dim), unit vectors; the leading ones if left out.
        seed: draws the codes the walk starts from; None starts at the origin, with one image.
        names: what the sliders are called.
        columns: images per row.
    """

    def __init__(
        self,
        model: Decodes,
        *,
        labels: Tensor | None = None,
        directions: Tensor | None = None,
        seed: int | None = 0,
        names: Sequence[str] | None = None,
        columns: int = 10,
    ) -> None:
        if not isinstance(model, Decodes):
            raise GenlabError("LatentExplorer needs a model with a latent_dim and a decode method")
        self.model, self.columns = model, columns
        if directions is None:
            directions = leading_directions(model, min(2, model.latent_dim))
        self.directions = directions
        names = names or [f"direction {i + 1}" for i in range(len(self.directions))]
        self.controls = [Control(name, 0.0, -4.0, 4.0, 0.25) for name in names]
        self.start(seed, labels)
        alt = "A row of images decoded from codes, and sliders that move the codes."
        super().__init__(
            [widgets.HBox(self.controls, layout=widgets.Layout(flex_flow="row wrap"))], self.draw_row, alt
        )
        for control in self.controls:
            control.on_change(self.redraw)

    def start(self, seed: int | None, labels: Tensor | None = None) -> None:
        """Choose where the walk starts: codes drawn from a seed (or the origin), one per label."""
        n = len(labels) if labels is not None else 1 if seed is None else 10
        self.labels = labels
        if self.model.num_classes is not None and labels is None:
            self.labels = torch.arange(n) % self.model.num_classes
        if seed is None:
            self.base = torch.zeros(n, self.model.latent_dim)
        else:
            generator = torch.Generator().manual_seed(seed)
            self.base = torch.randn(n, self.model.latent_dim, generator=generator)

    def draw_row(self) -> NDArray[np.uint8]:
        """The images at the codes that the sliders point to."""
        offsets = torch.tensor([control.value for control in self.controls])
        z = self.base + offsets @ self.directions
        return grid(self.model.decode(z, self.labels), columns=self.columns)
