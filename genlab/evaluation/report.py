"""The figures of one model, for people and for programs."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from genlab.evaluation.figures import FIGURES, Figure, printed
from genlab.evaluation.judges import Kind

Key = tuple[str, Kind | None]


@dataclass(frozen=True)
class Report:
    """What was measured of one model, or of real images.

    Attributes:
        name: of the model.
        dataset: what it was trained on and is measured against.
        n: images per set.
        seed: decided which were drawn.
        figures: by name and judge.
        floor: what real test images get, likewise.
        notes: what a reader should know besides, a line each.
    """

    name: str
    dataset: str
    n: int
    seed: int
    figures: Mapping[Key, Figure]
    floor: Mapping[Key, Figure]
    notes: Sequence[str] = ()

    def as_json(self) -> dict[str, Any]:
        """Plain lists, dicts and numbers, for ``json.dump``; ``report_from_json`` reads it back."""
        return {
            "name": self.name,
            "dataset": self.dataset,
            "n": self.n,
            "seed": self.seed,
            "figures": [asdict(figure) for figure in self.figures.values()],
            "floor": [asdict(figure) for figure in self.floor.values()],
            "notes": list(self.notes),
        }


def report_from_json(values: Mapping[str, Any]) -> Report:
    """The report that ``as_json`` wrote."""
    figures, floor = (by_key(Figure(**f) for f in values[part]) for part in ("figures", "floor"))
    notes = tuple(values.get("notes", ()))  # older files have none
    return Report(values["name"], values["dataset"], values["n"], values["seed"], figures, floor, notes)


def by_key(figures: Iterable[Figure]) -> dict[Key, Figure]:
    """Figures by name and judge."""
    return {(figure.name, figure.judge): figure for figure in figures}


def with_ratio(figures: Mapping[Key, Figure], floor: Mapping[Key, Figure]) -> dict[Key, Figure]:
    """The same, and before them each judge's Fréchet distance as a multiple of its floor."""
    ratios: dict[Key, Figure] = {}
    for (name, judge), figure in figures.items():
        if name == "frechet":
            least = floor[name, judge].value
            error = None if figure.error is None else figure.error / least
            ratios["frechet_ratio", judge] = Figure("frechet_ratio", figure.value / least, error, judge)
    return {**ratios, **figures}


def as_text(report: Report) -> str:
    """A table for a terminal: a line per figure, a column per judge, and what real images get."""
    judges = list(dict.fromkeys(judge for _, judge in report.figures if judge is not None))
    rows = [("", *(f"{judge} judge" for judge in judges), "real images", "best")]
    for name in dict.fromkeys(name for name, _ in report.figures):
        keys = [(name, judge) for judge in judges] if (name, None) not in report.figures else [(name, None)]
        values = [printed(report.figures[key]) if key in report.figures else "" for key in keys]
        values += [""] * (len(judges) - len(values))
        real = [printed(report.floor[key]) for key in keys if key in report.floor]
        rows.append((FIGURES[name].title, *values, " | ".join(real), FIGURES[name].best))
    head = f"{report.name}: {report.n:,} images, seed {report.seed}, against {report.n:,} of {report.dataset}"
    notes = ["", *report.notes] if report.notes else []
    return "\n".join([head, "", *aligned(rows), *notes])


def aligned(rows: Sequence[Sequence[str]]) -> list[str]:
    """Rows of as many cells each, as lines with straight columns."""
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    lines = ("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) for row in rows)
    return [line.rstrip() for line in lines]
