"""Bounds on -log p(x) of test images: ``genlab nats my-vae --k 500``, ``genlab.nats("my-vae")``."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Literal

from genlab.commands.evaluate import data_of
from genlab.commands.find import find_run
from genlab.commands.sample import load
from genlab.data import load_dataset
from genlab.errors import GenlabError
from genlab.evaluation.metrics.likelihood import Bound, mean_bound
from genlab.family import HasLikelihood

MAX_K = 100_000


def nats(
    target: str | Path,
    *,
    k: int | Sequence[int] = (1, 50),
    n: int | None = None,
    seed: int = 0,
    checkpoint: Literal["newest", "best"] = "newest",
    overrides: Mapping[str, object] | None = None,
    device: str | None = None,
) -> list[Bound]:
    """The bounds of a run on the test images of the data that it was trained on.

    Args:
        target: a run's folder, or its name in ``runs/``.
        k: codes per image, or several such numbers, for one bound each. Time grows with it.
        n: the first so many test images; all if left out.
        seed: of the codes, and of the black and white images of a model that binarises.
        checkpoint, overrides, device: as for ``genlab.load``: ``{"model.prior": "standard"}`` say.

    Raises:
        GenlabError: no such run; a model that has no likelihood; k or n out of range.
    """
    path = find_run(target)
    family = load(path, checkpoint, overrides=overrides, device=device)
    if not isinstance(family, HasLikelihood):
        raise GenlabError(f"{path} cannot say how probable an image is: only a VAE can")
    k = [k] if isinstance(k, int) else list(k)
    if not k or not all(type(each) is int and 1 <= each <= MAX_K for each in k):
        raise GenlabError(f"k should be in 1..{MAX_K:,}, got {', '.join(map(str, k)) or 'none'}")
    name, root = data_of(path)
    test = load_dataset(name, "test", root)
    if n is not None and not 2 <= n <= len(test):
        raise GenlabError(f"n should be in 2..{len(test):,}, the test images of {test.name}, got {n:,}")
    return [mean_bound(family, test, k=each, n=n or len(test), seed=seed) for each in k]
