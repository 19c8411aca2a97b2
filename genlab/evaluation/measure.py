"""All figures of a set of generated images, one after the other."""

from collections.abc import Iterator

import torch
from torch import Tensor

from genlab.errors import GenlabError
from genlab.evaluation.classes import class_shares, classes_drawn, conditional_accuracy, histogram_distance
from genlab.evaluation.figures import Figure
from genlab.evaluation.frechet import frechet_distance, frechet_without_bias
from genlab.evaluation.judges import FEATURES, Kind
from genlab.evaluation.kernel import kernel_distance
from genlab.evaluation.look import Seen, check_measurable, look
from genlab.evaluation.manifold import manifold
from genlab.evaluation.memorisation import memorisation, nearest
from genlab.evaluation.reference import QUERIES, Reference
from genlab.evaluation.two_sample import two_sample_test
from genlab.evaluation.uncertainty import jackknife_error

ENOUGH = 4 * FEATURES  # images for an extrapolation: its smallest part is a quarter of them


def measure(images: Tensor, reference: Reference, labels: Tensor | None = None) -> Iterator[Figure]:
    """Yield the figures of generated images as they are computed.

    Args:
        images: uint8, or float in [0, 1], (N, 1, 28, 28), N that of the reference.
        reference: what they are measured against.
        labels: int64 (N,), the classes that were asked for, where the model takes any.

    Raises:
        GenlabError: images that nothing can be computed from (``look.check_measurable``), or another number
            of them than the reference has.
    """
    check_measurable(images)
    if len(images) != reference.n:
        raise GenlabError(
            f"{len(images):,} images against a reference of {reference.n:,}: the floor would be another one"
        )
    for kind, judge in reference.judges.items():
        seen = look(judge, images)
        yield from _distances(seen, reference, kind)
        yield from _neighbours(seen, reference, kind)
        yield from _classes(seen, reference, kind, labels)
        test = two_sample_test(reference.training[kind].features, seen.features)
        yield Figure("two_sample", test.accuracy, test.standard_error, kind)
        if kind == reference.first:
            found = nearest(seen.features[:QUERIES], reference.every_training)
            memory = memorisation(found, reference.test_features)
            yield Figure("closer_features", memory.closer, memory.closer_error, kind)
            yield Figure("copied_features", memory.copied, memory.copied_error, kind)
    memory = memorisation(nearest(images[:QUERIES], reference.train.images), reference.test_pixels)
    yield Figure("closer_pixels", memory.closer, memory.closer_error)
    yield Figure("copied_pixels", memory.copied, memory.copied_error)


def number_of_figures(reference: Reference, labels: Tensor | None = None) -> int:
    """How many figures ``measure`` yields: the length of its progress bar."""
    each = 9 + (reference.n >= ENOUGH) + (labels is not None)
    return len(reference.judges) * each + 4


def real_figures(reference: Reference) -> Iterator[Figure]:
    """What real test images get: the floor, and the row of real data in a table."""
    index = reference.held_out
    yield from measure(reference.test.images[index], reference, reference.test.labels[index])


def _distances(seen: Seen, reference: Reference, kind: Kind) -> Iterator[Figure]:
    real = reference.training[kind].features

    def to_real(features: Tensor) -> float:
        return frechet_distance(features, real)

    yield Figure("frechet", to_real(seen.features), jackknife_error(to_real, seen.features), kind)
    if reference.n >= ENOUGH:
        endless = frechet_without_bias(real, seen.features)
        yield Figure("frechet_unbiased", endless.value, endless.standard_error, kind)
    kernel = kernel_distance(real, seen.features, subset_size=min(500, reference.n // 2))
    yield Figure("kernel", kernel.value, kernel.standard_error, kind)


def _neighbours(seen: Seen, reference: Reference, kind: Kind) -> Iterator[Figure]:
    # The errors are those of the choice of generated images; that of the real ones is left out.
    four = manifold(reference.training[kind].features, seen.features)
    yield Figure("precision", four.precision, _share_error(four.precision, reference.n), kind)
    yield Figure("recall", four.recall, _share_error(four.recall, reference.n), kind)
    yield Figure("density", four.density, four.density_error, kind)
    yield Figure("coverage", four.coverage, _share_error(four.coverage, reference.n), kind)


def _classes(seen: Seen, reference: Reference, kind: Kind, labels: Tensor | None) -> Iterator[Figure]:
    classes = reference.train.num_classes
    shares = class_shares(seen.answers, classes)
    real = class_shares(reference.training[kind].answers, classes)

    def to_real(answers: Tensor) -> float:
        return histogram_distance(class_shares(answers, classes), real)

    yield Figure("histogram", to_real(seen.answers), jackknife_error(to_real, seen.answers), kind)
    yield Figure("classes", classes_drawn(shares), None, kind)
    if labels is not None:
        right = conditional_accuracy(seen.answers, labels)
        yield Figure("class_accuracy", right, _share_error(right, len(labels)), kind)


def _share_error(share: float, n: int) -> float:
    """Standard error of a share of n images, as of n tosses of a coin."""
    return float(torch.tensor(share * (1 - share) / n).sqrt())
