import pytest
import torch
from torch import Tensor, nn

from genlab.gan.networks import (
    Conditioning,
    Discriminator,
    JoinPicture,
    conv_discriminator,
    mlp_discriminator,
    with_spectral_norm,
)
from genlab.nn.mlp import Activation

TOLD: list[tuple[int | None, Conditioning]] = [(None, "projection"), (10, "projection"), (10, "embedding")]
KINDS = ["mlp", "conv"]


def discriminator(
    kind: str, num_classes: int | None = None, conditioning: Conditioning = "projection"
) -> Discriminator:
    torch.manual_seed(0)
    if kind == "mlp":
        return mlp_discriminator(16, num_classes, conditioning=conditioning)
    return conv_discriminator((4, 8), num_classes, conditioning)


@pytest.mark.parametrize(("num_classes", "conditioning"), TOLD)
@pytest.mark.parametrize("kind", KINDS)
def test_one_unbounded_logit_per_image_in_which_its_class_has_a_say(
    kind: str, num_classes: int | None, conditioning: Conditioning, images: Tensor, labels: Tensor
) -> None:
    network = discriminator(kind, num_classes, conditioning)
    logits = network(images, labels)
    assert logits.shape == (8,)
    torch.testing.assert_close(network(images[:1], labels[:1]), logits[:1])  # each from its own image alone
    with torch.no_grad():
        for parameter in network.last.parameters():
            parameter.mul_(1000)
        if network.class_vectors is not None:
            network.class_vectors.weight.mul_(1000)
    torch.testing.assert_close(network(images, labels), 1000 * logits, rtol=1e-4, atol=1e-2)
    changed = network(images, (labels + 1) % 10) != network(images, labels)
    assert changed.all() if num_classes else not changed.any()
    if num_classes is not None:
        with pytest.raises(ValueError, match="needs labels"):
            network(images)


@pytest.mark.parametrize("kind", KINDS)
def test_projection_is_equation_4(kind: str, images: Tensor, labels: Tensor) -> None:
    """The logit is w f + b + v_y f, number by number, with f the features that the image has without it."""
    network = discriminator(kind, 10)
    assert network.class_vectors is not None
    features = network.features(images).double().tolist()
    [w], [b] = network.last.weight.tolist(), network.last.bias.tolist()
    vectors = network.class_vectors.weight.tolist()
    expected = [
        b + sum((w[i] + vectors[y][i]) * value for i, value in enumerate(row))
        for row, y in zip(features, labels.tolist(), strict=True)
    ]
    assert network(images, labels).tolist() == pytest.approx(expected, abs=1e-5)


@pytest.mark.parametrize("kind", KINDS)
def test_before_training_a_projection_says_little(kind: str, images: Tensor, labels: Tensor) -> None:
    with_labels, without = discriminator(kind, 10), discriminator(kind)
    assert with_labels.class_vectors is not None
    assert with_labels.class_vectors.weight.std().item() == pytest.approx(0.01, rel=0.2)
    said = (with_labels(images, labels) - without(images)).abs().max()
    assert said < without(images).abs().max()


def test_an_embedding_is_a_picture_over_the_image(images: Tensor, labels: Tensor) -> None:
    network = discriminator("conv", 10, "embedding")
    assert isinstance(network.join, JoinPicture)
    pictures = network.join.pictures.weight.reshape(10, 1, 28, 28)[labels]
    both = torch.cat([images, pictures], dim=1)
    assert both.shape == (8, 2, 28, 28)
    torch.testing.assert_close(network(images, labels), network.last(network.features(both))[:, 0])


@pytest.mark.parametrize("num_classes", [None, 10])
def test_the_mlp_is_two_matrices_and_an_embedding_a_bias_per_class(
    num_classes: int | None, images: Tensor, labels: Tensor
) -> None:
    network = discriminator("mlp", num_classes, "embedding")
    first, last = network.features[1], network.last  # type: ignore[index]
    hidden = images.flatten(1) @ first.weight[:, :784].T + first.bias
    if num_classes is not None:
        hidden = hidden + first.weight[:, 784:].T[labels]
    hidden = torch.where(hidden > 0, hidden, 0.2 * hidden)
    torch.testing.assert_close(network(images, labels), (hidden @ last.weight.T + last.bias)[:, 0])


@pytest.mark.parametrize(("name", "kind"), [("relu", nn.ReLU), ("leaky_relu", nn.LeakyReLU)])
def test_the_activation_is_the_one_asked_for(name: Activation, kind: type[nn.Module]) -> None:
    found = [type(m) for m in mlp_discriminator(16, None, name).modules() if "ReLU" in type(m).__name__]
    assert found == [kind]


def test_batch_norm_is_there_if_asked_for_and_not_on_the_first_maps() -> None:
    def norms(batch_norm: bool) -> list[int]:
        network = conv_discriminator((4, 8), batch_norm=batch_norm)
        return [m.num_features for m in network.modules() if isinstance(m, nn.BatchNorm2d)]

    assert norms(False) == []
    assert norms(True) == [8]


# --- spectral norm ----------------------------------------------------------------------------


def layers(network: nn.Module) -> dict[str, nn.Module]:
    return {
        name: layer
        for name, layer in network.named_modules()
        if isinstance(layer, (nn.Linear, nn.Conv2d, nn.Embedding))
    }


def largest_singular_values(network: nn.Module) -> dict[str, float]:
    found = {}
    for name, layer in layers(network).items():
        weight = layer.weight.detach()  # type: ignore[operator]
        found[name] = float(torch.linalg.svdvals(weight.reshape(len(weight), -1))[0])
    return found


@pytest.mark.parametrize(("num_classes", "conditioning"), TOLD)
@pytest.mark.parametrize("kind", KINDS)
def test_every_matrix_stretches_by_at_most_one(
    kind: str, num_classes: int | None, conditioning: Conditioning, images: Tensor, labels: Tensor
) -> None:
    network = discriminator(kind, num_classes, conditioning)
    plain = largest_singular_values(network)
    with_spectral_norm(network)
    for _ in range(150):  # a power iteration each
        for layer in layers(network).values():
            _ = layer.weight
    found = largest_singular_values(network.eval())
    assert found.keys() == plain.keys()
    columns = kind == "mlp" and conditioning == "embedding"  # in the first matrix, and none of their own
    assert len(found) == (3 if kind == "conv" else 2) + (num_classes is not None and not columns)
    assert list(found.values()) == pytest.approx([1] * len(found), abs=1e-3)
    assert min(abs(value - 1) for value in plain.values()) > 0.01  # they were not before
    assert network(images, labels).shape == (8,)


def test_spectral_norm_follows_the_weights_by_one_iteration_a_step(images: Tensor) -> None:
    network = discriminator("mlp")
    with_spectral_norm(network)
    for _ in range(150):
        network(images)
    with torch.no_grad():
        for name, parameter in network.named_parameters():
            if name.endswith("original"):
                parameter.mul_(5)
    network(images)
    assert list(largest_singular_values(network.eval()).values()) == pytest.approx([1, 1], abs=1e-3)


@pytest.mark.parametrize("kind", KINDS)
def test_the_state_goes_there_and_back(kind: str, images: Tensor, labels: Tensor) -> None:
    one, other = discriminator(kind, 10), discriminator(kind, 10)
    with_spectral_norm(one)
    with_spectral_norm(other)
    with torch.no_grad():
        for parameter in one.parameters():
            parameter.mul_(1.5).add_(0.1)
    one(images, labels)
    other.load_state_dict(one.state_dict())
    for _ in range(2):  # in training the power iterations go on alike
        assert torch.equal(one(images, labels), other(images, labels))
    assert torch.equal(one.eval()(images, labels), other.eval()(images, labels))
