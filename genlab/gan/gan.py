"""The GAN as a family: two networks, two losses, stepped in turn."""

from collections.abc import Iterator

import torch
from torch import Tensor, nn

from genlab.data import IMAGE_SHAPE, to_unit
from genlab.errors import GenlabError
from genlab.family import Dial, Loss, device_of
from genlab.gan.config import GANConfig, MLPPlayersConfig
from genlab.gan.loss import (
    decision_boundary,
    discriminator_loss,
    generator_loss,
    gradient_penalty,
    slope_penalty,
)
from genlab.gan.networks import conv_discriminator, mlp_discriminator, with_spectral_norm
from genlab.nn.convnet import ConvDecoder
from genlab.nn.inputs import check_codes, check_number, choose_labels, need_labels
from genlab.nn.mlp import MLPDecoder


def build_networks(config: GANConfig) -> nn.ModuleDict:
    """The generator and the discriminator that the settings ask for."""
    network, classes = config.network, config.num_classes
    generator: nn.Module
    if isinstance(network, MLPPlayersConfig):
        width, hidden = network.hidden_dim, network.activation
        generator = MLPDecoder(config.latent_dim, width, IMAGE_SHAPE, num_classes=classes, hidden=hidden)
        discriminator = mlp_discriminator(width, classes, hidden, config.conditioning)
    else:
        channels, blocks = network.channels, network.num_res_blocks
        norm = network.generator_norm == "batch"
        generator = ConvDecoder(
            config.latent_dim, channels, num_res_blocks=blocks, num_classes=classes, batch_norm=norm
        )
        norm = network.discriminator_norm == "batch"
        discriminator = conv_discriminator(
            channels, classes, config.conditioning, num_res_blocks=blocks, batch_norm=norm
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
        images, labels = images.to(device_of(self.networks)), labels.to(device_of(self.networks))
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
        if config.loss == "relativistic":  # the one loss that compares fake with real for the generator, too
            with torch.no_grad():
                real_logits = discriminator(images, labels)
        loss = generator_loss(fake_logits, real_logits.detach(), config.loss)
        yield Loss("generator", loss, {"generator": loss.detach()})

    def _penalty(self, real: Tensor, fake: Tensor, labels: Tensor) -> Tensor | float:
        """The gradient penalties of the discriminator in training, weighed as the config says.

        They cost more time than all the rest, and need not be computed in every batch (lazy
        regularisation: Karras et al. 2020, arXiv:1912.04958, appendix B).
        """
        discriminator, every = self.networks["discriminator"], self.config.penalty_every
        r1, r2, slope = (weight * every for weight in self.config.penalties)
        if not (discriminator.training and self._penalty_is_due()):
            return 0.0

        def judge(images: Tensor) -> Tensor:
            return discriminator(images, labels)

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

    def decode(self, z: Tensor, labels: Tensor | None = None) -> Tensor:
        """Codes (N, latent_dim) to images in [0, 1], (N, 1, 28, 28).

        Raises:
            GenlabError: codes as for ``check_codes``; a conditional model without labels; labels as for
                ``Decodes.decode``.
        """
        z = check_codes(z, self.latent_dim)
        return self._decode(z, need_labels(self.num_classes, len(z), labels, "decode", blends=True))

    @torch.no_grad()
    def _decode(self, z: Tensor, labels: Tensor | None) -> Tensor:
        device = device_of(self.networks)
        logits = self.networks["generator"](z.to(device), None if labels is None else labels.to(device))
        return to_unit(torch.tanh(logits)).cpu()

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
        return self._decode(z, choose_labels(self.num_classes, n, labels, generator))

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
            truncation: other than the config's: see ``genlab.gan.gan.truncated``.

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


def truncated(z: Tensor, limit: float) -> Tensor:
    """Codes of N(0, I) turned into codes of the same normal cut off at +-limit, entry by entry.

    The truncation trick (Brock et al. 2018, arXiv:1809.11096, section 3.1): codes near the origin are those
    that a GAN has seen most in training, so images get truer, and less varied. There, entries beyond the
    limit are drawn again. Here every entry keeps its rank, F_cut^-1(F(z)), which has the same distribution,
    and under a slider the picture moves smoothly.

    Args:
        z: any shape, drawn from N(0, 1); the answer is on the CPU.
        limit: in standard deviations, above 0.

    Raises:
        GenlabError: a limit that is not above 0.
    """
    if not limit > 0:
        raise GenlabError(f"truncation should be above 0, got {limit}")
    rank = torch.special.ndtr(z.cpu().double())  # float64, which not every device has
    beyond = torch.special.ndtr(torch.tensor(-float(limit), dtype=torch.float64))
    cut = torch.special.ndtri(beyond + (1 - 2 * beyond) * rank)
    return cut.clamp(-limit, limit).to(z.dtype)
