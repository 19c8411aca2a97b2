"""The reference: features of real training and test images, and the floor that test images set.

Generated images are compared with N training images, which is what a model learned from. The floor
is what N test images get in their place: as good as new images can be, with this judge and this N.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from genlab.data import Dataset, to_unit
from genlab.evaluation.judges.features import Seen, look
from genlab.evaluation.judges.networks import Judge, Kind
from genlab.evaluation.metrics.appearance import edge_strength, fine_power
from genlab.evaluation.metrics.memorisation import Nearest, nearest
from genlab.progress import bar

QUERIES = 2000  # images whose nearest training images are searched for: enough for a share of 1 %


@dataclass(frozen=True, eq=False)
class Reference:
    """Real images of one data set, chosen by a seed, and what each judge sees of them.

    Attributes:
        train, test: the splits, whole.
        judges: by kind; the first one's features also serve to look for copies.
        n: images per set: generated, training and test.
        chosen: the training images that generated ones are compared with, (N,) indices.
        training: what each judge sees of them.
        edges, details: their sharpness and fine detail (``metrics.appearance``), (N,) each.
        held_out: which test images stand in for a perfect model, (N,) indices.
        test_seen: features of those test images by each judge, (N, 64).
        every_training: features of all training images by the first judge, (len(train), 64).
        test_pixels, test_features: the training images nearest to some test images.
    """

    train: Dataset
    test: Dataset
    judges: Mapping[Kind, Judge]
    n: int
    chosen: Tensor
    training: Mapping[Kind, Seen]
    edges: Tensor
    details: Tensor
    held_out: Tensor
    test_seen: Mapping[Kind, Tensor]
    every_training: Tensor
    test_pixels: Nearest
    test_features: Nearest

    @property
    def first(self) -> Kind:
        """The judge whose features serve to look for copies."""
        return next(iter(self.judges))


def make_reference(
    train: Dataset, test: Dataset, judges: Mapping[Kind, Judge], n: int, *, seed: int = 0
) -> Reference:
    """Look at the real images once, behind a progress bar, for any number of models.

    Args:
        train, test: the splits, whole.
        judges: by kind, in eval mode, trained on ``train``.
        n: images per set, as ``measure.images_per_set`` has them.
        seed: which ones.
    """
    # Not the seed itself: a caller who draws training images by the same one would get the same images.
    generator = torch.Generator().manual_seed(seed + 1_000_003)
    chosen = torch.randperm(len(train), generator=generator)[:n]
    shuffled = torch.randperm(len(test), generator=generator)
    held_out, queries = shuffled[:n], test.images[shuffled[-min(QUERIES, n) :]]
    first, *others = judges
    looks = len(train) + len(chosen) * len(others) + len(queries) + n * len(judges)
    with bar(looks, "images", what="judging real images") as progress:
        everything = look(judges[first], train.images, each_batch=progress.update)
        training = {first: Seen(everything.features[chosen], everything.outputs[chosen])}
        for kind in others:
            training[kind] = look(judges[kind], train.images[chosen], each_batch=progress.update)
        of_queries = look(judges[first], queries, each_batch=progress.update)
        test_seen = {
            kind: look(judge, test.images[held_out], each_batch=progress.update).features
            for kind, judge in judges.items()
        }
    pixels = to_unit(train.images[chosen])
    return Reference(
        train=train,
        test=test,
        judges=judges,
        n=n,
        chosen=chosen,
        training=training,
        edges=edge_strength(pixels),
        details=fine_power(pixels),
        held_out=held_out,
        test_seen=test_seen,
        every_training=everything.features,
        test_pixels=nearest(queries, train.images),
        test_features=nearest(of_queries.features, everything.features),
    )
