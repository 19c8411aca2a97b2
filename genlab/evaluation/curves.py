"""Quality against what it costs: the Fréchet ratio over training time and over sampling time."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import cycle
from math import sqrt
from statistics import fmean, stdev

import matplotlib.pyplot as plt
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, NullFormatter, ScalarFormatter
from torch import Tensor

from genlab import plots
from genlab.errors import GenlabError
from genlab.evaluation.judges.features import check_measurable, look
from genlab.evaluation.metrics.frechet import frechet_distance
from genlab.evaluation.reference import Reference
from genlab.evaluation.report import ROUNDING

QUICK = 1000  # images for a point of a curve


@dataclass(frozen=True)
class Point:
    """One dot of a curve.

    Attributes:
        model: its name in the table.
        label: what is the same in every seed: a share of the training time, a number of sampler steps.
        seconds: of training, or of sampling one image.
        ratio: Fréchet distance over the floor, by the judge that finds the images worst.
    """

    model: str
    label: str
    seconds: float
    ratio: float


def frechet_ratio(images: Tensor, reference: Reference) -> float:
    """Fréchet distance over that of as many real test images, by the judge to whom it is largest.

    1 is perfect. A model that one judge sees through is not good because another does not.

    Raises:
        GenlabError: images that nothing can be computed from, too few for a covariance, or a floor of 0.
    """
    check_measurable(images)
    ratios = []
    for kind, judge in reference.judges.items():
        real = reference.training[kind].features
        floor = frechet_distance(reference.test_seen[kind][: len(images)], real)
        if floor <= ROUNDING:
            raise GenlabError("Fréchet / floor is undefined: the test images are the training images")
        ratios.append(frechet_distance(look(judge, images).features, real) / floor)
    return max(ratios)


def draw_curves(training: Sequence[Point], sampling: Sequence[Point], n: int) -> Figure:
    """Quality against training time and against sampling time.

    A pale dot is one seed; the line goes through the means over seeds, with a bar of one standard error
    to either side where there are several.

    Args:
        training, sampling: the points of both.
        n: images for each point: both distance and floor depend on how many they are.
    """
    models = dict.fromkeys(point.model for point in [*training, *sampling])
    looks = dict(zip(models, cycle(zip(_COLORS, _MARKS, strict=True)), strict=False))
    figure, axes = plt.subplots(1, 2, figsize=(10.5, 3.6), sharey=True, layout="constrained")
    for model, (color, mark) in looks.items():
        _draw(axes[0], [p for p in training if p.model == model], color, mark)
        _draw(axes[1], [p for p in sampling if p.model == model], color, mark, labelled=True)
        axes[1].plot([], [], mark, color=color, label=model)
    axes[0].set(xlabel="seconds of training", ylabel=f"Fréchet distance / floor\nworst judge, N = {n:,}")
    axes[1].set(xlabel="seconds for one sample")
    for axis, points in zip(axes, (training, sampling), strict=True):
        if any(point.seconds > 0 for point in points):  # matplotlib cannot draw a logarithmic axis of nothing
            axis.set(xscale="log")
    if axes[0].get_xscale() == "log":  # 200, and not 2 times 10 to the 2
        axes[0].xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        axes[0].xaxis.set_major_formatter(ScalarFormatter())
        axes[0].xaxis.set_minor_formatter(NullFormatter())
    for axis in axes:
        axis.set(yscale="log")
        axis.axhline(1, color=plots.BLACK, linewidth=0.8, linestyle=":", label="real test images")
    figure.legend(*axes[1].get_legend_handles_labels(), loc="outside right upper", fontsize=8)
    return figure


def _draw(axis: Axes, points: Sequence[Point], color: str, mark: str, *, labelled: bool = False) -> None:
    axis.plot([p.seconds for p in points], [p.ratio for p in points], mark, color=color, alpha=0.3, ms=4)
    groups = [[p for p in points if p.label == label] for label in dict.fromkeys(p.label for p in points)]
    means = [(fmean(p.seconds for p in group), fmean(p.ratio for p in group)) for group in groups]
    axis.plot([x for x, _ in means], [y for _, y in means], f"{mark}-", color=color)
    for group, place in zip(groups, means, strict=True):
        if len(group) > 1:
            error = stdev(p.ratio for p in group) / sqrt(len(group))
            axis.errorbar(*place, yerr=error, fmt="none", ecolor=color, capsize=3)
        if labelled and group[0].label:
            axis.annotate(group[0].label, place, (3, 5), textcoords="offset points", fontsize=7, rotation=45)


_COLORS = (plots.BLUE, plots.ORANGE, plots.GREEN, plots.PURPLE, plots.SKY, plots.RED, plots.BLACK)
_MARKS = ("o", "s", "D", "^", "v", "P", "X")
