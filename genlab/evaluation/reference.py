"""The reference: features of real training and test images, and the floor that test images set.

Generated images are compared with N training images, which is what a model learned from. The floor
is what N test images get in their place: as good as new images can be, with this judge and this N.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from genlab.data import Dataset
from genlab.errors import GenlabError
from genlab.evaluation.judges.features import Seen, look
from genlab.evaluation.judges.networks import FEATURES, Judge, Kind
from genlab.evaluation.metrics.memorisation import Nearest, nearest

QUERIES = 2000  # images whose nearest training images are searched for: enough for a share of 1 %
LEAST = 73  # images: without a tenth of them, as the jackknife goes, more than there are features


@dataclass(frozen=True, eq=False)
class Reference:
    """Real images of one data set, chosen by a seed, and what each judge sees of them.

    Attributes:
        train, test: the splits, whole.
        judges: by kind; the first one's features also serve to look for copies.
        n: images per set: generated, training and test.
        training: what each judge sees of N training images.
        held_out: which test images stand in for a perfect model, (N,) indices.
        test_seen: features of those test images by the first judge, (N, 64).
        every_training: features of all training images by the first judge, (len(train), 64).
        test_pixels, test_features: the training images nearest to some test images.
    """

    train: Dataset
    test: Dataset
    judges: Mapping[Kind, Judge]
    n: int
    training: Mapping[Kind, Seen]
    held_out: Tensor
    test_seen: Tensor
    every_training: Tensor
    test_pixels: Nearest
    test_features: Nearest

    @property
    def first(self) -> Kind:
        """The judge whose features serve to look for copies."""
        return next(iter(self.judges))


def looks_needed(train: Dataset, judges: Mapping[Kind, Judge], n: int) -> int:
    """How many images judges look at in ``make_reference``: the length of its progress bar."""
    return len(train) + min(QUERIES, n) + n * len(judges)


def make_reference(
    train: Dataset,
    test: Dataset,
    judges: Mapping[Kind, Judge],
    n: int,
    *,
    seed: int = 0,
    each_batch: Callable[[int], object] = lambda size: None,
) -> Reference:
    """Look at the real images once, for any number of models.

    Args:
        train, test: the splits, whole.
        judges: by kind, in eval mode, trained on ``train``.
        n: images per set, at least 73 and at most as many as there are test images.
        seed: which ones.
        each_batch: told how many images were looked at, after each batch.

    Raises:
        GenlabError: ``n`` is out of range.
    """
    check_set_size(n, test)
    # Not the seed itself: a caller who draws training images by the same one would get the same images.
    generator = torch.Generator().manual_seed(seed + 1_000_003)
    chosen = torch.randperm(len(train), generator=generator)[: min(n, len(train))]
    shuffled = torch.randperm(len(test), generator=generator)
    held_out, queries = shuffled[:n], test.images[shuffled[-min(QUERIES, n) :]]
    first, *others = judges
    everything = look(judges[first], train.images, each_batch=each_batch)
    training = {first: Seen(everything.features[chosen], everything.answers[chosen])}
    for kind in others:
        training[kind] = look(judges[kind], train.images[chosen], each_batch=each_batch)
    seen = look(judges[first], queries, each_batch=each_batch)
    return Reference(
        train=train,
        test=test,
        judges=judges,
        n=n,
        training=training,
        held_out=held_out,
        test_seen=look(judges[first], test.images[held_out], each_batch=each_batch).features,
        every_training=everything.features,
        test_pixels=nearest(queries, train.images),
        test_features=nearest(seen.features, everything.features),
    )


def check_set_size(n: int, test: Dataset) -> None:
    """Raise GenlabError where N images are too few for a covariance, or more than there are real ones."""
    if len(test) < LEAST:
        raise GenlabError(
            f"{test.name} has {len(test):,} test images, and a covariance of {FEATURES} features and its "
            f"error need {LEAST}: add pictures, about {5 * LEAST} in all, of which every fifth is for "
            f"testing (or {LEAST} in a test folder)"
        )
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
