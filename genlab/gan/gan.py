"""The GAN as a family: two networks, two losses, stepped in turn."""

from collections.abc import Iterator
from typing import Annotated, ClassVar, Literal

import torch
from pydantic import Field, model_validator
from torch import Tensor, nn

from genlab.checks import check_codes, check_number, choose_labels
from genlab.config import Settings
from genlab.data import to_unit
from genlab.errors import GenlabError
from genlab.family import IMAGE_SHAPE, Dial, Loss, device_of
from genlab.gan.loss import (
    Game,
    decision_boundary,
    discriminator_loss,
    generator_loss,
    gradient_penalty,
    slope_penalty,
)
from genlab.gan.model import Conditioning, conv_discriminator, mlp_discriminator, with_spectral_norm
from genlab.latent import truncated
from genlab.nn.convnet import ConvDecoder
from genlab.nn.mlp import Activation, MLPDecoder

TWO_TARGETS = ("non_saturating", "least_squares")  # the games that aim at a number, which can be smoothed


class MLPConfig(Settings):
    """One hidden layer in each player."""

    kind: Literal["mlp"] = "mlp"
    hidden_dim: int = Field(400, ge=1, description="width of both hidden layers")
    activation: Activation = Field("leaky_relu", description="after the hidden layers")


class DCGANConfig(Settings):
    """Two transposed convolutions against two convolutions (Radford et al. 2015)."""

    kind: Literal["dcgan"] = "dcgan"
    channels: tuple[Annotated[int, Field(ge=1)], Annotated[int, Field(ge=1)]] = Field(
        (32, 64), description="widths at 14x14 and at 7x7, of both players"
    )
    generator_norm: Literal["batch", "none"] = Field("batch", description="of the generator's maps")
    discriminator_norm: Literal["batch", "none"] = Field("none", description="of the discriminator's maps")


class GANConfig(Settings):
    """A GAN of convolutions or MLPs, and the game that it plays."""

    SAMPLING: ClassVar[tuple[str, ...]] = ("truncation",)

    family: Literal["gan"] = "gan"
    network: Annotated[MLPConfig | DCGANConfig, Field(discriminator="kind")] = Field(
        DCGANConfig(), description="generator and discriminator"
    )
    latent_dim: int = Field(64, ge=1, description="width of the code")
    loss: Game = Field("non_saturating", description="the game: see genlab.gan.loss")
    label_smoothing: float = Field(0.0, ge=0, lt=0.5, description="one-sided, on real images only")
    r1: float | None = Field(
        None, ge=0, description="weight of the slope at real images; none: 1 for relativistic, else 0"
    )
    r2: float | None = Field(
        None, ge=0, description="weight of the slope at fakes; none: 1 for relativistic, else 0"
    )
    slope_penalty: float | None = Field(
        None, ge=0, description="weight of (slope - 1)^2 between real and fake, wgan_gp only; none: 10"
    )
    penalty_every: int = Field(
        1, ge=1, description="batches from one penalty to the next, which then weighs so many times as much"
    )
    spectral_norm: bool = Field(False, description="bound the discriminator's slope by its weights")
    num_classes: int | None = Field(None, ge=1, description="classes to condition on, none: unconditional")
    conditioning: Conditioning = Field("projection", description="how the discriminator is told the class")
    truncation: float | None = Field(
        None, gt=0, description="draw no code further out than this in any dimension, none: all of N(0, I)"
    )

    @model_validator(mode="after")
    def _consistent(self) -> "GANConfig":
        if self.label_smoothing and self.loss not in TWO_TARGETS:
            raise ValueError(
                f"label_smoothing needs a target to smooth: loss {' or '.join(TWO_TARGETS)}, not {self.loss}"
            )
        if self.slope_penalty is not None and self.loss != "wgan_gp":
            raise ValueError(f"slope_penalty belongs to loss wgan_gp: use r1 and r2 with {self.loss}")
        batch_norm = isinstance(self.network, DCGANConfig) and self.network.discriminator_norm == "batch"
        if batch_norm and any(self.penalties):
            raise ValueError(
                "a gradient penalty asks for each image's own slope, which batch norm mixes with others': "
                "set network.discriminator_norm to none"
            )
        return self

    @property
    def batch_norm(self) -> bool:
        """Whether either player normalises over the batch."""
        network = self.network
        return isinstance(network, DCGANConfig) and "batch" in (
            network.generator_norm,
            network.discriminator_norm,
        )

    @property
    def penalties(self) -> tuple[float, float, float]:
        """The weights of R1, R2 and the slope penalty, chosen or the game's own."""
        usual = 1.0 if self.loss == "relativistic" else 0.0
        slope = 10.0 if self.loss == "wgan_gp" and self.slope_penalty is None else self.slope_penalty or 0.0
        return usual if self.r1 is None else self.r1, usual if self.r2 is None else self.r2, slope


def build_networks(config: GANConfig) -> nn.ModuleDict:
    """The two players that the settings ask for."""
    network, classes = config.network, config.num_classes
    generator: nn.Module
    if isinstance(network, MLPConfig):
        hidden = network.activation
        generator = MLPDecoder(
            config.latent_dim, network.hidden_dim, IMAGE_SHAPE, num_classes=classes, hidden=hidden
        )
        discriminator = mlp_discriminator(network.hidden_dim, classes, hidden, config.conditioning)
    else:
        generator = ConvDecoder(
            config.latent_dim,
            network.channels,
            num_classes=classes,
            batch_norm=network.generator_norm == "batch",
        )
        discriminator = conv_discriminator(
            network.channels,
            classes,
            conditioning=config.conditioning,
            batch_norm=network.discriminator_norm == "batch",
        )
    if config.penalty_every > 1:
        discriminator.register_buffer("batches_seen", torch.zeros((), dtype=torch.int64))
    if config.spectral_norm:
        with_spectral_norm(discriminator)
    return nn.ModuleDict({"generator": generator, "discriminator": discriminator})


class GAN:
    """Generative adversarial network (Goodfellow et al. 2014, arXiv:1406.2661)."""

    def __init__(self, config: GANConfig) -> None:
        self.config = config
        self.num_classes = config.num_classes
        self.networks = build_networks(config)

    def losses(self, images: Tensor, labels: Tensor) -> Iterator[Loss]:
        """First the discriminator's loss, then, against the one just stepped, the generator's.

        Logged: the two losses, and how often the discriminator is right on real and on fake images.

        Raises:
            GenlabError: one image in training, where batch norm has nothing to compare it with.
        """
        if len(images) == 1 and self.networks.training and self.config.batch_norm:
            raise GenlabError("batch norm compares images with each other: a batch needs at least two")
        discriminator, config = self.networks["discriminator"], self.config
        z = torch.randn(len(images), config.latent_dim, device=images.device)
        fake = torch.tanh(self.networks["generator"](z, labels))

        real_logits = discriminator(images, labels)
        fake_logits = discriminator(fake.detach(), labels)  # no gradient for the generator here
        loss = discriminator_loss(real_logits, fake_logits, config.label_smoothing, config.loss)
        boundary = decision_boundary(real_logits, fake_logits, config.loss)
        logged = {
            "discriminator": loss.detach(),
            "real_accuracy": (real_logits > boundary).float().mean(),
            "fake_accuracy": (fake_logits < boundary).float().mean(),
        }
        yield Loss("discriminator", loss + self._penalty(images, fake.detach(), labels), logged)

        fake_logits = discriminator(fake, labels)
        if config.loss == "relativistic":  # the one game whose generator looks at real images, too
            with torch.no_grad():
                real_logits = discriminator(images, labels)
        loss = generator_loss(fake_logits, real_logits.detach(), config.loss)
        yield Loss("generator", loss, {"generator": loss.detach()})

    def _penalty(self, real: Tensor, fake: Tensor, labels: Tensor) -> Tensor | float:
        """What the discriminator pays for its slope in training, as the config weighs it.

        A slope costs more time than all the rest, and need not be looked at in every batch (lazy
        regularisation: Karras et al. 2020, arXiv:1912.04958, appendix B).
        """
        discriminator, every = self.networks["discriminator"], self.config.penalty_every
        r1, r2, slope = (weight * every for weight in self.config.penalties)
        if not (discriminator.training and self._penalty_is_due()):
            return 0.0

        def judge(images: Tensor) -> Tensor:
            logits: Tensor = discriminator(images, labels)
            return logits

        penalty: Tensor | float = 0.0
        if r1:
            penalty = penalty + r1 / 2 * gradient_penalty(judge, real)
        if r2:
            penalty = penalty + r2 / 2 * gradient_penalty(judge, fake)
        if slope:
            penalty = penalty + slope * slope_penalty(judge, real, fake)
        return penalty

    def _penalty_is_due(self) -> bool:
        """In the first batch and every ``penalty_every`` after it; counted in a buffer, which a run keeps."""
        if self.config.penalty_every == 1:
            return True
        seen = self.networks["discriminator"].get_buffer("batches_seen")
        seen += 1
        return (seen.item() - 1) % self.config.penalty_every == 0

    @property
    def latent_dim(self) -> int:
        """Width of the code."""
        return self.config.latent_dim

    @torch.no_grad()
    def decode(self, z: Tensor, labels: Tensor | None = None) -> Tensor:
        """Codes (N, latent_dim) to images in [0, 1], (N, 1, 28, 28).

        Raises:
            GenlabError: codes as for ``check_codes``; labels as for ``Decodes.decode``.
        """
        z = check_codes(z, self.latent_dim)
        device = device_of(self.networks)
        chosen = choose_labels(self.num_classes, len(z), labels, None, blends=True)
        logits = self.networks["generator"](z.to(device), None if chosen is None else chosen.to(device))
        return to_unit(torch.tanh(logits))

    def sample(
        self,
        n: int,
        *,
        labels: Tensor | None = None,
        generator: torch.Generator | None = None,
        truncation: float | None = None,
    ) -> Tensor:
        """Decode ``n`` codes drawn from N(0, I), truncated or not: see ``Family.sample``, ``draw_codes``."""
        z = self.draw_codes(n, generator=generator, truncation=truncation)
        return self.decode(z, choose_labels(self.num_classes, n, labels, generator))

    def draw_codes(
        self,
        n: int,
        *,
        labels: Tensor | None = None,
        generator: torch.Generator | None = None,
        truncation: float | None = None,
    ) -> Tensor:
        """``n`` codes from N(0, I), (n, latent_dim): see ``DrawsCodes.draw_codes``.

        Args:
            n, labels, generator: as there; the codes are alike for every class.
            truncation: other than the config's: see ``genlab.latent.truncated``.

        Raises:
            GenlabError: no number of images, or a truncation that is not above 0.
        """
        check_number(n)
        z = torch.randn(n, self.config.latent_dim, generator=generator)
        limit = self.config.truncation if truncation is None else truncation
        return z if limit is None else truncated(z, limit)

    @property
    def dials(self) -> tuple[Dial, ...]:
        """Truncation; at 4 hardly six in a hundred thousand of the codes' numbers are moved noticeably."""
        limit = self.config.truncation or 4.0
        return (Dial("truncation", limit, low=min(0.1, limit), high=max(4.0, limit), step=0.1),)
