from typing import Any, get_args

import pytest
import torch
import torch.nn.functional as F
from pydantic import ValidationError
from torch import Tensor, nn

from genlab.data import Dataset, to_signed
from genlab.errors import GenlabError
from genlab.gan import GAN, GANConfig
from genlab.gan.gan import truncated
from genlab.gan.loss import Game, gradient_penalty, slope_penalty
from genlab.gan.networks import Discriminator
from genlab.training.loop import train
from genlab.training.settings import TrainConfig
from genlab.zoo import load_config

GAMES: tuple[Game, ...] = get_args(Game)
MLP: dict[str, Any] = {"kind": "mlp", "hidden_dim": 16}
CONV: dict[str, Any] = {"kind": "dcgan", "channels": (3, 4)}
NETWORKS = {
    "mlp": MLP,
    "conv": CONV,
    "conv without norm": CONV | {"generator_norm": "none"},
    "conv, both normed": CONV | {"discriminator_norm": "batch"},
}
TOLD: dict[str, dict[str, Any]] = {
    "unconditional": {},
    "projection": {"num_classes": 10, "conditioning": "projection"},
    "embedding": {"num_classes": 10, "conditioning": "embedding"},
}


def small(**settings: Any) -> GAN:
    torch.manual_seed(0)
    return GAN(GANConfig(**{"network": MLP, "latent_dim": 5} | settings))


def grads(network: nn.Module) -> list[Tensor | None]:
    return [parameter.grad for parameter in network.parameters()]


def always_says(family: GAN, logit: float) -> None:
    """A "step" after which every image gets the same answer."""
    discriminator = family.networks["discriminator"]
    assert isinstance(discriminator, Discriminator)
    with torch.no_grad():
        for parameter in discriminator.parameters():
            parameter.zero_()
        discriminator.last.bias.fill_(logit)


# --- every combination ------------------------------------------------------------------------


def allowed(game: Game, network: str) -> bool:
    return network != "conv, both normed" or game not in ("relativistic", "wgan_gp")


EVERY = [
    pytest.param(game, network, told, spectral, id=f"{game}, {network}, {told}{', spectral' * spectral}")
    for game in GAMES
    for network in NETWORKS
    for told in TOLD
    for spectral in (False, True)
    if allowed(game, network)
]


@pytest.mark.parametrize(("game", "network", "told", "spectral"), EVERY)
def test_each_loss_teaches_its_own_player_and_images_come_out(
    game: Game, network: str, told: str, spectral: bool, images: Tensor, labels: Tensor
) -> None:
    family = small(loss=game, network=NETWORKS[network], spectral_norm=spectral, **TOLD[told])
    players = family.networks
    losses = family.losses(images, labels)

    name, loss, logged = next(losses)
    assert name == "discriminator"
    assert loss.isfinite()
    assert all(value.isfinite() and not value.requires_grad for value in logged.values())
    loss.backward()  # on everything it reaches: not the generator
    assert all(grad is None for grad in grads(players["generator"]))
    found = [grad for grad in grads(players["discriminator"]) if grad is not None]
    assert all(grad.isfinite().all() for grad in found)
    assert any(grad.any() for grad in found)
    torch.optim.SGD(players["discriminator"].parameters(), lr=0.01).step()
    players.zero_grad()

    name, loss, logged = next(losses)
    assert name == "generator"
    assert loss.isfinite()
    assert set(logged) == {"generator"}
    loss.backward(inputs=list(players["generator"].parameters()))  # as the loop does it
    assert all(grad is None for grad in grads(players["discriminator"]))
    found = [grad for grad in grads(players["generator"]) if grad is not None]
    assert len(found) == len(grads(players["generator"]))
    assert all(grad.isfinite().all() for grad in found)
    assert found[0].any()
    with pytest.raises(StopIteration):
        next(losses)

    family.networks.eval()
    drawn = family.sample(3)
    assert drawn.shape == (3, 1, 28, 28)
    assert 0 <= drawn.min() <= drawn.max() <= 1


def test_nothing_of_a_loss_is_left_where_it_is_only_measured(images: Tensor, labels: Tensor) -> None:
    """In eval mode and without gradients, as on held-out images: the same numbers, and no state moves."""
    family = small(loss="wgan_gp", r1=0.5, network=CONV, spectral_norm=True)
    family.networks.eval()
    before = {name: value.clone() for name, value in family.networks.state_dict().items()}
    with torch.no_grad():
        torch.manual_seed(1)
        measured = [loss.value.item() for loss in family.losses(images, labels)]
    torch.manual_seed(1)
    assert [loss.value.item() for loss in family.losses(images, labels)] == pytest.approx(measured, rel=1e-5)
    assert all(torch.equal(value, before[name]) for name, value in family.networks.state_dict().items())


# --- the two steps ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("game", "expected"),
    [
        ("hinge", -3.0),
        ("relativistic", F.softplus(torch.tensor(0.0)).item()),  # the real ones are called the same
    ],
)
def test_the_generators_loss_is_second(game: Game, expected: float, images: Tensor, labels: Tensor) -> None:
    family = small(loss=game)
    losses = family.losses(images, labels)
    next(losses)
    always_says(family, 3)
    _, loss, _ = next(losses)
    assert loss.item() == pytest.approx(expected, rel=1e-5)


def test_training_is_the_textbooks_loop(dataset: Dataset) -> None:
    """The same seeds in twenty lines of plain PyTorch give the same weights."""
    family, plain = small(), small()
    steps = list(train(family, dataset, TrainConfig(batch_size=8, epochs=1, lr=1e-3, seed=3)))
    assert len(steps) == 5

    generator, discriminator = plain.networks["generator"], plain.networks["discriminator"]
    adam_g, adam_d = (torch.optim.Adam(n.parameters(), lr=1e-3) for n in (generator, discriminator))
    bce = nn.BCEWithLogitsLoss()
    torch.manual_seed(3)
    order = torch.randperm(40, generator=torch.Generator().manual_seed(3))
    for index in order.split(8):
        real = to_signed(dataset.images[index])
        fake = torch.tanh(generator(torch.randn(8, 5)))
        loss_d = bce(discriminator(real), torch.ones(8)) + bce(discriminator(fake.detach()), torch.zeros(8))
        adam_d.zero_grad()
        loss_d.backward()
        adam_d.step()
        loss_g = bce(discriminator(fake), torch.ones(8))
        adam_g.zero_grad()
        loss_g.backward()
        adam_g.step()
    assert steps[-1].losses["discriminator"] == pytest.approx(loss_d.item(), rel=1e-4)
    assert steps[-1].losses["generator"] == pytest.approx(loss_g.item(), rel=1e-4)
    for (name, ours), theirs in zip(
        family.networks.named_parameters(), plain.networks.parameters(), strict=True
    ):
        assert torch.allclose(ours, theirs, atol=1e-5, rtol=1e-3), name


@pytest.mark.parametrize(
    ("game", "logit", "right"),
    [
        ("non_saturating", 3, (1, 0)),
        ("non_saturating", -3, (0, 1)),
        ("least_squares", 0.4, (0, 1)),  # nearer to 0, which stands for a fake
    ],
)
def test_accuracies_count_right_answers(
    game: Game, logit: float, right: tuple[int, int], images: Tensor, labels: Tensor
) -> None:
    family = small(loss=game)
    always_says(family, logit)
    _, _, logged = next(family.losses(images, labels))
    assert (logged["real_accuracy"].item(), logged["fake_accuracy"].item()) == right


def test_smoothing_reaches_the_loss(images: Tensor, labels: Tensor) -> None:
    values = []
    for smoothing in (0.0, 0.2):
        family = small(label_smoothing=smoothing)
        values.append(next(family.losses(images, labels)).value.item())
    family = small()
    mean = family.networks["discriminator"](images, labels).mean().item()
    assert values[1] - values[0] == pytest.approx(0.2 * mean, abs=1e-5)


# --- the penalties ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ({}, (0, 0, 0)),
        ({"loss": "hinge"}, (0, 0, 0)),
        ({"loss": "relativistic"}, (1, 1, 0)),
        ({"loss": "relativistic", "r1": 0.5, "r2": 0}, (0.5, 0, 0)),
        ({"loss": "wgan_gp"}, (0, 0, 10)),
        ({"loss": "wgan_gp", "slope_penalty": 3}, (0, 0, 3)),
        ({"loss": "wgan_gp", "slope_penalty": 0, "r2": 2}, (0, 2, 0)),
        ({"r1": 5}, (5, 0, 0)),
    ],
)
def test_each_game_has_its_usual_penalties(settings: dict[str, Any], expected: tuple[float, ...]) -> None:
    assert GANConfig(**settings).penalties == expected


@pytest.mark.parametrize(
    "settings", [{"r1": 3.0}, {"r2": 3.0}, {"loss": "relativistic"}, {"loss": "wgan_gp", "r1": 0.5}]
)
@pytest.mark.parametrize("num_classes", [None, 10])
def test_the_penalties_reach_the_loss_with_their_weights_and_are_not_logged(
    settings: dict[str, Any], num_classes: int | None, images: Tensor, labels: Tensor
) -> None:
    family = small(num_classes=num_classes, **settings)
    torch.manual_seed(7)
    _, loss, logged = next(family.losses(images, labels))
    discriminator = family.networks["discriminator"]
    torch.manual_seed(7)  # the same code, then the same places between
    fake = family.networks["generator"](torch.randn(8, 5), labels).tanh().detach()

    def judge(x: Tensor) -> Tensor:
        return discriminator(x, labels)

    r1, r2, slope = family.config.penalties
    expected = r1 / 2 * gradient_penalty(judge, images) + r2 / 2 * gradient_penalty(judge, fake)
    expected = expected + slope * slope_penalty(judge, images, fake)
    assert expected > 0
    torch.testing.assert_close(loss, logged["discriminator"] + expected)
    assert set(logged) == {"discriminator", "real_accuracy", "fake_accuracy"}


def test_a_penalty_that_is_rare_weighs_more_and_costs_the_same_in_all(images: Tensor, labels: Tensor) -> None:
    """With the same weights in every batch; counted in training only, in a buffer that checkpoints hold."""

    def penalties(family: GAN, batches: int) -> list[float]:
        found = []
        for _ in range(batches):
            _, loss, logged = next(family.losses(images, labels))
            found.append((loss - logged["discriminator"]).item())
        return found

    always, rare = small(r1=2.0), small(r1=2.0, penalty_every=3)
    [each] = set(penalties(always, 2))
    assert each > 0
    assert penalties(rare, 4) == pytest.approx([3 * each, 0, 0, 3 * each], rel=1e-5)
    rare.networks.eval()
    assert penalties(rare, 4) == [0, 0, 0, 0]
    again = small(r1=2.0, penalty_every=3)
    again.networks.load_state_dict(rare.networks.state_dict())
    again.networks.train()
    assert penalties(again, 3) == pytest.approx([0, 0, 3 * each], rel=1e-5)


# --- what is refused --------------------------------------------------------------------------

BOTH_NORMED = NETWORKS["conv, both normed"]


@pytest.mark.parametrize(
    ("settings", "key"),
    [
        ({"loss": "hinge", "label_smoothing": 0.1}, "label_smoothing"),
        ({"loss": "hinge", "slope_penalty": 0}, "slope_penalty"),
        ({"network": BOTH_NORMED, "r1": 1}, "discriminator_norm"),
        ({"network": BOTH_NORMED, "loss": "wgan_gp"}, "discriminator_norm"),
        ({"network": BOTH_NORMED, "loss": "relativistic"}, "discriminator_norm"),
    ],
)
def test_settings_that_do_not_go_together(settings: dict[str, Any], key: str) -> None:
    with pytest.raises(ValidationError, match=key):
        GANConfig(**settings)


def test_settings_that_do_go_together() -> None:
    GANConfig(loss="least_squares", label_smoothing=0.1)
    GANConfig.model_validate({"network": BOTH_NORMED, "loss": "relativistic", "r1": 0, "r2": 0})
    GANConfig(spectral_norm=True, r1=1.0, loss="hinge")


@pytest.mark.parametrize("network", list(NETWORKS))
def test_batch_norm_needs_two_images_in_training(network: str, images: Tensor, labels: Tensor) -> None:
    family = small(network=NETWORKS[network])
    one = (images[:1], labels[:1])
    if network in ("conv", "conv, both normed"):
        assert family.config.batch_norm
        with pytest.raises(GenlabError, match="batch norm"):
            next(family.losses(*one))
    else:
        assert not family.config.batch_norm
        assert all(loss.value.isfinite() for loss in family.losses(*one))
    family.networks.eval()
    assert all(loss.value.isfinite() for loss in family.losses(*one))


def test_a_batch_size_of_one_is_refused_with_batch_norm_only() -> None:
    overrides = {"model.network": CONV, "train.batch_size": 1}
    with pytest.raises(GenlabError, match=r"train\.batch_size"):
        load_config("gan", overrides)
    plain = CONV | {"generator_norm": "none"}
    assert load_config("gan", overrides | {"model.network": plain}).train.batch_size == 1
    assert load_config("gan", {"train.batch_size": 1, "model.network.kind": "mlp"}).train.batch_size == 1


# --- codes and images -------------------------------------------------------------------------


@pytest.mark.parametrize("network", ["mlp", "conv"])
def test_decoding_is_certain_and_ends_in_0_to_1(network: str) -> None:
    family = small(network=NETWORKS[network])
    family.networks.eval()
    z = 10 * torch.randn(4, family.latent_dim)
    images = family.decode(z)
    assert images.shape == (4, 1, 28, 28)
    expected = (family.networks["generator"](z).tanh() + 1) / 2
    torch.testing.assert_close(images, expected.detach(), atol=1e-6, rtol=1e-5)
    torch.testing.assert_close(family.decode(z[:1]), images[:1])
    with pytest.raises(GenlabError, match="codes"):
        family.decode(torch.zeros(4, 6))


def test_decode_needs_the_labels_of_a_conditional_model() -> None:
    """Those it would draw came from the global generator: other images at every call."""
    plain, conditional, z = small(), small(num_classes=10), torch.zeros(2, 5)
    with pytest.raises(GenlabError, match="unconditional"):
        plain.decode(z, torch.tensor([1, 2]))
    for labels, words in ((None, "needs labels"), (torch.tensor([1, 10]), "labels.*10")):
        with pytest.raises(GenlabError, match=words):
            conditional.decode(z, labels)


@pytest.mark.parametrize("network", [MLP, CONV])
def test_a_blend_of_one_class_is_that_class_and_a_blend_of_two_is_neither(network: dict[str, Any]) -> None:
    family = small(network=network, num_classes=3)
    family.networks.eval()
    z = torch.randn(2, 5, generator=torch.Generator().manual_seed(0))
    ids, whole = torch.tensor([0, 2]), torch.tensor([[1.0, 0, 0], [0, 0, 1]])
    torch.testing.assert_close(family.decode(z, whole), family.decode(z, ids))
    half = family.decode(z, torch.tensor([[0.5, 0, 0.5], [0.5, 0, 0.5]]))
    assert not torch.allclose(half, family.decode(z, ids))


def test_codes_are_drawn_as_sample_decodes_them_truncated_or_not() -> None:
    family = small(num_classes=10)
    labels = torch.tensor([1, 2, 3])

    def seeded() -> torch.Generator:
        return torch.Generator().manual_seed(3)

    whole = family.draw_codes(3, labels=labels, generator=seeded())
    assert torch.equal(whole, torch.randn(3, 5, generator=seeded()))
    cut = family.draw_codes(3, generator=seeded(), truncation=0.5)
    assert torch.equal(cut, truncated(whole, 0.5))
    for z, truncation in ((whole, None), (cut, 0.5)):
        images = family.sample(3, labels=labels, generator=seeded(), truncation=truncation)
        assert torch.equal(images, family.decode(z, labels))
    by_config = small(num_classes=10, truncation=0.5)
    assert torch.equal(by_config.draw_codes(3, generator=seeded()), cut)
    with pytest.raises(GenlabError, match="truncation"):
        family.draw_codes(3, truncation=0.0)
    with pytest.raises(GenlabError, match="n should"):
        family.draw_codes(0)


def test_truncation_is_a_dial_and_a_setting_of_sampling() -> None:
    (dial,) = small().dials
    assert (dial.name, dial.low, dial.high, dial.value) == ("truncation", 0.1, 4.0, 4.0)
    assert small(truncation=0.7).dials[0].value == 0.7
    assert small(truncation=6.0).dials[0].high == 6.0
    assert small(truncation=0.05).dials[0].low == 0.05
    assert "truncation" in GANConfig.SAMPLING
