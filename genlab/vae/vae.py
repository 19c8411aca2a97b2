"""The variational autoencoder: its loss, sampling, encoding, decoding, and its bound on log p(x)."""

from collections.abc import Iterator
from typing import get_args

import torch
from torch import Tensor, nn

from genlab.data import IMAGE_SHAPE, Dataset, to_signed, to_unit
from genlab.errors import GenlabError, did_you_mean
from genlab.family import Dial, Loss, device_of
from genlab.nn.convnet import ConvDecoder
from genlab.nn.inputs import check_codes, check_images, check_number, choose_labels, need_labels
from genlab.nn.mlp import MLPDecoder
from genlab.vae.config import MLPAutoencoderConfig, Prior, VAEConfig
from genlab.vae.likelihood import (
    elbo,
    importance_weighted_nats,
    kl_of_each,
    log_standard_normal,
    negative_log_likelihood,
)
from genlab.vae.loss import free_bits_kl, kl_divergence, reconstruction_loss, to_pixels
from genlab.vae.networks import CONV_ACTIVATION, Autoencoder, ConvEncoder, Encoder, reparameterise
from genlab.vae.prior import MixturePrior

PRIOR_IMAGES = 30_000  # whose codes a prior is fitted to: more take longer and change little


def build_network(config: VAEConfig) -> Autoencoder:
    """The autoencoder that the settings ask for."""
    network, width, classes = config.network, config.latent_dim, config.num_classes
    components = config.prior_components
    encoder: Encoder | ConvEncoder
    decoder: MLPDecoder | ConvDecoder
    if isinstance(network, MLPAutoencoderConfig):
        encoder = Encoder(network.hidden_dim, width, classes)
        decoder = MLPDecoder(width, network.hidden_dim, IMAGE_SHAPE, num_classes=classes)
    else:
        blocks = network.num_res_blocks
        encoder = ConvEncoder(network.channels, network.hidden_dim, width, classes, num_res_blocks=blocks)
        decoder = ConvDecoder(
            width,
            network.channels,
            num_res_blocks=blocks,
            hidden_dim=network.hidden_dim,
            num_classes=classes,
            hidden=CONV_ACTIVATION,
        )
    return Autoencoder(
        encoder,
        decoder,
        learns_variance=config.reconstruction == "gaussian",
        counts_batches=config.beta_warmup_batches > 0,
        prior=None if components is None else MixturePrior(width, components, classes),
    )


class VAE:
    """Variational autoencoder (Kingma and Welling 2014, arXiv:1312.6114)."""

    def __init__(self, config: VAEConfig) -> None:
        self.config = config
        self.num_classes = config.num_classes
        self.networks = nn.ModuleDict({"autoencoder": build_network(config)})

    def losses(self, images: Tensor, labels: Tensor) -> Iterator[Loss]:
        """Reconstruction loss + beta * KL: -ELBO in another unit, as ``genlab.vae.likelihood`` says.

        Logged: ``reconstruction`` and ``kl``, the latter without free bits.
        """
        autoencoder, config, device = self._autoencoder, self.config, device_of(self.networks)
        images, labels = self._seen(images.to(device)), labels.to(device)
        logits, mu, log_var = autoencoder(images, labels)
        reconstruction = reconstruction_loss(
            logits, images, config.reconstruction, config.output, autoencoder.log_variance
        )
        kl = kl_divergence(mu, log_var)
        loss = reconstruction + self._beta_now() * free_bits_kl(mu, log_var, config.free_bits)
        yield Loss("autoencoder", loss, {"reconstruction": reconstruction.detach(), "kl": kl.detach()})

    def _beta_now(self) -> float:
        """Beta, on its way up from 0 during the first batches (Bowman et al. 2016, section 3.1)."""
        count, batches = self._autoencoder.batches_seen, self.config.beta_warmup_batches
        if count is None:
            return self.config.beta
        if self._autoencoder.training:
            count += 1
        return self.config.beta * min(1.0, count.item() / batches)

    def _seen(self, images: Tensor, generator: torch.Generator | None = None) -> Tensor:
        """The images, or black and white ones drawn with the grey levels as probabilities.

        (Salakhutdinov and Murray 2008; drawn once and for all, the set would be smaller than it is.)
        """
        if not self.config.binarise:
            return images
        chance = torch.rand(images.shape, generator=generator, device=None if generator else images.device)
        return to_signed((chance.to(images.device) < to_unit(images)).float())

    @torch.no_grad()
    def finish(self, dataset: Dataset) -> None:
        """Fit the prior to the codes of the training images, if the config asks for one: once, at the end.

        Args:
            dataset: what the model was trained on.
        """
        if self.config.prior_components is not None:
            self.fit_prior(dataset, self.config.prior_components)

    @torch.no_grad()
    def fit_prior(self, dataset: Dataset, components: int) -> None:
        """Fit a prior to the codes of images; ``sample`` draws from it then.

        Args:
            dataset: the training images; of many, 30,000 are used.
            components: Gaussians in the mixture (per class, of a conditional model).

        Raises:
            GenlabError: no data set, or no number of components.
        """
        if not isinstance(dataset, Dataset):
            raise GenlabError(
                f"fit_prior needs a data set, load_dataset('mnist') say, got {type(dataset).__name__}"
            )
        check_number(components, "components")
        looked_at = torch.randperm(len(dataset), generator=torch.Generator().manual_seed(0))[:PRIOR_IMAGES]
        looked_at = looked_at.to(dataset.images.device)
        drawn = []
        for index in looked_at.split(1000):
            images, labels = to_signed(dataset.images[index]), dataset.labels[index]
            drawn.append(self.encode(self._seen(images), labels, draw=True))
        prior = MixturePrior(self.latent_dim, components, self.num_classes)
        prior.fit(torch.cat(drawn), dataset.labels[looked_at].cpu())
        self._autoencoder.prior = prior.to(device_of(self.networks))

    @torch.no_grad()
    def encode(self, images: Tensor, labels: Tensor | None = None, *, draw: bool = False) -> Tensor:
        """Codes of images: the mean of each one's Gaussian, or a draw from it.

        Args:
            images: (N, 1, 28, 28) in [-1, 1].
            labels: int64 (N,), for a conditional model; an unconditional one has no use for them.
            draw: draw from N(mu, exp(log_var)) rather than return mu.

        Returns:
            (N, latent_dim).
        """
        mu, log_var = self._posterior(images, labels, "encode")
        return (reparameterise(mu, log_var) if draw else mu).cpu()

    @torch.no_grad()
    def posterior(self, images: Tensor, labels: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """The Gaussian q(z|x) of the encoder, as ``mu`` and ``log_var``: arguments as for ``encode``.

        Returns:
            Two tensors of shape (N, latent_dim).
        """
        mu, log_var = self._posterior(images, labels, "posterior")
        return mu.cpu(), log_var.cpu()

    def _posterior(self, images: Tensor, labels: Tensor | None, who: str) -> tuple[Tensor, Tensor]:
        """``posterior``, on the model's device."""
        return self._autoencoder.encoder(*self._checked(images, labels, who))

    def _checked(self, images: Tensor, labels: Tensor | None, who: str) -> tuple[Tensor, Tensor | None]:
        """Images and labels, checked, on the model's device; no labels for an unconditional model."""
        images, device = check_images(images), device_of(self.networks)
        if self.num_classes is None:
            return images.to(device), None
        labels = need_labels(self.num_classes, len(images), labels, who)
        return images.to(device), None if labels is None else labels.to(device)

    @property
    def latent_dim(self) -> int:
        """Width of the code."""
        return self.config.latent_dim

    @torch.no_grad()
    def decode(self, z: Tensor, labels: Tensor | None = None) -> Tensor:
        """Codes (N, latent_dim) to images in [0, 1], (N, 1, 28, 28); no randomness is left here.

        Raises:
            GenlabError: codes as for ``check_codes``; labels missing (conditional models), needless or wrong.
        """
        z = check_codes(z, self.latent_dim)
        return self._decode(z, need_labels(self.num_classes, len(z), labels, "decode", blends=True))

    def _decode(self, z: Tensor, labels: Tensor | None) -> Tensor:
        device = device_of(self.networks)
        logits = self._autoencoder.decoder(z.to(device), None if labels is None else labels.to(device))
        return to_unit(to_pixels(logits, self.config.output)).cpu()

    @torch.no_grad()
    def sample(
        self,
        n: int,
        *,
        labels: Tensor | None = None,
        generator: torch.Generator | None = None,
        prior: Prior | None = None,
    ) -> Tensor:
        """Decode ``n`` codes drawn from the prior: see ``Family.sample``.

        Args:
            n, labels, generator: as there.
            prior: other than the config's.

        Raises:
            GenlabError: as there; ``fitted``, and no prior was.
        """
        labels = choose_labels(self.num_classes, n, labels, generator)
        return self._decode(self._draw_codes(n, labels, generator, self._fitted_prior(prior)), labels)

    def draw_codes(
        self,
        n: int,
        *,
        labels: Tensor | None = None,
        generator: torch.Generator | None = None,
        prior: Prior | None = None,
    ) -> Tensor:
        """``n`` codes from the prior, (n, latent_dim): see ``DrawsCodes.draw_codes``.

        Args:
            n, labels, generator: as there; N(0, I) is the same for every class.
            prior: other than the config's.

        Raises:
            GenlabError: labels missing or wrong; ``fitted``, and no prior was.
        """
        check_number(n)
        fitted = self._fitted_prior(prior)
        if fitted is not None:
            labels = need_labels(self.num_classes, n, labels, "draw_codes")
        return self._draw_codes(n, labels, generator, fitted)

    def _draw_codes(
        self, n: int, labels: Tensor | None, generator: torch.Generator | None, fitted: MixturePrior | None
    ) -> Tensor:
        if fitted is None:
            return torch.randn(n, self.latent_dim, generator=generator)
        return fitted.sample(n, labels=labels, generator=generator)

    @property
    def dials(self) -> tuple[Dial, ...]:
        """The prior, where there are two to choose from."""
        fitted = self._autoencoder.prior
        if fitted is None or not fitted.is_fitted:
            return ()
        return (Dial("prior", self.config.prior or "fitted", choices=get_args(Prior)),)

    def _fitted_prior(self, wanted: Prior | None) -> MixturePrior | None:
        """The prior to use, or None for N(0, I)."""
        if wanted is not None and wanted not in get_args(Prior):
            raise GenlabError(f"unknown prior {wanted!r}: {did_you_mean(str(wanted), get_args(Prior))}")
        wanted, fitted = wanted or self.config.prior, self._autoencoder.prior
        if wanted == "fitted" and (fitted is None or not fitted.is_fitted):
            raise GenlabError("this model has no fitted prior: set model.prior_components, or call fit_prior")
        return None if wanted == "standard" else fitted

    @torch.no_grad()
    def nats(
        self,
        images: Tensor,
        labels: Tensor | None = None,
        *,
        k: int = 1,
        generator: torch.Generator | None = None,
        prior: Prior | None = None,
    ) -> Tensor:
        """-ELBO at one draw of z, the importance-weighted bound for k > 1: see ``HasLikelihood.nats``.

        -ELBO is -log p(x|z) + KL(q(z|x) || p(z)) (``genlab.vae.likelihood``): the KL has weight 1 here, and
        beta is in the width of p(x|z). Labels are ignored by an unconditional model. For a model that
        binarises, the bound is that of black and white images drawn from these.

        Args:
            images, labels, generator: as there.
            k: codes per image.
            prior: other than the config's.

        Raises:
            GenlabError: labels missing, of another length or out of range; a k below 1; ``fitted``, and no
                prior was.
            NoLikelihood: beta is 0.
        """
        check_number(k, "k")
        images, labels = self._checked(images, labels, "nats")
        images, fitted = self._seen(images, generator), self._fitted_prior(prior)
        mu, log_var = self._autoencoder.encoder(images, labels)
        if k == 1 and fitted is None:  # the KL is known, and need not be drawn
            noise = torch.randn(mu.shape, generator=generator).to(mu.device)  # drawn on the CPU
            z = mu + torch.exp(log_var / 2) * noise
            return -elbo(self._log_likelihood(images, z, labels), kl_of_each(mu, log_var)).cpu()

        def log_terms(z: Tensor, rows: slice) -> tuple[Tensor, Tensor]:
            times = len(z) // len(images[rows])
            own = None if labels is None else labels[rows].repeat_interleave(times)
            log_likelihood = self._log_likelihood(images[rows].repeat_interleave(times, 0), z, own)
            return log_likelihood, log_standard_normal(z) if fitted is None else fitted.log_prob(z, own)

        return importance_weighted_nats(log_terms, mu, log_var, k, generator).cpu()

    def _log_likelihood(self, images: Tensor, z: Tensor, labels: Tensor | None) -> Tensor:
        """log p(x|z) of each image, (N,)."""
        config, autoencoder = self.config, self._autoencoder
        how = (config.reconstruction, config.output, config.beta, autoencoder.log_variance)
        return -negative_log_likelihood(autoencoder.decoder(z, labels), images, *how)

    @property
    def _autoencoder(self) -> Autoencoder:
        network = self.networks["autoencoder"]
        assert isinstance(network, Autoencoder)
        return network
