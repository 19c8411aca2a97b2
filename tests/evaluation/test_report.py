"""A figure is printed with its scale, digits and unit; a report is read back, and its table holds all."""

import json
from dataclasses import replace

import pytest

from genlab.evaluation.measure import Yardstick
from genlab.evaluation.report import (
    KNOWN_METRICS,
    Metric,
    Report,
    by_key,
    printed,
    report_from_json,
    report_text,
    with_ratio,
)
from tests.evaluation.conftest import KINDS


def all_three(name: str, a: float, b: float, c: float, error: float | None = 0.01) -> list[Metric]:
    return [Metric(name, value, error, kind) for value, kind in zip((a, b, c), KINDS, strict=True)]


FLOOR = by_key([
    *all_three("frechet", 2, 4, 5), *all_three("precision", 0.9, 0.91, 0.92),
    Metric("copied_pixels", 0.01, 0.001),
])  # fmt: skip
MEASURED = [
    *all_three("frechet", 3, 5, 10, 0.5),
    *all_three("precision", 0.8, 0.81, 0.82),
    Metric("histogram", 0.1, 0.01, "plain"),
    Metric("histogram", 0.2, 0.01, "residual"),  # the third knows no classes
    Metric("copied_features", 0.02, None, "plain"),
    Metric("copied_pixels", 0.03, 0.002),
    Metric("parameters", 1234567),
]


@pytest.fixture
def report() -> Report:
    figures = with_ratio(by_key(MEASURED), FLOOR)
    return Report("my-vae", "mnist", 10_000, 3, figures, FLOOR, ("Warning: a judge that guesses",))


@pytest.mark.parametrize(
    ("figure", "text"),
    [
        (Metric("frechet_ratio", 4.94, 0.21), "4.9 ± 0.2"),
        (Metric("kernel", 0.84791, 0.12177), "848 ± 122"),
        (Metric("kernel", 0.11398, 0.00884), "114.0 ± 8.8"),
        (Metric("precision", 0.0, 0.0), "0.000 ± 0.000"),
        (Metric("kernel", 1.0, float("nan")), "1,000.00 ± nan"),
        (Metric("kernel", -0.00123, 0.0001), "-1.23 ± 0.10"),
        (Metric("training_seconds", 119.6), "120 s"),
        (Metric("sample_milliseconds", 1.234, 0.1), "1.23 ± 0.10 ms"),
    ],
)
def test_printed(figure: Metric, text: str) -> None:
    assert printed(figure) == text


def test_the_ratio_is_the_distance_over_its_floor(report: Report) -> None:
    assert list(report.figures.values())[:3] == [
        Metric("frechet_ratio", 1.5, 0.25, "plain"),
        Metric("frechet_ratio", 1.25, 0.125, "residual"),
        Metric("frechet_ratio", 2, 0.1, "contrastive"),
    ]
    unknown = with_ratio(by_key(all_three("frechet", 3, 5, 10, None)), FLOOR)
    assert unknown["frechet_ratio", "residual"].error is None


def test_json_reads_back_equal_also_older_files_without_notes(report: Report) -> None:
    values = json.loads(json.dumps(report.as_json(), allow_nan=False))
    assert report_from_json(values) == report
    del values["notes"]
    assert report_from_json(values) == replace(report, notes=())


def test_text_has_a_straight_line_for_every_figure_and_the_notes(report: Report) -> None:
    head, _, columns, *lines, empty, note = report_text(report).split("\n")
    assert head == "my-vae: 10,000 images, seed 3, against 10,000 of mnist"
    assert (empty, note) == ("", *report.notes)
    names = list(dict.fromkeys(name for name, _ in report.figures))
    for name, line in zip(names, lines, strict=True):
        assert line.startswith(f"{KNOWN_METRICS[name].title}  ")
        assert line.endswith(f"  {KNOWN_METRICS[name].best}")
        for key, figure in report.figures.items():
            assert key[0] != name or printed(figure) in line
        real = [printed(report.floor[key]) for key in report.floor if key[0] == name]
        assert f"  {' | '.join(text.split(' ± ')[0] for text in real)}  " in line
    for title in (*(f"{kind} judge" for kind in KINDS), "real images", "best"):
        start = columns.index(title)
        assert {line[start - 2 : start] for line in lines} <= {"  ", ""}


@pytest.mark.parametrize("kind", KINDS)
def test_text_of_one_judge(kind: str, report: Report) -> None:
    figures = {key: figure for key, figure in report.figures.items() if key[1] in (None, kind)}
    text = report_text(Report("x", "digits", 100, 0, figures, {}))
    assert len(text.split("\n")) == 3 + len({name for name, _ in figures})
    assert text.count(" judge") == 1


def test_everything_measured_of_real_images_fits_a_terminal(yardstick: Yardstick) -> None:
    lines = report_text(yardstick.real).split("\n")
    assert max(map(len, lines[: 3 + len({name for name, _ in yardstick.floor})])) <= 100
