"""The base of every explorer: controls, a line for messages, a picture, and a still of it.

A redraw is a NumPy array, a PNG and an assignment: about two milliseconds in the kernel. A redrawn
matplotlib figure would take most of a second.
"""

import base64
import html
from collections.abc import Callable, Mapping, Sequence
from threading import RLock
from typing import Any

import ipywidgets as widgets
import numpy as np

from genlab.errors import GenlabError
from genlab.family import Decodes, Family, Walks
from genlab.plots import GROUND, Picture, to_png

SCALE = 2  # screen pixels per image pixel


def stacked(above: Picture, below: Picture) -> Picture:
    """Two pictures of the same width under each other, with a band between."""
    return np.vstack([np.pad(above, ((0, 8), (0, 0)), constant_values=GROUND), below])


def check_model(model: object, who: str, *protocols: type, name: str = "it") -> None:
    """Raise GenlabError, with what it lacks, if a model has none of these protocols of ``genlab.family``."""
    if isinstance(model, protocols):
        return
    lacks = []
    for protocol in protocols:
        names = {name for name in dir(protocol) if not name.startswith("_")} | set(Family.__annotations__)
        lacks.append(", ".join(sorted(name for name in names if not hasattr(model, name))))
    kinds = " or ".join(protocol.__name__.lower() for protocol in protocols)
    raise GenlabError(f"{who} needs a model that {kinds}: {name} lacks {' or else '.join(lacks)}")


def check_models(models: Mapping[str, object], who: str) -> None:
    """Raise GenlabError if these are not models with a title each, or one can neither decode nor walk."""
    if not isinstance(models, Mapping) or not models:
        raise GenlabError(f"{who} needs at least one model and its title: {who}({{'VAE': model}})")
    for title, model in models.items():
        check_model(model, who, Decodes, Walks, name=title)


class WithStill(widgets.VBox):
    """A view that leaves a still picture where widgets do not run: a rendered notebook, a print.

    Subclasses say what is on it (``alt``, in words) and draw it (``still``).
    """

    # Older ipywidgets would display themselves by this method and leave no still behind.
    _ipython_display_ = None
    alt = ""

    def still(self) -> Picture:
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

    def __init__(self, controls: Sequence[widgets.Widget], draw: Callable[[], Picture], alt: str) -> None:
        self.draw, self.alt = draw, alt
        self._drawing = RLock()  # a walk's thread draws too: what was drawn last shall be what stays
        self.message = widgets.HTML()
        self.picture = widgets.Image(format="png", layout=widgets.Layout(align_self="flex-start"))
        super().__init__([*controls, self.message, self.picture])
        self.redraw()

    def still(self) -> Picture:
        """The picture as it is now."""
        try:
            return self.draw()
        except Exception:  # the message in the view says what is wrong
            return np.full((28, 28), GROUND, np.uint8)

    def redraw(self, _: Any = None) -> None:
        """Draw anew: what every control calls when it changes."""
        self.attempt(lambda: None)

    def attempt(self, action: Callable[[], None]) -> None:
        """Do something, then draw. An error becomes a line in the view: in class nobody reads a log."""
        try:
            with self._drawing:
                action()
                self.picture.value = to_png(self.draw(), SCALE)
                self.describe()
            self.say("")
        except Exception as error:
            self.complain(error)

    def describe(self) -> None:
        """Say beside the picture what it shows, for explorers that have a place for it."""

    def complain(self, error: Exception) -> None:
        """Put an error into the line of the view."""
        self.say(f"{type(error).__name__}: {error}")

    def say(self, text: str) -> None:
        """Put a line between the controls and the picture."""
        self.message.value = f"<span role='status'>{html.escape(text)}</span>" if text else ""
