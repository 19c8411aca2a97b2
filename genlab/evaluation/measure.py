"""Measure generated images: every metric, by every judge, beside what real test images get."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from genlab.data import Dataset
from genlab.errors import GenlabError
from genlab.evaluation.judges.features import Seen, check_measurable, look
from genlab.evaluation.judges.find import doubt_about, judges_for
from genlab.evaluation.judges.networks import FEATURES, Judge, Kind
from genlab.evaluation.metrics import (
    class_shares,
    classes_drawn,
    conditional_accuracy,
    frechet_distance,
    frechet_without_bias,
    histogram_distance,
    jackknife_error,
    kernel_distance,
    manifold,
    nearest,
    two_sample_test,
)
from genlab.evaluation.metrics.memorisation import memorisation
from genlab.evaluation.reference import QUERIES, Reference, check_set_size, looks_needed, make_reference
from genlab.evaluation.report import Key, Metric, Report, by_key, with_ratio
from genlab.progress import bar

ENOUGH = 4 * FEATURES  # images for an extrapolation: its smallest part is a quarter of them


def measure(images: Tensor, reference: Reference, labels: Tensor | None = None) -> Iterator[Metric]:
    """Yield the figures of generated images as they are computed.

    Args:
        images: uint8, or float in [0, 1], (N, 1, 28, 28), N that of the reference.
        reference: what they are measured against.
        labels: int64 (N,), the classes that were asked for, where the model takes any.

    Raises:
        GenlabError: images that nothing can be computed from (``features.check_measurable``), or another
            number of images or of labels than the reference has.
    """
    check_measurable(images)
    if len(images) != reference.n:
        raise GenlabError(
            f"{len(images):,} images against a reference of {reference.n:,}: the floor would be another one"
        )
    if labels is not None and labels.shape != images.shape[:1]:
        raise GenlabError(
            f"labels should be one for each of {len(images):,} images, got {tuple(labels.shape)}"
        )
    for kind, judge in reference.judges.items():
        seen = look(judge, images)
        yield from _distances(seen, reference, kind)
        yield from _neighbours(seen, reference, kind)
        yield from _classes(seen, reference, kind, labels)
        test = two_sample_test(reference.training[kind].features, seen.features)
        yield Metric("two_sample", test.accuracy, test.standard_error, kind)
        if kind == reference.first:
            found = nearest(seen.features[:QUERIES], reference.every_training)
            memory = memorisation(found, reference.test_features)
            yield Metric("closer_features", memory.closer, memory.closer_error, kind)
            yield Metric("copied_features", memory.copied, memory.copied_error, kind)
    memory = memorisation(nearest(images[:QUERIES], reference.train.images), reference.test_pixels)
    yield Metric("closer_pixels", memory.closer, memory.closer_error)
    yield Metric("copied_pixels", memory.copied, memory.copied_error)


def number_of_figures(reference: Reference, labels: Tensor | None = None) -> int:
    """How many figures ``measure`` yields: the length of its progress bar."""
    each = 9 + (reference.n >= ENOUGH) + (labels is not None)
    return len(reference.judges) * each + 4


def real_figures(reference: Reference) -> Iterator[Metric]:
    """What real test images get: the floor, and the row of real data in a table."""
    index = reference.held_out
    yield from measure(reference.test.images[index], reference, reference.test.labels[index])


def _distances(seen: Seen, reference: Reference, kind: Kind) -> Iterator[Metric]:
    real = reference.training[kind].features

    def to_real(features: Tensor) -> float:
        return frechet_distance(features, real)

    yield Metric("frechet", to_real(seen.features), jackknife_error(to_real, seen.features), kind)
    if reference.n >= ENOUGH:
        endless = frechet_without_bias(real, seen.features)
        yield Metric("frechet_unbiased", endless.value, endless.standard_error, kind)
    kernel = kernel_distance(real, seen.features, subset_size=min(500, reference.n // 2))
    yield Metric("kernel", kernel.value, kernel.standard_error, kind)


def _neighbours(seen: Seen, reference: Reference, kind: Kind) -> Iterator[Metric]:
    # The errors are those of the choice of generated images; that of the real ones is left out.
    four = manifold(reference.training[kind].features, seen.features)
    yield Metric("precision", four.precision, _share_error(four.precision, reference.n), kind)
    yield Metric("recall", four.recall, _share_error(four.recall, reference.n), kind)
    yield Metric("density", four.density, four.density_error, kind)
    yield Metric("coverage", four.coverage, _share_error(four.coverage, reference.n), kind)


def _classes(seen: Seen, reference: Reference, kind: Kind, labels: Tensor | None) -> Iterator[Metric]:
    classes = reference.train.num_classes
    shares = class_shares(seen.answers, classes)
    real = class_shares(reference.training[kind].answers, classes)

    def to_real(answers: Tensor) -> float:
        return histogram_distance(class_shares(answers, classes), real)

    yield Metric("histogram", to_real(seen.answers), jackknife_error(to_real, seen.answers), kind)
    yield Metric("classes", classes_drawn(shares), None, kind)
    if labels is not None:
        right = conditional_accuracy(seen.answers, labels)
        yield Metric("class_accuracy", right, _share_error(right, len(labels)), kind)


def _share_error(share: float, n: int) -> float:
    """Standard error of a share of n images, as of n tosses of a coin."""
    return float(torch.tensor(share * (1 - share) / n).sqrt())


@dataclass(frozen=True, eq=False)
class Yardstick:
    """What models of one data set are measured with.

    Attributes:
        reference: real images as the judges see them.
        floor: the figures that real test images get.
    """

    reference: Reference
    floor: Mapping[Key, Metric]

    @property
    def real(self) -> Report:
        """Real test images as if they were a model's: the first row of a table."""
        reference = self.reference
        name = reference.train.name
        return Report("real test images", name, reference.n, 0, self.floor, self.floor, self.notes)

    @property
    def notes(self) -> tuple[str, ...]:
        """Warnings: a judge that hardly beats guessing; a test set that holds training images."""
        labels = self.reference.test.labels[self.reference.held_out]
        doubts = (
            doubt_about(kind, self.floor["class_accuracy", kind].value, labels)
            for kind in self.reference.judges
        )
        return (*(doubt for doubt in doubts if doubt is not None), *self._about_copies())

    def _about_copies(self) -> Iterator[str]:
        """Published data hold a few copies too; from a tenth on, the floor is not that of new images."""
        distances = self.reference.test_pixels.distances[:, 0]
        copies = int((distances == 0).sum())
        if copies >= len(distances) / 10:
            yield (
                f"Warning: {copies:,} of {len(distances):,} test images are training images too, so new "
                "images cannot reach the floor: take them out of the test set"
            )
        for kind in self.reference.judges:
            if ("frechet_ratio", kind) not in self.floor:
                yield f"Fréchet / floor is undefined for the {kind} judge: its floor is 0"


def make_yardstick(
    train: Dataset,
    test: Dataset,
    n: int | None = None,
    *,
    seed: int = 0,
    judges: Mapping[Kind, Judge] | None = None,
    say: Callable[[str], None] = print,
) -> Yardstick:
    """Show real images to their judges, behind a progress bar.

    Args:
        train, test: the splits, whole.
        n: images per set; as many as there are test images, at most 10,000, if left out.
        seed: which of them.
        judges: by kind; those that come with the package if left out, or trained first for other data.
        say: is told which judges.

    Raises:
        GenlabError: ``n`` is out of range, or a judge is damaged.
    """
    n = images_per_set(n, test)
    judges = judges_for(train, test, say=say) if judges is None else judges
    with bar(looks_needed(train, judges, n), "images", what="judging real images") as progress:
        reference = make_reference(train, test, judges, n, seed=seed, each_batch=progress.update)
    floor = by_key(_counted(real_figures(reference), reference, "figures of real images", test.labels))
    return Yardstick(reference, with_ratio(floor, floor))


def images_per_set(n: int | None, test: Dataset) -> int:
    """``n``, or as many as there are test images, at most 10,000, if it is None.

    Raises:
        GenlabError: it is out of range.
    """
    n = min(10_000, len(test)) if n is None else n
    check_set_size(n, test)
    return n


def report_on(
    images: Tensor,
    yardstick: Yardstick,
    *,
    name: str,
    seed: int = 0,
    labels: Tensor | None = None,
    more: Iterable[Metric] = (),
) -> Report:
    """Measure images, behind a progress bar.

    Args:
        images, labels: as for ``measure``.
        yardstick: of the same data set, and with as many images per set.
        name, seed: for the report.
        more: figures that are known already, such as a model's size.

    Raises:
        GenlabError: as ``measure``.
    """
    reference, floor = yardstick.reference, yardstick.floor
    figures = by_key(_counted(measure(images, reference, labels), reference, f"figures of {name}", labels))
    figures = with_ratio(figures, floor) | by_key(more)
    return Report(name, reference.train.name, reference.n, seed, figures, floor, yardstick.notes)


def _counted(
    figures: Iterator[Metric], reference: Reference, what: str, labels: Tensor | None = None
) -> Iterator[Metric]:
    """The same figures behind a progress bar."""
    with bar(number_of_figures(reference, labels), "figures", what=what) as progress:
        for figure in figures:
            progress.update()
            yield figure
