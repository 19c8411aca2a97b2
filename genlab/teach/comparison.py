"""The checks of notebook 05: what each tries, a right answer, and the hints."""

import torch
from torch import Tensor

from genlab.teach.check import Check

# How often a walk calls its network.

WALK = torch.tensor([950, 850, 800, 700, 600, 500, 400, 300, 200, 150, 100, 50])


def calls(doubled: Tensor) -> int:
    """One call a step, and one more where the step is doubled."""
    return len(doubled) + int(doubled.sum())


def within(times: Tensor, low: int, high: int) -> Tensor:
    """Which times lie in the part where guidance acts."""
    return (low <= times) & (times < high)


check_calls = Check(
    lambda count: {
        "12 steps, guidance 1.5, of which two lie between 550 and 750": count(WALK, 1.5, 550, 750),
        "guidance 4 from time 300 to time 800, where two steps lie exactly": count(WALK, 4.0, 300, 800),
        "guidance 4 at all times": count(WALK, 4.0, 0, 1000),
        "guidance 1, as trained": count(WALK, 1.0, 300, 800),
        "guidance 0, the class is not heard": count(WALK, 0.0, 300, 800),
    },
    right=lambda times, guidance, low, high: calls(within(times, low, high) & (guidance > 1)),
    mistakes=[
        (
            lambda times, guidance, low, high: 2 * len(times),
            "two calls at each step would be guidance all the way. Where does it act, and is it above 1?",
        ),
        (
            lambda times, guidance, low, high: calls((times >= 0) & (guidance > 1)),
            "outside of its part of the walk, guidance costs nothing: ask of each time whether it is inside.",
        ),
        (
            lambda times, guidance, low, high: calls(within(times, low, high)),
            "with guidance 0 or 1 a single answer of the network is enough, inside as well.",
        ),
        (
            lambda times, guidance, low, high: calls(within(times, low, high) & (guidance != 1)),
            "at guidance 0 only the answer without the class is needed: one call.",
        ),
        (
            lambda times, guidance, low, high: calls(within(times, low, high + 1) & (guidance > 1)),
            "the upper end does not belong to the part: at `high` itself there is no guidance.",
        ),
        (
            lambda times, guidance, low, high: calls(within(times, low + 1, high) & (guidance > 1)),
            "the lower end belongs to the part: at `low` itself there is guidance.",
        ),
        (
            lambda times, guidance, low, high: 2 * int((within(times, low, high) & (guidance > 1)).sum()),
            "the other steps call the network, too: once each.",
        ),
        (
            lambda times, guidance, low, high: calls(~within(times, low, high) & (guidance > 1)),
            "turned round: the steps inside the part are the dear ones.",
        ),
        (lambda times, guidance, low, high: len(times), "a step with guidance asks the network twice."),
    ],
)

# What a convolution keeps, and what it does.

check_convolution = Check(
    lambda convolution: {
        "1 to 32 channels, 3x3, on 28x28 places": convolution(1, 32, 3, 28, 28),
        "32 to 64 channels, 5x5, on 14x7 places": convolution(32, 64, 5, 14, 7),
        "100 to 10 numbers, 1x1, on one place: a dense layer": convolution(100, 10, 1, 1, 1),
    },
    right=lambda i, o, size, h, w: ((i * size**2 + 1) * o, i * o * size**2 * h * w),
    mistakes=[
        (
            lambda i, o, size, h, w: (i * o * size**2, i * o * size**2 * h * w),
            "the biases are missing among the weights: one for each output channel.",
        ),
        (
            lambda i, o, size, h, w: (i * o * size**2 + 1, i * o * size**2 * h * w),
            "one bias is too few: each output channel has its own.",
        ),
        (
            lambda i, o, size, h, w: (i * o * size**2 + i, i * o * size**2 * h * w),
            "the biases belong to the output channels, not to those that come in.",
        ),
        (
            lambda i, o, size, h, w: ((i * size + 1) * o, i * o * size * h * w),
            "the kernel is a square: it has size times size places.",
        ),
        (
            lambda i, o, size, h, w: ((i * size**2 + 1) * o, i * o * size**2),
            "each weight is used at every place of the image: multiply by the number of places.",
        ),
        (
            lambda i, o, size, h, w: ((i * size**2 + 1) * o * h * w, i * o * size**2 * h * w),
            "the same weights serve all places: the size of the image does not matter for their number.",
        ),
        (
            lambda i, o, size, h, w: ((i * size**2 + 1) * o, (i * size**2 + 1) * o * h * w),
            "a bias is added, not multiplied: leave it out of the multiplications.",
        ),
        (
            lambda i, o, size, h, w: ((size**2 + 1) * o, o * size**2 * h * w),
            "an output channel looks at *all* input channels, with a kernel for each.",
        ),
        (
            lambda i, o, size, h, w: (i * o * size**2 * h * w, (i * size**2 + 1) * o),
            "exchanged: first the weights, then the multiplications.",
        ),
    ],
)

# Whether an order is a result.

# For each judge: the figures of both models, and their errors.
RACES = {
    "three judges for the first, by far": [(1.0, 2.0, 0.1, 0.1), (3.0, 6.0, 0.1, 0.1), (5.0, 9.0, 0.1, 0.2)],
    "three judges for the second": [(2.0, 1.0, 0.1, 0.1), (6.0, 3.0, 0.1, 0.1), (9.0, 5.0, 0.2, 0.1)],
    "one judge for the second, two for the first": [
        (50.0, 40.0, 0.1, 0.1),
        (1.0, 2.0, 0.1, 0.1),
        (3.0, 6.0, 0.1, 0.1),
    ],
    "one judge for the first, two for the second": [
        (1.0, 2.0, 0.1, 0.1),
        (50.0, 40.0, 0.1, 0.1),
        (6.0, 3.0, 0.1, 0.1),
    ],
    "all for the first, but one within chance": [
        (5.0, 5.1, 0.3, 0.3),
        (1.0, 2.0, 0.1, 0.1),
        (3.0, 6.0, 0.1, 0.1),
    ],
    "all for the first, but the last within chance": [
        (1.0, 2.0, 0.1, 0.1),
        (3.0, 6.0, 0.1, 0.1),
        (5.0, 5.1, 0.3, 0.3),
    ],
    "a difference of 1.7 errors": [(1.0, 1.24, 0.1, 0.1)],
    "a difference of 2.5 errors, and bars that overlap": [(1.0, 1.35, 0.1, 0.1)],
}


def order(figures: Tensor, errors: Tensor, times: float = 2.0) -> int:
    """1 or 2, if all judges put that model first by more than chance; else 0."""
    gap = figures[:, 1] - figures[:, 0]
    chance = times * errors.square().sum(1).sqrt()
    return 1 if bool((gap > chance).all()) else 2 if bool((gap < -chance).all()) else 0


def by_majority(figures: Tensor, errors: Tensor) -> int:
    """As most judges say, each by more than chance."""
    gap, chance = figures[:, 1] - figures[:, 0], 2 * errors.square().sum(1).sqrt()
    votes = int((gap > chance).sum()) - int((gap < -chance).sum())
    return 1 if votes > 0 else 2 if votes < 0 else 0


def by_any(figures: Tensor, errors: Tensor) -> int:
    """As a single judge says by more than chance; where they quarrel, the first model."""
    gap, chance = figures[:, 1] - figures[:, 0], 2 * errors.square().sum(1).sqrt()
    return 1 if bool((gap > chance).any()) else 2 if bool((gap < -chance).any()) else 0


def if_bars_part(figures: Tensor, errors: Tensor) -> int:
    """All judges, where the bars of two errors do not overlap."""
    gap, bars = figures[:, 1] - figures[:, 0], 2 * errors.sum(1)
    return 1 if bool((gap > bars).all()) else 2 if bool((gap < -bars).all()) else 0


def by_size(figures: Tensor, errors: Tensor) -> int:
    """Each judge beyond chance, in whatever direction; then the first one decides."""
    gap, chance = figures[:, 1] - figures[:, 0], 2 * errors.square().sum(1).sqrt()
    return 0 if not bool((gap.abs() > chance).all()) else 1 if gap[0] > 0 else 2


check_order = Check(
    lambda first: {
        what: first(*torch.tensor(judges).split(2, dim=1))  # (judges, 2) each
        for what, judges in RACES.items()
    },
    right=order,
    mistakes=[
        (
            by_majority,
            "you go by the majority. One judge that says otherwise, or cannot tell, and there is no result.",
        ),
        (
            by_any,
            "a single judge is enough for you. *All* have to be sure of the same model.",
        ),
        (
            lambda figures, errors: order(figures, 0 * errors),
            "all judges agree, but do they by more than chance? The errors are not used.",
        ),
        (
            lambda figures, errors: order(figures, errors, 1.0),
            "one standard error is not enough: take two.",
        ),
        (
            if_bars_part,
            "you ask that the two bars do not overlap, which is too strict: the error of a difference is the "
            "root of the sum of the squares.",
        ),
        (
            by_size,
            "each judge is sure, but are they sure of the *same* model? Keep the sign of the difference.",
        ),
        (
            lambda figures, errors: (3 - order(figures, errors)) % 3,
            "turned round: these are distances, and the lower one is better.",
        ),
        (
            lambda figures, errors: order(figures[:1], errors[:1]),
            "you ask the first judge alone.",
        ),
        (
            lambda figures, errors: order(figures.mean(0, True), errors.mean(0, True)),
            "you average over the judges, who have each a scale of their own. Ask each for itself.",
        ),
        (
            lambda figures, errors: int(order(figures, errors) == 1),
            "the second model may be first as well: then the answer is 2.",
        ),
    ],
)

# The worst judge.

DISTANCES = torch.tensor([[2.0, 0.5, 0.08], [1.0, 1.5, 0.02], [4.0, 1.6, 0.05]])
FLOORS = torch.tensor([0.8, 0.5, 0.02])

check_worst = Check(
    lambda worst: {
        "three models by three judges": worst(DISTANCES, FLOORS),
        "two models by one judge": worst(DISTANCES[:2, :1], FLOORS[:1]),
        "one model by two judges": worst(DISTANCES[:1, 1:], FLOORS[1:]),
    },
    right=lambda distances, floors: (distances / floors).amax(1),
    mistakes=[
        (
            lambda distances, floors: distances.amax(1) / floors[distances.argmax(1)],
            "you take the largest distance, but each judge has its own scale: divide by its floor first.",
        ),
        (
            lambda distances, floors: distances.amax(1),
            "the floors are not used: a distance means little beside what real images get.",
        ),
        (
            lambda distances, floors: (distances / floors).amin(1),
            "that is the kindest judge. Far away is bad, so the worst opinion is the largest.",
        ),
        (
            lambda distances, floors: (distances / floors).mean(1),
            "an average lets a blind judge outvote one that sees the flaw.",
        ),
        (
            lambda distances, floors: (distances / floors).amax(0),
            "that is the worst model for each judge. One number for each model is asked for: dim 1.",
        ),
        (
            lambda distances, floors: (distances / floors).max(),
            "that is one number for all models together. Keep them apart: dim 1.",
        ),
        (
            lambda distances, floors: distances.amax(1) / floors.max(),
            "each distance belongs over the floor of its own judge.",
        ),
        (
            lambda distances, floors: (distances - floors).amax(1),
            "how many times the floor: divide, do not subtract.",
        ),
    ],
)

# Beaten by nobody.

QUALITY = torch.tensor([9.0, 1.1, 1.8, 9.0, 1.1, 1.4, 12.0])
SECONDS = torch.tensor([0.2, 0.4, 30.0, 0.3, 0.4, 0.4, 0.1])


def beats(distances: Tensor, seconds: Tensor) -> Tensor:
    """Who (dim 0) beats whom (dim 1): nowhere worse, and somewhere better."""
    d, s = distances[:, None], seconds[:, None]
    return (d <= distances) & (s <= seconds) & ((d < distances) | (s < seconds))


check_unbeaten = Check(
    lambda unbeaten: {
        "three models, of which the third is slow and no better": unbeaten(QUALITY[:3], SECONDS[:3]),
        "seven models, two of which are equal in both": unbeaten(QUALITY, SECONDS),
        "a single model": unbeaten(QUALITY[:1], SECONDS[:1]),
    },
    right=lambda distances, seconds: ~beats(distances, seconds).any(0),
    mistakes=[
        (
            lambda d, s: ~((d[:, None] < d) & (s[:, None] < s)).any(0),
            "one that is as quick and better in quality beats, too: not worse in either, and better in one.",
        ),
        (
            lambda d, s: ~((d[:, None] <= d) & (s[:, None] <= s)).any(0),
            "so every model beats itself, and none is left: somewhere the other has to be *better*.",
        ),
        (
            lambda d, s: ~((d[:, None] < d) | (s[:, None] < s)).any(0),
            "better in one alone does not beat: the other must not be worse in the second.",
        ),
        (
            lambda d, s: (d == d.min()) | (s == s.min()),
            "the best in each column are among them, but there are also those between: beaten by nobody in "
            "*both*.",
        ),
        (
            lambda d, s: beats(d, s).any(0),
            "these are the beaten ones.",
        ),
        (
            lambda d, s: beats(d, s).any(1),
            "these are the ones that beat somebody. They may be beaten all the same.",
        ),
        (
            lambda d, s: ~beats(d, s).any(1),
            "these are the ones that beat nobody: look along the other dimension.",
        ),
        (
            lambda d, s: d * s == (d * s).min(),
            "a product (or a sum) fixes a price for a second. Who is beaten by nobody needs no price.",
        ),
    ],
)

# The code of an image, under a decoder that is linear.

DIRECTIONS = torch.tensor([[2.0, 0.0, 0.0, 1.0, 0.0], [1.0, 1.0, 0.0, 0.0, 0.0], [0.0, 0.5, -1.0, 0.0, 2.0]])
MEAN = torch.tensor([0.5, 0.2, 0.1, 0.4, 0.3])
CODES = torch.tensor([[1.0, -2.0, 0.5], [0.0, 0.0, 0.0], [-0.3, 0.7, 2.0], [1.5, 0.0, -1.0]])
MADE = MEAN + CODES @ DIRECTIONS
BROUGHT = torch.tensor([[0.9, 0.1, 0.8, 0.0, 0.6], [0.0, 0.3, 0.2, 1.0, 0.4]])


def least_squares(images: Tensor, mean: Tensor, directions: Tensor) -> Tensor:
    """The codes whose pictures are nearest to the images."""
    return torch.linalg.lstsq(directions.T, (images - mean).T).solution.T


check_code = Check(
    lambda code: {
        "four images that the decoder has made": code(MADE, MEAN, DIRECTIONS),
        "two images that it cannot make": code(BROUGHT, MEAN, DIRECTIONS),
        "under two directions of length 1, at right angles": code(BROUGHT, MEAN, torch.eye(5)[1:3]),
    },
    right=least_squares,
    mistakes=[
        (
            lambda images, mean, directions: (images - mean) @ directions.T,
            "that is right for directions of length 1 at right angles. These are not, so divide by their "
            "products, $A A^T$, or let `torch.linalg.lstsq` do it.",
        ),
        (
            lambda images, mean, directions: least_squares(images, 0 * mean, directions),
            "the mean is missing: the decoder adds it, so take it away first.",
        ),
        (
            lambda images, mean, directions: -least_squares(images, mean, directions),
            "the sign is turned round: image minus mean.",
        ),
        (
            lambda images, mean, directions: mean + least_squares(images, mean, directions) @ directions,
            "these are the pictures that the codes give. The codes themselves are asked for.",
        ),
        (
            lambda images, mean, directions: least_squares(images, mean, directions).T,
            "one code for each image, in rows: turn your result over.",
        ),
        (
            lambda images, mean, directions: (images - mean) @ directions.T / directions.square().sum(1),
            "you treat each direction for itself. They overlap, so what one explains the other must not "
            "explain again: solve for all at once.",
        ),
        (
            lambda images, mean, directions: (images - mean) @ directions.T @ (directions @ directions.T),
            "the products $A A^T$ have to be divided by, not multiplied with: take their inverse.",
        ),
        (
            lambda images, mean, directions: least_squares(images, images.mean(0), directions),
            "you take away the mean of *these* images. The decoder has a mean of its own.",
        ),
    ],
)
