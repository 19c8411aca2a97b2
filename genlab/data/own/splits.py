"""From labelled images to the two splits of a data set, whatever file they came from."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from genlab.data.dataset import Dataset, Split, shared_images
from genlab.errors import GenlabError

EVERY = 5  # every fifth image of a class is kept for testing
Labelled = tuple[Tensor, Tensor]  # images, uint8 (N, 28, 28), and labels, int64 (N,), in 0..K-1


def is_test(labels: Tensor) -> Tensor:
    """Which images are kept for testing: the fifth, tenth, ... of each class, in the order given.

    Args:
        labels: int64, (N,).

    Returns:
        bool, (N,): always the same for the same labels, and about a fifth of every class.
    """
    chosen = torch.zeros(len(labels), dtype=torch.bool)
    for label in labels.unique():
        chosen[(labels == label).nonzero()[EVERY - 1 :: EVERY]] = True
    return chosen


def divide(path: Path, images: Tensor, labels: Tensor, class_names: Sequence[str]) -> list[Labelled]:
    """Both splits of a data set that came as one, each in mixed order.

    Raises:
        GenlabError: a class has fewer than five images.
    """
    for label, name in enumerate(class_names):
        count = int((labels == label).sum())
        if count < EVERY:
            raise GenlabError(
                f"{path}: the class {name!r} has {count} image{'s' * (count != 1)}, fewer than {EVERY}: "
                "add some, since every fifth is kept for testing, or leave the class out"
            )
    test = is_test(labels)
    return [mixed(images[chosen], labels[chosen]) for chosen in (~test, test)]


def mixed(images: Tensor, labels: Tensor) -> Labelled:
    """The same in random order, always the same one for the same number of images.

    Folders and hand-made arrays are sorted by class; the first hundred images should be of all classes.
    """
    order = torch.from_numpy(np.random.RandomState(0).permutation(len(labels)))
    return images[order], labels[order]


def both(
    path: Path, parts: Sequence[Labelled], class_names: Sequence[str], source: str
) -> dict[Split, Dataset]:
    """The two splits as data sets, once it is certain that there is something to learn in them.

    Args:
        path: what the data set is called.
        parts: the images and labels of each split, or of all, which are then divided.
        class_names: one name per label, all different.
        source: for ``Dataset.source``.

    Raises:
        GenlabError: a class is missing from a split, or too small for two; every image of a split is blank.
    """
    train, test = parts if len(parts) == 2 else divide(path, *parts[0], class_names)
    halves: dict[Split, Labelled] = {"train": train, "test": test}
    for split, (images, labels) in halves.items():
        for label, name in enumerate(class_names):
            if not bool((labels == label).any()):
                raise GenlabError(
                    f"{path}: the {split} split has no image of the class {name!r}: "
                    "add some, since each class needs images in both splits"
                )
        pixels = images.flatten(1)
        if bool((pixels.amin(1) == pixels.amax(1)).all()):
            raise GenlabError(
                f"{path}: every image of the {split} split is blank: look at the pictures "
                "(black ink on a transparent ground turns all black: give it a white ground)"
            )
    shared = shared_images(train[0], test[0])
    if shared:
        source = f"{shared:,} of the {len(test[0]):,} test images are training images too. {source}"
    return {
        split: Dataset(str(path), split, images.unsqueeze(1), labels, tuple(class_names), source)
        for split, (images, labels) in halves.items()
    }


def number(labels: Sequence[Tensor]) -> tuple[list[str], list[Tensor]]:
    """Labels that are any whole numbers, as 0..K-1: the numbers' names in order, then each part mapped."""
    values = torch.cat(list(labels)).unique()
    return [str(value) for value in values.tolist()], [torch.searchsorted(values, part) for part in labels]
