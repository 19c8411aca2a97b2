from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from genlab.config import TrainConfig
from genlab.data import Dataset, to_signed
from genlab.errors import GenlabError
from genlab.gan import GAN, GANConfig
from genlab.training.loop import train


def small(**settings: Any) -> GAN:
    torch.manual_seed(0)
    return GAN(GANConfig(**{"hidden_dim": 16, "latent_dim": 5} | settings))


def grads(network: nn.Module) -> list[torch.Tensor | None]:
    return [parameter.grad for parameter in network.parameters()]


def test_the_discriminators_loss_leaves_the_generator_alone(
    images: torch.Tensor, labels: torch.Tensor
) -> None:
    family = small()
    losses = family.losses(images, labels)
    name, loss, _ = next(losses)
    assert name == "discriminator"
    loss.backward()
    assert all(grad is None for grad in grads(family.networks["generator"]))
    assert all(grad is not None and grad.any() for grad in grads(family.networks["discriminator"]))
    name, loss, _ = next(losses)
    assert name == "generator"
    loss.backward()
    assert all(grad is not None and grad.any() for grad in grads(family.networks["generator"]))
    with pytest.raises(StopIteration):
        next(losses)


def test_through_the_loop_the_generators_loss_leaves_the_discriminators_gradients_alone(
    dataset: Dataset,
) -> None:
    family = small()
    seen: list[list[torch.Tensor | None]] = []
    losses = family.losses

    def watched(images: torch.Tensor, labels: torch.Tensor) -> Any:
        for loss in losses(images, labels):
            yield loss  # the loop has stepped on it when it comes back
            seen.append([None if g is None else g.clone() for g in grads(family.networks["discriminator"])])

    family.losses = watched  # type: ignore[method-assign]
    next(train(family, dataset, TrainConfig(batch_size=8)))
    after_own, after_generators = seen
    assert all(grad is not None for grad in after_own)
    torch.testing.assert_close(after_own, after_generators, rtol=0, atol=0)


def test_the_generators_loss_is_taken_after_the_discriminators_step(
    images: torch.Tensor, labels: torch.Tensor
) -> None:
    family = small()
    discriminator = family.networks["discriminator"]
    losses = family.losses(images, labels)
    next(losses)
    with torch.no_grad():  # a "step" after which every image is called real with the logit 3
        for parameter in discriminator.parameters():
            parameter.zero_()
        discriminator.layers[-1].bias.fill_(3)  # type: ignore[index, union-attr]
    _, loss, _ = next(losses)
    assert loss.item() == pytest.approx(F.softplus(torch.tensor(-3.0)).item(), rel=1e-5)


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


def test_accuracies_count_right_answers(images: torch.Tensor, labels: torch.Tensor) -> None:
    family = small()
    discriminator = family.networks["discriminator"]
    with torch.no_grad():
        for parameter in discriminator.parameters():
            parameter.zero_()
        discriminator.layers[-1].bias.fill_(3)  # type: ignore[index, union-attr]
    _, _, logged = next(family.losses(images, labels))
    assert logged["real_accuracy"] == 1
    assert logged["fake_accuracy"] == 0


def test_smoothing_reaches_the_loss(images: torch.Tensor, labels: torch.Tensor) -> None:
    values = []
    for smoothing in (0.0, 0.2):
        family = small(label_smoothing=smoothing)
        values.append(next(family.losses(images, labels)).value.item())
    family = small()
    mean = family.networks["discriminator"](images, labels).mean().item()
    assert values[1] - values[0] == pytest.approx(0.2 * mean, abs=1e-5)


def test_decoding_is_certain_and_ends_in_0_to_1() -> None:
    family = small()
    z = 10 * torch.randn(4, family.latent_dim)
    images = family.decode(z)
    assert images.shape == (4, 1, 28, 28)
    expected = (family.networks["generator"](z).tanh() + 1) / 2
    torch.testing.assert_close(images, expected.detach(), atol=1e-6, rtol=1e-5)
    assert torch.equal(images, family.decode(z))
    with pytest.raises(GenlabError, match=r"shape \(N, 5\), got \(4, 6\)"):
        family.decode(torch.zeros(4, 6))


def test_samples_are_decoded_draws_from_the_prior() -> None:
    family = small(num_classes=10)
    labels = torch.tensor([1, 2, 3])
    images = family.sample(3, labels=labels, generator=torch.Generator().manual_seed(3))
    z = torch.randn(3, 5, generator=torch.Generator().manual_seed(3))
    assert torch.equal(images, family.decode(z, labels))
    assert not torch.equal(images, family.decode(z, labels + 1))


def test_generator_and_decoder_are_one_architecture() -> None:
    from genlab.nn.mlp import MLPDecoder

    assert isinstance(GAN(GANConfig()).networks["generator"], MLPDecoder)
