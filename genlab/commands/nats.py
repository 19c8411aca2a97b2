"""How probable a model finds the test images: ``genlab nats my-vae --k 500``, ``genlab.nats("my-vae")``."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import torch

from genlab.commands.evaluate import data_of
from genlab.commands.find import find_run
from genlab.commands.sample import load
from genlab.data import Dataset, load_dataset, to_signed
from genlab.errors import GenlabError
from genlab.family import HasLikelihood
from genlab.progress import bar

IMAGES_AT_ONCE = 100
MAX_K = 100_000


@dataclass(frozen=True)
class Bound:
    """A bound on -log p(x), averaged over test images.

    Attributes:
        k: codes per image (``genlab.vae.likelihood``); 1 is the negative ELBO.
        nats: per image; lower is better.
        error: the standard error of that mean: how far another draw of as many test images may lie.
        n: how many images.
    """

    k: int
    nats: float
    error: float
    n: int


def nats(
    target: str | Path,
    *,
    k: int | Sequence[int] = (1, 50),
    n: int | None = None,
    seed: int = 0,
    checkpoint: Literal["newest", "best"] = "newest",
    overrides: Mapping[str, object] | None = None,
) -> list[Bound]:
    """The bounds of a run on the test images of the data that it was trained on.

    Args:
        target: a run's folder, or its name in ``runs/``.
        k: codes per image, or several such numbers, for one bound each. Time grows with it.
        n: the first so many test images; all if left out.
        seed: of the codes, and of the black and white images of a model that binarises.
        checkpoint, overrides: as for ``genlab.commands.sample.load``: ``{"model.prior": "standard"}`` say.

    Raises:
        GenlabError: no such run; a model that knows no bound; k or n out of range.
    """
    path = find_run(target)
    family = load(path, checkpoint, overrides=overrides)
    if not isinstance(family, HasLikelihood):
        raise GenlabError(f"{path} cannot say how probable an image is: only a VAE can")
    k = [k] if isinstance(k, int) else list(k)
    wrong = next((each for each in k if type(each) is not int or not 1 <= each <= MAX_K), None)
    if wrong is not None:
        raise GenlabError(f"k should be in 1..{MAX_K:,}, got {wrong}")
    name, root = data_of(path)
    test = load_dataset(name, "test", root)
    if n is not None and not 2 <= n <= len(test):
        raise GenlabError(f"n should be in 2..{len(test):,}, the test images of {test.name}, got {n:,}")
    return [bound_over(family, test, each, n or len(test), seed) for each in k]


@torch.no_grad()
def bound_over(family: HasLikelihood, test: Dataset, k: int, n: int, seed: int = 0) -> Bound:
    """The bound at ``k`` codes over the first ``n`` images, behind a progress bar."""
    generator, each = torch.Generator(), []
    with bar(n, "images", what=f"bound at k = {k:,}", hidden=n * k <= IMAGES_AT_ONCE) as progress:
        for start in range(0, n, IMAGES_AT_ONCE):
            rows = slice(start, min(start + IMAGES_AT_ONCE, n))
            images, labels = to_signed(test.images[rows]), test.labels[rows]
            generator.manual_seed(seed + start)  # for any k the same black and white images
            each.append(family.nats(images, labels, k=k, generator=generator).cpu())
            progress.update(len(images))
    values = torch.cat(each).double()
    return Bound(k, values.mean().item(), (values.std() / n**0.5).item(), n)
