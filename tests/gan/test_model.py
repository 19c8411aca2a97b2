import pytest
import torch

from genlab.gan.model import Discriminator


@pytest.mark.parametrize("num_classes", [None, 10])
def test_it_answers_with_one_unbounded_logit_per_image(
    num_classes: int | None, images: torch.Tensor, labels: torch.Tensor
) -> None:
    network = Discriminator(16, num_classes)
    logits = network(images, labels)
    assert logits.shape == (8,)
    with torch.no_grad():
        for parameter in network.layers[-1].parameters():
            parameter.mul_(1000)
    torch.testing.assert_close(network(images, labels), 1000 * logits, rtol=1e-4, atol=1e-2)
    assert torch.equal(network(images, (labels + 1) % 10), network(images, labels)) == (num_classes is None)


def test_one_image_gives_one_logit(images: torch.Tensor) -> None:
    assert Discriminator(16)(images[:1]).shape == (1,)


def test_the_activation_is_the_one_asked_for() -> None:
    hidden = {name: type(Discriminator(16, None, name).layers[1]).__name__ for name in ("relu", "leaky_relu")}
    assert hidden == {"relu": "ReLU", "leaky_relu": "LeakyReLU"}
