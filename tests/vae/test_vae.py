from collections.abc import Callable
from typing import Any

import pytest
import torch
from pydantic import ValidationError
from torch import Tensor
from torch.distributions import Normal
from torch.distributions import kl_divergence as reference_kl

from genlab.data import Dataset, load_dataset, to_signed, to_unit
from genlab.errors import GenlabError
from genlab.vae import VAE, VAEConfig
from genlab.vae.config import Prior
from genlab.vae.loss import Output, Reconstruction, reconstruction_loss
from genlab.vae.prior import MixturePrior
from tests.vae.conftest import KINDS, MLP, autoencoder_of, seeded, small

CONV: dict[str, Any] = {"kind": "conv", "channels": [4, 8]}


def fitted_of(family: VAE) -> MixturePrior:
    prior = autoencoder_of(family).prior
    assert prior is not None
    return prior


class Watched:
    """What a model's encoder is shown and its decoder answers."""

    def __init__(self, family: VAE) -> None:
        self.seen: list[Tensor] = []
        self.logits: list[Tensor] = []
        autoencoder = autoencoder_of(family)
        autoencoder.encoder.register_forward_hook(lambda _module, given, _: self.seen.append(given[0]))
        autoencoder.decoder.register_forward_hook(lambda _module, _given, out: self.logits.append(out))


@pytest.mark.parametrize(
    ("beta", "free_bits"), [(0.0, 0.0), (5e-5, 0.0), (4.0, 0.0), (100.0, 0.1), (100.0, 5.0)]
)
@pytest.mark.parametrize("mode", [True, False])
def test_the_loss_is_the_reconstruction_and_beta_times_the_kl(
    beta: float, free_bits: float, mode: bool, images: Tensor, labels: Tensor
) -> None:
    """In training and validation alike; the KL that is logged is without free bits."""
    family = small(beta=beta, free_bits=free_bits)
    family.networks.train(mode)
    [(name, loss, logged)] = family.losses(images, labels)
    assert name == "autoencoder"
    assert set(logged) == {"reconstruction", "kl"}
    mu, log_var = family.posterior(images)
    each = reference_kl(Normal(mu, (log_var / 2).exp()), Normal(0.0, 1.0)).mean(0)
    torch.testing.assert_close(logged["kl"], each.sum())
    expected = logged["reconstruction"] + beta * sum(max(kl, free_bits) for kl in each.tolist())
    torch.testing.assert_close(loss.detach(), expected)


def test_codes_are_means_or_draws_of_the_posterior(images: Tensor) -> None:
    family = small()
    mu, log_var = family.posterior(images)
    assert mu.shape == log_var.shape == (8, 5)
    assert not mu.requires_grad
    assert torch.equal(mu, family.encode(images))
    torch.manual_seed(0)
    draws = family.encode(images.repeat(2000, 1, 1, 1), draw=True).reshape(2000, 8, 5)
    torch.testing.assert_close(draws.mean(0), mu, atol=0.2, rtol=0)
    torch.testing.assert_close(draws.var(0), log_var.exp(), rtol=0.25, atol=0)


@pytest.mark.parametrize("output", ["sigmoid", "tanh"])
def test_decoding_is_certain_and_ends_in_0_to_1(output: str) -> None:
    family = small(output=output)
    z = 10 * torch.randn(4, 5)
    images = family.decode(z)
    assert images.shape == (4, 1, 28, 28)
    assert torch.equal(images, family.decode(z))
    logits = family.networks["autoencoder"].decoder(z)  # type: ignore[operator]
    expected = logits.sigmoid() if output == "sigmoid" else (logits.tanh() + 1) / 2
    torch.testing.assert_close(images, expected.detach(), atol=1e-6, rtol=1e-5)


def test_a_conditional_model_needs_labels_and_uses_them(images: Tensor, labels: Tensor) -> None:
    family, state = small(num_classes=10), torch.get_rng_state()
    z = torch.zeros(8, 5)
    for refuse in (family.encode, family.posterior, family.nats):
        with pytest.raises(GenlabError, match="needs labels"):
            refuse(images)
    with pytest.raises(GenlabError, match="decode needs labels"):
        family.decode(z)
    assert torch.equal(state, torch.get_rng_state())
    other = (labels + 1) % 10
    assert not torch.equal(family.encode(images, labels), family.encode(images, other))
    assert not torch.equal(family.decode(z, labels), family.decode(z, other))


@pytest.mark.parametrize(
    "settings",
    [
        {"network": {"kind": "mlp", "hidden_dim": 64}, "beta": 1e-3},
        {"network": {"kind": "conv", "channels": [8, 16]}, "beta": 1e-3},
        {"network": {"kind": "mlp", "hidden_dim": 64}, "reconstruction": "gaussian", "beta": 0.1},
    ],
    ids=["mlp", "conv", "gaussian"],
)
def test_it_learns_the_images_it_is_shown(settings: dict[str, Any], images: Tensor, labels: Tensor) -> None:
    family = small(**settings)
    optimiser = torch.optim.Adam(family.networks.parameters(), lr=3e-3)

    def error() -> float:
        return (family.decode(family.encode(images)) - to_unit(images)).square().sum((1, 2, 3)).mean().item()

    before = error()
    for _ in range(80):
        [(_, loss, _)] = family.losses(images, labels)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    assert error() < before / 4


def test_defaults_are_the_reference_design() -> None:
    config = VAEConfig()
    assert (config.output, config.reconstruction, config.beta) == ("sigmoid", "l2", 5e-5)
    shapes = [tuple(p.shape) for p in VAE(config).networks.parameters() if p.ndim == 2]
    assert shapes == [(1024, 784), (160, 1024), (1024, 80), (784, 1024)]


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"output": "tanh", "reconstruction": "bce"}, "reconstruction .* output"),
        ({"binarise": True}, "binarise .* reconstruction"),
        ({"prior": "fitted"}, "prior .* prior_components"),
    ],
)
def test_settings_that_do_not_go_together_are_refused(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        VAEConfig(**settings)


# --- every kind -------------------------------------------------------------------------------


@pytest.mark.parametrize("num_classes", [None, 10])
@pytest.mark.parametrize("network", [MLP, CONV], ids=["mlp", "conv"])
@pytest.mark.parametrize(("reconstruction", "output"), KINDS)
def test_every_kind_has_a_finite_loss_and_gradients_everywhere(
    reconstruction: Reconstruction,
    output: Output,
    network: dict[str, Any],
    num_classes: int | None,
    images: Tensor,
    labels: Tensor,
) -> None:
    family = small(
        network=network,
        reconstruction=reconstruction,
        output=output,
        num_classes=num_classes,
        binarise=reconstruction == "bce",
        beta=1.0,
        beta_warmup_batches=2,
        prior_components=2,
    )
    watched = Watched(family)
    [(_, loss, logged)] = family.losses(images, labels)
    told = (watched.logits[0], watched.seen[0], reconstruction, output, autoencoder_of(family).log_variance)
    torch.testing.assert_close(logged["reconstruction"], reconstruction_loss(*told).detach())
    assert loss.isfinite()
    assert all(part.isfinite() and not part.requires_grad for part in logged.values())
    loss.backward()
    for name, parameter in family.networks.named_parameters():
        assert parameter.grad is not None, name
        assert parameter.grad.isfinite().all(), name
        assert parameter.grad.any(), name
    made = family.sample(6, generator=seeded())
    assert made.shape == (6, 1, 28, 28)
    assert 0 <= made.min() <= made.max() <= 1
    given = None if num_classes is None else labels
    for k in (1, 3):
        nats = family.nats(images, given, k=k, generator=seeded())
        assert nats.shape == (8,)
        assert nats.isfinite().all()


@pytest.mark.parametrize("network", [MLP, CONV], ids=["mlp", "conv"])
def test_the_state_says_all_about_a_model(network: dict[str, Any], dataset: Dataset) -> None:
    settings = {"network": network, "reconstruction": "gaussian", "prior_components": 2, "num_classes": 10}
    first = small(**settings, beta_warmup_batches=5)
    list(first.losses(to_signed(dataset.images), dataset.labels))
    first.finish(dataset)
    second = small(**settings, beta_warmup_batches=5)
    second.networks.load_state_dict(first.networks.state_dict())
    labels = torch.arange(10)
    made = [family.sample(10, labels=labels, generator=seeded()) for family in (first, second)]
    assert torch.equal(*made)
    images = to_signed(dataset.images[:10])
    nats = [family.nats(images, labels, k=2, generator=seeded()) for family in (first, second)]
    assert torch.equal(*nats)


# --- the warm-up ------------------------------------------------------------------------------


@pytest.mark.parametrize("batches", [1, 2, 5])
def test_beta_rises_over_the_first_batches(batches: int, images: Tensor, labels: Tensor) -> None:
    family = small(beta=2000.0, beta_warmup_batches=batches)

    def beta() -> float:
        [(_, loss, logged)] = family.losses(images, labels)
        return ((loss.detach() - logged["reconstruction"]) / logged["kl"]).item()

    family.networks.eval()
    assert beta() == 0
    for batch in range(1, batches + 4):
        family.networks.train()
        expected = pytest.approx(2000 * min(1, batch / batches), rel=1e-3)
        assert beta() == expected
        family.networks.eval()
        assert [beta(), beta()] == [expected, expected]  # validation counts nothing


def test_the_warm_up_goes_on_where_a_checkpoint_left_it(images: Tensor, labels: Tensor) -> None:
    first, second = (small(beta=2000.0, beta_warmup_batches=10) for _ in range(2))
    for _ in range(6):
        list(first.losses(images, labels))
    second.networks.load_state_dict(first.networks.state_dict())
    [(_, loss, logged)] = second.losses(images, labels)
    beta = (loss.detach() - logged["reconstruction"]) / logged["kl"]
    assert beta.item() == pytest.approx(1400, rel=1e-3)
    assert "autoencoder.batches_seen" not in small().networks.state_dict()


# --- black and white --------------------------------------------------------------------------


def test_grey_levels_are_the_means_of_black_and_white(images: Tensor, labels: Tensor) -> None:
    family = small(reconstruction="bce", binarise=True)
    watched = Watched(family)
    grey = images.repeat(500, 1, 1, 1)
    for _ in range(2):
        list(family.losses(grey, labels.repeat(500)))
    first, second = watched.seen
    assert set(first.unique().tolist()) == {-1.0, 1.0}
    assert not torch.equal(first, second)
    mean = to_unit(first).reshape(500, *images.shape).mean(0)
    spread = (to_unit(images) * (1 - to_unit(images)) / 500).sqrt()
    assert ((mean - to_unit(images)).abs() <= 5 * spread + 1e-6).all()  # a black pixel is always black


# --- the fitted prior -------------------------------------------------------------------------


def certain(family: VAE) -> VAE:
    """The same, with an encoder whose draws are its means."""
    *_, bias = autoencoder_of(family).encoder.parameters()
    with torch.no_grad():
        bias[family.latent_dim :] = -40
    return family


def covariance_of(prior: MixturePrior, index: int = 0) -> Tensor:
    return prior.factors[index, 0] @ prior.factors[index, 0].T


@pytest.mark.parametrize("network", [MLP, CONV], ids=["mlp", "conv"])
def test_finish_fits_the_prior_to_the_codes_if_asked_to(network: dict[str, Any], dataset: Dataset) -> None:
    family = certain(small(prior_components=3, network=network))
    before = family.sample(4, generator=seeded())
    family.finish(dataset)
    codes = family.encode(to_signed(dataset.images))
    prior = fitted_of(family)
    assert prior.weights.tolist() == [[1, 0, 0]]  # forty images: one Gaussian
    torch.testing.assert_close(prior.means[0, 0], codes.mean(0), atol=1e-4, rtol=0)
    expected = codes.T.cov(correction=0) + 1e-4 * codes.var(0).mean() * torch.eye(5)
    torch.testing.assert_close(covariance_of(prior), expected, atol=1e-4, rtol=1e-2)
    assert not torch.equal(before, family.sample(4, generator=seeded()))


def test_a_fit_is_to_draws_and_not_to_means(dataset: Dataset) -> None:
    """The variance of a draw is the encoder's own and that of the means: more than theirs."""
    family = small(prior_components=1)
    many = dataset.images.repeat(25, 1, 1, 1)
    family.finish(Dataset("many", "train", many, dataset.labels.repeat(25), dataset.class_names, ""))
    mu, log_var = family.posterior(to_signed(dataset.images))
    expected = mu.T.cov(correction=0) + log_var.exp().mean(0).diag()
    torch.testing.assert_close(covariance_of(fitted_of(family)), expected, atol=0.15, rtol=0)


def test_a_prior_is_fitted_to_images_as_the_model_sees_them(dataset: Dataset) -> None:
    family = small(reconstruction="bce", binarise=True, prior_components=1)
    watched = Watched(family)
    family.finish(dataset)
    [seen] = watched.seen
    assert set(seen.unique().tolist()) == {-1.0, 1.0}
    assert len(seen) == 40


def test_finish_fits_nothing_unasked(dataset: Dataset) -> None:
    family = small()
    state, random = family.networks.state_dict(), torch.get_rng_state()
    family.finish(dataset)
    assert autoencoder_of(family).prior is None
    assert family.networks.state_dict().keys() == state.keys()
    assert torch.equal(random, torch.get_rng_state())


def test_each_class_has_a_prior_of_its_own(dataset: Dataset) -> None:
    family = certain(small(prior_components=3, num_classes=10))
    family.finish(dataset)
    codes = family.encode(to_signed(dataset.images), dataset.labels)
    for index in range(10):
        own = codes[dataset.labels == index].mean(0)
        torch.testing.assert_close(fitted_of(family).means[index, 0], own, atol=1e-4, rtol=0)


@pytest.mark.parametrize("configured", [None, "fitted", "standard"])
def test_codes_come_from_the_prior_asked_for(configured: str | None, dataset: Dataset) -> None:
    family = small(num_classes=10, prior_components=1, prior=configured)
    family.finish(dataset)
    labels = torch.tensor([1, 2, 3])
    expected = {
        "fitted": fitted_of(family).sample(3, labels=labels, generator=seeded(3)),
        "standard": torch.randn(3, 5, generator=seeded(3)),
    }
    assert not torch.equal(*expected.values())
    asked: tuple[Prior | None, ...] = (None, "fitted", "standard")
    for prior in asked:
        z = family.draw_codes(3, labels=labels, generator=seeded(3), prior=prior)
        assert torch.equal(z, expected[prior or configured or "fitted"])
        images = family.sample(3, labels=labels, generator=seeded(3), prior=prior)
        assert torch.equal(images, family.decode(z, labels))
    assert family.draw_codes(3, prior="standard").shape == (3, 5)  # N(0, I) knows no classes
    with pytest.raises(GenlabError, match="draw_codes needs labels"):
        family.draw_codes(3, prior="fitted")


def test_a_prior_that_was_not_fitted_is_refused_and_one_fitted_later_used(dataset: Dataset) -> None:
    family = small()
    with pytest.raises(GenlabError, match="no fitted prior"):
        family.sample(4, prior="fitted")
    before = family.sample(4, generator=seeded())
    assert torch.equal(before, family.sample(4, generator=seeded(), prior="standard"))
    family.fit_prior(dataset, 1)
    assert torch.equal(
        family.sample(4, generator=seeded()), family.sample(4, generator=seeded(), prior="fitted")
    )
    assert not torch.equal(before, family.sample(4, generator=seeded()))
    assert torch.equal(before, family.sample(4, generator=seeded(), prior="standard"))


@pytest.mark.parametrize("k", [1, 3])
def test_nats_are_with_the_prior_that_is_asked_for(k: int, dataset: Dataset, images: Tensor) -> None:
    plain, family = small(beta=1.0), small(beta=1.0, prior_components=1)
    with pytest.raises(GenlabError, match="no fitted prior"):
        plain.nats(images, k=k, prior="fitted")
    family.finish(dataset)
    standard = family.nats(images, k=k, prior="standard", generator=seeded())
    torch.testing.assert_close(standard, plain.nats(images, k=k, generator=seeded()))
    fitted = family.nats(images, k=k, prior="fitted", generator=seeded())
    assert torch.equal(fitted, family.nats(images, k=k, generator=seeded()))
    assert not torch.allclose(fitted, standard)


@pytest.mark.parametrize("prior_components", [None, 2])
@pytest.mark.parametrize("num_classes", [None, 10])
def test_nats_of_images_together_are_those_of_each_by_itself(
    num_classes: int | None,
    prior_components: int | None,
    images: Tensor,
    labels: Tensor,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """16 codes at a time, of one image: the same draws, as 16 numbers and more are drawn alike."""
    family = small(num_classes=num_classes, prior_components=prior_components, latent_dim=4, beta=0.1)
    if prior_components is not None:
        for buffer in (fitted_of(family).means, fitted_of(family).factors):
            buffer.add_(torch.randn(buffer.shape, generator=seeded()).tril() / 3)  # each class its own
    given = None if num_classes is None else labels
    together = family.nats(images, given, k=48, generator=seeded())
    monkeypatch.setattr("genlab.vae.likelihood.CODES_AT_ONCE", 16)
    torch.testing.assert_close(family.nats(images, given, k=48, generator=seeded()), together)


def test_what_is_no_image_code_or_number_is_refused_in_one_line() -> None:
    family, image = small(beta=1.0), torch.zeros(2, 1, 28, 28)
    conditional = small(num_classes=10)
    calls: list[tuple[Callable[[], object], str]] = [
        (lambda: family.encode(image.to(torch.uint8)), "images .* floats .*torch.uint8"),
        (lambda: family.encode(image[0]), r"images .*\(N, 1, 28, 28\), got \(1, 28, 28\)"),
        (lambda: family.nats(image[:0]), r"images .*\(0, 1, 28, 28\)"),
        (lambda: family.nats(image + 2), "images .* finite"),
        (lambda: family.nats(image, k=1.5), "k .*whole number"),  # type: ignore[arg-type]
        (lambda: family.nats(image, k=0), "k .*at least 1"),
        (lambda: family.decode(torch.zeros(4, 6)), r"codes .*\(N, 5\), got \(4, 6\)"),
        (lambda: family.decode(torch.full((2, 5), torch.nan)), "codes .*finite"),
        (lambda: family.decode([[0.0] * 5]), "codes .*list"),  # type: ignore[arg-type]
        (lambda: family.decode(torch.zeros(2, 5), torch.tensor([1, 2])), "unconditional"),
        (lambda: family.sample(-1), "n .*at least 1"),
        (lambda: family.sample(2.5), "n .*whole number"),  # type: ignore[arg-type]
        (lambda: family.sample(1, prior="fited"), "prior 'fited'.*fitted"),  # type: ignore[arg-type]
        (lambda: family.draw_codes(0), "n .*at least 1"),
        (lambda: conditional.encode(image, torch.tensor([1, 10])), r"labels .*0\.\.9, got 10"),
        (lambda: family.fit_prior(image, 3), "data set"),  # type: ignore[arg-type]
        (lambda: family.fit_prior(load_dataset("digits"), 0), "components .*at least 1"),
    ]
    for call, words in calls:
        with pytest.raises(GenlabError, match=f"^.*{words}.*$"):
            call()
    assert family.decode(torch.zeros(2, 5, dtype=torch.float64)).dtype == torch.float32


@pytest.mark.parametrize("network", [MLP, CONV])
def test_a_blend_of_one_class_is_that_class_and_a_blend_of_two_is_neither(network: dict[str, Any]) -> None:
    family = small(network=network, num_classes=3)
    z = torch.randn(2, 5, generator=seeded())
    ids, whole = torch.tensor([0, 2]), torch.tensor([[1.0, 0, 0], [0, 0, 1]])
    torch.testing.assert_close(family.decode(z, whole), family.decode(z, ids))
    half = family.decode(z, torch.tensor([[0.5, 0, 0.5], [0.5, 0, 0.5]]))
    assert not torch.allclose(half, family.decode(z, ids))


def test_the_prior_is_a_dial_where_there_are_two(dataset: Dataset) -> None:
    family = small(prior_components=1)
    assert list(family.dials) == []
    family.finish(dataset)
    (dial,) = list(family.dials)
    assert (dial.name, dial.value, dial.choices) == ("prior", "fitted", ("standard", "fitted"))
    family = small(prior_components=1, prior="standard")
    family.finish(dataset)
    assert family.dials[0].value == "standard"
