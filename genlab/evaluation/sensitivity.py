"""From which level on does a figure notice a disease? (notebook 04; ``python benchmarks/judges.py``)

A figure is an instrument. What it notices is measured here and not assumed: real test images are spoilt in
eight ways by degrees, and each figure is asked whether it is worse than for the same images untouched.
"""

from collections.abc import Mapping, Sequence
from math import sqrt

import torch
from torch import Tensor

from genlab.data import to_unit
from genlab.evaluation.corruptions import DISEASES, Healthy
from genlab.evaluation.measure import Yardstick, measure
from genlab.evaluation.report import KNOWN_METRICS, Key, Metric, by_key, with_ratio
from genlab.progress import bar

Figures = Mapping[Key, Metric]
Curves = Mapping[str, Mapping[float, Figures]]


def healthy(yardstick: Yardstick) -> Healthy:
    """The test images that the yardstick's floor was measured on."""
    reference = yardstick.reference
    chosen = reference.held_out
    images, labels = reference.test.images[chosen], reference.test.labels[chosen]
    return Healthy(to_unit(images), labels, reference.train.images)


def curves_of(yardstick: Yardstick, levels: Mapping[str, Sequence[float]] | None = None) -> Curves:
    """All figures of spoilt test images, by disease and level, behind a progress bar; level 0 is the floor.

    Class accuracy is not among them: a copy that takes an image's place has another class.

    Args:
        yardstick: with the judges that are asked.
        levels: by disease; those of ``corruptions.DISEASES`` if left out.
    """
    patients = healthy(yardstick)
    levels = {name: disease.levels for name, disease in DISEASES.items()} if levels is None else levels
    curves: dict[str, dict[float, Figures]] = {}
    with bar(sum(len(each) for each in levels.values()), "sets", what="spoilt images") as progress:
        for name, tried in levels.items():
            curves[name] = {0.0: yardstick.floor}
            for level in tried:
                images = spoilt(patients, name, level)
                figures = by_key(measure(images, yardstick.reference))
                curves[name][level] = with_ratio(figures, yardstick.floor)
                progress.update()
    return curves


def spoilt(patients: Healthy, disease: str, level: float) -> Tensor:
    """The images with a disease, (N, 1, 28, 28) in [0, 1]; every level with the same random numbers."""
    return DISEASES[disease].spoil(patients, level, torch.Generator().manual_seed(1))


def alarm(figure: Metric, floor: Metric) -> float:
    """By how many of its errors a figure is worse than that of healthy images; below 0 where it is better.

    The error is that of a difference between two choices of images, as a model and real images are; where the
    same images are compared, spoilt and healthy, it is larger than it need be. A figure that is
    best as for real images is worse to either side.
    """
    worse = figure.value - floor.value
    best = KNOWN_METRICS[figure.name].best
    worse = abs(worse) if best == "real" else -worse if best == "high" else worse
    error = sqrt((figure.error or 0) ** 2 + (floor.error or 0) ** 2)
    return worse / error if error > 0 else float("inf") * worse if worse else 0.0


def notices(figure: Metric, floor: Metric) -> bool:
    """Whether a figure is worse than that of healthy images by more than twice its error."""
    return alarm(figure, floor) > 2


def threshold(curve: Mapping[float, Figures], key: Key) -> float | None:
    """The smallest level from which on a figure notices a disease at every level; None if at no level.

    Args:
        curve: of one disease, level 0 first.
        key: which figure, by which judge.
    """
    noticed = None
    floor = curve[0.0][key]
    for level in sorted(curve, reverse=True):
        if level == 0 or key not in curve[level] or not notices(curve[level][key], floor):
            break
        noticed = level
    return noticed
