"""The controls of every explorer: each has a name, and refuses a value out of its range in words."""

import html
from collections.abc import Callable, Collection, Iterable, Sequence
from math import isfinite
from typing import Any

import ipywidgets as widgets
import torch
from torch import Tensor

from genlab.family import Dial, Family, HasDials

NAME_WIDTH = "76px"


class Number(widgets.HBox):
    """A number box, and a message beside it when the number typed is out of range.

    The number boxes of ipywidgets silently move a wrong value to the nearest right one; here it is
    refused, and the explorer stays as it was.

    Args:
        name: the label before the box.
        value: the first value.
        low, high: the range.
        step: of the arrow keys; whole numbers if it is one.
    """

    def __init__(self, name: str, value: float, low: float, high: float, step: float = 1) -> None:
        self.low, self.high, self.whole = low, high, isinstance(step, int)
        self._value = value if self.whole else float(value)
        self._listeners: list[Callable[[Any], None]] = []
        # Also for whole numbers: the box of ipywidgets for these takes 1e9 for 19.
        self.box = widgets.FloatText(
            value=value,
            step=step,
            description=name,
            style={"description_width": NAME_WIDTH},
            layout=widgets.Layout(width="156px"),
        )
        self.refusal = widgets.HTML(layout=widgets.Layout(display="none"))
        super().__init__([self.box, self.refusal], layout=widgets.Layout(flex_flow="row wrap"))
        self.box.observe(self._typed, "value")

    @property
    def value(self) -> Any:
        """The number now; setting it is as good as typing it."""
        return self._value

    @value.setter
    def value(self, value: float) -> None:
        self.box.value = value

    def on_change(self, react: Callable[[Any], None]) -> None:
        """Call ``react`` after every change to another value that is in range."""
        self._listeners.append(react)

    def _typed(self, change: Any) -> None:
        number = change["new"]
        fits = isfinite(number) and self.low <= number <= self.high
        if fits and self.whole and number != int(number):
            self._refuse("a whole number, please")
        elif not fits:
            self._refuse(f"{self.low:g} to {self.high:g}, please")
        else:
            self._refuse("")
            self._take(int(number) if self.whole else number)

    def _refuse(self, why: str) -> None:
        self.refusal.value = alert(why) if why else ""
        self.refusal.layout.display = None if why else "none"

    def _take(self, number: float) -> None:
        if number != self._value:
            self._value = number
            for react in self._listeners:
                react({"name": "value", "new": number})


class Control(Number):
    """A slider and a number box that follow each other.

    The handle of a slider has no name that a screen reader could say; the box beside it has.

    Args:
        name, value, low, high, step: as for ``Number``.
    """

    def __init__(self, name: str, value: float, low: float, high: float, step: float) -> None:
        super().__init__(name, value, low, high, step)
        slider_class = widgets.IntSlider if self.whole else widgets.FloatSlider
        self.slider = slider_class(
            value=value, min=low, max=high, step=step, readout=False, layout=widgets.Layout(width="124px")
        )
        self.children = [self.box, self.slider, self.refusal]
        self.slider.observe(self._slid, "value")

    def stretch(self, high: int) -> None:
        """Another upper end; a value beyond it, or at the old end, becomes the new end."""
        at_the_end = self.value == self.high or self.value > high
        if at_the_end and high < self.high:
            self._take(high)
        self.high = high
        self.slider.max = high
        if at_the_end:
            self._take(high)
        self.box.value = self.value
        self._refuse("")  # also where a number was refused before

    def _slid(self, change: Any) -> None:
        self._take(round(change["new"], 6))  # 0.1 + 0.2 is 0.3 to whoever reads the box

    def _take(self, number: float) -> None:
        super()._take(number)  # first the picture, for which somebody waits; then slider and box
        self.slider.value = self.box.value = number


class Choice(widgets.Dropdown):
    """A menu with a name.

    Args:
        name: the label before it.
        options: the words to choose from, or pairs of a word and the value it stands for.
        value: the first choice.
    """

    def __init__(self, name: str, options: Any, value: Any) -> None:
        style, layout = {"description_width": NAME_WIDTH}, widgets.Layout(width="230px")
        super().__init__(description=name, options=options, value=value, style=style, layout=layout)

    def on_change(self, react: Callable[[Any], None]) -> None:
        """Call ``react`` after every change."""
        self.observe(react, "value")


class Ladder(widgets.HBox):
    """A menu and a slider that follow each other, over a few values as far apart as they like.

    As with ``Control``, the menu has the name that the handle of the slider lacks.

    Args:
        name: the label before the menu.
        options: pairs of a word and the value it stands for, in the order of the slider.
        value: the first one.
    """

    def __init__(self, name: str, options: Sequence[tuple[str, float]], value: float) -> None:
        self.menu = Choice(name, options, value)
        self.slider = widgets.IntSlider(
            value=self.menu.index, max=len(options) - 1, readout=False, layout=widgets.Layout(width="200px")
        )
        super().__init__([self.menu, self.slider], layout=widgets.Layout(flex_flow="row wrap"))
        self.slider.observe(self._slid, "value")
        self.menu.observe(self._chosen, "index")

    @property
    def value(self) -> float:
        """What is chosen now; setting it is as good as choosing it."""
        return float(self.menu.value)

    @value.setter
    def value(self, value: float) -> None:
        self.menu.value = value

    def on_change(self, react: Callable[[Any], None]) -> None:
        """Call ``react`` after every change."""
        self.menu.on_change(react)

    def _slid(self, change: Any) -> None:
        self.menu.index = change["new"]

    def _chosen(self, change: Any) -> None:
        self.slider.value = change["new"]


AnyControl = Choice | Control
NAMES = {"guidance_scale": "guidance", "num_inference_steps": "steps"}  # shorter than the keyword


def dials_of(model: Family, without: Collection[str] = ()) -> dict[str, AnyControl]:
    """A control for each dial of a model, by its name; none for a model that has none.

    Args:
        model: any.
        without: names of dials that are to have none here.
    """
    if not isinstance(model, HasDials):
        return {}
    return {dial.name: _control_for(dial) for dial in model.dials if dial.name not in without}


def _control_for(dial: Dial) -> AnyControl:
    name = NAMES.get(dial.name, dial.name)
    if dial.choices:
        return Choice(name, dial.choices, dial.value)
    return Control(name, dial.value, dial.low, dial.high, dial.step)


def classes_in_turn(model: Family, n: int) -> Tensor | None:
    """The class of each of ``n`` images, int64 (n,): 0, 1, 2, and so on; None for an unconditional model."""
    return None if model.num_classes is None else torch.arange(n) % model.num_classes


def numbered(models: Iterable[Family]) -> tuple[str, ...]:
    """Names for classes that nobody has named: as many numbers as the model with the most classes has."""
    return tuple(str(i) for i in range(max(model.num_classes or 0 for model in models)))


def in_a_row(controls: Iterable[widgets.Widget]) -> widgets.HBox:
    """Controls side by side, in as many lines as the window needs."""
    return widgets.HBox(list(controls), layout=widgets.Layout(flex_flow="row wrap"))


def alert(text: str) -> str:
    """A line that is read out at once by a screen reader."""
    style = "color: var(--jp-error-color1, #c04a00); font-weight: bold"
    return f"<span role='alert' style='{style}; white-space: nowrap'>{html.escape(text)}</span>"
