"""The metrics by name, and the report: the values measured of one model, as text and as JSON."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from math import floor, inf, log10
from typing import Any, Literal

from genlab.evaluation.judges.networks import Kind


@dataclass(frozen=True)
class Metric:
    """One measured number.

    Attributes:
        name: a key of ``KNOWN_METRICS``.
        value: as measured; fractions are in [0, 1].
        error: its standard error as far as the choice of images goes, None where none is known.
        judge: whose features or answers it was computed from, None for pixels.
    """

    name: str
    value: float
    error: float | None = None
    judge: Kind | None = None


@dataclass(frozen=True)
class About:
    """What a figure means.

    Attributes:
        title: a few words.
        best: whether lower, higher, or as for real data is better.
        says: one sentence for a reader.
        scale: a printed value is this many times the measured one.
        digits: after the point, at most.
        unit: after the value.
    """

    title: str
    best: Literal["low", "high", "real"]
    says: str
    scale: float = 1.0
    digits: int = 3
    unit: str = ""


KNOWN_METRICS: Mapping[str, About] = {
    "frechet": About(
        "Fréchet distance", "low", "squared, between Gaussians fitted to real and generated features"
    ),
    "frechet_ratio": About(
        "Fréchet / floor",
        "low",
        "that over what real test images get, which has an error of its own",
        digits=1,
    ),
    "frechet_unbiased": About(
        "Fréchet, N to infinity", "low", "that distance extrapolated to endlessly many images"
    ),
    "kernel": About(
        "kernel distance x1000", "low", "between whole distributions of features", scale=1000, digits=2
    ),
    "precision": About("precision", "high", "generated images that lie where real ones do"),
    "recall": About("recall", "high", "real images that lie where generated ones do"),
    "density": About("density", "high", "real neighbourhoods that a generated image lies in"),
    "coverage": About("coverage", "high", "real images with a generated one in their neighbourhood"),
    "histogram": About("class histogram", "low", "share of images that other classes ought to have"),
    "classes": About("classes drawn", "high", "classes with at least one image in a hundred", digits=0),
    "class_accuracy": About("class accuracy", "high", "images of the class that was asked for"),
    "two_sample": About(
        "two-sample test", "low", "guesses of real or generated that are right, by features; chance is 0.5"
    ),
    "two_sample_pixels": About(
        "two-sample, pixels", "low", "the same of a small network that looks at the pixels; chance is 0.5"
    ),
    "sharpness": About("sharpness", "real", "mean absolute Laplacian over that of real images", digits=2),
    "fine_detail": About(
        "fine detail",
        "real",
        "power in the upper half of the spatial frequencies, over that of real images",
        digits=2,
    ),
    "closer_pixels": About(
        "closer, pixels",
        "real",
        "nearer to a training image than a test image is, pixel by pixel; 0.5 for new images",
    ),
    "copied_pixels": About(
        "copied, pixels",
        "real",
        "so near, pixel by pixel, to one training image alone as only 1 test image in 100 is",
    ),
    "closer_features": About(
        "closer, features",
        "real",
        "nearer to a training image than a test image is, in a judge's features; 0.5 for new images",
    ),
    "copied_features": About(
        "copied, features",
        "real",
        "so near, in a judge's features, to one training image alone as only 1 test image in 100 is",
    ),
    "nats": About(
        "nats", "low", "a bound on -log p of a test image; compare those of one likelihood only", digits=1
    ),
    "parameters": About("parameters", "low", "trained weights, of all networks", digits=0),
    "training_seconds": About("training", "low", "spent in training steps", digits=0, unit=" s"),
    "sample_milliseconds": About("a sample", "low", "from noise to image, in batches", digits=2, unit=" ms"),
}


def printed(figure: Metric) -> str:
    """The value and its error for people: ``4.9 ± 0.2``, with no digits that the error makes worthless."""
    about = KNOWN_METRICS[figure.name]
    error = None if figure.error is None else figure.error * about.scale
    digits = about.digits
    if error is not None and 0 < error < inf:
        digits = min(digits, max(1 - floor(log10(error)), 0))  # two of the error
    text = f"{figure.value * about.scale:,.{digits}f}"
    if error is not None:
        text += f" ± {error:,.{digits}f}"
    return text + about.unit


Key = tuple[str, Kind | None]
ROUNDING = 1e-6  # a Fréchet distance of at most this is 0: what is left is the rounding of square roots


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
    figures: Mapping[Key, Metric]
    floor: Mapping[Key, Metric]
    notes: Sequence[str] = ()

    def as_json(self) -> dict[str, Any]:
        """Plain lists, dicts and numbers, for ``json.dump``; ``report_from_json`` reads it back."""
        figures, floor = ([asdict(f) for f in part.values()] for part in (self.figures, self.floor))
        return vars(self) | {"figures": figures, "floor": floor, "notes": list(self.notes)}


def report_from_json(values: Mapping[str, Any]) -> Report:
    """The report that ``as_json`` wrote."""
    figures, floor = (by_key(Metric(**f) for f in values[part]) for part in ("figures", "floor"))
    notes = tuple(values.get("notes", ()))  # older files have none
    return Report(values["name"], values["dataset"], values["n"], values["seed"], figures, floor, notes)


def by_key(figures: Iterable[Metric]) -> dict[Key, Metric]:
    """Figures by name and judge."""
    return {(figure.name, figure.judge): figure for figure in figures}


def with_ratio(figures: Mapping[Key, Metric], floor: Mapping[Key, Metric]) -> dict[Key, Metric]:
    """The same, and before them each judge's Fréchet distance as a multiple of its floor.

    There is none where the floor is 0, as it is where the test images are the training images.
    """
    ratios: dict[Key, Metric] = {}
    for (name, judge), figure in figures.items():
        if name == "frechet" and (least := floor[name, judge].value) > ROUNDING:
            error = None if figure.error is None else figure.error / least
            ratios["frechet_ratio", judge] = Metric("frechet_ratio", figure.value / least, error, judge)
    return {**ratios, **figures}


def report_text(report: Report) -> str:
    """A table for a terminal: a line per figure, a column per judge, and what real images get."""
    judges = list(dict.fromkeys(judge for _, judge in report.figures if judge is not None))
    rows = [("", *(f"{judge} judge" for judge in judges), "real images", "best")]
    for name in dict.fromkeys(name for name, _ in report.figures):
        keys = [(name, judge) for judge in judges] if (name, None) not in report.figures else [(name, None)]
        values = [printed(report.figures[key]) if key in report.figures else "" for key in keys]
        values += [""] * (len(judges) - len(values))
        real = [printed(replace(report.floor[key], error=None)) for key in keys if key in report.floor]
        rows.append((KNOWN_METRICS[name].title, *values, " | ".join(real), KNOWN_METRICS[name].best))
    head = f"{report.name}: {report.n:,} images, seed {report.seed}, against {report.n:,} of {report.dataset}"
    notes = ["", *report.notes] if report.notes else []
    return "\n".join([head, "", *aligned(rows), *notes])


def aligned(rows: Sequence[Sequence[str]]) -> list[str]:
    """Rows of as many cells each, as lines with straight columns."""
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    lines = ("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) for row in rows)
    return [line.rstrip() for line in lines]
