"""The checks of notebook 03: what each tries, a right answer, and the hints."""

from math import pi

import torch
from torch import Tensor

from genlab.teach.check import Answer, Check, Seen


def number(value: float) -> Tensor:
    """One number that the functions of math, numpy and torch all take."""
    return torch.tensor(value, dtype=torch.float64)


POINTS = torch.tensor([[1.0, 0.0], [0.0, 2.0], [-1.0, -0.5]])
PLACES = torch.tensor([[0.9, 0.2], [0.1, 1.2], [-0.6, -0.6], [0.2, 0.3]])


def logs(x: Tensor, points: Tensor, alpha: Tensor | float, sigma: Tensor) -> Tensor:
    """How well each point (a column) explains each x (a row): the log-density, but for a constant."""
    return -(x[:, None] - alpha * points).square().sum(2) / (2 * sigma**2)


check_best_guess = Check(
    lambda guess: {
        what: guess(PLACES.clone(), POINTS.clone(), number(alpha), number(sigma))
        for what, alpha, sigma in (
            ("half of the way, alpha 0.6, sigma 0.8", 0.6, 0.8),
            ("in much noise, alpha 0.1, sigma 0.99", 0.1, 0.99),
            ("in little noise, alpha 0.9998, sigma 0.02", 0.9998, 0.02),
        )
    },
    right=lambda x, points, alpha, sigma: logs(x, points, alpha, sigma).softmax(1) @ points,
    mistakes=[
        (
            lambda x, points, alpha, sigma: (-logs(x, points, alpha, sigma)).softmax(1) @ points,
            "the sign: a point that is far away explains x badly, so it has to weigh little.",
        ),
        (
            lambda x, points, alpha, sigma: logs(x, points, 1.0, sigma).softmax(1) @ points,
            "by time t a point has shrunk to alpha times itself. That is what x has to be compared with.",
        ),
        (
            lambda x, points, alpha, sigma: (logs(x, points, alpha, sigma) * sigma).softmax(1) @ points,
            "sigma is a standard deviation. The distance is squared, so sigma is, too.",
        ),
        (
            lambda x, points, alpha, sigma: (2 * logs(x, points, alpha, sigma)).softmax(1) @ points,
            "the 2 below the line is missing: you divide by sigma², not by 2 sigma².",
        ),
        (
            lambda x, points, alpha, sigma: logs(x, points, alpha, sigma).softmax(0) @ points,
            "the weights of one x have to add up to 1, over the points: dim 1.",
        ),
        (
            lambda x, points, alpha, sigma: points[logs(x, points, alpha, sigma).argmax(1)],
            "you take the nearest point alone. All of them have a say, each by its weight.",
        ),
        (
            lambda x, points, alpha, sigma: (
                logs(x, points, alpha, sigma).exp()
                / logs(x, points, alpha, sigma).exp().sum(1, keepdim=True)
                @ points
            ),
            "right as mathematics, but in little noise exp gives 0 for every point, and 0 / 0 follows: "
            "use `softmax`.",
        ),
        (
            lambda x, points, alpha, sigma: logs(x, points, alpha, sigma).softmax(1),
            "these are the weights. The mean of the points, weighted by them, is still to come.",
        ),
        (
            lambda x, points, alpha, sigma: alpha * logs(x, points, alpha, sigma).softmax(1) @ points,
            "the guess is the clean point. Shrink the points for the weights, but not for the mean.",
        ),
    ],
)

# As many images as pixels in a row: shares along the wrong axis go through, as with a batch of 28.
IMAGES = torch.linspace(-1, 1, 64).reshape(4, 1, 4, 4)
NOISE = torch.linspace(-2, 3, 64).cos().reshape(4, 1, 4, 4) * 1.4
SHARES = torch.tensor([0.81, 0.5, 0.16, 0.04])


def each(alpha_bar: Tensor) -> Tensor:
    """(N,) to (N, 1, 1, 1): one for each image."""
    return alpha_bar.view(-1, 1, 1, 1)


check_add_noise = Check(
    lambda add: {
        "no noise yet, alpha_bar 1": add(IMAGES.clone(), NOISE.clone(), torch.ones(4)),
        "nothing but noise, alpha_bar 0": add(IMAGES.clone(), NOISE.clone(), torch.zeros(4)),
        "four images at four times": add(IMAGES.clone(), NOISE.clone(), SHARES.clone()),
    },
    right=lambda x_0, noise, alpha_bar: each(alpha_bar) ** 0.5 * x_0 + (1 - each(alpha_bar)) ** 0.5 * noise,
    mistakes=[
        (
            lambda x_0, noise, alpha_bar: each(alpha_bar) * x_0 + (1 - each(alpha_bar)) * noise,
            "both square roots are missing: alpha_bar is a share of the variance.",
        ),
        (
            lambda x_0, noise, alpha_bar: each(alpha_bar) ** 0.5 * x_0 + (1 - each(alpha_bar)) * noise,
            "the noise needs a square root, too.",
        ),
        (
            lambda x_0, noise, alpha_bar: each(alpha_bar) * x_0 + (1 - each(alpha_bar)) ** 0.5 * noise,
            "the image needs a square root, too.",
        ),
        (
            lambda x_0, noise, alpha_bar: each(alpha_bar) ** 0.5 * x_0 + (1 - each(alpha_bar) ** 0.5) * noise,
            "it is the squares of the two weights that add up to 1: subtract first, then take the root.",
        ),
        (
            lambda x_0, noise, alpha_bar: each(alpha_bar) * x_0 + (1 - each(alpha_bar) ** 2) ** 0.5 * noise,
            "you take alpha_bar for the weight of the image. It is that weight's square.",
        ),
        (
            lambda x_0, noise, alpha_bar: (1 - each(alpha_bar)) ** 0.5 * x_0 + each(alpha_bar) ** 0.5 * noise,
            "turned round: alpha_bar is what is left of the image.",
        ),
        (
            lambda x_0, noise, alpha_bar: alpha_bar**0.5 * x_0 + (1 - alpha_bar) ** 0.5 * noise,
            "alpha_bar runs along the columns of the pictures. Give it the shape (N, 1, 1, 1), so that "
            "each image has its own.",
        ),
        (
            lambda x_0, noise, alpha_bar: each(alpha_bar) ** 0.5 * x_0 - (1 - each(alpha_bar)) ** 0.5 * noise,
            "the noise is added.",
        ),
    ],
)


check_same_on_circle = Check(
    lambda share: {
        "a tenth of the straight line": share(number(0.1)),
        "half of it": share(number(0.5)),
        "eight tenths of it": share(number(0.8)),
    },
    right=lambda s: torch.atan(s / (1 - s)) / (pi / 2),
    mistakes=[
        (
            lambda s: s,
            "that is the same share of the way. The ratio of signal to noise should be the same, and it is "
            "so only at the ends and halfway.",
        ),
        (
            lambda s: torch.atan(s / (1 - s)),
            "that is the angle. Its share of the quarter circle is asked for, whose angle is pi / 2.",
        ),
        (
            lambda s: torch.rad2deg(torch.atan(s / (1 - s))),
            "that is the angle in degrees. Its share of the quarter circle is asked for.",
        ),
        (
            lambda s: torch.atan(s / (1 - s)) / pi,
            "the way is a quarter of a circle. Its angle is pi / 2, not pi.",
        ),
        (
            lambda s: torch.atan((1 - s) / s) / (pi / 2),
            "turned round: the way begins at the image, so the angle grows with the noise.",
        ),
        (
            lambda s: torch.atan((s / (1 - s)) ** 2) / (pi / 2),
            "the tangent is the ratio itself. You squared it.",
        ),
        (
            lambda s: torch.acos(1 - s) / (pi / 2),
            "there the signal is the same, but the noise is not. It is their ratio that has to be the same.",
        ),
        (
            lambda s: torch.asin(s) / (pi / 2),
            "there the noise is the same, but the signal is not. It is their ratio that has to be the same.",
        ),
    ],
)

X_T, VELOCITY = 0.6 * IMAGES + 0.8 * NOISE, 0.6 * NOISE - 0.8 * IMAGES

check_image_from_velocity = Check(
    lambda image: {
        "alpha 0.6, sigma 0.8": image(X_T.clone(), VELOCITY.clone(), number(0.6), number(0.8)),
        "at the noisy end, alpha 0, sigma 1": image(NOISE.clone(), -IMAGES, number(0.0), number(1.0)),
    },
    right=lambda x_t, v, alpha, sigma: alpha * x_t - sigma * v,
    mistakes=[
        (
            lambda x_t, v, alpha, sigma: (x_t - sigma * v) / alpha,
            "so it goes if the network says the noise. v is another answer: put x_t and v in, and see "
            "what is left.",
        ),
        (
            lambda x_t, v, alpha, sigma: alpha * x_t + sigma * v,
            "the sign: the noise has to drop out. It comes with alpha sigma from x_t, and with the same "
            "from v.",
        ),
        (
            lambda x_t, v, alpha, sigma: sigma * x_t + alpha * v,
            "that is the noise. For the image, multiply the other way round, so that the noise drops out.",
        ),
        (
            lambda x_t, v, alpha, sigma: x_t - sigma * v,
            "so it goes on the straight line, from u. On the circle x_t needs a factor, too.",
        ),
        (
            lambda x_t, v, alpha, sigma: (x_t - sigma * v) / (alpha + sigma),
            "so it goes from u. With v, find two factors, of x_t and of v, that make the noise drop out.",
        ),
        (
            lambda x_t, v, alpha, sigma: alpha * v - sigma * x_t,
            "x_t and v have changed places.",
        ),
        (
            lambda x_t, v, alpha, sigma: sigma * x_t - alpha * v,
            "alpha and sigma have changed places.",
        ),
        (
            lambda x_t, v, alpha, sigma: alpha**2 * x_t - sigma**2 * v,
            "no squares here: they appear, and add up to 1, once you put x_t and v in.",
        ),
    ],
)

PICTURE = torch.tensor([[[0.5, -1.0], [2.0, 1.0]]])
ALPHA_BAR = torch.tensor([0.81, 0.36, 0.04])


def tries_of_loss(loss: Answer) -> Seen:
    """20,000 copies of one picture, so that a network can know the answer; its times are written down."""
    asked: list[Tensor] = []

    def right_answer(x_t: Tensor, t: Tensor) -> Tensor:
        times = torch.as_tensor(t).long().flatten()
        asked.append(times.expand(len(x_t)))
        share = ALPHA_BAR[times].view(-1, 1, 1, 1)
        return (x_t - share.sqrt() * PICTURE) / (1 - share).sqrt()

    batch = PICTURE.repeat(20_000, 1, 1, 1)
    seen = {
        "the loss of a network that always says 0": loss(
            lambda x_t, t: torch.zeros(x_t.shape), batch.clone(), ALPHA_BAR.clone()
        ),
        "the loss of a network that is always right": loss(right_answer, batch.clone(), ALPHA_BAR.clone()),
    }
    times = torch.cat(asked) if asked else torch.zeros(0, dtype=torch.int64)
    seen["how often it is asked about each of three times"] = times.bincount(minlength=3) / 20_000
    return seen


def loss_of(
    times: Answer = lambda last, n: torch.randint(last, (n,)),
    draw: Answer = torch.randn,
    mix: Answer = lambda x_0, noise, share: share.sqrt() * x_0 + (1 - share).sqrt() * noise,
    target: Answer = lambda x_0, noise: noise,
    reduce: Answer = lambda error: error.square().mean(),
) -> Answer:
    """The loss, in parts of which one may be wrong."""

    def loss(predict: Answer, x_0: Tensor, alpha_bar: Tensor) -> Tensor:
        t = times(len(alpha_bar), len(x_0))
        noise = draw(x_0.shape)
        x_t = mix(x_0, noise, each(alpha_bar[t]))
        return reduce(predict(x_t, t) - target(x_0, noise))

    return loss


check_denoising_loss = Check(
    tries_of_loss,
    right=loss_of(),
    mistakes=[
        (
            loss_of(target=lambda x_0, noise: x_0),
            "this network says the noise, so the noise is what it has to be compared with.",
        ),
        (
            loss_of(target=lambda x_0, noise: torch.randn(x_0.shape)),
            "you draw two noises. The one that is added is the one to be named: draw it once, keep it.",
        ),
        (
            loss_of(times=lambda last, n: torch.randint(last, (1,)).expand(n)),
            "one time for the whole batch. Draw a time for each image: N of them.",
        ),
        (
            loss_of(times=lambda last, n: torch.randint(last - 1, (n,))),
            "the last time is never drawn: `torch.randint(T, ...)` gives 0 to T - 1 already.",
        ),
        (
            loss_of(times=lambda last, n: torch.randint(1, last, (n,))),
            "the first time is never drawn: times are counted from 0 here.",
        ),
        (
            loss_of(mix=lambda x_0, noise, share: share * x_0 + (1 - share) * noise),
            "x_t is mixed without the square roots.",
        ),
        (
            loss_of(mix=lambda x_0, noise, share: (1 - share).sqrt() * x_0 + share.sqrt() * noise),
            "turned round: alpha_bar belongs to the image, and 1 - alpha_bar to the noise.",
        ),
        (
            loss_of(mix=lambda x_0, noise, share: x_0),
            "the network sees the clean image. Show it x_t.",
        ),
        (
            loss_of(draw=torch.rand),
            "the noise is uniform. `torch.randn` draws from N(0, 1), `torch.rand` from 0 to 1.",
        ),
        (
            loss_of(reduce=lambda error: error.square().flatten(1).sum(1).mean()),
            "you add up the pixels. Average over them, as over the images.",
        ),
        (
            loss_of(reduce=lambda error: error.square().sum()),
            "you add up pixels and images. Average over both.",
        ),
        (
            loss_of(reduce=lambda error: error.abs().mean()),
            "the error is not squared.",
        ),
    ],
    tolerance=2e-2,
)

check_times = Check(
    lambda times: {
        "T = 1000, n = 4": times(1000, 4),
        "T = 1000, n = 1": times(1000, 1),
        "T = 10, n = 2": times(10, 2),
    },
    right=lambda total, n: list(range(total - 1, -1, -(total // n))),
    mistakes=[
        (
            lambda total, n: list(range(total - total // n, -1, -(total // n))),
            "the walk starts from pure noise, so its first time is the noisiest, T - 1.",
        ),
        (
            lambda total, n: torch.linspace(total - 1, 0, n),
            "you spend a step on t = 0, where next to nothing is left to do. Make all jumps equally long, "
            "the last one, to -1, too.",
        ),
        (
            lambda total, n: list(range(total, 0, -(total // n))),
            "all one too late: times are counted from 0, so the last is T - 1.",
        ),
        (
            lambda total, n: list(range(total // n - 1, total, total // n)),
            "turned round: the walk goes from noise to image, so the largest time comes first.",
        ),
        (
            lambda total, n: list(range(total - 1, -2, -(total // n))),
            "-1 is the finished image: there the network is not asked any more.",
        ),
        (
            lambda total, n: list(range(total - 1, -1, -n)),
            "these are steps of length n. You want n steps, each T / n long.",
        ),
        (
            lambda total, n: [(t, t - total // n) for t in range(total - 1, -1, -(total // n))],
            "these are the jumps, from time to time. Give back the times at which they begin.",
        ),
        (
            lambda total, n: list(range(total - 1, total // n, -(total // n))),
            "the last time is missing: from it the walk jumps to the finished image.",
        ),
    ],
    tolerance=1e-4,  # of 1000 times: less than one
)


def tries_of_step(step: Answer) -> Seen:
    """Two jumps from alpha_bar 0.36."""
    x = 0.6 * IMAGES + 0.8 * NOISE
    guess = IMAGES.flip(0) / 2
    return {
        "from alpha_bar 0.36 to 0.64": step(x.clone(), guess.clone(), number(0.36), number(0.64)),
        "from alpha_bar 0.36 to 1, the finished image": step(
            x.clone(), guess.clone(), number(0.36), number(1.0)
        ),
    }


def noise_in(x: Tensor, x_0: Tensor, alpha_bar: Tensor) -> Tensor:
    """What is left of x_t without the image, as noise of variance 1."""
    return (x - alpha_bar.sqrt() * x_0) / (1 - alpha_bar).sqrt()


def mixed(x_0: Tensor, noise: Tensor, alpha_bar: Tensor) -> Tensor:
    """Image and noise at a time."""
    return alpha_bar.sqrt() * x_0 + (1 - alpha_bar).sqrt() * noise


check_step = Check(
    tries_of_step,
    right=lambda x, x_0, now, after: mixed(x_0, noise_in(x, x_0, now), after),
    mistakes=[
        (
            lambda x, x_0, now, after: mixed(x_0, x - now.sqrt() * x_0, after),
            "what is left of x_t without the image is the noise times its weight: divide by that weight.",
        ),
        (
            lambda x, x_0, now, after: mixed(x_0, (x - x_0) / (1 - now).sqrt(), after),
            "x_t holds the image only shrunk: take away the square root of alpha_bar times the guess.",
        ),
        (
            lambda x, x_0, now, after: mixed(x_0, torch.randn(x.shape), after),
            "you mix in new noise. Mix in the noise that is in x_t already.",
        ),
        (
            lambda x, x_0, now, after: after.sqrt() * x_0 + (1 - now).sqrt() * noise_in(x, x_0, now),
            "the noise did not become less: its weight has to be that of the new time.",
        ),
        (
            lambda x, x_0, now, after: now.sqrt() * x_0 + (1 - after).sqrt() * noise_in(x, x_0, now),
            "the image did not become more: its weight has to be that of the new time.",
        ),
        (
            lambda x, x_0, now, after: x_0,
            "you jump all the way to the guess. Only the last step does that.",
        ),
        (
            lambda x, x_0, now, after: after.sqrt() * x_0,
            "there is no noise left. Some has to stay, unless it is the last step.",
        ),
        (
            lambda x, x_0, now, after: after * x_0 + (1 - after) * (x - now * x_0) / (1 - now),
            "the square roots are missing: alpha_bar is a share of the variance.",
        ),
        (
            lambda x, x_0, now, after: mixed(x_0, noise_in(x, x_0, after), now),
            "the two times have changed places: find the noise at the old one, mix at the new one.",
        ),
        (
            lambda x, x_0, now, after: mixed(x, noise_in(x, x_0, now), after),
            "you mix x_t itself with the noise. Mix the guess of the image with it.",
        ),
    ],
)

CLASS, NONE = torch.tensor([[0.5, -1.0, 2.0]]), torch.tensor([[0.2, 0.6, 1.0]])

check_guided = Check(
    lambda guided: {
        "w = 0": guided(CLASS.clone(), NONE.clone(), 0.0),
        "w = 1": guided(CLASS.clone(), NONE.clone(), 1.0),
        "w = 3": guided(CLASS.clone(), NONE.clone(), 3.0),
    },
    right=lambda f_class, f_none, w: f_none + w * (f_class - f_none),
    mistakes=[
        (
            lambda f_class, f_none, w: f_class + w * (f_class - f_none),
            "so the paper counts. Here w = 1 has to give the answer for the class, and w = 0 the other.",
        ),
        (
            lambda f_class, f_none, w: f_none + w * (f_none - f_class),
            "the sign: you walk away from the class.",
        ),
        (
            lambda f_class, f_none, w: f_class + w * (f_none - f_class),
            "turned round: w = 0 has to be the answer for no class in particular.",
        ),
        (
            lambda f_class, f_none, w: f_none + w * f_class,
            "you add the whole answer for the class. Add what it has more than the other: the difference.",
        ),
        (
            lambda f_class, f_none, w: w * (f_class - f_none),
            "that is only what is added. To what?",
        ),
        (
            lambda f_class, f_none, w: w * f_class,
            "louder is not the same as more of the class: the answer for none in particular is not used.",
        ),
        (
            lambda f_class, f_none, w: f_none + (w - 1) * (f_class - f_none),
            "that is one less than asked for: at w = 1 you should be at the answer for the class.",
        ),
    ],
)

KNOWN = torch.tensor([[True, True, False, False]] * 3 + [[True, False, False, False]])


def tries_of_put_back(put_back: Answer) -> Seen:
    """A walk in the middle and at its end; what stands in the image where it is not known does not matter."""
    x = IMAGES.flip(0) + 0.3
    image = torch.where(KNOWN, IMAGES, 9.0)
    return {
        what: put_back(x.clone(), image.clone(), KNOWN.clone(), NOISE.clone(), number(alpha_bar))
        for what, alpha_bar in (("at alpha_bar 0.36", 0.36), ("at the end, alpha_bar 1", 1.0))
    }


check_put_back = Check(
    tries_of_put_back,
    right=lambda x, image, known, noise, alpha_bar: torch.where(known, mixed(image, noise, alpha_bar), x),
    mistakes=[
        (
            lambda x, image, known, noise, alpha_bar: torch.where(known, image, x),
            "the known pixels are clean, the others are not. Noise them to the time of x first.",
        ),
        (
            lambda x, image, known, noise, alpha_bar: torch.where(known, x, mixed(image, noise, alpha_bar)),
            "turned round: you replace what is not known.",
        ),
        (
            lambda x, image, known, noise, alpha_bar: mixed(image, noise, alpha_bar),
            "all pixels are replaced. Where nothing is known, x has to stay as it is.",
        ),
        (
            lambda x, image, known, noise, alpha_bar: torch.where(
                known, alpha_bar * image + (1 - alpha_bar) * noise, x
            ),
            "the square roots of alpha_bar and of 1 - alpha_bar are missing.",
        ),
        (
            lambda x, image, known, noise, alpha_bar: x + known * mixed(image, noise, alpha_bar),
            "you add the known pixels to x. Put them in its place.",
        ),
        (
            lambda x, image, known, noise, alpha_bar: known * mixed(image, noise, alpha_bar),
            "where nothing is known you leave 0. There x has to stay.",
        ),
        (
            lambda x, image, known, noise, alpha_bar: torch.where(known, alpha_bar.sqrt() * image, x),
            "the known pixels are shrunk, but the noise is missing.",
        ),
        (
            lambda x, image, known, noise, alpha_bar: mixed(torch.where(known, image, x), noise, alpha_bar),
            "you noise the rest as well. x is noisy already: only the known pixels need it.",
        ),
    ],
)
