"""Walk from noise to images, with a control for every setting of the sampler."""

from collections.abc import Iterator, Mapping
from typing import Any

import torch
from torch import Tensor

from genlab.family import HasDials, State, Walks
from genlab.plots import to_png
from genlab.widgets.background import WalkBar
from genlab.widgets.controls import AnyControl, classes_in_turn, dials_of, in_a_row
from genlab.widgets.panel import SCALE, check_model
from genlab.widgets.timestep import TimestepExplorer


class WalkExplorer(TimestepExplorer):
    """A timestep slider over a walk, and controls that begin another one.

    A new walk takes seconds. It is made in a thread, shown as it goes, and given up when something else
    is asked for; the slider then moves over the one that was finished last.

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
        check_model(model, "WalkExplorer", Walks)
        self.model, self.progress = model, WalkBar()
        names = [dial.name for dial in model.dials] if isinstance(model, HasDials) else []
        own = dials_of(model, without=elsewhere or ())
        self.dials = own | {name: control for name, control in (elsewhere or {}).items() if name in names}
        self._choose(seed, labels, None)
        super().__init__(self._walk(), columns, model.noise_level)
        parts = list(self.children)  # type: ignore[has-type]
        self.children = [in_a_row(own.values()), *parts[:-1], self.progress, self.picture]
        for dial in self.dials.values():
            dial.on_change(self.restart)

    def start(self, seed: int, labels: Tensor | None = None, n: int | None = None) -> None:
        """Walk anew from another seed, for other classes or another number of images."""
        self._choose(seed, labels, n)
        self.restart()

    def restart(self, _: Any = None) -> None:
        """Walk anew with the settings of the controls."""
        steps = self.dials.get("num_inference_steps")
        total = len(self.states) if steps is None else steps.value + 1
        made: list[State] = []

        def show(state: State) -> None:
            made.append(state)
            self.picture.value = to_png(self.draw_state(state), SCALE)
            self.describe(state)

        def give_up(error: Exception) -> None:
            self.redraw()
            self.complain(error)

        self.progress.start(self._walk(), total, show, lambda: self._finish(made), give_up)

    def _choose(self, seed: int, labels: Tensor | None, n: int | None) -> None:
        self.n = n or (10 if labels is None else len(labels))
        self.seed, self.labels = seed, classes_in_turn(self.model, self.n) if labels is None else labels

    def _walk(self) -> Iterator[State]:
        settings: Mapping[str, Any] = {name: dial.value for name, dial in self.dials.items()}
        generator = torch.Generator().manual_seed(self.seed)
        yield from self.model.trajectory(self.n, labels=self.labels, generator=generator, **settings)

    def _finish(self, made: list[State]) -> None:
        last = len(made) - 1
        # The shorter of the two walks must be long enough for the slider at every moment between.
        if last >= self.step.high:
            self.states = made
        self.step.stretch(last)
        self.states = made
        self.redraw()
