"""The figures by name: what each says, which way is better, and how it is printed."""

from collections.abc import Mapping
from dataclasses import dataclass
from math import floor, inf, log10
from typing import Literal

from genlab.evaluation.judges import Kind


@dataclass(frozen=True)
class Figure:
    """One measured number.

    Attributes:
        name: a key of ``FIGURES``.
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


FIGURES: Mapping[str, About] = {
    "frechet": About(
        "Fréchet distance",
        "low",
        "squared, between Gaussians fitted to real and generated features",
        digits=3,
    ),
    "frechet_ratio": About(
        "Fréchet / floor",
        "low",
        "that over what real test images get, which has an error of its own",
        digits=1,
    ),
    "frechet_unbiased": About(
        "Fréchet, N to infinity", "low", "that distance extrapolated to endlessly many images", digits=3
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
        "two-sample test", "low", "a classifier's guesses of real or generated that are right; chance is 0.5"
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


def printed(figure: Figure) -> str:
    """The value and its error for people: ``4.9 ± 0.2``, with no digits that the error makes worthless."""
    about = FIGURES[figure.name]
    error = None if figure.error is None else figure.error * about.scale
    digits = about.digits
    if error is not None and 0 < error < inf:
        digits = min(digits, max(1 - floor(log10(error)), 0))  # two of the error
    text = f"{figure.value * about.scale:,.{digits}f}"
    if error is not None:
        text += f" ± {error:,.{digits}f}"
    return text + about.unit
