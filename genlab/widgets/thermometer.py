"""Give real images a disease by degrees, and watch which figures notice it (notebook 04)."""

import html
from collections.abc import Sequence
from dataclasses import dataclass
from math import log1p

import ipywidgets as widgets
import numpy as np
import torch.nn.functional as F
from matplotlib.font_manager import findfont
from PIL import Image, ImageDraw, ImageFont

from genlab.errors import GenlabError
from genlab.evaluation.corruptions import DISEASES, Healthy
from genlab.evaluation.report import KNOWN_METRICS, Key, printed
from genlab.evaluation.sensitivity import Curves, Figures, alarm, notices, spoilt
from genlab.plots import BLUE, GROUND, RED, Picture, grid, labelled
from genlab.widgets.controls import Choice, Ladder, in_a_row
from genlab.widgets.panel import Panel, stacked

EVERY_JUDGE = ("frechet_ratio", "two_sample")  # a bar for each judge; of all other figures one bar
SHOWN = (
    *EVERY_JUDGE, "precision", "recall", "coverage", "two_sample_pixels", "sharpness", "fine_detail",
    "copied_pixels", "copied_features",
)  # fmt: skip
NOTICED, MOST = 2, 100  # errors: where a figure notices, and where the bars end
LINE, NUMBERS, BARS, WIDTH = 14, 190, 280, 420  # the still: height of a line, where columns begin, and end


@dataclass(frozen=True)
class Reading:
    """A figure of the sick images, beside that of the healthy ones.

    Attributes:
        name: of the figure and its judge.
        first: whether it is the first of its figure.
        value: for people, with its error.
        alarm: by how many errors it is worse.
        notices: whether that is enough.
    """

    name: str
    first: bool
    value: str
    alarm: float
    notices: bool

    @property
    def length(self) -> float:
        """Of its bar, in [0, 1]."""
        return on_the_scale(self.alarm)


def on_the_scale(errors: float) -> float:
    """Where a number of errors lies along the bars, in [0, 1]: 0 for none, 1 for a hundred or more."""
    return min(log1p(max(errors, 0)) / log1p(MOST), 1)


def default_keys(figures: Figures) -> list[Key]:
    """The figures that are shown, of those there are: two by every judge, the others by the first one."""
    keys: list[Key] = []
    for name in SHOWN:
        found = [key for key in figures if key[0] == name]
        keys += found if name in EVERY_JUDGE else found[:1]
    return keys


class Thermometer(Panel):
    """A menu of diseases, a slider for how bad, the sick images, and a bar for each figure.

    A bar says by how many of its errors a figure is worse than for healthy images. The figures are measured
    beforehand, since one set takes seconds; the images are spoilt at once, and are few, of all classes alike.

    Args:
        curves: figures by disease and level, from ``sensitivity.curves_of``; level 0 is healthy images.
        healthy: real images, from ``sensitivity.healthy``.
        keys: which figures, in which order; two by every judge and eight more if left out.
        images: how many are shown.

    Raises:
        GenlabError: no curves, or of an unknown disease, or without a level 0; none of the figures in them.
    """

    def __init__(
        self, curves: Curves, healthy: Healthy, keys: Sequence[Key] | None = None, images: int = 20
    ) -> None:
        _check(curves)
        first = next(iter(curves))
        keys = default_keys(curves[first][0.0]) if keys is None else keys
        self.curves = curves
        self.shown = [key for key in keys if all(key in curve[0.0] for curve in curves.values())]
        if not self.shown:
            raise GenlabError("Thermometer shows none of these figures: the curves have others")
        self.patients = few_of_each_class(healthy, images)
        self.disease = Choice("disease", tuple(curves), first)
        self.levels = {name: self._ladder(name) for name in curves}
        self.verdict, self.bars = widgets.HTML(), widgets.HTML()
        controls = in_a_row([self.disease, *self.levels.values()])
        super().__init__([controls], self.draw_sick, "")
        self.children = [controls, self.verdict, self.message, self.picture, self.bars]
        self.disease.on_change(self.turn_to)
        for ladder in self.levels.values():
            ladder.on_change(self.redraw)
        self.turn_to()

    @property
    def level(self) -> float:
        """That of the disease chosen."""
        return self.levels[self.disease.value].value

    @property
    def readings(self) -> list[Reading]:
        """A reading for each figure shown."""
        curve = self.curves[self.disease.value]
        return readings_of(curve[self.level], curve[0.0], self.shown)

    def turn_to(self, _: object = None) -> None:
        """Show the slider of the disease chosen alone, and draw."""
        for name, ladder in self.levels.items():
            ladder.layout.display = None if name == self.disease.value else "none"
        self.redraw()

    def draw_sick(self) -> Picture:
        """The images with the disease chosen."""
        return grid(spoilt(self.patients, self.disease.value, self.level))

    def describe(self) -> None:
        """The line that says how many figures notice, the bars, and the text in place of a picture."""
        readings = self.readings
        self.verdict.value = f"<span role='status'>{html.escape(self._said(readings))}</span>"
        self.bars.value = table_of(readings)
        noticed = "; ".join(reading.name for reading in readings if reading.notices)
        self.alt = f"Digits, and a bar for each figure. {self._said(readings)}: {noticed or 'none'}."

    def still(self) -> Picture:
        """What is chosen, the images and the bars, in one picture."""
        images, readings = super().still(), self.readings
        images = np.pad(images, ((0, 0), (0, WIDTH - images.shape[1])), constant_values=GROUND)
        return labelled(stacked(images, picture_of(readings)), self._said(readings))

    def _ladder(self, disease: str) -> Ladder:
        levels = sorted(self.curves[disease])
        unit = DISEASES[disease].unit
        return Ladder("level", [(f"{level:g} {unit}", level) for level in levels], levels[len(levels) // 2])

    def _said(self, readings: Sequence[Reading]) -> str:
        count = sum(reading.notices for reading in readings)
        what = f"{self.disease.value} {self.level:g} {DISEASES[self.disease.value].unit}"
        return f"{what}: {count} of {len(readings)} figures notice it"


def few_of_each_class(healthy: Healthy, n: int) -> Healthy:
    """The first image of each class, then the second of each, and so on, ``n`` in all."""
    labels = healthy.labels.cpu()
    turn = F.one_hot(labels).cumsum(0).gather(1, labels[:, None])[:, 0]
    chosen = (turn * (labels.max() + 1) + labels).argsort()[:n]
    return Healthy(healthy.images.cpu()[chosen], labels[chosen], healthy.training)


def readings_of(figures: Figures, floor: Figures, keys: Sequence[Key]) -> list[Reading]:
    """A reading for each of these figures that there is."""
    found = [key for key in keys if key in figures]
    before = [None, *(name for name, _ in found)]
    return [
        Reading(
            name=KNOWN_METRICS[key[0]].title + (f" ({key[1]} judge)" if key[1] else ""),
            first=key[0] != last,
            value=printed(figures[key]),
            alarm=alarm(figures[key], floor[key]),
            notices=notices(figures[key], floor[key]),
        )
        for key, last in zip(found, before, strict=False)
    ]


CELL = "padding: 0 12px 0 0; text-align: left; font-weight: normal; white-space: nowrap"
EDGE = "border-top: 1px solid #80808060"
HATCHED = f"repeating-linear-gradient(45deg, {RED} 0 5px, transparent 5px 7px)"
RULE = f"linear-gradient(currentColor 0 0) {100 * on_the_scale(NOTICED):.1f}% 0 / 1px 100% no-repeat"


def table_of(readings: Sequence[Reading]) -> str:
    """The readings as a table in HTML, which takes the colours of text and ground from the page."""
    titles = ("figure", "value", "errors worse", f"the line: {NOTICED}; the end: {MOST} or more")
    head = "".join(f"<th scope='col' style='{CELL}; opacity: 0.8'>{title}</th>" for title in titles)
    rows = "".join(_row(reading) for reading in readings)
    return f"<table style='border-collapse: collapse; line-height: 1.5'><tr>{head}</tr>{rows}</table>"


def _row(reading: Reading) -> str:
    """A figure by name, in numbers and as a bar: hatched in red if it notices, else plain blue."""
    edge, weight = (EDGE if reading.first else ""), ("bold" if reading.notices else "normal")
    colour = HATCHED if reading.notices else BLUE
    bar = f"<div style='width: {reading.length:.1%}; height: 11px; background: {colour}'></div>"
    return (
        f"<tr style='{edge}'><th scope='row' style='{CELL}'>{html.escape(reading.name)}</th>"
        f"<td style='{CELL}'>{reading.value}</td>"
        f"<td style='{CELL}; text-align: right; font-weight: {weight}'>{reading.alarm:z.1f}</td>"
        f"<td style='width: 200px; padding: 0; background: {RULE}'>{bar}</td></tr>"
    )


def picture_of(readings: Sequence[Reading]) -> Picture:
    """The same in greys for a still, (height, WIDTH): a bar is striped in white if its figure notices."""
    image = Image.new("L", (WIDTH, LINE * (len(readings) + 1)), GROUND)
    draw, font = ImageDraw.Draw(image), ImageFont.truetype(findfont("DejaVu Sans"), 10)
    draw.text((BARS, 0), f"{NOTICED} errors worse, ..., {MOST}", fill=255, font=font)
    for top, reading in zip(range(LINE, image.height, LINE), readings, strict=True):
        draw.text((2, top), reading.name, fill=255, font=font)
        draw.text((NUMBERS, top), reading.value, fill=255, font=font)
        for x in range(BARS, BARS + round(reading.length * (WIDTH - BARS))):
            draw.line((x, top + 2, x, top + LINE - 4), fill=255 if reading.notices and x % 4 < 3 else 0)
    at = BARS + round(on_the_scale(NOTICED) * (WIDTH - BARS))
    draw.line((at, LINE, at, image.height), fill=192)
    return np.asarray(image)


def _check(curves: Curves) -> None:
    """Raise GenlabError if these curves cannot be shown."""
    if not curves:
        raise GenlabError(
            "Thermometer needs curves of at least one disease: sensitivity.curves_of(yardstick)"
        )
    for name, curve in curves.items():
        if name not in DISEASES:
            raise GenlabError(f"Thermometer knows no disease {name!r}: there are {', '.join(DISEASES)}")
        if 0 not in curve:
            raise GenlabError(f"Thermometer needs the figures of healthy images too: {name} has no level 0")
