"""The checks of notebook 00: what each tries, a right answer, and the hints."""

from collections.abc import Callable
from math import inf, sqrt
from typing import Any

import torch
from torch import Tensor

from genlab.teach.check import Answer, Check, Seen, as_numbers

BYTES = torch.tensor([[0, 51, 102], [128, 204, 255]], dtype=torch.uint8)

check_signed = Check(
    lambda signed: {
        "black, 0": signed(torch.zeros(1, dtype=torch.uint8)),
        "white, 255": signed(torch.full((1,), 255, dtype=torch.uint8)),
        "the bytes 0, 51, 102, 128, 204, 255": signed(BYTES.clone()),
    },
    right=lambda images: images / 127.5 - 1,
    mistakes=[
        (
            lambda images: images / 255,
            "that is [0, 1], for people. For models the range is twice as wide, and begins at -1.",
        ),
        (
            lambda images: images * 2 / 255 - 1,
            "a byte holds nothing above 255: `images * 2` runs over, and bright pixels turn dark. Divide "
            "first, that makes floats.",
        ),
        (
            lambda images: images / 128 - 1,
            "white stays a little below 1. The middle of 0 and 255 is not 128.",
        ),
        (
            lambda images: images / 255 - 0.5,
            "your range is 1 wide, from -0.5 to 0.5. It has to be 2 wide.",
        ),
        (
            lambda images: images / 255 * 2,
            "2 wide is right, but the range begins at 0. Shift it.",
        ),
        (
            lambda images: 1 - images / 255 * 2,
            "turned round: black has to be -1, and white 1.",
        ),
        (
            lambda images: images - 127.5,
            "the middle is at 0, that is right. Now divide, so that white comes out at 1.",
        ),
    ],
)

COVARIANCES = {
    "two pixels": torch.tensor([[2.0, 0.6], [0.6, 0.5]], dtype=torch.float64),
    "three pixels": torch.tensor([[1.0, 0.5, 0.2], [0.5, 2.0, 0.9], [0.2, 0.9, 3.0]], dtype=torch.float64),
}


def tries_of_stretch(stretch: Answer) -> Seen:
    """The covariance that it gives: many S are right, and S^T S is the same for all of them."""
    made = {what: as_numbers(stretch(c.clone())) for what, c in COVARIANCES.items()}
    return {f"S^T S for {what}": s.T @ s for what, s in made.items()}


def axes(covariance: Tensor) -> tuple[Tensor, Tensor]:
    """The widths along the cloud's axes, as a column, and the axes, as columns."""
    values, vectors = torch.linalg.eigh(covariance)
    return values.sqrt()[:, None], vectors


def stretch_of(covariance: Tensor) -> Tensor:
    """S with S^T S = C."""
    widths, vectors = axes(covariance)
    return widths * vectors.T


check_stretch = Check(
    tries_of_stretch,
    right=stretch_of,
    mistakes=[
        (
            lambda c: axes(c)[0] ** 2 * axes(c)[1].T,
            "S^T S gives C times C, so a root is missing. An eigenvalue is a variance, and the width is its "
            "root.",
        ),
        (
            lambda c: axes(c)[1].T,
            "S^T S gives I: your S turns the noise and does not stretch it. Where are the eigenvalues?",
        ),
        (
            lambda c: axes(c)[1] * axes(c)[0].T,
            "S^T S comes out diagonal. Each width has to multiply a row of V^T: make a column of the widths "
            "with `[:, None]`.",
        ),
        (
            lambda c: axes(c)[0] * axes(c)[1],
            "the axes are the columns of V. In S they are rows: transpose V.",
        ),
        (
            lambda c: torch.linalg.cholesky(c),
            "Cholesky gives an L with L L^T = C. You need S^T S = C: transpose it.",
        ),
        (
            lambda c: c.sqrt(),
            "the root of each entry is not the root of the matrix.",
        ),
        (
            lambda c: c.diag().sqrt().diag(),
            "that is the fog: only the diagonal of C is used, and no pixel knows another.",
        ),
    ],
)


def tries_of_lengths(lengths: Answer) -> Seen:
    """In three numbers of dimensions."""
    seen = {}
    for d in (100, 784, 3072):
        seen[f"a draw in {d} dimensions"], seen[f"halfway between two draws in {d} dimensions"] = lengths(d)
    return seen


check_lengths = Check(
    tries_of_lengths,
    right=lambda d: (sqrt(d), sqrt(d / 2)),
    mistakes=[
        (
            lambda d: (d, d / 2),
            "those are the squared lengths: take the root.",
        ),
        (
            lambda d: (1, sqrt(1 / 2)),
            "one number of z is about 1 in size. Its length is the root of the sum of all d squares.",
        ),
        (
            lambda d: (0, 0),
            "0 is the mean of all draws. But a single draw is off in each of its d numbers: how far in all?",
        ),
        (
            lambda d: (sqrt(d), sqrt(d)),
            "the first is right. Halfway is shorter: which variance has one number of (z1 + z2) / 2?",
        ),
        (
            lambda d: (sqrt(d), sqrt(d) / 2),
            "the first is right. The second would be the length of z1 / 2 alone, and z2 / 2 is added to it.",
        ),
        (
            lambda d: (sqrt(d), sqrt(2 * d)),
            "the first is right. The second is the length of z1 + z2: halfway is half of that.",
        ),
        (
            lambda d: (sqrt(d), 0),
            "the first is right. Halfway is at 0 only for two opposite draws: two independent ones are "
            "about at a right angle.",
        ),
    ],
    tolerance=1e-2,  # so that a mean over a few hundred draws is right as well
)

# Six images of three pixels; the second and the fifth are the same.
IMAGES = torch.tensor(
    [[0, 0, 0], [1, 0, 0.2], [0.5, 0.5, 0.5], [0.1, 0.3, 0], [1, 0, 0.2], [0.9, 0.8, 1]], dtype=torch.float64
)


def without_itself(distances: Tensor) -> Tensor:
    """Distances (N, N), in which no image is near itself."""
    return distances.clone().fill_diagonal_(inf)


check_nearest_other = Check(
    lambda nearest: {
        "three images, no two alike": nearest(IMAGES[[0, 2, 5]]),
        "six images, two of them the same": nearest(IMAGES.clone()),
    },
    right=lambda x: without_itself(torch.cdist(x, x)).min(1).values,
    mistakes=[
        (
            lambda x: torch.cdist(x, x).min(1).values,
            "every image finds itself, at distance 0. Put infinity on the diagonal.",
        ),
        (
            lambda x: torch.cdist(x, x).where(torch.cdist(x, x) > 0, inf).min(1).values,
            "a copy is at distance 0 too, and you must not overlook it. Leave out the diagonal and nothing "
            "else.",
        ),
        (
            lambda x: torch.cdist(x, x).max(1).values,
            "that is the farthest image, not the nearest.",
        ),
        (
            lambda x: without_itself(torch.cdist(x, x)).min(1).values ** 2,
            "those are the squared distances: take the root.",
        ),
        (
            lambda x: without_itself(torch.cdist(x, x, p=1)).min(1).values,
            "you add up the differences themselves. Square them, add them up, take the root.",
        ),
        (
            lambda x: without_itself(torch.cdist(x, x)).min(1).indices,
            "you say which image is nearest. The question is how far away it is.",
        ),
        (
            lambda x: torch.cdist(x, x).sum(1) / (len(x) - 1),
            "that is the mean distance to all others. The smallest is wanted.",
        ),
        (
            lambda x: without_itself(torch.cdist(x, x)).min(),
            "that is one number for all. Give one for each image: take the minimum of every row.",
        ),
    ],
    tolerance=5e-3,
)

SPREADS = torch.tensor([0.1, 0.5, 0.3, 0.0])


def tries_of_squares(squares: Answer) -> Seen:
    """For clouds of one and of four pixels."""
    seen = {}
    for what, s in (("one pixel, s = 0.4", torch.tensor([0.4])), ("four pixels", SPREADS.clone())):
        seen[f"mean to image, {what}"], seen[f"image to image, {what}"] = squares(s)
    return seen


check_squares = Check(
    tries_of_squares,
    right=lambda s: (s.square().sum(), 2 * s.square().sum()),
    mistakes=[
        (
            lambda s: (s.sum(), 2 * s.sum()),
            "the mean squared distance from the mean is the variance, and s is its root.",
        ),
        (
            lambda s: (s.square().sum(), s.square().sum()),
            "the first is right. Between two images both ends scatter, so there is more.",
        ),
        (
            lambda s: (s.square().sum(), 4 * s.square().sum()),
            "the first is right. In a difference of two independent numbers the variances add up, not the "
            "standard deviations.",
        ),
        (
            lambda s: (s.square().mean(), 2 * s.square().mean()),
            "you average over the pixels. A squared distance is their sum.",
        ),
        (
            lambda s: (s.square().sum().sqrt(), (2 * s.square().sum()).sqrt()),
            "squared distances are wanted: leave out the root.",
        ),
        (
            lambda s: (2 * s.square().sum(), s.square().sum()),
            "turned round: the mean is the nearer one.",
        ),
        (
            lambda s: (s.square().sum(), 0),
            "two images are the same on average, but their squared difference is never below 0. What is its "
            "mean?",
        ),
    ],
    tolerance=1e-2,  # so that a mean over many draws is right as well
)

# Three classes of two pixels, each with a mean and a covariance of its own.
SIZES, MEANS = (3000, 1500, 2000), torch.tensor([[0.0, 2.0], [2.0, -1.0], [-2.0, 0.5]])
SHAPES = torch.tensor([[[1.0, 0.0], [0.9, 0.5]], [[0.6, -0.5], [0.0, 2.0]], [[1.5, 1.0], [0.0, 0.6]]])
LABELS = torch.repeat_interleave(torch.arange(3), torch.tensor(SIZES))


def cloud() -> Tensor:
    """The images, (N, 2)."""
    noise = torch.randn(len(LABELS), 1, 2, generator=torch.Generator().manual_seed(0))
    return MEANS[LABELS] + (noise @ SHAPES[LABELS])[:, 0]


CLOUD = cloud()


def tries_of_class_draws(draws: Answer) -> Seen:
    """Eight thousand draws of each class: where they are, how they scatter, and whether they are new."""
    wanted = torch.arange(3).repeat(8000)
    made = as_numbers(draws(CLOUD.clone(), LABELS.clone(), wanted.clone()))
    seen: dict[str, Any] = {}
    for label in range(3):
        seen[f"mean of 8,000 draws of class {label}"] = made[wanted == label].mean(0)
        seen[f"covariance of 8,000 draws of class {label}"] = made[wanted == label].T.cov()
    copies = (made[:100, None].float() == CLOUD).all(2).any(1)
    seen["share of the draws that are training images"] = copies.double().mean()
    return seen


def drawn(fit: Callable[[Tensor, Tensor], tuple[Tensor, Tensor]]) -> Answer:
    """A sampler from what gives, for the images of one class and all images, a mean and a stretch."""

    def draws(x: Tensor, labels: Tensor, wanted: Tensor) -> Tensor:
        made = torch.empty(len(wanted), x.shape[1])
        for label in range(3):
            mean, stretch = fit(x[labels == label], x)
            asked = wanted == label
            made[asked] = mean + torch.randn(int(asked.sum()), x.shape[1]) @ stretch
        return made

    return draws


own_gaussians = drawn(lambda own, x: (own.mean(0), stretch_of(own.T.cov())))


def photocopies(x: Tensor, labels: Tensor, wanted: Tensor) -> Tensor:
    """For each class wanted, one of its images."""
    of_each = [torch.nonzero(labels == label)[:, 0] for label in range(3)]
    return torch.stack([x[of_each[k][torch.randint(len(of_each[k]), ())]] for k in wanted.tolist()])


check_class_draws = Check(
    tries_of_class_draws,
    right=own_gaussians,
    mistakes=[
        (
            drawn(lambda own, x: (x.mean(0), stretch_of(x.T.cov()))),
            "every class is drawn from the same Gaussian. Use only the images whose label is the one wanted.",
        ),
        (
            drawn(lambda own, x: (own.mean(0), stretch_of(x.T.cov()))),
            "the means are right, but the covariance is that of all images. Each class has its own.",
        ),
        (
            drawn(lambda own, x: (own.mean(0), own.std(0).diag())),
            "that is a fog for each class: the pixels scatter rightly, but each by itself. Use the whole "
            "covariance.",
        ),
        (
            drawn(lambda own, x: (own.mean(0), own.T.cov())),
            "you multiply the noise with the covariance. It takes a stretch S, with S^T S = C.",
        ),
        (
            drawn(lambda own, x: (own.mean(0), torch.linalg.cholesky(own.T.cov()))),
            "S^T S has to be C. Cholesky's L has L L^T = C: transpose it.",
        ),
        (
            drawn(lambda own, x: (torch.zeros(2), stretch_of(own.T.cov()))),
            "the draws scatter about 0. Add the mean of the class.",
        ),
        (
            drawn(lambda own, x: (own.mean(0), torch.zeros(2, 2))),
            "all draws of a class are its mean image: no noise is in them.",
        ),
        (
            lambda x, labels, wanted: own_gaussians(x, labels, wanted.sort().values),
            "the draws come sorted by class. Draw `wanted[0]` first, and then in the order asked for.",
        ),
        (
            photocopies,
            "these are training images. A photocopier draws nothing new: fit a Gaussian and draw from it.",
        ),
    ],
    tolerance=0.15,  # draws differ, and an answer may draw in another order
)
