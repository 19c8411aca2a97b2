"""A report is read back as it was written, and its table for a terminal holds every figure."""

import json
from collections.abc import Mapping
from dataclasses import replace

import pytest

from genlab.evaluation.judges.networks import Kind
from genlab.evaluation.measure import Yardstick
from genlab.evaluation.report import (
    KNOWN_METRICS,
    Key,
    Metric,
    Report,
    by_key,
    printed,
    report_from_json,
    report_text,
    with_ratio,
)

MORE = [Metric("nats", 101.23, 0.5), Metric("parameters", 1234567), Metric("training_seconds", 60.0)]


def both(name: str, a: float, b: float, error: float | None = 0.01) -> list[Metric]:
    return [Metric(name, a, error, "plain"), Metric(name, b, error, "residual")]


FLOOR = by_key([*both("frechet", 2, 4), *both("precision", 0.9, 0.91), Metric("copied_pixels", 0.01, 0.001)])
FIGURES_OF_ONE = with_ratio(
    by_key(
        [
            *both("frechet", 3, 5, 0.5),
            *both("precision", 0.8, 0.81),
            *both("class_accuracy", 1, 0.99),
            Metric("copied_features", 0.02, None, "plain"),
            Metric("copied_pixels", 0.03, 0.002),
        ]
    ),
    FLOOR,
)


@pytest.fixture
def report() -> Report:
    return Report("my-vae", "mnist", 10_000, 3, FIGURES_OF_ONE | by_key(MORE), FLOOR)


def test_the_ratio_is_the_distance_over_its_floor() -> None:
    assert [FIGURES_OF_ONE["frechet_ratio", kind].value for kind in ("plain", "residual")] == [1.5, 1.25]
    assert FIGURES_OF_ONE["frechet_ratio", "plain"].error == 0.25
    assert next(iter(FIGURES_OF_ONE)) == ("frechet_ratio", "plain")
    own = with_ratio(FLOOR, FLOOR)
    assert own["frechet_ratio", "plain"].value == 1
    unknown: Mapping[Key, Metric] = by_key(both("frechet", 3, 5, None))
    assert with_ratio(unknown, FLOOR)["frechet_ratio", "residual"].error is None


def test_json_reads_back_equal(report: Report) -> None:
    assert report_from_json(json.loads(json.dumps(report.as_json(), allow_nan=False))) == report


def test_text_has_a_line_for_every_figure(report: Report) -> None:
    head, empty, columns, *lines = report_text(report).split("\n")
    assert head == "my-vae: 10,000 images, seed 3, against 10,000 of mnist"
    assert empty == ""
    assert columns.split() == ["plain", "judge", "residual", "judge", "real", "images", "best"]
    names = list(dict.fromkeys(name for name, _ in report.figures))
    assert len(lines) == len(names)
    for name, line in zip(names, lines, strict=True):
        assert line.startswith(f"{KNOWN_METRICS[name].title}  ")
        assert line.endswith(f"  {KNOWN_METRICS[name].best}")
        for key, figure in report.figures.items():
            assert key[0] != name or printed(figure) in line
        real = [printed(report.floor[key]) for key in report.floor if key[0] == name]
        assert " | ".join(real) in line


def test_notes_come_last_and_older_files_have_none(report: Report) -> None:
    noted = replace(report, notes=("Warning: a judge that guesses",))
    assert report_text(noted) == report_text(report) + "\n\nWarning: a judge that guesses"
    assert report_from_json(json.loads(json.dumps(noted.as_json()))) == noted
    older = {key: value for key, value in report.as_json().items() if key != "notes"}
    assert report_from_json(older) == report


def test_text_is_narrow_and_its_columns_are_straight(report: Report) -> None:
    _, _, columns, *lines = report_text(report).split("\n")
    assert max(map(len, lines)) < 100
    assert all(line == line.rstrip() and line.isprintable() for line in lines)
    for title in ("plain judge", "residual judge", "real images", "best"):
        start = columns.index(title)
        assert {line[start - 2 : start] for line in lines} <= {"  ", ""}


@pytest.mark.parametrize("kinds", [("plain",), ("residual",)])
def test_text_of_fewer_judges(kinds: tuple[Kind, ...], report: Report) -> None:
    figures = {key: figure for key, figure in report.figures.items() if key[1] in (None, *kinds)}
    text = report_text(Report("x", "digits", 100, 0, figures, {}))
    assert len(text.split("\n")) == 3 + len({name for name, _ in figures})
    assert text.count(" judge") == len(kinds)


def test_everything_measured_of_real_images_fits_a_terminal(yardstick: Yardstick) -> None:
    lines = report_text(Report("real", "digits", 100, 0, yardstick.floor, yardstick.floor)).split("\n")
    assert max(map(len, lines)) <= 100
    assert len(lines) == 3 + len({name for name, _ in yardstick.floor})
