"""A GAN on eight Gaussians in a ring: small enough that mode collapse can be seen, and counted.

The ring is the standard example (Metz et al. 2016, arXiv:1611.02163, section 3.1). Its two networks are
trained with the losses of ``genlab.gan.loss``, those that the image GAN is trained with.
"""

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

import torch
from matplotlib.axes import Axes
from torch import Tensor, nn

from genlab.gan.loss import discriminator_loss, generator_loss, gradient_penalty

MODES, SPREAD = 8, 0.05  # how many Gaussians, on a circle of radius 1, and their standard deviation
REACH = 1.8  # how far a drawing goes to each side


def ring_centres() -> Tensor:
    """The means of the Gaussians, (8, 2)."""
    angle = torch.arange(MODES) * (2 * math.pi / MODES)
    return torch.stack([angle.cos(), angle.sin()], dim=1)


def ring(n: int, generator: torch.Generator | None = None) -> Tensor:
    """Draw ``n`` real points, (n, 2): every Gaussian is as likely as the next."""
    mode = torch.randint(MODES, (n,), generator=generator)
    return ring_centres()[mode] + SPREAD * torch.randn(n, 2, generator=generator)


def on_target(points: Tensor) -> Tensor:
    """Which points (N, 2) lie within four standard deviations of a centre: bool, (N,).

    Of the real ones 99.97 % do.
    """
    return torch.cdist(points.cpu(), ring_centres()).amin(1) < 4 * SPREAD


def modes_covered(points: Tensor, share: float = 0.02) -> int:
    """How many of the eight Gaussians hold at least ``share`` of the points (N, 2); each is due 12.5 %."""
    nearest = torch.cdist(points.cpu(), ring_centres()).argmin(1)
    held = torch.bincount(nearest[on_target(points)], minlength=MODES)
    return int((held >= share * len(points)).sum())


def draw_ring(
    axis: Axes, points: Tensor, color: str, discriminator: Callable[[Tensor], Tensor] | None = None
) -> None:
    """Scatter points (N, 2) in colour over real ones in grey.

    A discriminator is drawn under them: the darker the ground, the surer it is that points there are real,
    from its lowest answer in the drawing (white) to its highest.
    Arrows of one length show which way its slope sends a generator's point, for a few of them.
    """
    points = points.cpu()
    if discriminator is not None:
        line = torch.linspace(-REACH, REACH, 81)
        x, y = torch.meshgrid(line, line, indexing="xy")
        with torch.no_grad():
            called_real = torch.sigmoid(discriminator(torch.stack([x, y], dim=2)))[:, :, 0]
        low, high = called_real.min().item(), called_real.max().item()
        black = high + (high - low)  # out of reach, so that the ground is grey at most: points lie on it
        sides = (-REACH, REACH, -REACH, REACH)
        axis.imshow(called_real.numpy(), extent=sides, origin="lower", cmap="Greys", vmin=low, vmax=black)
    real = ring(500, torch.Generator().manual_seed(0))
    axis.scatter(real[:, 0], real[:, 1], s=1, color="#666666")
    axis.scatter(points[:, 0], points[:, 1], s=4, color=color, alpha=0.5, linewidths=0)
    if discriminator is not None:
        few = points[:8]
        axis.quiver(
            *few.T, *push(discriminator, few).T, angles="xy", scale_units="xy", scale=2.5, width=0.008
        )
    axis.set(xlim=(-REACH, REACH), ylim=(-REACH, REACH), xticks=[], yticks=[], aspect="equal")


def push(discriminator: Callable[[Tensor], Tensor], points: Tensor) -> Tensor:
    """The direction in which the generator's loss falls fastest at each point, of length 1: (N, 2)."""
    points = points.detach().requires_grad_()
    (slope,) = torch.autograd.grad(generator_loss(discriminator(points)), points)
    return -slope / slope.norm(dim=1, keepdim=True).clamp(min=1e-12)


@dataclass(frozen=True)
class Round:
    """One round of the game: a step of the discriminator, then those of the generator.

    Attributes:
        number: 1 for the first, counted over the whole life of the game.
        discriminator, generator: their losses, the generator's at its last step.
    """

    number: int
    discriminator: float
    generator: float


class RingGame:
    """A generator and a discriminator of two hidden layers each, and their optimisers.

    The generator makes seven steps to each one of the discriminator: enough for the plain game to collapse.

    Args:
        seed: decides the initial weights and all that is drawn while playing.
        generator_steps: to one of the discriminator.
        lr: Adam's learning rate, for both.
        betas: Adam's, for both.
    """

    latent_dim = 8

    def __init__(
        self,
        seed: int,
        *,
        generator_steps: int = 7,
        lr: float = 1e-3,
        betas: tuple[float, float] = (0.5, 0.99),
    ) -> None:
        torch.manual_seed(seed)
        self.generator_steps = generator_steps
        self.number, self.random = 0, torch.Generator().manual_seed(seed)
        self.generator = smooth_mlp([self.latent_dim, 64, 64, 2])
        self.discriminator = smooth_mlp([2, 64, 64, 1])
        with torch.no_grad():  # a spot is small: so that the first layer can tell its inside from its edge
            for first in self.discriminator[0].parameters():
                first.mul_(4)
        self.optimisers: dict[nn.Module, torch.optim.Adam] = {
            network: torch.optim.Adam(network.parameters(), lr=lr, betas=betas, fused=True)
            for network in (self.generator, self.discriminator)
        }

    def play(self, rounds: int, *, penalty: float = 0.0, batch_size: int = 128) -> Iterator[Round]:
        """Play on from where the game stands, and yield a record of each round.

        Args:
            rounds: how many.
            penalty: weight of the discriminator's ``gradient_penalty`` on real and on fake points.
            batch_size: real points, and fakes, per step.
        """
        for _ in range(rounds):
            self.number += 1
            real, fake = ring(batch_size, self.random), self._draw(batch_size).detach()
            loss_d = discriminator_loss(self.discriminator(real), self.discriminator(fake))
            if penalty:
                on_real = gradient_penalty(self.discriminator, real)
                on_fake = gradient_penalty(self.discriminator, fake)
                loss_d = loss_d + penalty / 2 * (on_real + on_fake)
            self._step(self.discriminator, loss_d)

            for _ in range(self.generator_steps):
                loss_g = generator_loss(self.discriminator(self._draw(batch_size)))
                self._step(self.generator, loss_g)
            yield Round(self.number, loss_d.item(), loss_g.item())

    def _draw(self, n: int) -> Tensor:
        return self.generator(torch.randn(n, self.latent_dim, generator=self.random))

    def _step(self, network: nn.Module, loss: Tensor) -> None:
        self.optimisers[network].zero_grad()
        loss.backward(inputs=list(network.parameters()))
        self.optimisers[network].step()

    @torch.no_grad()
    def points(self, n: int = 1000) -> Tensor:
        """The generator's output for ``n`` codes, the same ones at every call: (n, 2)."""
        codes = torch.randn(n, self.latent_dim, generator=torch.Generator().manual_seed(0))
        return self.generator(codes)


def smooth_mlp(widths: Sequence[int]) -> nn.Sequential:
    """Linear layers with a tanh between each two, so that the discriminator's answer has no corners."""
    layers: list[nn.Module] = []
    for width_in, width_out in pairwise(widths):
        layers += [nn.Linear(width_in, width_out), nn.Tanh()]
    return nn.Sequential(*layers[:-1])
