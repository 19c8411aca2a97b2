"""What every explorer is made of: named controls above one picture.

A redraw is a NumPy array, a PNG and an assignment: about a millisecond in the kernel. A redrawn
matplotlib figure would take most of a second.
"""

import base64
import html
from collections.abc import Callable, Sequence
from typing import Any

import ipywidgets as widgets
import numpy as np
from numpy.typing import NDArray

from genlab.plots import to_png

SCALE = 2  # screen pixels per image pixel


class Control(widgets.HBox):
    """A slider and a number box that follow each other.

    The handle of a slider has no name that a screen reader could say; the box beside it has.

    Args:
        name: what stands before the box.
        value, low, high, step: as for any slider; whole numbers if ``step`` is one.
    """

    def __init__(self, name: str, value: float, low: float, high: float, step: float) -> None:
        whole = isinstance(step, int)
        slider_class = widgets.IntSlider if whole else widgets.FloatSlider
        box_class = widgets.BoundedIntText if whole else widgets.BoundedFloatText
        span: dict[str, Any] = {"value": value, "min": low, "max": high, "step": step}
        self.box = box_class(
            description=name,
            style={"description_width": "76px"},
            layout=widgets.Layout(width="156px"),
            **span,
        )
        self.slider = slider_class(readout=False, layout=widgets.Layout(width="150px"), **span)
        widgets.link((self.box, "value"), (self.slider, "value"))
        super().__init__([self.box, self.slider])

    @property
    def value(self) -> Any:
        """The number now."""
        return self.slider.value

    @value.setter
    def value(self, value: float) -> None:
        self.slider.value = value

    def on_change(self, react: Callable[[Any], None]) -> None:
        """Call ``react`` after every change."""
        self.slider.observe(react, "value")


class WithStill(widgets.VBox):
    """A view that leaves a still picture where widgets do not run: a rendered notebook, a print.

    Subclasses say what is on it (``alt``, in words) and draw it (``still``).
    """

    # Older ipywidgets would display themselves by this method and leave no still behind.
    _ipython_display_ = None
    alt = ""

    def still(self) -> NDArray[np.uint8]:
        """The picture as it is now, uint8 (height, width)."""
        raise NotImplementedError

    def _repr_mimebundle_(self, **_: Any) -> tuple[dict[str, Any], dict[str, Any]]:
        live = {"version_major": 2, "version_minor": 0, "model_id": self.model_id}
        bundle = {
            "text/plain": self.alt,
            "image/png": base64.b64encode(to_png(self.still(), SCALE)).decode(),
            "application/vnd.jupyter.widget-view+json": live,
        }
        return bundle, {"image/png": {"alt": self.alt}}


class Panel(WithStill):
    """Controls, a line for messages, and a picture.

    Args:
        controls: widgets shown above the picture.
        draw: returns the picture, uint8 (height, width).
        alt: what the picture shows, in words.
    """

    def __init__(
        self, controls: Sequence[widgets.Widget], draw: Callable[[], NDArray[np.uint8]], alt: str
    ) -> None:
        self.draw, self.alt = draw, alt
        self.message = widgets.HTML()
        self.picture = widgets.Image(format="png", layout=widgets.Layout(align_self="flex-start"))
        super().__init__([*controls, self.message, self.picture])
        self.redraw()

    def still(self) -> NDArray[np.uint8]:
        """The picture as it is now."""
        try:
            return self.draw()
        except Exception:  # the message in the view says what is wrong
            return np.full((28, 28), 96, np.uint8)

    def redraw(self, _: Any = None) -> None:
        """Draw anew: what every control calls when it changes."""
        self.attempt(lambda: None)

    def attempt(self, action: Callable[[], None]) -> None:
        """Do something, then draw. An error becomes a line in the view: in class nobody reads a log."""
        try:
            action()
            self.picture.value = to_png(self.draw(), SCALE)
            self.say("")
        except Exception as error:
            self.say(f"{type(error).__name__}: {error}")

    def say(self, text: str) -> None:
        """Put a line between the controls and the picture."""
        self.message.value = f"<span role='status'>{html.escape(text)}</span>" if text else ""
