"""Many models in one table, and what may be said of their order."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from math import sqrt
from statistics import fmean, stdev

from scipy.stats import t as student

from genlab.evaluation.judges.networks import Kind
from genlab.evaluation.report import KNOWN_METRICS, Key, Metric, Report, aligned, printed

QUALITY = ("frechet_ratio", "frechet_unbiased", "kernel", "precision", "recall", "density", "coverage")
HONESTY = (
    "histogram", "classes", "class_accuracy", "two_sample",
    "closer_features", "copied_features", "closer_pixels", "copied_pixels",
)  # fmt: skip
SHORT = ("frechet_ratio", "precision", "recall", "coverage")  # fit a terminal
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

    def figure(self, key: Key) -> Metric | None:
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
        return Metric(key[0], fmean(values), error, key[1])


def markdown(rows: Sequence[Row], judge: Kind, names: Sequence[str]) -> str:
    """A table with a line per model and a column per figure, those that no model has left out."""
    titles, *lines = _cells(rows, judge, names)
    return "\n".join("| " + " | ".join(line) + " |" for line in [titles, ["---"] * len(titles), *lines])


def plain_text(rows: Sequence[Row], judge: Kind, names: Sequence[str]) -> str:
    """The same table for a terminal, without the reasons of what was refused."""
    return "\n".join(aligned(_cells(rows, judge, names, reasons=False)))


def _cells(
    rows: Sequence[Row], judge: Kind, names: Sequence[str], *, reasons: bool = True
) -> list[list[str]]:
    """The titles, then a line per model."""
    keys = [key for name in names for key in ((name, judge), (name, None))]
    columns = [key for key in keys if any(row.figure(key) is not None for row in rows)]
    titles = [KNOWN_METRICS[name].title for name, _ in columns] or ["figures"]  # none where all are refused
    lines = [["model", *titles]]
    for row in rows:
        cells = ["" if (figure := row.figure(key)) is None else printed(figure) for key in columns]
        why = f": {row.refused[0]}" if row.refused and reasons else ""
        if not row.reports:
            cells = [f"refused{why}"] + [""] * (len(titles) - 1)
        elif row.refused:
            cells[0] += f" ({len(row.refused)} more refused{why})"
        lines.append([row.name, *cells])
    return lines


def ranking(rows: Sequence[Row], name: str, judges: Sequence[Kind]) -> str:
    """The models from best to worst by one figure, as far as that is a result.

    Of two models the first is better if both judges say so and the difference is larger than chance
    would make it, at 95 % (Student's t over the seeds). "then" stands only where every model before it
    is better than every one after it; the others stand together, with the reason and with those pairs
    that are a result all the same.
    """
    order = sorted(
        (row for row in rows if all(row.figure((name, judge)) is not None for judge in judges)),
        key=lambda row: _badness(row, (name, judges[0])),
    )
    if len(order) < 2:
        return "nothing to rank"
    groups = [order[:1]]
    for place, row in enumerate(order[1:], 1):
        pairs = ((better, worse) for better in order[:place] for worse in order[place:])
        if all(_no_result(better, worse, name, judges) is None for better, worse in pairs):
            groups.append([row])
        else:
            groups[-1].append(row)
    return ", then ".join(_together(group, name, judges) for group in groups)


def _together(group: Sequence[Row], name: str, judges: Sequence[Kind]) -> str:
    """Models that cannot all be told apart: ``a, b and c (only a before c; else no result: why)``."""
    whys = {(a.name, b.name): _no_result(a, b, name, judges) for a, b in combinations(group, 2)}
    reasons = list(dict.fromkeys(why for why in whys.values() if why is not None))
    if not reasons:
        return group[0].name
    found: dict[str, list[str]] = {}
    for (better, worse), why in whys.items():
        if why is None:
            found.setdefault(better, []).append(worse)
    only = "; ".join(f"{better} before {_listed(after)}" for better, after in found.items())
    only = f"only {only}; else " if found else ""
    return f"{_listed([row.name for row in group])} ({only}no result: {', or '.join(reasons)})"


def trained_once(rows: Sequence[Row]) -> str | None:
    """What an order does not say of models with one seed; None where each has several or none."""
    names = [row.name for row in rows if len(row.reports) == 1]
    if not names:
        return None
    return (
        f"Trained once: {_listed(names)}. Where they stand in an order holds for these runs, not for the "
        "recipes: only the choice of images was varied, and another seed may give another order."
    )


def _listed(names: Sequence[str]) -> str:
    return " and ".join([", ".join(names[:-1]), names[-1]] if len(names) > 1 else names)


def _no_result(better: Row, worse: Row, name: str, judges: Sequence[Kind]) -> str | None:
    """Why the order of two is no result; None where it is one."""
    for judge in judges:
        key = (name, judge)
        a, b = better.figure(key), worse.figure(key)
        assert a is not None
        assert b is not None
        difference = _badness(worse, key) - _badness(better, key)
        if difference < 0:
            return "the judges disagree"
        if difference == 0:
            return f"equal for the {judge} judge"
        for row, figure in ((better, a), (worse, b)):
            if figure.error is None and len(row.reports) > 1:
                return f"all seeds of {row.name} gave one number, which does not show how far chance moves it"
        if a.error is None or b.error is None:
            return "how far chance moves it is known only from several seeds"
        freedom = len(better.reports) + len(worse.reports) - 2 or 10_000
        if difference <= sqrt(a.error**2 + b.error**2) * student.ppf(0.975, freedom):
            return f"within chance for the {judge} judge"
    return None


def _badness(row: Row, key: Key) -> float:
    figure = row.figure(key)
    assert figure is not None
    return -figure.value if KNOWN_METRICS[key[0]].best == "high" else figure.value


def explained(names: Sequence[str]) -> str:
    """A line for each figure: its title, what it says, which way is better."""
    ways: Mapping[str, str] = {"low": "lower is better", "high": "higher is better", "real": "best as real"}
    return "\n".join(f"- {(a := KNOWN_METRICS[name]).title}: {a.says} ({ways[a.best]})" for name in names)
