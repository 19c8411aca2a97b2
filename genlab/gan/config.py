"""Settings of a GAN."""

from typing import Annotated, ClassVar, Literal

from pydantic import Field, model_validator

from genlab.config import Settings
from genlab.gan.loss import Game
from genlab.gan.networks import Conditioning
from genlab.nn.mlp import Activation

TWO_TARGETS = ("non_saturating", "least_squares")  # the losses with a target, which can be smoothed


class MLPPlayersConfig(Settings):
    """One hidden layer in each of generator and discriminator."""

    kind: Literal["mlp"] = "mlp"
    hidden_dim: int = Field(400, ge=1, description="width of both hidden layers")
    activation: Activation = Field("leaky_relu", description="after the hidden layers")


class DCGANConfig(Settings):
    """Two transposed convolutions against two convolutions (Radford et al. 2015)."""

    kind: Literal["dcgan"] = "dcgan"
    channels: tuple[Annotated[int, Field(ge=1)], ...] = Field(
        (32, 64),
        min_length=2,
        max_length=3,
        description="widths at (28x28 and) 14x14 and at 7x7, of both players",
    )
    num_res_blocks: int = Field(0, ge=0, description="residual blocks at 14x14, and as many at 7x7")
    generator_norm: Literal["batch", "none"] = Field("batch", description="of the generator's maps")
    discriminator_norm: Literal["batch", "none"] = Field("none", description="of the discriminator's maps")


class GANConfig(Settings):
    """A GAN of convolutions or MLPs, and the game that it plays."""

    SAMPLING: ClassVar[tuple[str, ...]] = ("truncation",)

    family: Literal["gan"] = "gan"
    network: Annotated[MLPPlayersConfig | DCGANConfig, Field(discriminator="kind")] = Field(
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
