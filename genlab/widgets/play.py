"""A button that moves a slider by itself, and has a name."""

import time
from collections.abc import Iterator
from typing import Any

import ipywidgets as widgets

from genlab.widgets.background import Background
from genlab.widgets.controls import Control


class Player(widgets.Button):
    """Moves a control step by step to its end, from its start if it is there; pressed again, it stops.

    The player of ipywidgets has three buttons, and none of them a name that a screen reader could say.

    Args:
        control: of whole numbers.
        interval: seconds from one step to the next.
    """

    def __init__(self, control: Control, interval: float = 0.15) -> None:
        super().__init__(description="Play", layout=widgets.Layout(width="100px"))
        self.control, self.interval, self.background = control, interval, Background()
        self.playing = False
        self.on_click(self.toggle)

    def toggle(self, _: Any = None) -> None:
        """Start, or stop."""
        if self.playing:
            self.background.stop()
            self._show(False)
        else:
            self._show(True)
            self.background.start(self._positions(), self._move, self._end, lambda _: self._end())

    def _positions(self) -> Iterator[float]:
        control = self.control
        position = control.low if control.value >= control.high else control.value + 1
        while position <= control.high:
            yield position
            time.sleep(self.interval)
            position += 1

    def _move(self, position: float) -> None:
        self.control.value = position

    def _end(self) -> None:
        self._show(False)

    def _show(self, playing: bool) -> None:
        self.playing = playing
        self.description = "Stop" if playing else "Play"  # an icon would be part of the name
