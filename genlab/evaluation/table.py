"""Many models in one table, and what may be said of their order."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations, product
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
PIXELS = ("two_sample_pixels", "sharpness", "fine_detail")  # no judge has a say in them
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


def tied_groups(rows: Sequence[Row], name: str, judges: Sequence[Kind]) -> list[list[Row]]:
    """The models in groups from best to worst by one figure: a group is what cannot all be told apart.

    Of two models the first is better if all judges say so and the difference is larger than chance
    would make it, at 95 % (Student's t over the seeds). Every model of a group is better than every one
    of the groups after it.

    Args:
        rows: the models; those without the figure are left out.
        name: of the figure.
        judges: all that have the figure of every model are asked; a figure that belongs to no judge,
            such as a time, speaks for itself.
    """
    order, keys = _in_order(rows, name, judges)
    groups: list[list[Row]] = []
    for place, row in enumerate(order):
        pairs = product(order[:place], order[place:])
        if all(_no_result(better, worse, keys) is None for better, worse in pairs):
            groups.append([row])
        else:
            groups[-1].append(row)
    return groups


def unbeaten(rows: Sequence[Row], name: str, judges: Sequence[Kind]) -> list[Row]:
    """The models that no other is better than, as far as that is a result: the best, or all that may be it.

    They stand in the first of ``tied_groups``, where others may stand as well that one of them beats.
    """
    order, keys = _in_order(rows, name, judges)
    return [row for row in order if not any(_no_result(other, row, keys) is None for other in order)]


def ranking(rows: Sequence[Row], name: str, judges: Sequence[Kind]) -> str:
    """The models from best to worst by one figure, as far as that is a result.

    "then" stands only between groups (``tied_groups``); within one the models stand together, with the
    reason and with those pairs that are a result all the same.
    """
    order, keys = _in_order(rows, name, judges)
    if len(order) < 2:
        return "nothing to rank"
    return ", then ".join(_together(group, keys) for group in tied_groups(rows, name, judges))


UNDECIDED = "cannot be told"


def verdict(answer: str, rows: Sequence[Row], name: str, judges: Sequence[Kind]) -> str:
    """A reader's answer to "which is best?", held against what the figures allow to be said.

    Args:
        answer: a model, or several with "or" between them, right if each is ``unbeaten``; or
            ``UNDECIDED``, right if several are. "?" is no answer yet, and is told nothing.
        rows, name, judges: as for ``ranking``.
    """
    if answer == "?":
        return "say first"
    best = [row.name for row in unbeaten(rows, name, judges)]
    said = set(answer.split(" or "))
    if not said <= {UNDECIDED, *(row.name for row in rows)}:
        return f"{answer!r} is none of {_listed([row.name for row in rows])}, nor {UNDECIDED!r}"
    agreed = said <= set(best) or (said == {UNDECIDED} and len(best) > 1)
    return f"{'agreed' if agreed else 'not by these figures'}: {ranking(rows, name, judges)}"


def _in_order(rows: Sequence[Row], name: str, judges: Sequence[Kind]) -> tuple[list[Row], list[Key]]:
    """The models that have a figure, best first by the first judge; and the keys that all of them have."""
    keys = [(name, judge) for judge in (*judges, None)]
    having = [row for row in rows if any(row.figure(key) is not None for key in keys)]
    shared = [key for key in keys if all(row.figure(key) is not None for row in having)]
    return sorted(having if shared else [], key=lambda row: _badness(row, shared[0])), shared


def _together(group: Sequence[Row], keys: Sequence[Key]) -> str:
    """Models that cannot all be told apart: ``a, b and c (only a before c; else no result: why)``."""
    whys = {(a.name, b.name): _no_result(a, b, keys) for a, b in combinations(group, 2)}
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


def _no_result(better: Row, worse: Row, keys: Sequence[Key]) -> str | None:
    """Why the order of two is no result; None where it is one."""
    for key in keys:
        by = "" if key[1] is None else f" for the {key[1]} judge"
        difference = _badness(worse, key) - _badness(better, key)
        if difference < 0:
            return "the judges disagree"
        if difference == 0:
            return f"equal{by}"
        for row in (better, worse):
            if _figure(row, key).error is None and len(row.reports) > 1:
                return f"all seeds of {row.name} gave one number, which does not show how far chance moves it"
        error = _error_of_difference(better, worse, key)
        if error is None:
            return "how far chance moves it is known only from several seeds"
        freedom = len(better.reports) + len(worse.reports) - 2 or 10_000
        if difference <= error * student.ppf(0.975, freedom):
            return f"within chance{by}"
    return None


def _badness(row: Row, key: Key) -> float:
    """Lower is better; of a figure that is best as for real images, how far off it is, to either side."""
    off = _off(row, key)
    return abs(off) if KNOWN_METRICS[key[0]].best == "real" else off


def _off(row: Row, key: Key) -> float:
    """The same with a sign: below 0 if under that of real images."""
    value, best = _figure(row, key).value, KNOWN_METRICS[key[0]].best
    return value - row.reports[0].floor[key].value if best == "real" else -value if best == "high" else value


def _error_of_difference(a: Row, b: Row, key: Key) -> float | None:
    """Standard error of the difference of two badnesses; None where that of one figure is not known.

    Of a figure that is best as for real images, that of real images has an error too: it cancels where
    both models are on one side of it, and counts twice where it lies between them.
    """
    one, other = _figure(a, key).error, _figure(b, key).error
    if one is None or other is None:
        return None
    between = KNOWN_METRICS[key[0]].best == "real" and _off(a, key) * _off(b, key) < 0
    real = 2 * (a.reports[0].floor[key].error or 0) if between else 0
    return sqrt(one**2 + other**2 + real**2)


def _figure(row: Row, key: Key) -> Metric:
    figure = row.figure(key)
    assert figure is not None
    return figure


def explained(names: Sequence[str]) -> str:
    """A line for each figure: its title, what it says, which way is better."""
    ways: Mapping[str, str] = {"low": "lower is better", "high": "higher is better", "real": "best as real"}
    return "\n".join(f"- {(a := KNOWN_METRICS[name]).title}: {a.says} ({ways[a.best]})" for name in names)
