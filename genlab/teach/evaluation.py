"""The checks of notebook 04: what each tries, a right answer, and the hints."""

from math import ceil, comb, sqrt

import torch
from torch import Tensor

from genlab.teach.check import Check

# How many of n right answers are more than luck.


def tail(n: int, k: int) -> float:
    """The chance that n coins give k heads or more."""
    return sum(comb(n, i) for i in range(k, n + 1)) / 2**n


def first_below(n: int, limit: float, shift: int = 0, sides: int = 1) -> int:
    """The least k, from half of n on, whose tail is below the limit."""
    return next(k for k in range((n + 1) // 2, n + 2) if sides * tail(n, k + shift) < limit)


check_least = Check(
    lambda least: {
        "20 images, a coin may get there in 1 of 40 games": least(20, 1 / 40),
        "20 images, 1 of 1,000 games": least(20, 1 / 1000),
        "100 images, 1 of 40 games": least(100, 1 / 40),
        "200 images, 1 of 40 games": least(200, 1 / 40),
    },
    right=first_below,
    mistakes=[
        (
            lambda n, limit: first_below(n, limit, shift=1),
            "one too few: k itself belongs to 'k or more'.",
        ),
        (
            lambda n, limit: first_below(n, limit, shift=-1),
            "one too many: for k or more, the sum begins at k.",
        ),
        (
            lambda n, limit: next(k for k in range(n // 2, n + 1) if comb(n, k) / 2**n < limit),
            "that is the chance of exactly k. A coin that gets further has been as lucky: add up k, k + 1, "
            "..., n.",
        ),
        (
            lambda n, limit: next((k for k in range(n + 1) if comb(n, k) / 2**n < limit), n),
            "to get none right is rare, too, but it is no skill. Add up the chances of k, k + 1, ..., n.",
        ),
        (
            lambda n, limit: first_below(n, limit, sides=2),
            "you count both ends. Only many right answers speak for you, so one end is meant.",
        ),
        (
            lambda n, limit: ceil(n / 2 + sqrt(n)),
            "n / 2 and two standard deviations are a rule of thumb, and it knows no limit. Add up the "
            "chances themselves.",
        ),
        (
            lambda n, limit: next(k for k in range(n + 1) if 1 - tail(n, k + 1) >= limit),
            "that is the lower end, where somebody has been unlucky: sum from k up to n, not from 0 to k.",
        ),
    ],
)

# The Fréchet distance of clouds whose features do not vary together.


def cloud(n: int, means: list[float], widths: list[float]) -> Tensor:
    """Draws, (n, D), with exactly these means and widths, and no covariance between features."""
    noise = torch.randn(n, len(means), dtype=torch.float64, generator=torch.Generator().manual_seed(n))
    even = torch.linalg.qr(noise - noise.mean(0)).Q * sqrt(n - 1)
    return (torch.tensor(means) + torch.tensor(widths) * even).float()


# So many rows that dividing by N or by N - 1 makes no difference.
CLOUD_A = cloud(4000, [0.0, 1.0, -1.0], [1.0, 2.0, 0.5])
CLOUD_B = cloud(3000, [2.0, 1.0, 0.0], [0.5, 2.0, 1.5])

check_frechet = Check(
    lambda distance: {
        "one feature, mean 0 and width 1 against mean 2 and width 0.5": distance(
            CLOUD_A[:, :1], CLOUD_B[:, :1]
        ),
        "three features": distance(CLOUD_A, CLOUD_B),
        "two features, one cloud twice": distance(CLOUD_A[:, 1:], CLOUD_A[:, 1:]),
    },
    right=lambda a, b: ((a.mean(0) - b.mean(0)) ** 2 + (a.std(0) - b.std(0)) ** 2).sum(),
    mistakes=[
        (
            lambda a, b: ((a.mean(0) - b.mean(0)) ** 2 + (a.var(0) - b.var(0)) ** 2).sum(),
            "the widths are the standard deviations, and you take the variances.",
        ),
        (
            lambda a, b: ((a.mean(0) - b.mean(0)) ** 2 + a.var(0) + b.var(0) - 2 * a.var(0) * b.var(0)).sum(),
            "the root in the trace is missing: under it stands the product of the two variances.",
        ),
        (
            lambda a, b: (a.mean(0) - b.mean(0)) ** 2 + (a.std(0) - b.std(0)) ** 2,
            "one distance for each feature is left over: add them up.",
        ),
        (
            lambda a, b: ((a.mean(0) - b.mean(0)) ** 2 + (a.std(0) - b.std(0)) ** 2).mean(),
            "you average over the features. Add them up: a squared length is a sum.",
        ),
        (
            lambda a, b: ((a.mean(0) - b.mean(0)) ** 2 + (a.std(0) - b.std(0)) ** 2).sum().sqrt(),
            "no root at the end: the squared distance is meant, as in the formula.",
        ),
        (
            lambda a, b: ((a.mean(0) - b.mean(0)) ** 2).sum(),
            "you compare only where the clouds are. One may be narrower, too: what about the widths?",
        ),
        (
            lambda a, b: ((a.mean(0) - b.mean(0)) ** 2 + (a.std(0) + b.std(0)) ** 2).sum(),
            "the widths are added. A cloud would then be away from itself.",
        ),
        (
            lambda a, b: ((a.mean(0) - b.mean(0)).abs() + (a.std(0) - b.std(0)).abs()).sum(),
            "the two differences are not squared.",
        ),
        (
            lambda a, b: (a.mean() - b.mean()) ** 2 + (a.std() - b.std()) ** 2,
            "you mix all features into one. Take the mean and the width of each, over the images: dim 0.",
        ),
    ],
)

# The distance at 1/N = 0.

SIZES = torch.tensor([100.0, 125.0, 160.0, 200.0, 250.0, 400.0])
ON_A_LINE = 1.5 + 60 / SIZES
SCATTERED = ON_A_LINE + torch.tensor([0.12, -0.2, 0.1, 0.15, -0.1, 0.05])


def line(x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
    """Slope and intercept of the least-squares line."""
    slope = ((x - x.mean()) * (y - y.mean())).sum() / ((x - x.mean()) ** 2).sum()
    return slope, y.mean() - slope * x.mean()


def between_the_ends(sizes: Tensor, distances: Tensor) -> Tensor:
    """The intercept of the line through the first and the last point alone."""
    return line(1 / sizes[[0, -1]], distances[[0, -1]])[1]


def other_way_round(sizes: Tensor, distances: Tensor) -> Tensor:
    """Where the line that says 1/N from the distance has its 1/N = 0."""
    slope, intercept = line(distances, 1 / sizes)
    return -intercept / slope


check_limit = Check(
    lambda limit: {
        "distances that are exactly 1.5 + 60 / N": limit(SIZES, ON_A_LINE),
        "distances that scatter around that": limit(SIZES, SCATTERED),
    },
    right=lambda sizes, distances: line(1 / sizes, distances)[1],
    mistakes=[
        (
            lambda sizes, distances: line(sizes, distances)[1],
            "your line runs over N, and it ends at N = 0, where there are no images at all. Put 1/N on the "
            "axis.",
        ),
        (
            lambda sizes, distances: line(1 / sizes, distances)[0],
            "that is the slope, how fast the bias shrinks. What is the line's height at 1/N = 0?",
        ),
        (
            lambda sizes, distances: distances[-1],
            "the largest N has the least bias, but some is left. Follow the line on to 1/N = 0.",
        ),
        (
            lambda sizes, distances: distances.mean(),
            "a mean of the distances keeps their bias. Draw a line through them, over 1/N.",
        ),
        (
            between_the_ends,
            "a line through two of the points believes their chance. Let all of them have a say (least "
            "squares).",
        ),
        (
            other_way_round,
            "turned round: the distance is what the line says, from 1/N, which you know exactly.",
        ),
        (
            lambda sizes, distances: line(-sizes.log(), distances)[1],
            "over log N the points lie on no line. The bias shrinks as 1/N.",
        ),
    ],
)

# Balls around points.

ON_AN_AXIS = torch.tensor([[0.0], [1.0], [3.0], [7.0]])
OTHERS_ON_IT = torch.tensor([[0.4], [4.5], [5.5], [12.0], [14.0]])
DOTS = torch.randn(24, 2, generator=torch.Generator().manual_seed(5))
MORE_DOTS = 0.3 + 2 * torch.randn(20, 2, generator=torch.Generator().manual_seed(6))


def reach(points: Tensor, k: int) -> Tensor:
    """The distance of each one's k-th nearest other; at place 0 is the point itself."""
    return torch.cdist(points, points).sort(1).values[:, k]


def inside(real: Tensor, made: Tensor, k: int) -> Tensor:
    """Which generated points, dim 0, lie in which real balls, dim 1."""
    return torch.cdist(made, real) <= reach(real, k)


def share(which: Tensor) -> Tensor:
    """Of those that are true."""
    return which.double().mean()


def in_the_mean_ball(real: Tensor, made: Tensor, k: int) -> Tensor:
    """Which generated points would lie in which real balls, if all were of one size."""
    return torch.cdist(made, real) <= reach(real, k).mean()


check_precision = Check(
    lambda precision: {
        "real at 0, 1, 3 and 7, drawn at 0.4, 4.5, 5.5, 12 and 14, k = 1": precision(
            ON_AN_AXIS, OTHERS_ON_IT, 1
        ),
        "24 real and 20 drawn dots in the plane, k = 3": precision(DOTS, MORE_DOTS, 3),
        "the same, k = 1": precision(DOTS, MORE_DOTS, 1),
    },
    right=lambda real, made, k: share(inside(real, made, k).any(1)),
    mistakes=[
        (
            lambda real, made, k: share(inside(real, made, k - 1).any(1)),
            "your balls are too small: the nearest real image to a real image is itself, at distance 0. "
            "It does not count.",
        ),
        (
            lambda real, made, k: share(inside(real, made, k + 1).any(1)),
            "your balls are too large: they reach to the neighbour after the k-th.",
        ),
        (
            lambda real, made, k: share(inside(made, real, k).any(1)),
            "the roles are exchanged: that is the recall. Put the balls around the real ones.",
        ),
        (
            lambda real, made, k: share(inside(real, made, k).any(0)),
            "that is the share of real balls with something in it, the coverage. Ask each generated image.",
        ),
        (
            lambda real, made, k: share(inside(real, made, k).all(1)),
            "one ball is enough: `any`, and not `all`.",
        ),
        (
            lambda real, made, k: share(inside(real, made, k)),
            "that is the share of all pairs. First ask of each generated image whether *any* ball has it.",
        ),
        (
            lambda real, made, k: inside(real, made, k).any(1).double().sum(),
            "a count is no share: divide by the number of generated images.",
        ),
        (
            lambda real, made, k: share(in_the_mean_ball(real, made, k).any(1)),
            "each ball has a size of its own: where real images are dense it is small.",
        ),
        (
            lambda real, made, k: share((torch.cdist(made, real) <= reach(made, k)[:, None]).any(1)),
            "your balls are as large as the generated images' neighbours are far. Their size comes from "
            "the real images alone.",
        ),
    ],
)

check_coverage = Check(
    lambda coverage: {
        "real at 0, 1, 3 and 7, drawn at 0.4, 4.5, 5.5, 12 and 14, k = 1": coverage(
            ON_AN_AXIS, OTHERS_ON_IT, 1
        ),
        "24 real and 20 drawn dots in the plane, k = 3": coverage(DOTS, MORE_DOTS, 3),
        "the same, k = 1": coverage(DOTS, MORE_DOTS, 1),
    },
    right=lambda real, made, k: share(inside(real, made, k).any(0)),
    mistakes=[
        (
            lambda real, made, k: share(inside(real, made, k).any(1)),
            "that is the precision: the share of generated images in a ball. Ask each ball.",
        ),
        (
            lambda real, made, k: share(inside(made, real, k).any(1)),
            "that is the recall: it trusts the balls around generated images, and rubbish has huge ones.",
        ),
        (
            lambda real, made, k: share(inside(made, real, k).any(0)),
            "the roles are exchanged: the balls are around the real images.",
        ),
        (
            lambda real, made, k: share(inside(real, made, k - 1).any(0)),
            "your balls are too small: a real image is not its own neighbour.",
        ),
        (
            lambda real, made, k: inside(real, made, k).double().sum(1).mean() / k,
            "that is the density: how many balls an image is in. Here each ball counts once.",
        ),
        (
            lambda real, made, k: share(inside(real, made, k).all(0)),
            "one generated image in it is enough for a ball: `any`, and not `all`.",
        ),
        (
            lambda real, made, k: inside(real, made, k).any(0).double().sum(),
            "a count is no share: divide by the number of balls.",
        ),
    ],
)

# Classes.

ASKED = torch.arange(90) % 5
ANSWERS = torch.where(torch.arange(90) % 7 < 4, ASKED, (ASKED * 2 + 1) % 5)  # the 4 is always read


def accuracies(answers: Tensor, asked: Tensor, classes: int) -> Tensor:
    """Of each class, the share of its images that are read as it."""
    right = (answers == asked).double()
    return torch.stack([right[asked == c].mean() for c in range(classes)])


check_accuracies = Check(
    lambda by_class: {
        "90 images of five classes": by_class(ANSWERS, ASKED, 5),
        "six images of two classes": by_class(
            torch.tensor([0, 0, 0, 1, 0, 0]), torch.tensor([0, 0, 1, 1, 1, 1]), 2
        ),
    },
    right=accuracies,
    mistakes=[
        (
            lambda answers, asked, classes: accuracies(asked, answers, classes),
            "you divide by the images that the judge *reads* as a class. Divide by those that were asked "
            "for as it.",
        ),
        (
            lambda answers, asked, classes: torch.stack(
                [((answers == c) & (asked == c)).double().mean() for c in range(classes)]
            ),
            "you divide by all images. Of a class, only its own images count.",
        ),
        (
            lambda answers, asked, classes: torch.stack(
                [((answers == c) & (asked == c)).sum() for c in range(classes)]
            ),
            "these are counts: divide each by the number of images asked for as that class.",
        ),
        (
            lambda answers, asked, classes: (answers == asked).double().mean(),
            "that is the accuracy of all classes together. One number for each class is asked for.",
        ),
        (
            lambda answers, asked, classes: accuracies(answers, asked, classes).mean(),
            "you average over the classes at the end, and so hide again which one is bad.",
        ),
        (
            lambda answers, asked, classes: torch.bincount(answers, minlength=classes) / len(answers),
            "that is how often each class is read. Was it also asked for there?",
        ),
        (
            lambda answers, asked, classes: 1 - accuracies(answers, asked, classes),
            "these are the shares of mistakes: the right ones are asked for.",
        ),
    ],
)


def shares(answers: Tensor, classes: int) -> Tensor:
    """How often each class comes."""
    return torch.bincount(answers, minlength=classes).double() / len(answers)


def gaps(a: Tensor, b: Tensor, classes: int) -> Tensor:
    """By how much the shares of each class differ, with a sign."""
    return shares(a, classes) - shares(b, classes)


MANY = torch.tensor([0, 0, 0, 0, 0, 1, 1, 2, 2, 3])
FEW = torch.tensor([0, 1, 1, 2, 2])

check_histogram = Check(
    lambda distance: {
        "ten and five images of four classes": distance(MANY, FEW, 4),
        "the same shares, twice as many images": distance(FEW, torch.cat([FEW, FEW]), 4),
        "no class in common": distance(torch.tensor([0, 0, 1]), torch.tensor([2, 3, 2]), 4),
    },
    right=lambda a, b, classes: gaps(a, b, classes).abs().sum() / 2,
    mistakes=[
        (
            lambda a, b, classes: gaps(a, b, classes).abs().sum(),
            "each image that is in the wrong class is counted twice: once where it is too many, once where "
            "it is missing.",
        ),
        (
            lambda a, b, classes: gaps(a, b, classes).sum().abs() / 2,
            "too many and too few cancel out: take the size of each difference before you add.",
        ),
        (
            lambda a, b, classes: gaps(a, b, classes).abs().max(),
            "that is the worst class alone. Add up over all classes.",
        ),
        (
            lambda a, b, classes: gaps(a, b, classes).abs().mean() / 2,
            "you average over the classes. Add them up.",
        ),
        (
            lambda a, b, classes: gaps(a, b, classes).square().sum() / 2,
            "the differences are squared. Their sizes are meant.",
        ),
        (
            lambda a, b, classes: (
                (torch.bincount(a, minlength=classes) - torch.bincount(b, minlength=classes)).abs().sum() / 2
            ),
            "you compare counts, and the two sets are not of one size: divide each by its number of images.",
        ),
        (
            lambda a, b, classes: 1 - gaps(a, b, classes).abs().sum() / 2,
            "that is what the two have in common. How much do they *not*?",
        ),
    ],
)

# Copies.

TRAINING = torch.rand(24, 6, generator=torch.Generator().manual_seed(1))
DRAWN = torch.cat([TRAINING[3:4], torch.rand(4, 6, generator=torch.Generator().manual_seed(2))])


def nearest_first(images: Tensor, training: Tensor) -> Tensor:
    """The distances of each image to all training images, ascending."""
    return torch.cdist(images, training).sort(1).values


check_relative = Check(
    lambda relative: {
        "five images, of which the first is a copy; k = 5": relative(DRAWN, TRAINING, 5),
        "the same, k = 20": relative(DRAWN, TRAINING, 20),
    },
    right=lambda images, training, k: (
        nearest_first(images, training)[:, 0] / nearest_first(images, training)[:, :k].mean(1)
    ),
    mistakes=[
        (
            lambda images, training, k: nearest_first(images, training)[:, 0],
            "that is the plain distance, which is small for any smooth image. Divide by the mean over the "
            "k nearest.",
        ),
        (
            lambda images, training, k: (
                nearest_first(images, training)[:, 0] / nearest_first(images, training).mean(1)
            ),
            "the mean is over all training images. Take the k nearest alone.",
        ),
        (
            lambda images, training, k: (
                nearest_first(images, training)[:, 1] / nearest_first(images, training)[:, 1 : k + 1].mean(1)
            ),
            "you leave out the nearest. That is right within one set, where each image is its own nearest; "
            "but here it is the copy that you look for.",
        ),
        (
            lambda images, training, k: (
                nearest_first(images, training)[:, 0] / nearest_first(images, training)[:, 1:k].mean(1)
            ),
            "the nearest belongs to the k nearest: it counts in the mean as well.",
        ),
        (
            lambda images, training, k: (
                nearest_first(images, training)[:, 0] / nearest_first(images, training)[:, : k + 1].mean(1)
            ),
            "your mean is over k + 1 training images.",
        ),
        (
            lambda images, training, k: (
                nearest_first(images, training)[:, 0] / nearest_first(images, training)[:, k - 1]
            ),
            "you divide by the distance of the k-th alone. The mean over the k nearest is meant.",
        ),
        (
            lambda images, training, k: (
                nearest_first(images, training)[:, 0] ** 2
                / (nearest_first(images, training)[:, :k] ** 2).mean(1)
            ),
            "these are squared distances: take the root first.",
        ),
        (
            lambda images, training, k: (
                nearest_first(images, training)[:, -1] / nearest_first(images, training)[:, -k:].mean(1)
            ),
            "those are the k furthest training images. (`topk` takes the largest, if you do not say "
            "`largest=False`.)",
        ),
        (
            lambda images, training, k: (
                torch.cdist(images, training)[:, 0] / torch.cdist(images, training)[:, :k].mean(1)
            ),
            "the training images come in no order: sort their distances first.",
        ),
    ],
)

# More than chance.

PAIRS = (
    (0.25, 0.03, 0.32, 0.03),
    (0.25, 0.03, 0.36, 0.03),
    (5.2, 1.0, 2.0, 0.5),
    (2.0, 0.5, 5.2, 1.0),
    (40.0, 3.0, 30.0, 2.0),
    (40.0, 3.0, 34.5, 2.0),
    (5.05, 0.1, 4.0, 1.0),
)

check_differ = Check(
    lambda differ: {f"{a} ± {e} and {b} ± {f}": differ(a, e, b, f) for a, e, b, f in PAIRS},
    right=lambda a, error_a, b, error_b: abs(a - b) > 2 * sqrt(error_a**2 + error_b**2),
    mistakes=[
        (
            lambda a, error_a, b, error_b: abs(a - b) > 2 * (error_a + error_b),
            "you ask whether the two bars overlap. That is too strict: the luck of both is seldom bad at "
            "once. Add the squares of the errors, and take the root.",
        ),
        (
            lambda a, error_a, b, error_b: abs(a - b) > sqrt(error_a**2 + error_b**2),
            "one standard error is not enough: chance alone goes beyond it one time in three. Take two.",
        ),
        (
            lambda a, error_a, b, error_b: a - b > 2 * sqrt(error_a**2 + error_b**2),
            "either of them may be the larger one: take the size of the difference.",
        ),
        (
            lambda a, error_a, b, error_b: abs(a - b) > 2 * error_a,
            "the second figure has an error as well.",
        ),
        (
            lambda a, error_a, b, error_b: abs(a - b) > 2 * max(error_a, error_b),
            "the larger error is not yet that of the difference: both add to it, as squares.",
        ),
        (
            lambda a, error_a, b, error_b: abs(a - b) > 2 * (error_a**2 + error_b**2),
            "the root is missing: a sum of squares is a variance.",
        ),
        (
            lambda a, error_a, b, error_b: abs(a - b) > error_a + error_b,
            "errors do not add up as they are. Their squares do, and of the root of that take two.",
        ),
        (
            lambda a, error_a, b, error_b: abs(a - b) <= 2 * sqrt(error_a**2 + error_b**2),
            "turned round: True where they differ by *more* than chance.",
        ),
    ],
)
