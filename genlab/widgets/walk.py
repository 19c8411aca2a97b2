"""Walk from noise to images, with every setting of the sampler at hand: for families that walk."""

from collections.abc import Iterator, Mapping
from typing import Any

import ipywidgets as widgets
import torch
from torch import Tensor

from genlab.errors import GenlabError
from genlab.family import State, Walks
from genlab.plots import to_png
from genlab.widgets.background import Background
from genlab.widgets.controls import AnyControl, dials_of, in_a_row
from genlab.widgets.panel import SCALE
from genlab.widgets.timestep import TimestepExplorer


class WalkExplorer(TimestepExplorer):
    """A timestep slider over a walk, and controls that begin another one.

    A new walk takes seconds. It is made beside the kernel's own thread, shown as it goes, and given up when
    something else is asked for; the slider then moves over the one that was finished last.

    Args:
        model: anything that walks (``genlab.family.Walks``); its dials get controls.
        labels: (N,), one image per label, for a conditional model; ten images, the classes in turn, if left
            out.
        seed: draws the noise that the walk begins with.
        columns: images per row.
        elsewhere: controls for some of the dials that stand elsewhere, by the dials' names.

    Raises:
        GenlabError: a model that does not walk.
    """

    def __init__(
        self,
        model: Walks,
        *,
        labels: Tensor | None = None,
        seed: int = 0,
        columns: int = 10,
        elsewhere: Mapping[str, AnyControl] | None = None,
    ) -> None:
        if not isinstance(model, Walks):
            raise GenlabError("WalkExplorer needs a model with a trajectory method")
        self.model, self.background = model, Background()
        own = dials_of(model, without=elsewhere or ())
        self.dials = own | {n: c for n, c in (elsewhere or {}).items() if n in dials_of(model)}
        self._choose(seed, labels, None)
        super().__init__(self._walk(), columns, model.noise_level)
        self.progress = widgets.IntProgress(description="walking", layout=widgets.Layout(visibility="hidden"))
        parts = list(self.children)  # type: ignore[has-type]
        self.children = [in_a_row(own.values()), *parts[:-1], self.progress, self.picture]
        for dial in self.dials.values():
            dial.on_change(self.restart)

    def start(self, seed: int, labels: Tensor | None = None, n: int | None = None) -> None:
        """Walk anew from another seed, for other classes or another number of images."""
        self._choose(seed, labels, n)
        self.restart()

    def restart(self, _: Any = None) -> None:
        """Walk anew, as the controls say now."""
        steps = self.dials.get("num_inference_steps")
        self.progress.max = len(self.states) if steps is None else steps.value + 1
        self.progress.value = 0
        self.progress.layout.visibility = "visible"
        made: list[State] = []
        self.background.start(
            self._walk(),
            each=lambda state: self._show(made, state),
            done=lambda: self._finish(made),
            failed=self._give_up,
        )

    def _choose(self, seed: int, labels: Tensor | None, n: int | None) -> None:
        self.n = n or (10 if labels is None else len(labels))
        if self.model.num_classes is not None and labels is None:
            labels = torch.arange(self.n) % self.model.num_classes
        self.seed, self.labels = seed, labels

    def _walk(self) -> Iterator[State]:
        settings: Mapping[str, Any] = {name: dial.value for name, dial in self.dials.items()}
        generator = torch.Generator().manual_seed(self.seed)
        yield from self.model.trajectory(self.n, labels=self.labels, generator=generator, **settings)

    def _show(self, made: list[State], state: State) -> None:
        made.append(state)
        self.progress.value = len(made)
        self.picture.value = to_png(self.draw_one(state), SCALE)
        self.describe(state)

    def _finish(self, made: list[State]) -> None:
        last = len(made) - 1
        # The shorter of the two walks must be long enough for the slider at every moment between.
        if last >= self.step.high:
            self.states = made
        self.step.stretch(last)
        self.states = made
        self.progress.layout.visibility = "hidden"
        self.redraw()

    def _give_up(self, error: Exception) -> None:
        self.progress.layout.visibility = "hidden"
        self.redraw()
        self.say(f"{type(error).__name__}: {error}")
