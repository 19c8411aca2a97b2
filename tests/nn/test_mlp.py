import numpy as np
import pytest
import torch
from torch import nn

from genlab.nn.mlp import MLPDecoder, activation, join_labels, mlp


def test_activations() -> None:
    x = torch.tensor([-2.0, 3.0])
    assert activation("relu")(x).tolist() == [0, 3]
    torch.testing.assert_close(activation("leaky_relu")(x), torch.tensor([-0.4, 3.0]))


@pytest.mark.parametrize("widths", [[3, 4], [3, 4, 5], [2, 7, 7, 1]])
def test_an_mlp_is_products_and_maxima(widths: list[int]) -> None:
    network = mlp(widths)
    linear = [layer for layer in network if isinstance(layer, nn.Linear)]
    assert [layer.in_features for layer in linear] == widths[:-1]
    assert isinstance(network[-1], nn.Linear)  # a last ReLU would make half of all logits impossible
    x = torch.randn(6, widths[0])
    expected = x.numpy()
    for index, layer in enumerate(linear):
        expected = expected @ layer.weight.detach().numpy().T + layer.bias.detach().numpy()
        if index < len(linear) - 1:
            expected = np.maximum(expected, 0)
    np.testing.assert_allclose(network(x).detach().numpy(), expected, atol=1e-5)


def test_labels_join_as_one_hot_columns() -> None:
    x = torch.randn(3, 2)
    joined = join_labels(x, torch.tensor([2, 0, 1]), 3)
    assert torch.equal(joined[:, :2], x)
    assert joined[:, 2:].tolist() == [[0, 0, 1], [1, 0, 0], [0, 1, 0]]
    assert joined.dtype == torch.float32
    assert join_labels(x, torch.tensor([2, 0, 1]), None) is x
    assert join_labels(x.double(), torch.tensor([0, 0, 0]), 3).dtype == torch.float64
    with pytest.raises(ValueError, match="needs labels"):
        join_labels(x, None, 3)


@pytest.mark.parametrize("num_classes", [None, 4])
def test_a_decoder_gives_logits_of_an_images_shape(num_classes: int | None) -> None:
    decoder = MLPDecoder(5, 16, (1, 6, 7), num_classes=num_classes, hidden="leaky_relu")
    z = torch.randn(9, 5)
    labels = torch.arange(9) % 4
    logits = decoder(z, labels)
    assert logits.shape == (9, 1, 6, 7)
    # Nothing squashes them: scaled weights in the last layer scale the logits.
    with torch.no_grad():
        for parameter in decoder.layers[-1].parameters():
            parameter.mul_(1000)
    torch.testing.assert_close(decoder(z, labels), logits * 1000, rtol=1e-4, atol=1e-2)
    same = torch.equal(decoder(z, labels), decoder(z, (labels + 1) % 4))
    assert same == (num_classes is None)
