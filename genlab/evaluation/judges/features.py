"""Features and predicted classes of images, from a judge (a small network).

A network answers whatever it is given, also to images in the wrong range: so that is checked first.
"""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from genlab.data import IMAGE_SHAPE, to_bytes, to_signed
from genlab.errors import GenlabError
from genlab.evaluation.judges.networks import Judge

BATCH = 250  # larger ones fall out of the processor's cache and take longer


@dataclass(frozen=True, eq=False)
class Seen:
    """What a judge makes of images.

    Attributes:
        features: float32, (N, 64).
        outputs: float32, logits of the classes, (N, C); of a judge without classes the embedding, (N, 32).
    """

    features: Tensor
    outputs: Tensor

    @property
    def answers(self) -> Tensor:
        """The most probable class of each image, int64, (N,); of a judge that names classes."""
        return self.outputs.argmax(1)


@torch.no_grad()
def look(judge: Judge, images: Tensor, *, each_batch: Callable[[int], object] = lambda size: None) -> Seen:
    """Features of images as a PNG file would hold them, in 256 greys, and what the judge says of them.

    Args:
        judge: in eval mode.
        images: uint8, or float in [0, 1], (N, 1, 28, 28).
        each_batch: called with the size of each batch: for a progress bar.
    """
    device = next(judge.parameters()).device
    if device.type == "cpu":
        judge = judge.to(memory_format=torch.channels_last)  # twice as fast there, the same numbers
    features, outputs = [], []
    for batch in images.split(BATCH):
        seen = judge.body(to_signed(to_bytes(batch).to(device)))
        features.append(seen.cpu())
        outputs.append(judge.head(seen).cpu())
        each_batch(len(batch))
    return Seen(torch.cat(features), torch.cat(outputs))


def check_measurable(images: Tensor) -> None:
    """Refuse what no figure can be computed from.

    Raises:
        GenlabError: not (N, 1, 28, 28), values that are not finite or outside [0, 1], or images that
            are constant: all without anything on them, or all the same.
    """
    if images.ndim != 4 or images.shape[1:] != IMAGE_SHAPE or len(images) == 0:
        shape = ", ".join(str(size) for size in IMAGE_SHAPE)
        raise GenlabError(f"images should be of shape (N, {shape}), got {tuple(images.shape)}")
    if images.dtype != torch.uint8:
        if not images.is_floating_point():
            raise GenlabError(f"images should be float in [0, 1] or uint8, got {images.dtype}")
        broken = int((~torch.isfinite(images)).flatten(1).any(1).sum())
        if broken:
            raise GenlabError(
                f"{broken:,} of {len(images):,} images hold values that are not finite numbers: the model "
                "has diverged, go back to an earlier checkpoint"
            )
        low, high = images.min().item(), images.max().item()
        if low < 0 or high > 1:
            raise GenlabError(
                f"images should be in [0, 1], these reach from {low:.3g} to {high:.3g}: genlab.data.to_unit "
                "brings [-1, 1] there, images / 255 brings 0..255"
            )
    flat = images.flatten(1)
    if (flat == flat[:, :1]).all():
        raise GenlabError(f"all {len(images):,} images are constant, nothing is drawn on them")
    if len(images) > 1 and (flat == flat[0]).all():
        raise GenlabError(f"all {len(images):,} images are the same one: there is nothing to compare")
