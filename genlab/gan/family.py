"""The GAN as a family: two networks, two losses, stepped in turn."""

from collections.abc import Iterator
from typing import Literal

import torch
from pydantic import Field
from torch import Tensor, nn

from genlab.config import Settings
from genlab.data import to_unit
from genlab.errors import GenlabError
from genlab.family import IMAGE_SHAPE, Loss, choose_labels, device_of
from genlab.gan.loss import discriminator_loss, generator_loss
from genlab.gan.model import Discriminator
from genlab.nn.mlp import Activation, MLPDecoder


class GANConfig(Settings):
    """A GAN of two MLPs; the defaults are the reference design's."""

    family: Literal["gan"] = "gan"
    hidden_dim: int = Field(400, ge=1, description="width of both hidden layers")
    latent_dim: int = Field(20, ge=1, description="width of the code")
    activation: Activation = Field("leaky_relu", description="after the hidden layers")
    label_smoothing: float = Field(0.0, ge=0, lt=0.5, description="one-sided, on real images only")
    num_classes: int | None = Field(None, ge=1, description="classes to condition on, none: unconditional")


class GAN:
    """Generative adversarial network (Goodfellow et al. 2014, arXiv:1406.2661)."""

    def __init__(self, config: GANConfig) -> None:
        self.config = config
        self.num_classes = config.num_classes
        self.networks = nn.ModuleDict(
            {
                "generator": MLPDecoder(
                    config.latent_dim,
                    config.hidden_dim,
                    IMAGE_SHAPE,
                    num_classes=config.num_classes,
                    hidden=config.activation,
                ),
                "discriminator": Discriminator(config.hidden_dim, config.num_classes, config.activation),
            }
        )

    def losses(self, images: Tensor, labels: Tensor) -> Iterator[Loss]:
        """First the discriminator's loss, then, against the one just stepped, the generator's.

        Logged: the two losses, and how often the discriminator is right on real and on fake images.
        """
        discriminator = self.networks["discriminator"]
        z = torch.randn(len(images), self.config.latent_dim, device=images.device)
        fake = torch.tanh(self.networks["generator"](z, labels))

        real_logits = discriminator(images, labels)
        fake_logits = discriminator(fake.detach(), labels)  # no gradient for the generator here
        loss = discriminator_loss(real_logits, fake_logits, self.config.label_smoothing)
        logged = {
            "discriminator": loss.detach(),
            "real_accuracy": (real_logits > 0).float().mean(),
            "fake_accuracy": (fake_logits < 0).float().mean(),
        }
        yield Loss("discriminator", loss, logged)

        loss = generator_loss(discriminator(fake, labels))
        yield Loss("generator", loss, {"generator": loss.detach()})

    @property
    def latent_dim(self) -> int:
        """Width of the code."""
        return self.config.latent_dim

    @torch.no_grad()
    def decode(self, z: Tensor, labels: Tensor | None = None) -> Tensor:
        """Codes (N, latent_dim) to images in [0, 1], (N, 1, 28, 28).

        Raises:
            GenlabError: a code of the wrong width; labels as for ``sample``.
        """
        if z.ndim != 2 or z.shape[1] != self.config.latent_dim:
            raise GenlabError(f"codes should be of shape (N, {self.config.latent_dim}), got {tuple(z.shape)}")
        device = device_of(self.networks)
        chosen = choose_labels(self.num_classes, len(z), labels, None)
        logits = self.networks["generator"](z.to(device), None if chosen is None else chosen.to(device))
        return to_unit(torch.tanh(logits))

    def sample(
        self, n: int, *, labels: Tensor | None = None, generator: torch.Generator | None = None
    ) -> Tensor:
        """Decode ``n`` codes drawn from N(0, I): see ``Family.sample``."""
        z = torch.randn(n, self.config.latent_dim, generator=generator)
        return self.decode(z, choose_labels(self.num_classes, n, labels, generator))
