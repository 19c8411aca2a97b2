"""From one image to another: between two seeds, two classes or both, in every family at once."""

from collections.abc import Iterator, Mapping
from math import prod
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from genlab.data import IMAGE_SHAPE, to_unit
from genlab.errors import GenlabError
from genlab.family import Decodes, Family, Walks
from genlab.latent import linear_walk, spherical_walk
from genlab.latent.directions import draw_codes
from genlab.plots import Picture, beside, enlarged, grid, labelled
from genlab.widgets.background import WalkBar
from genlab.widgets.controls import Choice, Control, Number, in_a_row, numbered
from genlab.widgets.panel import Panel, check_models

FRAMES = 18  # on the way, both ends included: two lines of nine


class Interpolation(Panel):
    """One slider from A to B, an enlarged image for each model, and beside it the whole way.

    A VAE and a GAN go from code to code. Diffusion goes from noise to noise: it has no other code. Where the
    classes differ, each model is told of a blend of both, in shares that go evenly from one to the other.
    Codes and noise go on great circles, as their Gaussian asks (``genlab.latent.spherical_walk``). All is
    computed once; the slider only shows it.

    Args:
        models: a title and a model each, that decode or walk.
        class_names: for the two class menus; numbers if left out.
        seeds: of A and B, to begin with.

    Raises:
        GenlabError: no models; a model that neither decodes nor walks.
    """

    def __init__(
        self,
        models: Mapping[str, Family],
        class_names: tuple[str, ...] = (),
        seeds: tuple[int, int] = (0, 1),
    ) -> None:
        check_models(models, "Interpolation")
        self.models, self.progress = dict(models), WalkBar()
        self.seeds = [Number(f"seed {end}", seed, 0, 9999) for end, seed in zip("AB", seeds, strict=True)]
        names = class_names or numbered(models.values()) or ("none",)
        options = [(name, i) for i, name in enumerate(names)]
        firsts = (0, min(1, len(options) - 1))
        self.classes = [Choice(f"class {e}", options, first) for e, first in zip("AB", firsts, strict=True)]
        self.position = Control("position", FRAMES // 2, 0, FRAMES - 1, 1)
        made = list(self._walk())
        self.strips, self._items = dict(made), len(made)
        controls = [in_a_row(pair) for pair in zip(self.classes, self.seeds, strict=True)]
        alt = f"For each model an image between A and B, and the way from A to B: {', '.join(models)}"
        super().__init__([*controls, in_a_row([self.position, self.progress])], self.draw_strips, alt)
        self.position.on_change(self.redraw)
        for seed in self.seeds:
            seed.on_change(self.restart)
        for choice in self.classes:
            choice.on_change(self.restart)

    def draw_strips(self) -> Picture:
        """A block for each model: the image at the slider's position, twice as large, and the whole way."""
        blocks = []
        for title, frames in self.strips.items():
            here = enlarged(grid(frames[self.position.value][None]), 2)
            blocks.append(labelled(beside(here, grid(frames, columns=FRAMES // 2)), title))
        return np.vstack(blocks)

    def restart(self, _: Any = None) -> None:
        """Compute another way for the menus and boxes; the old one is shown until it is there."""
        strips = dict(self.strips)

        def finish() -> None:
            self.strips = strips
            self.redraw()

        self.progress.start(
            self._walk(), self._items, lambda made: strips.update([made]), finish, self.complain
        )

    def _walk(self) -> Iterator[tuple[str, Tensor]]:
        """Title and frames, (FRAMES, 1, 28, 28) in [0, 1], of each model; of one that walks, ever better."""
        seeds = [number.value for number in self.seeds]
        classes = [choice.value for choice in self.classes]
        for title, model in self.models.items():
            if model.num_classes is not None and max(classes) >= model.num_classes:
                raise GenlabError(
                    f"{title} has no class {max(classes)}: its last one is {model.num_classes - 1}"
                )
            for frames in _frames(model, seeds, None if model.num_classes is None else classes):
                yield title, frames


def _frames(model: Family, seeds: list[int], classes: list[int] | None) -> Iterator[Tensor]:
    generators = [torch.Generator().manual_seed(seed) for seed in seeds]
    ends = [None, None] if classes is None else [torch.tensor([label]) for label in classes]
    labels = None if classes is None else _blend(classes, model.num_classes or 0)
    if isinstance(model, Walks):
        starts = [torch.randn(prod(IMAGE_SHAPE), generator=generator) for generator in generators]
        noise = spherical_walk(starts[0], starts[1], FRAMES).reshape(FRAMES, *IMAGE_SHAPE)
        for state in model.trajectory(FRAMES, labels=labels, noise=noise, generator=generators[0]):
            yield to_unit(state.pred_original_sample)
    elif isinstance(model, Decodes):
        codes = [draw_codes(model, 1, *end)[0] for end in zip(ends, generators, strict=True)]
        yield model.decode(spherical_walk(codes[0], codes[1], FRAMES), labels)


def _blend(classes: list[int], num_classes: int) -> Tensor:
    """Class ids where both ends are of one class, which any model is told of, else weights of the two."""
    if classes[0] == classes[1]:
        return torch.full((FRAMES,), classes[0])
    first, second = F.one_hot(torch.tensor(classes), num_classes).float()
    return linear_walk(first, second, FRAMES)
