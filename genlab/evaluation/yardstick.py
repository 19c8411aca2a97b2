"""Real images and what they get themselves, made once; then the report on any model's images."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass

from torch import Tensor

from genlab.bars import bar
from genlab.data import Dataset
from genlab.evaluation.figures import Figure
from genlab.evaluation.judge import doubt_about, judges_for
from genlab.evaluation.judges import Judge, Kind
from genlab.evaluation.measure import measure, number_of_figures, real_figures
from genlab.evaluation.reference import Reference, check_number, looks_needed, make_reference
from genlab.evaluation.report import Key, Report, by_key, with_ratio


@dataclass(frozen=True)
class Yardstick:
    """What models of one data set are measured with.

    Attributes:
        reference: real images as the judges see them.
        floor: the figures that real test images get.
    """

    reference: Reference
    floor: Mapping[Key, Figure]

    @property
    def real(self) -> Report:
        """Real test images as if they were a model's: the first row of a table."""
        reference = self.reference
        name = reference.train.name
        return Report("real test images", name, reference.n, 0, self.floor, self.floor, self.notes)

    @property
    def notes(self) -> tuple[str, ...]:
        """A warning for each judge that hardly does better than guessing on these test images."""
        labels = self.reference.test.labels[self.reference.held_out]
        doubts = (
            doubt_about(kind, self.floor["class_accuracy", kind].value, labels)
            for kind in self.reference.judges
        )
        return tuple(doubt for doubt in doubts if doubt is not None)


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
    check_number(n, test)
    return n


def report_on(
    images: Tensor,
    yardstick: Yardstick,
    *,
    name: str,
    seed: int = 0,
    labels: Tensor | None = None,
    more: Iterable[Figure] = (),
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
    figures: Iterator[Figure], reference: Reference, what: str, labels: Tensor | None = None
) -> Iterator[Figure]:
    """The same figures behind a progress bar."""
    with bar(number_of_figures(reference, labels), "figures", what=what) as progress:
        for figure in figures:
            progress.update()
            yield figure
