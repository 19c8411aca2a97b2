"""Move through a code and watch the image: for families that decode."""

from collections.abc import Mapping, Sequence
from math import ceil, sqrt
from typing import Any

import ipywidgets as widgets
import torch
import torch.nn.functional as F
from torch import Tensor

from genlab.data import IMAGE_SHAPE
from genlab.family import Decodes
from genlab.latent.directions import Directions, draw_codes, leading_directions
from genlab.plots import GROUND, Picture, enlarged, grid
from genlab.widgets.controls import Control, classes_in_turn, dials_of, in_a_row
from genlab.widgets.panel import Panel, check_model, stacked

REACH, STEP = 4.0, 0.25  # of a latent slider, in standard deviations of the codes
ALONE = 4  # a single image is so many times as large, to be seen from the last row


def latent_slider(name: str) -> Control:
    """A slider for a direction, at rest."""
    return Control(name, 0.0, -REACH, REACH, STEP)


def code_tiles(z: Tensor) -> Tensor:
    """Codes as pictures, for people to see that there is nothing to see: (N, D) to (N, 1, 28, 28).

    A cell for each number, read like a page; black is the smallest that N(0, 1) draws, white the largest.
    """
    side = ceil(sqrt(z.shape[1]))
    shares = torch.special.ndtr(z.float())
    cells = F.pad(shares, (0, side**2 - z.shape[1]), value=GROUND / 255).reshape(-1, 1, side, side)
    return F.interpolate(cells, size=IMAGE_SHAPE[1:], mode="nearest")


class LatentExplorer(Panel):
    """A row of decoded codes and a slider for each leading direction.

    Args:
        model: anything that decodes (``genlab.family.Decodes``); its dials, such as a VAE's prior or a GAN's
            truncation, get controls as well.
        labels: (N,), one image per label, for a conditional model; ten images if left out.
        directions: (K, latent_dim), a slider's unit each; the leading ones if left out.
        seed: draws the codes the walk starts from; None starts at the origin, with one image.
        names: what the sliders are called; by default numbers, and a line says what each does.
        columns: images per row.
        sliders: latent sliders that stand elsewhere and move several explorers at once.
        show_codes: the codes above the images.

    Raises:
        GenlabError: a model that does not decode.
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
        sliders: Sequence[Control] | None = None,
        show_codes: bool = False,
    ) -> None:
        check_model(model, "LatentExplorer", Decodes)
        self.model, self.columns, self.show_codes = model, columns, show_codes
        self.directions, said = self._choose(directions, names)
        names = names or [f"direction {i + 1}" for i in range(len(self.directions))]
        own = [latent_slider(name) for name in names] if sliders is None else []
        self.controls = list(own if sliders is None else sliders[: len(self.directions)])
        self.directions = self.directions[: len(self.controls)]
        self.dials = dials_of(model)
        self._set_out(seed, labels, None)
        alt = "Images decoded from codes, and sliders that move the codes."
        controls = [in_a_row(own), in_a_row(self.dials.values()), widgets.HTML(said)]
        super().__init__(controls, self.draw_row, alt)
        for control in self.controls:
            control.on_change(self.redraw)
        for dial in self.dials.values():
            dial.on_change(lambda _: self.attempt(self._redraw_codes))

    def start(self, seed: int | None, labels: Tensor | None = None, n: int | None = None) -> None:
        """Choose where the walk starts: codes drawn from a seed (or the origin), one per label.

        Args:
            seed: none: the origin.
            labels: int64, for a conditional model; the classes in turn if left out.
            n: how many images, where no labels say so; ten, or one at the origin, if left out.
        """
        self.attempt(lambda: self._set_out(seed, labels, n))

    def draw_row(self) -> Picture:
        """The images at the codes that the sliders point to; above them the codes, if they are shown."""
        offsets = torch.tensor([control.value for control in self.controls])
        z = self.base + offsets @ self.directions
        images = grid(self.model.decode(z, self.labels), columns=self.columns)
        if self.show_codes:
            return stacked(grid(code_tiles(z), self.columns), images)
        return enlarged(images, ALONE) if len(z) == 1 else images

    def _set_out(self, seed: int | None, labels: Tensor | None, n: int | None) -> None:
        self.seed, self.n = seed, n or (len(labels) if labels is not None else 1 if seed is None else 10)
        self.labels = classes_in_turn(self.model, self.n) if labels is None else labels
        self._redraw_codes()

    def _redraw_codes(self) -> None:
        if self.seed is None:
            self.base = torch.zeros(self.n, self.model.latent_dim)
            return
        generator = torch.Generator().manual_seed(self.seed)
        settings: Mapping[str, Any] = {name: dial.value for name, dial in self.dials.items()}
        self.base = draw_codes(self.model, self.n, self.labels, generator, **settings)

    def _choose(self, vectors: Tensor | None, names: Sequence[str] | None) -> tuple[Tensor, str]:
        """The directions, and a line that says what each does, where nobody has named them."""
        if vectors is not None:
            return vectors.cpu(), ""
        found: Directions = leading_directions(self.model, min(3, self.model.latent_dim))
        said = " · ".join(f"{i}: {name}" for i, name in enumerate(found.names, start=1))
        line = f"<div style='line-height: 1.4'>directions, towards the right: {said}</div>"
        return found.vectors, "" if names else line
