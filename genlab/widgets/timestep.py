"""Scrub through the states of a sampler: x_t above, the image predicted from it below."""

from collections.abc import Iterable

import ipywidgets as widgets
import numpy as np
from numpy.typing import NDArray

from genlab.data import to_unit
from genlab.errors import GenlabError
from genlab.family import State
from genlab.plots import grid
from genlab.widgets.panel import Control, Panel


class TimestepExplorer(Panel):
    """A slider from pure noise to the finished image, over states computed once.

    Args:
        states: what ``trajectory`` yields.
        columns: images per row.
    """

    def __init__(self, states: Iterable[State], columns: int = 10) -> None:
        self.states, self.columns = list(states), columns
        if not self.states:
            raise GenlabError("TimestepExplorer needs at least one state: pass model.trajectory(10)")
        last = len(self.states) - 1
        self.step = Control("step", last, 0, last, 1)
        self.play = widgets.Play(value=last, min=0, max=last, interval=120)
        widgets.link((self.play, "value"), (self.step.slider, "value"))
        self.caption = widgets.HTML()
        alt = (
            "Two rows of images: above, noisy ones on the way; below, what the model expects them to become."
        )
        super().__init__(
            [widgets.HBox([self.step, self.play], layout=widgets.Layout(flex_flow="row wrap")), self.caption],
            self.draw_state,
            alt,
        )
        self.step.on_change(self.redraw)

    def draw_state(self) -> NDArray[np.uint8]:
        """What the slider points to: the noisy images above, the predicted ones below."""
        state = self.states[self.step.value]
        where = f"t = {state.t}" if state.t >= 0 else "finished"
        self.caption.value = f"{where}: above x<sub>t</sub>, below the predicted x<sub>0</sub>"
        above = grid(to_unit(state.x), self.columns)
        below = grid(to_unit(state.pred_original_sample), self.columns)
        return np.vstack([np.pad(above, ((0, 8), (0, 0)), constant_values=255), below])
