"""Many models in one table, and what may be said of their order."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from math import sqrt
from statistics import fmean, stdev

from scipy.stats import t as student

from genlab.evaluation.figures import FIGURES, Figure, printed
from genlab.evaluation.judges import Kind
from genlab.evaluation.report import Key, Report

QUALITY = ("frechet_ratio", "frechet_unbiased", "kernel", "precision", "recall", "density", "coverage")
HONESTY = (
    "histogram", "classes", "class_accuracy", "two_sample",
    "closer_features", "copied_features", "closer_pixels", "copied_pixels",
)  # fmt: skip
COST = ("nats", "parameters", "training_seconds", "sample_milliseconds")


@dataclass(frozen=True)
class Row:
    """One line of the table: a model, trained once or with several seeds.

    Attributes:
        name: of the model.
        reports: one per seed; of one whose images were refused there is none.
        refused: why, where images were refused.
    """

    name: str
    reports: Sequence[Report]
    refused: Sequence[str] = ()

    def figure(self, key: Key) -> Figure | None:
        """Mean over the seeds and its standard error; of one seed, the figure as measured.

        Seeds that all give the same number, such as a number of parameters, state no error.
        """
        found = [report.figures[key] for report in self.reports if key in report.figures]
        if not found:
            return None
        if len(found) == 1:
            return found[0]
        values = [figure.value for figure in found]
        error = None if len(set(values)) == 1 else stdev(values) / sqrt(len(values))
        return Figure(key[0], fmean(values), error, key[1])


def markdown(rows: Sequence[Row], judge: Kind, names: Sequence[str]) -> str:
    """A table with a line per model and a column per figure, those that no model has left out."""
    columns = [key for name in names for key in ((name, judge), (name, None)) if _any(rows, key)]
    titles = [FIGURES[name].title for name, _ in columns] or ["figures"]  # none where all are refused
    lines = [["model", *titles], ["---"] * (len(titles) + 1)]
    for row in rows:
        cells = ["" if (figure := row.figure(key)) is None else printed(figure) for key in columns]
        if not row.reports:
            cells = [f"refused: {row.refused[0]}"] + [""] * (len(titles) - 1)
        elif row.refused:
            cells[0] += f" ({len(row.refused)} more refused: {row.refused[0]})"
        lines.append([row.name, *cells])
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def _any(rows: Sequence[Row], key: Key) -> bool:
    return any(row.figure(key) is not None for row in rows)


def ranking(rows: Sequence[Row], name: str, judges: Sequence[Kind]) -> str:
    """The models from best to worst by one figure, as far as that is a result.

    Of two neighbours the first is better if both judges say so and the difference is larger than
    chance would make it, at 95 % (Student's t over the seeds). Else there is no result, and the line says
    why.
    """
    order = sorted(
        (row for row in rows if all(row.figure((name, judge)) is not None for judge in judges)),
        key=lambda row: _badness(row, (name, judges[0])),
    )
    if len(order) < 2:
        return "nothing to rank"
    words = [order[0].name]
    for better, worse in pairwise(order):
        why = _no_result(better, worse, name, judges)
        words.append(f"then {worse.name}" if why is None else f"and {worse.name} (no result: {why})")
    return ", ".join(words)


def _no_result(better: Row, worse: Row, name: str, judges: Sequence[Kind]) -> str | None:
    for judge in judges:
        difference, error, freedom = _difference(better, worse, (name, judge))
        if difference < 0:
            return "the judges disagree"
        if error is None:
            return "how far chance moves it is known only from several seeds"
        if difference <= error * student.ppf(0.975, freedom):
            return f"within chance for the {judge} judge"
    return None


def _difference(better: Row, worse: Row, key: Key) -> tuple[float, float | None, int]:
    """How much worse the second is, its standard error if known, and the degrees of freedom behind that."""
    difference = _badness(worse, key) - _badness(better, key)
    freedom = len(better.reports) + len(worse.reports) - 2 or 10_000
    a, b = better.figure(key), worse.figure(key)
    if a is None or b is None or a.error is None or b.error is None:
        return difference, None, freedom
    return difference, sqrt(a.error**2 + b.error**2), freedom


def _badness(row: Row, key: Key) -> float:
    figure = row.figure(key)
    assert figure is not None
    return -figure.value if FIGURES[key[0]].best == "high" else figure.value


def explained(names: Sequence[str]) -> str:
    """A line for each figure: its title, what it says, which way is better."""
    ways: Mapping[str, str] = {"low": "lower is better", "high": "higher is better", "real": "best as real"}
    return "\n".join(f"- {(a := FIGURES[name]).title}: {a.says} ({ways[a.best]})" for name in names)
