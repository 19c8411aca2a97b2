"""Measure generated images: every metric, by every judge, beside what real test images get."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from genlab.data import Dataset, to_bytes, to_unit
from genlab.errors import GenlabError
from genlab.evaluation import metrics
from genlab.evaluation.judges.features import Seen, check_measurable, look
from genlab.evaluation.judges.files import doubt_about, judges_for
from genlab.evaluation.judges.networks import FEATURES, Judge, Kind
from genlab.evaluation.metrics.memorisation import memorisation
from genlab.evaluation.reference import QUERIES, Reference, make_reference
from genlab.evaluation.report import Key, Metric, Report, by_key, with_ratio
from genlab.progress import bar

LEAST = 73  # images: without a tenth of them, as the jackknife goes, more than there are features
ENOUGH = 4 * FEATURES  # images for an extrapolation: its smallest part is a quarter of them


def measure(images: Tensor, reference: Reference, labels: Tensor | None = None) -> Iterator[Metric]:
    """Yield the figures of generated images as they are computed.

    All are of the images as a PNG file would hold them, in 256 levels of grey.

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
    images = to_bytes(images)
    check_measurable(images)  # a picture of less than half a grey level is black on a disk
    for kind, judge in reference.judges.items():
        seen = look(judge, images)
        yield from _distances(seen, reference, kind)
        yield from _neighbours(seen, reference, kind)
        if judge.names_classes:
            yield from _classes(seen, reference, kind, labels)
        test = metrics.two_sample_test(reference.training[kind].features, seen.features)
        yield Metric("two_sample", test.accuracy, test.standard_error, kind)
        if kind == reference.first:
            found = metrics.nearest(seen.features[:QUERIES], reference.every_training)
            closer, copied = memorisation(found, reference.test_features)
            yield Metric("closer_features", *closer, kind)
            yield Metric("copied_features", *copied, kind)
    found = metrics.nearest(images[:QUERIES], reference.train.images)
    closer, copied = memorisation(found, reference.test_pixels)
    yield Metric("closer_pixels", *closer)
    yield Metric("copied_pixels", *copied)
    yield from _pixels(images, reference)


def _pixels(images: Tensor, reference: Reference) -> Iterator[Metric]:
    """What no judge has a say in."""
    test = metrics.pixel_two_sample_test(reference.train.images[reference.chosen], images)
    yield Metric("two_sample_pixels", test.accuracy, test.standard_error)
    pixels = to_unit(images)
    yield Metric("sharpness", *metrics.ratio_of_means(metrics.edge_strength(pixels), reference.edges))
    yield Metric("fine_detail", *metrics.ratio_of_means(metrics.fine_power(pixels), reference.details))


def _distances(seen: Seen, reference: Reference, kind: Kind) -> Iterator[Metric]:
    real = reference.training[kind].features

    def to_real(features: Tensor) -> float:
        return metrics.frechet_distance(features, real)

    yield Metric("frechet", to_real(seen.features), metrics.jackknife_error(to_real, seen.features), kind)
    if reference.n >= ENOUGH:
        endless = metrics.frechet_without_bias(real, seen.features)
        yield Metric("frechet_unbiased", endless.value, endless.standard_error, kind)
    kernel = metrics.kernel_distance(real, seen.features, subset_size=min(500, reference.n // 2))
    yield Metric("kernel", *kernel, kind)


def _neighbours(seen: Seen, reference: Reference, kind: Kind) -> Iterator[Metric]:
    # The errors are those of the choice of generated images; that of the real ones is left out.
    four = metrics.manifold(reference.training[kind].features, seen.features)
    yield Metric("precision", four.precision, _share_error(four.precision, reference.n), kind)
    yield Metric("recall", four.recall, _share_error(four.recall, reference.n), kind)
    yield Metric("density", four.density, four.density_error, kind)
    yield Metric("coverage", four.coverage, _share_error(four.coverage, reference.n), kind)


def _classes(seen: Seen, reference: Reference, kind: Kind, labels: Tensor | None) -> Iterator[Metric]:
    classes = reference.train.num_classes
    shares = metrics.class_shares(seen.answers, classes)
    real = metrics.class_shares(reference.training[kind].answers, classes)

    def to_real(answers: Tensor) -> float:
        return metrics.histogram_distance(metrics.class_shares(answers, classes), real)

    yield Metric("histogram", to_real(seen.answers), metrics.jackknife_error(to_real, seen.answers), kind)
    yield Metric("classes", metrics.classes_drawn(shares), None, kind)
    if labels is not None:
        right = metrics.conditional_accuracy(seen.answers, labels)
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
        reference = self.reference
        guess = float(torch.bincount(reference.test.labels[reference.held_out]).max()) / reference.n
        notes = [
            doubt_about(kind, self.floor["class_accuracy", kind].value, reference.n, guess)
            for kind, judge in reference.judges.items()
            if judge.names_classes
        ]
        distances = reference.test_pixels.distances[:, 0]
        copies = int((distances == 0).sum())
        if copies >= len(distances) / 10:  # published data hold a few too; these the floor shows
            notes.append(
                f"Warning: {copies:,} of {len(distances):,} test images are training images too, so new "
                "images cannot reach the floor: take them out of the test set"
            )
        for kind in reference.judges:
            if ("frechet_ratio", kind) not in self.floor:
                notes.append(f"Fréchet / floor is undefined for the {kind} judge: its floor is 0")
        return tuple(note for note in notes if note is not None)


def make_yardstick(
    train: Dataset,
    test: Dataset,
    n: int | None = None,
    *,
    seed: int = 0,
    judges: Mapping[Kind, Judge] | None = None,
    device: str | None = None,
    say: Callable[[str], None] = print,
) -> Yardstick:
    """Show real images to their judges, behind a progress bar.

    Args:
        train, test: the splits, whole.
        n: images per set; as many as there are test images, at most 10,000, if left out.
        seed: which of them.
        judges: by kind; those that come with the package if left out, or trained first for other data.
        device: where those judges compute, as for ``genlab.nn.device.find_device``.
        say: is told which judges.

    Raises:
        GenlabError: ``n`` is out of range, or a judge is damaged.
    """
    n = images_per_set(n, test)
    judges = judges_for(train, test, device=device, say=say) if judges is None else judges
    reference = make_reference(train, test, judges, n, seed=seed)
    held_out = reference.held_out
    floor = _figures(test.images[held_out], reference, test.labels[held_out], of="real images")
    return Yardstick(reference, with_ratio(floor, floor))


def images_per_set(n: int | None, test: Dataset) -> int:
    """``n``, or as many as there are test images, at most 10,000, if it is None.

    Raises:
        GenlabError: too few images for a covariance, or more than there are real ones.
    """
    if len(test) < LEAST:
        raise GenlabError(
            f"{test.name} has {len(test):,} test images, and a covariance of {FEATURES} features and its "
            f"error need {LEAST}: add pictures, about {5 * LEAST} in all, of which every fifth is for "
            f"testing (or {LEAST} in a test folder)"
        )
    n = min(10_000, len(test)) if n is None else n
    if n < LEAST:
        raise GenlabError(
            f"{n} images are too few: the covariance of {FEATURES} features and its error need {LEAST}, "
            "and a figure worth quoting a thousand"
        )
    if n > len(test):
        raise GenlabError(
            f"{n:,} images cannot be held against a floor: {test.name} has {len(test):,} test images, "
            f"so evaluate at most {len(test):,}"
        )
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
    figures = with_ratio(_figures(images, reference, labels, of=name), floor) | by_key(more)
    return Report(name, reference.train.name, reference.n, seed, figures, floor, yardstick.notes)


def _figures(images: Tensor, reference: Reference, labels: Tensor | None, *, of: str) -> dict[Key, Metric]:
    """All that ``measure`` yields, behind a progress bar."""
    of_classes = 2 + (labels is not None)
    total = 7  # of one judge alone, or of none
    for judge in reference.judges.values():
        total += 7 + (reference.n >= ENOUGH) + of_classes * judge.names_classes
    figures = []
    with bar(total, "figures", what=f"figures of {of}") as progress:
        for figure in measure(images, reference, labels):
            figures.append(figure)
            progress.update()
    return by_key(figures)
