"""The thermometer: what is chosen decides images, bars and words, and only what notices is marked."""

import re
from dataclasses import replace

import numpy as np
import pytest
import torch

import genlab.widgets
from genlab.errors import GenlabError
from genlab.evaluation.corruptions import Healthy
from genlab.evaluation.report import Key, Metric, by_key
from genlab.evaluation.sensitivity import Curves, Figures, spoilt
from genlab.plots import grid, to_png
from genlab.widgets import Thermometer
from genlab.widgets.panel import SCALE
from genlab.widgets.thermometer import default_keys, few_of_each_class, on_the_scale

KEYS: tuple[Key, ...] = (
    ("frechet_ratio", "plain"), ("frechet_ratio", "residual"), ("recall", "plain"), ("copied_pixels", None),
)  # fmt: skip
RATIO, OTHER, RECALL, COPIED = KEYS
ROWS = [
    "Fréchet / floor (plain judge)",
    "Fréchet / floor (residual judge)",
    "recall (plain judge)",
    "copied, pixels",
]


def figures_of(ratio: float = 1, other: float = 1, recall: float = 0.9, copied: float = 0.01) -> Figures:
    """Errors of 0.5 and 0.02, so that with the floor's a difference of sqrt(8) of these is noticed."""
    return by_key(
        Metric(name, value, 0.5 if name == "frechet_ratio" else 0.02, judge)
        for (name, judge), value in zip(KEYS, (ratio, other, recall, copied), strict=True)
    )


CURVES: Curves = {
    "blur": {0.0: figures_of(), 0.5: figures_of(2.3, 2.5, 0.85), 1.2: figures_of(90, 80, 0.1)},
    "memorised": {0.9: figures_of(0.8, 0.9, 0.95, 0.9), 0.0: figures_of()},
}


@pytest.fixture
def healthy() -> Healthy:
    """Sixty images of ten classes, in order of class; the first pixel says which one."""
    images = torch.rand(60, 1, 28, 28, generator=torch.Generator().manual_seed(0))
    images[:, 0, 0, 0] = torch.arange(60) / 60
    training = torch.randint(256, (90, 1, 28, 28), generator=torch.Generator().manual_seed(1))
    return Healthy(images, torch.arange(10).repeat_interleave(6), training.to(torch.uint8))


def rows_of(thermometer: Thermometer) -> list[str]:
    """The lines of the table, each with its tags."""
    return re.findall("<tr.*?</tr>", thermometer.bars.value)[1:]


def names_of(rows: list[str]) -> list[str]:
    return [re.findall("<th scope='row'.*?>(.*?)</th>", row)[0] for row in rows]


def widths_of(thermometer: Thermometer) -> list[float]:
    """How long the bars are, in percent."""
    return [float(width) for width in re.findall(r"<div style='width: ([\d.]+)%", thermometer.bars.value)]


def test_moving_the_slider_changes_images_bars_and_words(healthy: Healthy) -> None:
    thermometer = Thermometer(CURVES, healthy)
    ladder = thermometer.levels["blur"]
    assert [word for word, _ in ladder.menu.options] == ["0 pixels", "0.5 pixels", "1.2 pixels"]
    seen = []
    for place, (level, count) in enumerate([(0.0, 0), (0.5, 1), (1.2, 3)]):
        ladder.slider.value = place
        sick = spoilt(few_of_each_class(healthy, 20), "blur", level)
        assert thermometer.picture.value == to_png(grid(sick), SCALE)
        said = f"blur {level:g} pixels: {count} of 4 figures notice it"
        assert thermometer.verdict.value == f"<span role='status'>{said}</span>"
        assert said in thermometer.alt
        assert thermometer.message.value == ""
        seen.append((thermometer.picture.value, thermometer.bars.value, thermometer.still().tobytes()))
    assert all(len(set(parts)) == 3 for parts in zip(*seen, strict=True))


def test_a_disease_has_a_slider_of_its_own_and_keeps_its_level(healthy: Healthy) -> None:
    thermometer = Thermometer(CURVES, healthy)
    thermometer.levels["blur"].value = 1.2
    thermometer.disease.value = "memorised"
    assert (thermometer.level, thermometer.levels["memorised"].slider.max) == (0.9, 1)
    assert "memorised 0.9 of all: 1 of 4 figures notice it: copied, pixels." in thermometer.alt
    shown = {name: ladder.layout.display is None for name, ladder in thermometer.levels.items()}
    assert shown == {"blur": False, "memorised": True}
    thermometer.disease.value = "blur"
    assert thermometer.level == 1.2


def test_only_what_notices_is_marked_and_its_bar_passes_the_line(healthy: Healthy) -> None:
    """At blur 0.5: 1.3 and 1.5 over an error of sqrt(0.5), 0.05 over one of 0.02 sqrt(2), and nothing."""
    thermometer = Thermometer(CURVES, healthy)
    rows = rows_of(thermometer)
    assert names_of(rows) == ROWS
    assert ["border-top" in row for row in rows] == [True, False, True, True]  # one line above each figure
    assert ["bold" in row for row in rows] == [False, True, False, False]
    assert ["gradient(45deg" in row for row in rows] == [False, True, False, False]
    assert [reading.alarm for reading in thermometer.readings] == pytest.approx(
        [1.3 / 0.5**0.5, 1.5 / 0.5**0.5, 0.05 / 0.0008**0.5, 0]
    )
    line = 100 * on_the_scale(2)
    assert [width > line for width in widths_of(thermometer)] == [False, True, False, False]
    assert thermometer.alt.endswith(f"{ROWS[1]}.")


def test_what_is_better_has_no_bar_and_what_is_off_the_scale_a_whole_one(healthy: Healthy) -> None:
    curves = {"blur": {0.0: figures_of(), 1.0: figures_of(ratio=1000, other=0.1, recall=0.99)}}
    thermometer = Thermometer(curves, healthy)
    assert widths_of(thermometer)[:3] == [100, 0, 0]
    assert [on_the_scale(errors) for errors in (-float("inf"), 0, 100, float("inf"))] == [0, 0, 1, 1]


def test_the_same_in_the_still(healthy: Healthy) -> None:
    """White stripes where a figure notices, black bars where it does not, as long as in the view."""
    thermometer = Thermometer(CURVES, healthy)
    still = thermometer.still()
    bars = still[-14 * len(ROWS) :, 280:]
    for row, reading in enumerate(thermometer.readings):
        line = np.delete(bars[14 * row + 5], round(140 * on_the_scale(2)))  # without the line at 2 itself
        assert (255 in line) == reading.notices
        assert np.isin(line, (0, 255)).sum() == pytest.approx(140 * reading.length, abs=1.5)


@pytest.mark.parametrize("chosen", [(COPIED, RATIO), (OTHER,), (("kernel", "plain"), RECALL)])
def test_the_figures_asked_for_in_that_order_without_those_that_lack(
    chosen: tuple[Key, ...], healthy: Healthy
) -> None:
    thermometer = Thermometer(CURVES, healthy, keys=chosen)
    assert names_of(rows_of(thermometer)) == [ROWS[KEYS.index(key)] for key in chosen if key in KEYS]


def test_a_figure_that_one_level_lacks_is_left_out_there(healthy: Healthy) -> None:
    without = {key: figure for key, figure in figures_of().items() if key != RATIO}
    thermometer = Thermometer({"blur": {0.0: figures_of(), 1.0: without}}, healthy)
    assert names_of(rows_of(thermometer)) == ROWS[1:]
    thermometer.levels["blur"].value = 0
    assert names_of(rows_of(thermometer)) == ROWS


def test_two_figures_by_every_judge_and_the_others_by_the_first() -> None:
    names = ("recall", "two_sample", "kernel", "frechet_ratio", "copied_features")
    metrics = [Metric(name, 0, 0, judge) for judge in ("plain", "residual") for name in names]
    found = default_keys(by_key([*metrics, Metric("copied_pixels", 0, 0)]))
    judged = {"frechet_ratio": ("plain", "residual"), "two_sample": ("plain", "residual")}
    once = {"recall": ("plain",), "copied_pixels": (None,), "copied_features": ("plain",)}
    assert found == [(name, judge) for name, judges in (judged | once).items() for judge in judges]


def test_one_of_each_class_in_turn(healthy: Healthy) -> None:
    few = few_of_each_class(healthy, 25)
    assert few.labels.tolist() == [*range(10), *range(10), *range(5)]
    expected = [6 * label + turn for turn in range(3) for label in range(10)][:25]
    assert torch.equal(few.images, healthy.images[expected])
    uneven = replace(healthy, images=healthy.images[5:14], labels=healthy.labels[5:14])  # 0, six 1s, two 2s
    assert few_of_each_class(uneven, 20).labels.tolist() == [0, 1, 2, 1, 2, 1, 1, 1, 1]


def test_curves_that_cannot_be_shown_are_refused(healthy: Healthy) -> None:
    with pytest.raises(GenlabError, match="at least one disease"):
        Thermometer({}, healthy)
    with pytest.raises(GenlabError, match="no disease 'flu': there are blur, haze"):
        Thermometer({"flu": {0.0: figures_of()}}, healthy)
    with pytest.raises(GenlabError, match="blur has no level 0"):
        Thermometer({"blur": {1.0: figures_of()}}, healthy)
    with pytest.raises(GenlabError, match="none of these figures"):
        Thermometer(CURVES, healthy, keys=[("kernel", "plain")])


def test_what_the_explorers_lack_is_said_as_python_says_it() -> None:
    with pytest.raises(AttributeError, match="has no attribute 'Barometer'"):
        _ = genlab.widgets.Barometer
