"""One split of a data set as resident tensors, and the two crossings between ranges of pixels."""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Literal

import torch
from torch import Tensor

from genlab.errors import GenlabError

IMAGE_SHAPE = (1, 28, 28)


Split = Literal["train", "test"]


@dataclass(frozen=True, eq=False)  # == of tensors has no single answer: two are equal if one object
class Dataset:
    """A split of a data set, whole, in memory.

    Attributes:
        name: ``mnist``, ``fashion_mnist``, ``digits`` or the absolute path of own data, never ``auto``:
            ``load_dataset(data.name, "test")`` gives the other split, from anywhere.
        split: ``train`` or ``test``.
        images: uint8, (N, 1, 28, 28), 0 is background.
        labels: int64, (N,), in [0, len(class_names)).
        class_names: one name per label.
        source: one sentence: where the images came from, and why from there.
    """

    name: str
    split: Split
    images: Tensor
    labels: Tensor
    class_names: tuple[str, ...]
    source: str

    def __len__(self) -> int:
        """The number of images."""
        return len(self.images)

    def __repr__(self) -> str:
        """One line for the end of a notebook cell, rather than 60,000 images."""
        shape = "x".join(str(size) for size in self.images.shape[1:])
        return f"{self.name} ({self.split}): {len(self):,} images of {shape}. {self.source}"

    @property
    def num_classes(self) -> int:
        """The number of classes."""
        return len(self.class_names)

    @cached_property
    def fingerprint(self) -> str:
        """SHA-256 over the bytes of the images, then of the labels: equal data, equal fingerprint.

        A run keeps it, so that training goes on with the data it began with and no other. It takes
        0.1 s for MNIST and is computed once: images changed in place afterwards are not noticed.
        """
        digest = hashlib.sha256()
        for tensor in (self.images, self.labels):
            digest.update(tensor.cpu().contiguous().numpy().data)
        return digest.hexdigest()

    def to(self, device: torch.device | str) -> "Dataset":
        """The same data set on another device, so that a GPU indexes its own memory."""
        return replace(self, images=self.images.to(device), labels=self.labels.to(device))

    def batches(
        self, batch_size: int, *, generator: torch.Generator | None = None
    ) -> Iterator[tuple[Tensor, Tensor]]:
        """One epoch in random order: ``(images in [-1, 1], labels)``, the last batch dropped if short.

        A short last batch would weigh its few images more than the others', and its size would be
        one more thing for a reader to keep in mind. Data sets smaller than one batch give one.

        Args:
            batch_size: images per batch, at least 1.
            generator: a CPU generator that decides the order; the global one if left out.
        """
        if batch_size < 1:
            raise GenlabError(f"batch_size must be at least 1, got {batch_size}")
        order = torch.randperm(len(self), generator=generator)
        for start in range(0, max(len(self) - batch_size, 0) + 1, batch_size):
            index = order[start : start + batch_size].to(self.images.device)
            yield to_signed(self.images[index]), self.labels[index]


def shared_images(train: Tensor, test: Tensor) -> int:
    """How many test images are, to the pixel, among the training images: there should be none.

    Args:
        train, test: uint8, (N, 1, 28, 28).
    """
    seen = {image.tobytes() for image in train.cpu().numpy()}
    return sum(row.tobytes() in seen for row in test.cpu().numpy())


def to_signed(images: Tensor) -> Tensor:
    """uint8 in 0..255, or float in [0, 1], to the float32 in [-1, 1] that models work in."""
    if images.dtype == torch.uint8:
        return images.to(torch.float32).mul_(2 / 255).sub_(1)
    return images * 2 - 1


def to_unit(images: Tensor) -> Tensor:
    """uint8 in 0..255, or float in [-1, 1] (clipped to it), to float32 in [0, 1] for people."""
    if images.dtype == torch.uint8:
        return images.to(torch.float32).div_(255)
    return ((images.float() + 1) / 2).clamp(0, 1)


def to_bytes(images: Tensor) -> Tensor:
    """Float in [0, 1] (clipped to it), or uint8, to uint8 in 0..255: what a PNG file would hold."""
    if images.dtype == torch.uint8:
        return images
    return (images.float().clamp(0, 1) * 255).round().to(torch.uint8)
