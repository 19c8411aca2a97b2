"""The bound against torch.distributions, and against -log p(x) itself where an integral gives it."""

import math
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.distributions import Bernoulli, Categorical, Laplace, MixtureSameFamily, Normal
from torch.distributions import kl_divergence as reference_kl

from genlab.data import to_unit
from genlab.family import NoLikelihood
from genlab.vae import VAE
from genlab.vae.loss import Output, Reconstruction
from tests.vae.conftest import KINDS, autoencoder_of, seeded, small


def deviation_of(family: VAE) -> float:
    """The learned standard deviation of a pixel."""
    log_variance = autoencoder_of(family).log_variance
    assert log_variance is not None
    return math.exp(log_variance.item() / 2)


@pytest.mark.parametrize("kind", ["l1", "l2"])
def test_without_beta_there_is_no_density(kind: Reconstruction, images: Tensor) -> None:
    with pytest.raises(NoLikelihood, match=f"beta 0 and {kind}"):
        small(reconstruction=kind, beta=0.0).nats(images)
    assert small(reconstruction="bce", beta=0.0).nats(images).isfinite().all()
    assert small(reconstruction="gaussian", beta=0.0).nats(images).isfinite().all()


@pytest.mark.parametrize("beta", [5e-5, 0.3, 4.0])
@pytest.mark.parametrize(("kind", "output"), KINDS)
def test_nats_are_minus_the_elbo(kind: Reconstruction, output: Output, beta: float, images: Tensor) -> None:
    """Of pixels in [0, 1], where the errors that a tanh's loss counts are half as large."""
    family = small(reconstruction=kind, output=output, beta=beta)
    stretch = 2 if output == "tanh" else 1
    got = family.nats(images, generator=seeded(3))
    mu, log_var = family.posterior(images)
    z = mu + (log_var / 2).exp() * torch.randn(8, 5, generator=seeded(3))
    mean = family.decode(z)
    density: Any = {
        "l2": Normal(mean, math.sqrt(beta / 2) / stretch),
        "l1": Laplace(mean, beta / stretch),
        "bce": Bernoulli(mean, validate_args=False),  # grey levels are not in its support
        "gaussian": Normal(mean, deviation_of(family) if kind == "gaussian" else 1.0),
    }[kind]
    kl = reference_kl(Normal(mu, (log_var / 2).exp()), Normal(0.0, 1.0)).sum(1)
    expected = -density.log_prob(to_unit(images)).sum((1, 2, 3)) + kl
    torch.testing.assert_close(got, expected, rtol=1e-5, atol=1e-2)
    assert not got.requires_grad


def test_the_generator_decides_and_the_global_one_is_left_alone(images: Tensor) -> None:
    family, state = small(), torch.get_rng_state()
    first, again, other = (family.nats(images, generator=seeded(seed)) for seed in (1, 1, 2))
    assert torch.equal(first, again)
    assert not torch.equal(first, other)
    assert torch.equal(state, torch.get_rng_state())
    assert not torch.equal(family.nats(images), family.nats(images))


def test_an_unconditional_model_ignores_labels(images: Tensor, labels: Tensor) -> None:
    family = small()
    ignored = family.nats(images, labels, generator=seeded())
    assert torch.equal(ignored, family.nats(images, generator=seeded()))


# --- the bound and what it bounds -------------------------------------------------------------


def exact(family: VAE, images: Tensor, labels: Tensor | None, prior: Any) -> tuple[Tensor, Tensor]:
    """-log p(x), and KL(q(z|x) || p(z|x)), by which the bound should miss it: (N,) each.

    For one latent dimension, where both are integrals over a line: sums over a fine grid. ``prior`` is a
    distribution for each image, or None for N(0, 1).
    """
    z = torch.linspace(-9, 9, 1801, dtype=torch.float64)
    kind, beta = family.config.reconstruction, family.config.beta
    log_joint = []
    for index, x in enumerate(to_unit(images).double()):
        given = None if labels is None else labels[index].expand(1801)
        if labels is not None or index == 0:
            mean = family.decode(z.float()[:, None], given).double()
        density: Any = {
            "l2": lambda mean: Normal(mean, math.sqrt(beta / 2)),
            "l1": lambda mean: Laplace(mean, beta),
            "bce": lambda mean: Bernoulli(mean, validate_args=False),
            "gaussian": lambda mean: Normal(mean, deviation_of(family)),
        }[kind](mean)
        log_prior = Normal(0.0, 1.0) if prior is None else prior[index]
        log_joint.append(density.log_prob(x).sum((1, 2, 3)) + log_prior.log_prob(z))
    joint = torch.stack(log_joint)
    log_p = joint.logsumexp(1) + math.log(0.01)
    mu, log_var = (each.double() for each in family.posterior(images, labels))
    q = Normal(mu, (log_var / 2).exp())
    gap = (q.log_prob(z).exp() * (q.log_prob(z) - (joint - log_p[:, None]))).sum(1) * 0.01
    return -log_p, gap


def draws_of(family: VAE, images: Tensor, labels: Tensor | None, times: int) -> Tensor:
    """Many draws of the bound at one code, (times, N)."""
    given = None if labels is None else labels.repeat(100)
    drawn = [
        family.nats(images.repeat(100, 1, 1, 1), given, generator=seeded(seed)).reshape(100, -1)
        for seed in range(times // 100)
    ]
    return torch.cat(drawn).double()


def one_dimensional(**settings: Any) -> VAE:
    """A model whose code matters, and says little enough about an image for 5,000 codes to tell all."""
    family = small(latent_dim=1, **settings)
    with torch.no_grad():
        for weight in autoencoder_of(family).decoder.parameters():
            weight.mul_(2 if family.config.network.kind == "mlp" else 5)
    return family


def move_prior(family: VAE) -> list[Any]:
    """Give the prior, of each class, two Gaussians that are not where N(0, 1) is; the same as a reference."""
    prior = autoencoder_of(family).prior
    assert prior is not None
    shift = torch.arange(len(prior.weights))[:, None] / 5
    prior.weights.copy_(torch.tensor([0.3, 0.7]))
    prior.means.copy_((torch.tensor([-0.8, 0.6]) + shift)[..., None])
    prior.factors.copy_(torch.tensor([0.5, 0.8])[None, :, None, None])
    weights, means, deviations = (torch.tensor(x).double() for x in ([0.3, 0.7], [-0.8, 0.6], [0.5, 0.8]))
    return [
        MixtureSameFamily(Categorical(weights), Normal(means + row / 5, deviations))
        for row in range(len(prior.weights))
    ]


SETTINGS: list[dict[str, Any]] = [
    {"reconstruction": "l2", "beta": 20.0},
    {"reconstruction": "l1", "beta": 3.0},
    {"reconstruction": "gaussian"},
    {"reconstruction": "bce"},
    {"reconstruction": "l2", "beta": 20.0, "num_classes": 10},
    {"reconstruction": "l2", "beta": 5.0, "network": {"kind": "conv", "channels": [2, 3], "hidden_dim": 64}},
    {"reconstruction": "l2", "beta": 20.0, "prior_components": 2},
    {"reconstruction": "l2", "beta": 20.0, "prior_components": 2, "num_classes": 10},
    {"reconstruction": "l2", "beta": 20.0, "prior_components": 2, "prior": "standard"},
]


@pytest.mark.parametrize("settings", SETTINGS, ids=lambda one: "-".join(map(str, one.values())))
def test_many_codes_reach_the_truth(settings: dict[str, Any], images: Tensor, labels: Tensor) -> None:
    images, labels = images[4:], labels[4:]
    family = one_dimensional(**settings)
    if settings["reconstruction"] == "gaussian":
        with torch.no_grad():
            for weight in autoencoder_of(family).parameters():
                if weight.ndim == 0:
                    weight.fill_(2.0)  # the variance: wide
    given = labels if "num_classes" in settings else None
    prior: Any = None
    if "prior_components" in settings:
        mixtures = move_prior(family)
        if "prior" not in settings:
            prior = [mixtures[0 if given is None else label] for label in labels.tolist()]
    truth, gap = exact(family, images, given, prior)
    nats = family.nats(images, given, k=5_000, generator=seeded()).double()
    tolerance = 0.25 if settings["reconstruction"] in ("l1", "bce") else 0.06
    assert gap.max() > 2 * tolerance  # there is something to gain
    torch.testing.assert_close(nats, truth, rtol=0, atol=tolerance)
    single = draws_of(family, images, given, 300)
    error = 4 * single.std(0) / math.sqrt(300)
    assert ((single.mean(0) - truth - gap).abs() < error + 1e-3).all()  # k = 1 is the negative ELBO


def test_a_model_that_binarises_is_asked_about_black_and_white(images: Tensor) -> None:
    """The mean over drawn images is what the grey levels themselves get: bce is linear in the image."""
    family = small(reconstruction="bce", binarise=True, latent_dim=1)
    with torch.no_grad():
        next(autoencoder_of(family).decoder.parameters()).zero_()
        encoder_weights = next(autoencoder_of(family).encoder.parameters())
        encoder_weights.zero_()  # the encoder does not look either, so only the drawn pixels matter
    first, again, other = (family.nats(images, generator=seeded(seed)) for seed in (1, 1, 2))
    assert torch.equal(first, again)
    assert not torch.equal(first, other)
    plain = small(reconstruction="bce", latent_dim=1)
    plain.networks.load_state_dict(family.networks.state_dict())
    many = family.nats(images.repeat(2000, 1, 1, 1), generator=seeded()).reshape(2000, 8)
    error = 4 * many.std(0) / math.sqrt(2000)
    assert ((many.mean(0) - plain.nats(images)).abs() < error).all()
    # Black and white images are seen as they are.
    binary = images.sign()
    torch.testing.assert_close(family.nats(binary), plain.nats(binary))
