"""Mean bound on the negative log-likelihood of test images: for k = 1, the evidence lower bound, negated."""

from dataclasses import dataclass

import torch

from genlab.data import Dataset, to_signed
from genlab.family import HasLikelihood
from genlab.progress import bar

IMAGES_AT_ONCE = 100


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


@torch.no_grad()
def mean_bound(family: HasLikelihood, test: Dataset, *, n: int, k: int = 1, seed: int = 0) -> Bound:
    """The bound at ``k`` codes over the first ``n`` images, behind a progress bar if it takes long."""
    generator, each = torch.Generator(), []
    with bar(n, "images", what=f"bound at k = {k:,}", hidden=n * k <= 10 * IMAGES_AT_ONCE) as progress:
        for start in range(0, n, IMAGES_AT_ONCE):
            rows = slice(start, min(start + IMAGES_AT_ONCE, n))
            images, labels = to_signed(test.images[rows]), test.labels[rows]
            generator.manual_seed(seed + start)  # for any k the same black and white images
            each.append(family.nats(images, labels, k=k, generator=generator).cpu())
            progress.update(len(images))
    values = torch.cat(each).double()
    return Bound(k, values.mean().item(), (values.std() / n**0.5).item(), n)
