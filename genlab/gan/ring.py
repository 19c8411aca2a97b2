"""A GAN on eight Gaussians in a ring: small enough that mode collapse can be seen, and counted.

The ring is the standard example (Metz et al. 2016, arXiv:1611.02163, section 3.1). Its two networks are
trained with the losses of ``genlab.gan.loss``, those that the image GAN is trained with.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass

import torch
from matplotlib.axes import Axes
from torch import Tensor, nn

from genlab.gan.loss import discriminator_loss, generator_loss, gradient_penalty
from genlab.nn.mlp import mlp

MODES, SPREAD = 8, 0.05  # how many Gaussians, on a circle of radius 1, and their standard deviation


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


def draw_ring(axis: Axes, points: Tensor, color: str) -> None:
    """Scatter points (N, 2) in colour over real ones in grey."""
    real = ring(500, torch.Generator().manual_seed(0))
    axis.scatter(real[:, 0], real[:, 1], s=3, color="#bbbbbb")
    points = points.cpu()
    axis.scatter(points[:, 0], points[:, 1], s=2, color=color, alpha=0.5)
    axis.set(xlim=(-1.7, 1.7), ylim=(-1.7, 1.7), xticks=[], yticks=[], aspect="equal")


@dataclass(frozen=True)
class Round:
    """One round of the game: a step of the discriminator, then one of the generator.

    Attributes:
        number: 1 for the first, counted over the whole life of the game.
        discriminator, generator: their losses.
    """

    number: int
    discriminator: float
    generator: float


class RingGame:
    """A generator and a discriminator of two hidden layers each, and their optimisers.

    The generator learns three times as fast as the discriminator: enough for the plain game to collapse.

    Args:
        seed: decides the initial weights and all that is drawn while playing.
        lr_generator, lr_discriminator: Adam's learning rates.
        betas: Adam's, for both.
    """

    latent_dim = 8

    def __init__(
        self,
        seed: int,
        *,
        lr_generator: float = 3e-3,
        lr_discriminator: float = 1e-3,
        betas: tuple[float, float] = (0.5, 0.9),
    ) -> None:
        torch.manual_seed(seed)
        self.number, self.random = 0, torch.Generator().manual_seed(seed)
        self.generator = mlp([self.latent_dim, 64, 64, 2], "leaky_relu")
        self.discriminator = mlp([2, 64, 64, 1], "leaky_relu")
        self.optimisers: dict[nn.Module, torch.optim.Adam] = {
            network: torch.optim.Adam(network.parameters(), lr=lr, betas=betas, fused=True)
            for network, lr in ((self.generator, lr_generator), (self.discriminator, lr_discriminator))
        }

    def play(self, rounds: int, *, penalty: float = 0.0, batch_size: int = 128) -> Iterator[Round]:
        """Play on from where the game stands, and yield a record of each round.

        Args:
            rounds: how many.
            penalty: weight of the discriminator's ``gradient_penalty`` on real and on fake points.
            batch_size: real points, and fakes, per round.
        """
        for _ in range(rounds):
            self.number += 1
            real = ring(batch_size, self.random)
            fake = self.generator(torch.randn(batch_size, self.latent_dim, generator=self.random))

            loss_d = discriminator_loss(self.discriminator(real), self.discriminator(fake.detach()))
            if penalty:
                on_real = gradient_penalty(self.discriminator, real)
                on_fake = gradient_penalty(self.discriminator, fake)
                loss_d = loss_d + penalty / 2 * (on_real + on_fake)
            self._step(self.discriminator, loss_d)

            loss_g = generator_loss(self.discriminator(fake))
            self._step(self.generator, loss_g)
            yield Round(self.number, loss_d.item(), loss_g.item())

    def _step(self, network: nn.Module, loss: Tensor) -> None:
        self.optimisers[network].zero_grad()
        loss.backward(inputs=list(network.parameters()))
        self.optimisers[network].step()

    @torch.no_grad()
    def points(self, n: int = 1000) -> Tensor:
        """The generator's output for ``n`` codes, the same ones at every call: (n, 2)."""
        codes = torch.randn(n, self.latent_dim, generator=torch.Generator().manual_seed(0))
        return self.generator(codes)
