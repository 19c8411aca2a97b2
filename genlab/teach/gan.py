"""The checks of notebook 02: what each tries, a right answer, and the hints."""

from math import asin, pi
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from genlab.teach.check import Answer, Check, Seen

FAKES = torch.tensor([[0.1, 0.9, 0.4], [0.2, 0.8, 0.5], [0.7, 0.1, 0.9], [0.3, 0.3, 0.2]])
REALS = torch.tensor([[1.0, 0.0, 0.6], [0.0, 0.9, 0.1], [0.4, 1.0, 0.0], [0.9, 0.8, 1.0]])


def squares(fakes: Tensor, reals: Tensor) -> Tensor:
    """The squared distance of every fake (a row) to every real one (a column)."""
    return (fakes[:, None] - reals).square().sum(2)


check_unpaired = Check(
    lambda loss: {
        "four fakes, four real ones": loss(FAKES.clone(), REALS.clone()),
        "the real ones themselves, in another order": loss(REALS.flip(0), REALS.clone()),
        "four copies of one real image": loss(REALS[:1].repeat(4, 1), REALS.clone()),
    },
    right=lambda fakes, reals: squares(fakes, reals).amin(1).mean(),
    mistakes=[
        (
            lambda fakes, reals: (fakes - reals).square().sum(1).mean(),
            "you compare row by row, which is the paired loss again. Each fake may choose its real image.",
        ),
        (
            lambda fakes, reals: squares(fakes, reals).amin(0).mean(),
            "turned round: you look for the nearest fake of each real one. Take the minimum over the real "
            "ones.",
        ),
        (
            lambda fakes, reals: squares(fakes, reals).sqrt().amin(1).mean(),
            "the distance is not squared.",
        ),
        (
            lambda fakes, reals: squares(fakes, reals).amin(1).sum(),
            "you add up the fakes: average over them.",
        ),
        (
            lambda fakes, reals: squares(fakes, reals).amin(1).mean() / fakes.shape[1],
            "the squares are averaged over the pixels. A squared distance is their sum.",
        ),
        (
            lambda fakes, reals: squares(fakes, reals).mean(),
            "that is the mean over all pairs. For each fake only the nearest real image counts.",
        ),
        (
            lambda fakes, reals: squares(fakes, reals).amax(1).mean(),
            "that is the farthest real image, not the nearest.",
        ),
        (
            lambda fakes, reals: squares(fakes, reals).amin(1),
            "one value for each fake is left over: average over them.",
        ),
    ],
)

# Five places, the density of N(0, 1) there, and the best detective's logit if p is N(1, 1).
PLACES = torch.tensor([-2.0, -0.5, 0.5, 1.0, 3.0])
Q, LOGITS = torch.exp(-(PLACES**2) / 2) / (2 * pi) ** 0.5, PLACES - 0.5

check_density = Check(
    lambda density: {
        "logit 0, q = 0.3": density(torch.zeros(1), torch.full((1,), 0.3)),
        "the density of N(1, 1) at five places": density(LOGITS.clone(), Q.clone()),
    },
    right=lambda logits, q: q * logits.exp(),
    mistakes=[
        (
            lambda logits, q: q * torch.sigmoid(logits),
            "that is q D. Write D = p / (p + q) and solve it for p.",
        ),
        (
            lambda logits, q: q * (-logits).exp(),
            "look at the sign: where the logit is high, real points are many.",
        ),
        (
            lambda logits, q: logits.exp(),
            "that is the ratio p / q. You know q, so you can get p from it.",
        ),
        (
            lambda logits, q: q * logits,
            "the logit is the logarithm of a ratio, so it has to go through exp.",
        ),
        (
            lambda logits, q: torch.sigmoid(logits),
            "that is D, the share of real points at x. It is p / (p + q): solve that for p.",
        ),
        (
            lambda logits, q: q / torch.sigmoid(logits),
            "q / D is no density of real points: p = D (p + q), and p stands on both sides.",
        ),
        (
            lambda logits, q: q / (1 - torch.sigmoid(logits)),
            "q / (1 - D) is p + q, all points at x. Take away the fakes.",
        ),
    ],
)


def tries_of_detective(loss: Answer) -> Seen:
    """A linear detective and a linear forger: the loss, and whose weights a gradient reaches."""
    forger = torch.tensor([[0.5, -0.2, 0.3], [0.1, 0.4, -0.6]], requires_grad=True)
    detective = torch.tensor([0.7, -0.5, 1.2], requires_grad=True)
    real, codes = torch.rand(5, 3), torch.randn(5, 2)
    value = loss(lambda x: x @ detective, lambda z: z @ forger, real, codes)
    sure = loss(lambda x: 5000 * (x @ detective), lambda z: z @ forger, real, codes)
    return {
        "the loss": value,
        "the loss of a detective who is very sure": sure,
        "the gradient that reaches the forger": slope(value, forger),
        "the gradient that reaches the detective": slope(value, detective),
    }


def slope(value: Any, by: Tensor) -> Tensor:
    """The derivative; 0 where no gradient gets through."""
    if not torch.is_tensor(value) or not value.requires_grad:
        return torch.zeros_like(by)
    (gradient,) = torch.autograd.grad(value, by, retain_graph=True, allow_unused=True)
    return torch.zeros_like(by) if gradient is None else gradient


def called_real(logits: Tensor) -> Tensor:
    """-log D, averaged."""
    return F.softplus(-logits).mean()


def called_fake(logits: Tensor) -> Tensor:
    """-log(1 - D), averaged."""
    return F.softplus(logits).mean()


def detective_loss(d: Answer, g: Answer, real: Tensor, codes: Tensor) -> Tensor:
    """Its own, which teaches the forger nothing."""
    return called_real(d(real)) + called_fake(d(g(codes).detach()))


check_detective_loss = Check(
    tries_of_detective,
    right=detective_loss,
    mistakes=[
        (
            lambda d, g, real, codes: called_real(d(real)) + called_fake(d(g(codes))),
            "the loss is right, but its gradient reaches the forger, and teaches it to be caught. Cut the "
            "graph behind the forger.",
        ),
        (
            lambda d, g, real, codes: called_real(d(real)) + called_fake(d(g(codes)).detach()),
            "you cut behind the detective, so it learns nothing from the fakes. Cut between the forger and "
            "the detective.",
        ),
        (
            lambda d, g, real, codes: detective_loss(d, g, real, codes).detach(),
            "no gradient is left for the detective. Cut off the forger only.",
        ),
        (
            lambda d, g, real, codes: called_fake(d(real)) + called_real(d(g(codes).detach())),
            "turned round: this detective calls real images fake, and fakes real.",
        ),
        (
            lambda d, g, real, codes: called_real(d(real)) + called_real(d(g(codes).detach())),
            "that asks the detective to call everything real. The fakes are to be called fake: -log(1 - D).",
        ),
        (
            lambda d, g, real, codes: called_real(d(real)),
            "the fakes are missing.",
        ),
        (
            lambda d, g, real, codes: called_fake(d(g(codes).detach())),
            "the real images are missing.",
        ),
        (
            lambda d, g, real, codes: detective_loss(d, g, real, codes) / 2,
            "half of it. Average over the real images, average over the fakes, and add the two.",
        ),
        (
            lambda d, g, real, codes: len(real) * detective_loss(d, g, real, codes),
            "you add up the images of the batch: average over them.",
        ),
        (
            lambda d, g, real, codes: -detective_loss(d, g, real, codes),
            "the whole has the wrong sign: optimisers minimise, so a loss has to fall when D gets better.",
        ),
        (
            lambda d, g, real, codes: (
                -torch.sigmoid(d(real)).log().mean() - (1 - torch.sigmoid(d(g(codes).detach()))).log().mean()
            ),
            "right as mathematics, but the sigmoid of a detective who is very sure is 0 or 1 in a computer, "
            "and log 0 is infinite. Use `F.softplus` or `binary_cross_entropy_with_logits`.",
        ),
    ],
)

CENTRES = torch.tensor([[1.0, 0.0], [0.0, 1.0], [-1.0, 0.0], [0.0, -1.0]])
BESIDE, OUTSIDE, FAR = torch.tensor([[0.1, 0.1]]), torch.tensor([[0.2, 0.2]]), torch.tensor([[3.0, 3.5]])


def crowd(*parts: tuple[Tensor, int]) -> Tensor:
    """So many points at each place, (N, 2)."""
    return torch.cat([place.expand(n, 2) for place, n in parts])


# One centre with many points, one with 4 %, one with 1 %; ten points miss the last, and many miss all.
MIXED = crowd(
    (CENTRES[:1] + BESIDE, 35), (CENTRES[1:2], 4), (CENTRES[2:3], 1), (CENTRES[3:] + OUTSIDE, 10), (FAR, 50)
)
EVEN, MISSED = (CENTRES + BESIDE).repeat(25, 1), (CENTRES + OUTSIDE).repeat(25, 1)


def at_centres(points: Tensor, centres: Tensor, radius: float) -> Tensor:
    """Which points (a row) are on which centre (a column)."""
    return torch.cdist(points, centres) < radius


def held_by_nearest(points: Tensor, centres: Tensor) -> Tensor:
    """How many points are nearer to a centre than to the others, near or far."""
    return torch.cdist(points, centres).argmin(1).bincount(minlength=len(centres))


check_modes = Check(
    lambda modes: {
        "points at all four centres": modes(EVEN, CENTRES, 0.2, 0.02),
        "35 % at one centre, 4 % at another, 1 % at a third": modes(MIXED, CENTRES, 0.2, 0.02),
        "all points just outside of the circles": modes(MISSED, CENTRES, 0.2, 0.02),
        "all points far off": modes(FAR.repeat(100, 1), CENTRES, 0.2, 0.02),
    },
    right=lambda points, centres, radius, share: (
        at_centres(points, centres, radius).double().mean(0) >= share
    ).sum(),
    mistakes=[
        (
            lambda points, centres, radius, share: at_centres(points, centres, radius).any(0).sum(),
            "a single point is not enough: a centre has to hold the given share of all points.",
        ),
        (
            lambda points, centres, radius, share: (
                held_by_nearest(points, centres) >= share * len(points)
            ).sum(),
            "you count a point for its nearest centre, however far that is. It has to be within the radius.",
        ),
        (
            lambda points, centres, radius, share: (
                at_centres(points, centres, radius).sum(0)
                >= share * at_centres(points, centres, radius).sum()
            ).sum(),
            "the share is meant of all points, and not of those at a centre.",
        ),
        (
            lambda points, centres, radius, share: (
                at_centres(points, centres, radius**0.5).double().mean(0) >= share
            ).sum(),
            "you compare the squared distance with the radius.",
        ),
        (
            lambda points, centres, radius, share: at_centres(points, centres, radius).sum(),
            "you count points. Count the centres that have enough of them.",
        ),
        (
            lambda points, centres, radius, share: at_centres(points, centres, radius).any(1).double().mean(),
            "that is the share of points on target. Count the centres that have enough points.",
        ),
        (
            lambda points, centres, radius, share: (
                (at_centres(points, centres, radius).double().mean(0) >= share).double().mean()
            ),
            "that is a share of the centres. Their number is wanted.",
        ),
        (
            lambda points, centres, radius, share: (
                at_centres(points, centres, radius).double().mean(0) < share
            ).sum(),
            "you count the centres that are missed.",
        ),
    ],
)


def tries_of_penalty(penalty: Answer) -> Seen:
    """Of two detectives; the second has weights, and is to learn from it."""
    points = torch.tensor([[0.5, 1.0, -0.3], [0.2, -0.8, 0.9], [1.5, 0.1, 0.4], [-0.6, 0.7, 1.1]])
    weights = torch.tensor([2.0, -1.0, 0.5], requires_grad=True)

    def bent(x: Tensor) -> Tensor:
        return x.square() @ weights

    value = penalty(bent, points.clone(), 1.0)
    return {
        "a plane of slope 3, gamma 1": penalty(lambda x: 3 * x[:, 0], points.clone(), 1.0),
        "a bent detective, gamma 1": value,
        "a bent detective, gamma 10": penalty(bent, points.clone(), 10.0),
        "the gradient that reaches the detective's weights": slope(value, weights),
    }


def slopes(detective: Answer, points: Tensor) -> Tensor:
    """Of the logit, at each point, (N, d)."""
    x = points.detach().requires_grad_()
    (gradient,) = torch.autograd.grad(detective(x).sum(), x, create_graph=True)
    return gradient


def r1(detective: Answer, points: Tensor, gamma: float) -> Tensor:
    """The penalty (Mescheder et al. 2018)."""
    return gamma / 2 * slopes(detective, points).square().sum(1).mean()


check_penalty = Check(
    tries_of_penalty,
    right=r1,
    mistakes=[
        (
            lambda d, x, gamma: r1(d, x, gamma).detach(),
            "the number is right, but the detective cannot learn from it: the slope has to keep its own "
            "graph, with `create_graph=True`.",
        ),
        (
            lambda d, x, gamma: r1(d, x, gamma) / len(x) ** 2,
            "the slope of the mean logit is N times too small. Differentiate the sum: then each point gets "
            "its own slope.",
        ),
        (
            lambda d, x, gamma: gamma / 2 * slopes(d, x).norm(dim=1).mean(),
            "the length of the slope is not squared.",
        ),
        (
            lambda d, x, gamma: 2 * r1(d, x, gamma),
            "the half in gamma / 2 is missing.",
        ),
        (
            lambda d, x, gamma: len(x) * r1(d, x, gamma),
            "you add up the points: average over them.",
        ),
        (
            lambda d, x, gamma: r1(d, x, gamma) / x.shape[1],
            "you average over the coordinates. The squared length of a slope is the sum over them.",
        ),
        (
            lambda d, x, gamma: gamma / 2 * (slopes(d, x).norm(dim=1) - 1).square().mean(),
            "that is the penalty of WGAN-GP, which wants the slope 1. This one wants 0.",
        ),
        (
            lambda d, x, gamma: gamma / 2 * d(x).square().mean(),
            "you square the logit itself. Its slope by x is meant.",
        ),
        (
            lambda d, x, gamma: r1(d, x, 1.0),
            "gamma is not used.",
        ),
    ],
)

# The chord of length 0.2 from a centre spans an angle of 2 asin(0.1), to both sides.
CIRCLE_SHARE = 8 * 2 * 2 * asin(0.1) / (2 * pi)

check_circle = Check(
    lambda share: {"the share on target": share},
    right=CIRCLE_SHARE,
    mistakes=[
        (
            CIRCLE_SHARE / 2,
            "half of it: a spot reaches to both sides of its centre.",
        ),
        (
            CIRCLE_SHARE / 8,
            "that is one spot. There are eight.",
        ),
        (
            8 * 0.2**2,
            "those are areas, the spots' in the disc's. Our points lie on the line: compare lengths.",
        ),
        (
            8 * 2 * 0.2,
            "that is the length of the eight arcs. Divide by the length of the whole circle.",
        ),
        (
            1 - CIRCLE_SHARE,
            "that is the share that misses.",
        ),
        (
            100 * CIRCLE_SHARE,
            "a share lies between 0 and 1: that is in percent.",
        ),
        (
            1.0,
            "the spots do not touch: neighbouring centres are 0.77 apart, and each reaches 0.2 far.",
        ),
    ],
    tolerance=3e-3,  # so that the arc may be taken for its chord, or points be drawn and counted
)

REAL_LOGITS, FAKE_LOGITS = torch.tensor([2.0, -0.5, 1.0, 0.3]), torch.tensor([-1.0, 0.4, 1.5, -3.0])

check_paired = Check(
    lambda loss: {
        "a detective who cannot tell": loss(torch.ones(4), torch.ones(4)),
        "four pairs": loss(REAL_LOGITS.clone(), FAKE_LOGITS.clone()),
        "a fake that looks more real by 1000": loss(torch.zeros(1), torch.full((1,), 1000.0)),
    },
    right=lambda real, fake: F.softplus(fake - real).mean(),
    mistakes=[
        (
            lambda real, fake: F.softplus(real - fake).mean(),
            "turned round: that is the forger's loss. The detective's falls when the real one looks more "
            "real.",
        ),
        (
            lambda real, fake: called_real(real) + called_fake(fake),
            "that is the loss of the first game, which judges each alone. Here only the difference counts.",
        ),
        (
            lambda real, fake: F.softplus(fake[:, None] - real).mean(),
            "you compare every fake with every real one. Pair them: the first with the first, and so on.",
        ),
        (
            lambda real, fake: -F.softplus(fake - real).mean(),
            "the minus in front of the logarithm is missing: a loss of this kind is never below 0.",
        ),
        (
            lambda real, fake: (fake - real).mean(),
            "that is WGAN's game: the difference goes through -log sigmoid first.",
        ),
        (
            lambda real, fake: -torch.sigmoid(real - fake).log().mean(),
            "right as mathematics, but the sigmoid of -1000 is 0 in a computer, and log 0 is infinite. Use "
            "`F.softplus` or `F.logsigmoid`.",
        ),
        (
            lambda real, fake: F.softplus(fake - real).sum(),
            "you add up the pairs: average over them.",
        ),
        (
            lambda real, fake: -torch.sigmoid(real - fake).mean(),
            "the logarithm is missing.",
        ),
    ],
)

check_forger_loss = Check(
    lambda loss: {
        "a detective who cannot tell": loss(torch.zeros(3)),
        "four fakes": loss(FAKE_LOGITS.clone()),
        "caught for sure, logit -1000": loss(torch.full((1,), -1000.0)),
        "taken for real, logit 1000": loss(torch.full((1,), 1000.0)),
    },
    right=called_real,
    mistakes=[
        (
            lambda logits: -called_fake(logits),
            "that is log(1 - D), the game's own: flat where the forger is caught. The other form is -log D.",
        ),
        (
            called_fake,
            "that is -log(1 - D), what the detective wants. The forger wants the fakes called real.",
        ),
        (
            lambda logits: -called_real(logits),
            "the minus in front of the logarithm is missing: minimising this makes the fakes worse.",
        ),
        (
            lambda logits: -torch.sigmoid(logits).log().mean(),
            "right as mathematics, but the sigmoid of -1000 is 0 in a computer, and log 0 is infinite. Use "
            "`F.softplus` or `F.logsigmoid`.",
        ),
        (
            lambda logits: -torch.sigmoid(logits).mean(),
            "the logarithm is missing. Without it the slope is as flat as that of log(1 - D).",
        ),
        (
            lambda logits: -logits.mean(),
            "that is the forger of hinge and WGAN: its push never ends. Here the logit goes through "
            "-log sigmoid.",
        ),
        (
            lambda logits: F.softplus(-logits).sum(),
            "you add up the fakes: average over them.",
        ),
        (
            lambda logits: F.softplus(-logits),
            "one value for each fake is left over: average over them.",
        ),
    ],
)
