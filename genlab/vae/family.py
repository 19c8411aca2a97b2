"""The VAE as a family: what the loop trains, what can be sampled, what can be encoded."""

from collections.abc import Iterator
from typing import Literal

import torch
from pydantic import Field, model_validator
from torch import Tensor, nn

from genlab.config import Settings
from genlab.data import to_unit
from genlab.errors import GenlabError
from genlab.family import Loss, choose_labels, device_of
from genlab.vae.likelihood import kl_of_each, negative_log_likelihood
from genlab.vae.loss import Output, Reconstruction, kl_divergence, reconstruction_loss, to_pixels
from genlab.vae.model import Autoencoder, reparameterise


class VAEConfig(Settings):
    """A VAE of two MLPs; the defaults are the reference design's."""

    family: Literal["vae"] = "vae"
    hidden_dim: int = Field(1024, ge=1, description="width of the hidden layers")
    latent_dim: int = Field(80, ge=1, description="width of the code")
    output: Output = Field("sigmoid", description="how logits become pixels, and the loss's range")
    reconstruction: Reconstruction = Field("l2", description="distance of image and reconstruction")
    beta: float = Field(5e-5, ge=0, description="weight of the KL term (Higgins et al. 2017)")
    num_classes: int | None = Field(None, ge=1, description="classes to condition on, none: unconditional")

    @model_validator(mode="after")
    def _bce_needs_probabilities(self) -> "VAEConfig":
        if self.reconstruction == "bce" and self.output != "sigmoid":
            raise ValueError("reconstruction 'bce' needs output 'sigmoid': it compares probabilities")
        return self


class VAE:
    """Variational autoencoder (Kingma and Welling 2014, arXiv:1312.6114)."""

    def __init__(self, config: VAEConfig) -> None:
        self.config = config
        self.num_classes = config.num_classes
        self.networks = nn.ModuleDict(
            {"autoencoder": Autoencoder(config.hidden_dim, config.latent_dim, config.num_classes)}
        )

    def losses(self, images: Tensor, labels: Tensor) -> Iterator[Loss]:
        """The negative ELBO with the KL weighted by beta; logged: ``reconstruction`` and ``kl``."""
        logits, mu, log_var = self.networks["autoencoder"](images, labels)
        config = self.config
        reconstruction = reconstruction_loss(logits, images, config.reconstruction, config.output)
        kl = kl_divergence(mu, log_var)
        loss = reconstruction + config.beta * kl
        yield Loss("autoencoder", loss, {"reconstruction": reconstruction.detach(), "kl": kl.detach()})

    @torch.no_grad()
    def encode(self, images: Tensor, labels: Tensor | None = None, *, draw: bool = False) -> Tensor:
        """Codes of images: the mean of each one's Gaussian, or a draw from it.

        Args:
            images: (N, 1, 28, 28) in [-1, 1].
            labels: (N,), for a conditional model.
            draw: draw from N(mu, exp(log_var)) rather than return mu.

        Returns:
            (N, latent_dim).
        """
        mu, log_var = self.posterior(images, labels)
        return reparameterise(mu, log_var) if draw else mu

    @torch.no_grad()
    def posterior(self, images: Tensor, labels: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """The Gaussian that the encoder answers with, as ``mu`` and ``log_var``: arguments as for ``encode``.

        Returns:
            Two tensors of shape (N, latent_dim).
        """
        if self.num_classes is not None and labels is None:
            raise GenlabError("this model is class-conditional: encode needs labels")
        device = device_of(self.networks)
        labels = None if self.num_classes is None or labels is None else labels.to(device)
        mu, log_var = self._autoencoder.encoder(images.to(device), labels)
        return mu, log_var

    @property
    def latent_dim(self) -> int:
        """Width of the code."""
        return self.config.latent_dim

    @torch.no_grad()
    def decode(self, z: Tensor, labels: Tensor | None = None) -> Tensor:
        """Codes (N, latent_dim) to images in [0, 1], (N, 1, 28, 28); no randomness is left here.

        Raises:
            GenlabError: a code of the wrong width; labels as for ``sample``.
        """
        if z.ndim != 2 or z.shape[1] != self.config.latent_dim:
            raise GenlabError(f"codes should be of shape (N, {self.config.latent_dim}), got {tuple(z.shape)}")
        device = device_of(self.networks)
        chosen = choose_labels(self.num_classes, len(z), labels, None)
        logits = self._autoencoder.decoder(z.to(device), None if chosen is None else chosen.to(device))
        return to_unit(to_pixels(logits, self.config.output))

    def sample(
        self, n: int, *, labels: Tensor | None = None, generator: torch.Generator | None = None
    ) -> Tensor:
        """Decode ``n`` codes drawn from the prior N(0, I): see ``Family.sample``."""
        z = torch.randn(n, self.config.latent_dim, generator=generator)
        return self.decode(z, choose_labels(self.num_classes, n, labels, generator))

    @torch.no_grad()
    def nats(
        self, images: Tensor, labels: Tensor | None = None, *, generator: torch.Generator | None = None
    ) -> Tensor:
        """The negative ELBO, -log p(x|z) + KL(q(z|x) || p(z)), at one draw of z: see ``Bounds.nats``.

        The KL has weight 1 here, as it has in the bound; beta says how wide p(x|z) is:
        ``genlab.vae.likelihood``. Labels are ignored by an unconditional model.

        Raises:
            GenlabError: labels missing, of another length or out of range; no likelihood, as beta is 0.
        """
        if self.num_classes is None:
            labels = None
        elif labels is None:
            raise GenlabError("this model is class-conditional: nats needs labels")
        else:
            labels = choose_labels(self.num_classes, len(images), labels, None)
        config, device = self.config, device_of(self.networks)
        mu, log_var = self.posterior(images, labels)
        noise = torch.randn(mu.shape, generator=generator).to(device)  # drawn on the CPU
        z = mu + torch.exp(log_var / 2) * noise
        logits = self._autoencoder.decoder(z, None if labels is None else labels.to(device))
        kind, output, images = config.reconstruction, config.output, images.to(device)
        return negative_log_likelihood(logits, images, kind, output, config.beta) + kl_of_each(mu, log_var)

    @property
    def _autoencoder(self) -> Autoencoder:
        network = self.networks["autoencoder"]
        assert isinstance(network, Autoencoder)
        return network
