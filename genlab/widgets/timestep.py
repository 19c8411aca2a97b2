"""Scrub through the states of a sampler: x_t above, the image predicted from it below."""

from collections.abc import Callable, Iterable

import ipywidgets as widgets

from genlab.data import to_unit
from genlab.errors import GenlabError
from genlab.family import State
from genlab.plots import Picture, grid
from genlab.widgets.controls import Control, in_a_row
from genlab.widgets.panel import Panel, stacked
from genlab.widgets.play import Player


class TimestepExplorer(Panel):
    """A slider from pure noise to the finished image, over states computed once.

    Args:
        states: what ``trajectory`` yields.
        columns: images per row.
        noise_level: how noisy a state at t is, such as ``model.noise_level``; drawn as a bar if given.

    Raises:
        GenlabError: no states.
    """

    def __init__(
        self, states: Iterable[State], columns: int = 10, noise_level: Callable[[int], float] | None = None
    ) -> None:
        self.states, self.columns, self.noise_level = list(states), columns, noise_level
        if not self.states:
            raise GenlabError("TimestepExplorer needs at least one state: pass model.trajectory(10)")
        last = len(self.states) - 1
        self.step = Control("step", last, 0, last, 1)
        self.play = Player(self.step)
        self.noise = widgets.FloatProgress(description="noise", min=0, max=1)
        self.noise.layout = widgets.Layout(width="280px", display=None if noise_level else "none")
        self.caption = widgets.HTML()
        alt = "Two rows of images: above, noisy ones; below, what the model expects them to become."
        super().__init__([in_a_row([self.step, self.play]), self.noise, self.caption], self.draw_state, alt)
        self.step.on_change(self.redraw)

    def draw_state(self, state: State | None = None) -> Picture:
        """A state (by default the slider's) as a picture: noisy images above, predicted ones below."""
        state = state or self.states[self.step.value]
        above = grid(to_unit(state.x), self.columns)
        return stacked(above, grid(to_unit(state.pred_original_sample), self.columns))

    def describe(self, state: State | None = None) -> None:
        """The caption and the noise bar for a state, by default the slider's."""
        state = state or self.states[self.step.value]
        where = f"t = {state.t}" if state.t >= 0 else "finished"
        level = ""
        if self.noise_level is not None:
            self.noise.value = self.noise_level(state.t)
            level = f", noise {self.noise.value:.2f}"
        words = f"{where}{level}: above x<sub>t</sub>, below x<sub>0</sub> as expected"
        self.caption.value = f"<div style='line-height: 1.4'>{words}</div>"
