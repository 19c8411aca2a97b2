"""The checks of notebook 01: what each tries, a right answer, and the hints."""

from math import log

import torch
from torch import Tensor

from genlab.teach.check import Answer, Check, Seen, as_numbers

MU = torch.tensor([[0.0, 0.0], [1.0, -2.0], [0.5, 0.1]])
LOG_VAR = torch.tensor([[0.0, 0.0], [0.0, -1.0], [1.0, 0.3]])


def tries_of_draw(draw: Answer) -> Seen:
    """200,000 draws from N(3, 4), and the gradients of the mean of z and z² through them."""
    mu, log_var = torch.tensor(3.0, requires_grad=True), torch.tensor(log(4.0), requires_grad=True)
    z = draw(mu.expand(200_000), log_var.expand(200_000))
    seen = {"mean of 200,000 draws from N(3, 4)": z.mean(), "their standard deviation": z.std()}
    seen["gradient of their mean by mu"] = slope(z.mean(), mu)
    seen["gradient of the mean of z² by log_var"] = slope(z.square().mean(), log_var)
    return seen


def slope(value: Tensor, by: Tensor) -> Tensor | float:
    """The derivative; 0 where no gradient gets through."""
    if not value.requires_grad:
        return 0.0
    (gradient,) = torch.autograd.grad(value, by, retain_graph=True, allow_unused=True)
    return 0.0 if gradient is None else gradient


check_draw = Check(
    tries_of_draw,
    right=lambda mu, log_var: mu + (log_var / 2).exp() * torch.randn(mu.shape),
    mistakes=[
        (
            lambda mu, log_var: mu + log_var.exp() * torch.randn(mu.shape),
            "log_var is the logarithm of the variance. Its exponential is the variance, and the noise "
            "is stretched by the square root of that, exp(log_var / 2).",
        ),
        (
            lambda mu, log_var: mu + log_var * torch.randn(mu.shape),
            "log_var is a logarithm, so it has to go through exp first: exp(log_var / 2).",
        ),
        (
            lambda mu, log_var: torch.normal(mu, (log_var / 2).exp()).detach(),
            "the draws are right, but no gradient gets through them: `torch.normal` and `sample()` "
            "cut it off. Draw the noise from N(0, 1), then stretch and shift it.",
        ),
        (
            lambda mu, log_var: mu + (log_var / 2).exp() * torch.rand(mu.shape),
            "the noise is uniform. `torch.randn` draws from N(0, 1), `torch.rand` from 0 to 1.",
        ),
        (
            lambda mu, log_var: mu + (log_var / 2).exp() * torch.randn(()),
            "every code gets the same noise: give `torch.randn` the shape of mu.",
        ),
    ],
    tolerance=2e-2,
)

check_kl = Check(
    lambda kl: {
        "mu = 0, log_var = 0": kl(torch.zeros(1, 2), torch.zeros(1, 2)),
        "mu = 1, log_var = 0, one number": kl(torch.ones(1, 1), torch.zeros(1, 1)),
        "mu = 0, log_var = 1, one number": kl(torch.zeros(1, 1), torch.ones(1, 1)),
        "three codes of two numbers": kl(MU, LOG_VAR),
    },
    right=lambda mu, log_var: 0.5 * (mu**2 + log_var.exp() - 1 - log_var).sum(1).mean(),
    mistakes=[
        (
            lambda mu, log_var: 0.5 * (mu**2 + log_var.exp() - 1 - log_var).mean(),
            "the sum over the numbers of a code is missing: you average over them, which makes beta "
            "as many times as small.",
        ),
        (
            lambda mu, log_var: 0.5 * (mu**2 + log_var.exp() - 1 - log_var).sum(),
            "you add up the codes of a batch. Sum over the numbers of one code, average over the batch.",
        ),
        (
            lambda mu, log_var: 0.5 * (mu**2 + log_var.exp() - 1 - log_var).sum(1),
            "one value for each code is left over: average over the batch.",
        ),
        (
            lambda mu, log_var: (mu**2 + log_var.exp() - 1 - log_var).sum(1).mean(),
            "the half in front is missing.",
        ),
        (
            lambda mu, log_var: 0.5 * (mu**2 + log_var.exp() - 1 + log_var).sum(1).mean(),
            "look at the sign of the logarithm: a cloud that is narrower has to cost more.",
        ),
        (
            lambda mu, log_var: -0.5 * (mu**2 + log_var.exp() - 1 - log_var).sum(1).mean(),
            "the whole has the wrong sign: a KL is never below 0.",
        ),
        (
            lambda mu, log_var: 0.5 * (mu**2 + log_var.exp() - log_var).sum(1).mean(),
            "the -1 is missing: for mu = 0 and log_var = 0 the KL is 0.",
        ),
        (
            lambda mu, log_var: 0.5 * (mu**2 + (2 * log_var).exp() - 1 - log_var).sum(1).mean(),
            "sigma² is exp(log_var), and not exp(2 log_var).",
        ),
    ],
)


def tries_of_loss(loss: Answer) -> Seen:
    """Four small images, well and badly decoded, under two betas."""
    images, decoded = torch.rand(3, 1, 4, 4), torch.rand(3, 1, 4, 4)
    nothing = torch.zeros(3, 2)
    return {
        "decoded without error, a code of N(0, I)": loss(images, images, nothing, nothing, 1.0),
        "an error, a code of N(0, I)": loss(decoded, images, nothing, nothing, 1.0),
        "an error, a code that costs, beta 1": loss(decoded, images, MU, LOG_VAR, 1.0),
        "an error, a code that costs, beta 4": loss(decoded, images, MU, LOG_VAR, 4.0),
    }


def squares(decoded: Tensor, images: Tensor) -> Tensor:
    """The squared error of each image, summed over its pixels."""
    return (decoded - images).square().flatten(1).sum(1)


def costs(mu: Tensor, log_var: Tensor) -> Tensor:
    """The KL of each code."""
    return 0.5 * (mu**2 + log_var.exp() - 1 - log_var).sum(1)


check_loss = Check(
    tries_of_loss,
    right=lambda decoded, images, mu, log_var, beta: (
        squares(decoded, images).mean() + beta * costs(mu, log_var).mean()
    ),
    mistakes=[
        (
            lambda decoded, images, mu, log_var, beta: (
                (decoded - images).square().mean() + beta * costs(mu, log_var).mean()
            ),
            "the squared error is averaged over the pixels. Add it up over the pixels of an image, as "
            "the KL is over the numbers of a code; else beta weighs as many times as much as there "
            "are pixels.",
        ),
        (
            lambda decoded, images, mu, log_var, beta: (
                squares(decoded, images).sum() + beta * costs(mu, log_var).sum()
            ),
            "you add up the images of the batch. Average over them: else a larger batch would be a "
            "larger loss.",
        ),
        (
            lambda decoded, images, mu, log_var, beta: (
                squares(decoded, images).mean() - beta * costs(mu, log_var).mean()
            ),
            "the KL is a price, so it is added.",
        ),
        (
            lambda decoded, images, mu, log_var, beta: (
                beta * squares(decoded, images).mean() + costs(mu, log_var).mean()
            ),
            "beta weighs the KL, not the error.",
        ),
        (
            lambda decoded, images, mu, log_var, beta: (
                squares(decoded, images).mean() + costs(mu, log_var).mean()
            ),
            "beta is not used.",
        ),
        (
            lambda decoded, images, mu, log_var, beta: (
                (decoded - images).abs().flatten(1).sum(1).mean() + beta * costs(mu, log_var).mean()
            ),
            "the error is not squared.",
        ),
    ],
)

check_pixel_noise = Check(
    lambda s: {"s at beta = 1": s},
    right=0.5**0.5,
    mistakes=[
        (
            0.5,
            "that is s², the variance.",
        ),
        (
            2**0.5,
            "turned round: beta = 2 s², so s² is half of beta.",
        ),
        (
            1.0,
            "beta = 2 s²: divide by 2 before you take the root.",
        ),
        (
            2.0,
            "that is 2 s² for s = 1. Here beta is 1, and s is asked for.",
        ),
    ],
)


def tries_of_score(estimates: Answer) -> Seen:
    """Estimates of the slope of E[sum of z²] at mu, from 1,000 draws of three numbers."""
    mu = torch.tensor([1.0, 0.5, -2.0])
    z = mu + torch.randn(1000, 3)
    f = z.square().sum(1)
    each = estimates(f, z, mu)
    return {"1,000 estimates": each, "their mean": as_numbers(each).mean(0)}


check_score_estimates = Check(
    tries_of_score,
    right=lambda f, z, mu: (f - f.mean())[:, None] * (z - mu),
    mistakes=[
        (
            lambda f, z, mu: f[:, None] * (z - mu),
            "right on average, but without the baseline: take the mean of f away from f first.",
        ),
        (
            lambda f, z, mu: (f - f.mean())[:, None] * (mu - z),
            "the slope of log N(z; mu, 1) by mu is z - mu, and not mu - z.",
        ),
        (
            lambda f, z, mu: (f - f.mean())[:, None] * z,
            "the slope of log N(z; mu, 1) by mu is z - mu: you multiply with z itself.",
        ),
        (
            lambda f, z, mu: ((f - f.mean())[:, None] * (z - mu)).mean(0),
            "the estimates themselves are asked for, one for each draw: leave out the mean at the end.",
        ),
        (
            lambda f, z, mu: (f + f.mean())[:, None] * (z - mu),
            "the baseline is added. Take it away.",
        ),
    ],
)

START, END = torch.tensor([3.0, 0.0, 4.0]), torch.tensor([0.0, 5.0, 0.0])


def angle_between(a: Tensor, b: Tensor) -> Tensor:
    """In radians."""
    return torch.acos((a @ b) / (a.norm() * b.norm()))


def round_walk(a: Tensor, b: Tensor, t: float) -> Tensor:
    """A place on the arc from a to b (Shoemake 1985)."""
    angle = angle_between(a, b)
    return (torch.sin((1 - t) * angle) * a + torch.sin(t * angle) * b) / torch.sin(angle)


check_round_walk = Check(
    lambda walk: {
        "where it starts, t = 0": walk(START, END, 0.0),
        "where it ends, t = 1": walk(START, END, 1.0),
        "a quarter of the way, between two codes at a right angle": walk(START, END, 0.25),
        "halfway, between two codes at another angle": walk(START, START + END, 0.5),
    },
    right=round_walk,
    mistakes=[
        (
            lambda a, b, t: (1 - t) * a + t * b,
            "that is the straight walk; it leads through the empty middle.",
        ),
        (
            lambda a, b, t: round_walk(b, a, t),
            "it runs backwards: at t = 0 it has to be at a.",
        ),
        (
            lambda a, b, t: round_walk(a, b, t) * torch.sin(angle_between(a, b)),
            "the division by the sine of the whole angle is missing.",
        ),
        (
            lambda a, b, t: (
                ((1 - t) * a + t * b) * ((1 - t) * a.norm() + t * b.norm()) / ((1 - t) * a + t * b).norm()
            ),
            "the straight walk, pushed out to one length, keeps no even pace: near the middle it runs.",
        ),
        (
            lambda a, b, t: (
                (1 - t) * torch.sin(angle_between(a, b)) * a + t * torch.sin(angle_between(a, b)) * b
            ),
            "the shares do not fit together: (1 - t) of the angle belongs to a, t of it to b, each "
            "under the sine.",
        ),
    ],
)

LOG_WEIGHTS = torch.tensor([[-90.0, -1.0], [-92.0, -1.0], [-100.0, -3.0]])  # (k, N)

check_bound = Check(
    lambda bound: {
        "one code each, k = 1": bound(LOG_WEIGHTS[:1]),
        "three codes of the same weight": bound(torch.full((3, 2), -5.0)),
        "three codes for each of two images": bound(LOG_WEIGHTS),
        "weights so small that exp gives 0": bound(LOG_WEIGHTS - 800),
    },
    right=lambda log_w: (log_w.logsumexp(0) - log(len(log_w))).mean(),
    mistakes=[
        (
            lambda log_w: log_w.mean(0).mean(),
            "that is the ELBO: the mean of the logs. The bound is the log of the mean.",
        ),
        (
            lambda log_w: log_w.logsumexp(0).mean(),
            "you add the weights up and do not divide by k: take log k away.",
        ),
        (
            lambda log_w: log_w.exp().mean(0).log().mean(),
            "right as mathematics, but exp(-800) is 0 in a computer: use `logsumexp`.",
        ),
        (
            lambda log_w: (log_w.logsumexp(1) - log(len(log_w))).mean(),
            "the mean inside is over the codes, dim 0; over the images it is taken at the end.",
        ),
        (
            lambda log_w: log_w.flatten().logsumexp(0) - log(log_w.numel()),
            "you take one mean over codes and images together. Each image has its own bound.",
        ),
        (
            lambda log_w: (log_w.logsumexp(0) - log(len(log_w))).sum(),
            "the images are added up: average over them.",
        ),
    ],
)


def tries_of_unused(unused: Answer) -> Seen:
    """Codes of 100 images: five numbers, of which one is not used and two by one image each."""
    mu, log_var = torch.zeros(100, 5), torch.zeros(100, 5)
    mu[:, 0], log_var[:, 0] = torch.randn(100), -3.0
    mu[0, 1] = mu[1, 4] = 4.0  # 8 nats for one image in a hundred: .08 on average
    mu[:, 2] = 0.05  # .00125
    log_var[:, 3] = 0.5  # .07
    return {
        "five numbers, of which one carries less than 0.01 nats": unused(mu, log_var),
        "all four are those of the prior": unused(torch.zeros(9, 4), torch.zeros(9, 4)),
    }


def nats(mu: Tensor, log_var: Tensor) -> Tensor:
    """The KL of each number of each code."""
    return 0.5 * (mu**2 + log_var.exp() - 1 - log_var)


check_unused = Check(
    tries_of_unused,
    right=lambda mu, log_var: (nats(mu, log_var).mean(0) < 0.01).sum(),
    mistakes=[
        (
            lambda mu, log_var: (nats(mu, log_var).mean(0) >= 0.01).sum(),
            "you count the ones that are used.",
        ),
        (
            lambda mu, log_var: (nats(mu, log_var).mean(1) < 0.01).sum(),
            "average over the images, dim 0: then one number is left for each dimension of the code.",
        ),
        (
            lambda mu, log_var: (nats(mu, log_var).sum(0) < 0.01).sum(),
            "you add the images up. The average over them is meant.",
        ),
        (
            lambda mu, log_var: (0.5 * (mu**2).mean(0) < 0.01).sum(),
            "a dimension may keep its mean at 0 and still say something by its spread: the KL has both.",
        ),
        (
            lambda mu, log_var: (nats(mu, log_var).mean(0) < 0.01).double().mean(),
            "a share is no count: add up, do not average, at the end.",
        ),
        (
            lambda mu, log_var: (nats(mu, log_var).median(0).values < 0.01).sum(),
            "you ask each image for itself. A dimension that one image in a hundred needs is in use.",
        ),
    ],
)
