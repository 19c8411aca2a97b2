import math
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from scipy.signal import correlate2d
from torch import Tensor, nn

from genlab.nn.convnet import ConvDecoder, ConvFeatures, Residual


def layers_of(module: nn.Module, *kinds: type[nn.Module]) -> list[Any]:
    return [layer for layer in module.modules() if isinstance(layer, kinds)]


def test_a_conditional_decoder_needs_labels_and_an_unconditional_one_ignores_them() -> None:
    with pytest.raises(ValueError, match="needs labels"):
        ConvDecoder(6, (3, 5), num_classes=4)(torch.zeros(2, 6))
    decoder = ConvDecoder(6, (3, 5))
    z = torch.randn(2, 6)
    assert torch.equal(decoder(z), decoder(z, torch.tensor([0, 1])))


ACTIVATIONS: list[tuple[Any, Callable[..., Any]]] = [
    ("relu", lambda x: x.clip(min=0)),
    ("leaky_relu", lambda x: x.clip(min=0) + 0.2 * x.clip(max=0)),
    ("silu", lambda x: x / (1 + math.e ** (-x))),
]


@pytest.mark.parametrize(("hidden", "activate"), ACTIVATIONS)
def test_features_are_the_correlations_of_scipy(hidden: Any, activate: Callable[..., Any]) -> None:
    torch.manual_seed(0)
    features = ConvFeatures((2, 3), channels_in=2, hidden=hidden)
    images = torch.randn(2, 2, 28, 28)
    maps = images.double().numpy()
    for conv in layers_of(features, nn.Conv2d):
        weight, bias = conv.weight.detach().double().numpy(), conv.bias.detach().double().numpy()
        padded = np.pad(maps, ((0, 0), (0, 0), (1, 1), (1, 1)))
        found = [
            [
                sum(correlate2d(x, w, "valid") for x, w in zip(image, kernel, strict=True))[::2, ::2] + b
                for kernel, b in zip(weight, bias, strict=True)
            ]
            for image in padded
        ]
        maps = activate(np.array(found))
    assert maps.shape == (2, 3, 7, 7)
    np.testing.assert_allclose(features(images).detach().numpy(), maps.reshape(2, -1), atol=1e-5)


@pytest.mark.parametrize("batch_norm", [False, True])
@pytest.mark.parametrize("hidden_dim", [None, 7])
@pytest.mark.parametrize(("hidden", "activate"), ACTIVATIONS)
def test_the_decoder_is_plain_torch_layers_with_the_same_weights(
    hidden: Any, activate: Callable[..., Any], hidden_dim: int | None, batch_norm: bool
) -> None:
    torch.manual_seed(0)
    decoder = ConvDecoder(
        6, (3, 5), hidden_dim=hidden_dim, num_classes=4, hidden=hidden, batch_norm=batch_norm
    )
    z, labels = torch.randn(4, 6), torch.tensor([3, 0, 1, 1])

    def normalised(x: Tensor) -> Tensor:
        if batch_norm:  # over the batch and all positions, with the biased variance
            mean = x.mean((0, 2, 3), keepdim=True)
            x = (x - mean) / ((x - mean).square().mean((0, 2, 3), keepdim=True) + 1e-5).sqrt()
        return activate(x)

    x = torch.cat([z, torch.eye(4)[labels]], dim=1)
    linear = layers_of(decoder, nn.Linear)
    assert [layer.in_features for layer in linear] == ([10, 7] if hidden_dim else [10])
    for index, layer in enumerate(linear):
        x = (activate(x) if index else x) @ layer.weight.T + layer.bias
    x = normalised(x.reshape(4, 5, 7, 7))
    first, last = layers_of(decoder, nn.ConvTranspose2d)
    x = normalised(F.conv_transpose2d(x, first.weight, first.bias, stride=2, padding=1))
    x = F.conv_transpose2d(x, last.weight, last.bias, stride=2, padding=1)
    assert x.shape == (4, 1, 28, 28)
    torch.testing.assert_close(decoder(z, labels), x, atol=1e-4, rtol=1e-4)


def test_every_pixel_inside_is_read_and_written_equally_often() -> None:
    """No chequerboard: kernels of ones on a map of ones give one value, away from the margin."""
    for half, in_a_kernel in ((ConvFeatures((3, 5)), 16), (ConvDecoder(6, (3, 5)), 4)):
        for layer in layers_of(half, nn.Conv2d, nn.ConvTranspose2d):
            with torch.no_grad():
                for parameter in layer.parameters():
                    parameter.fill_(1)
                out = layer(torch.ones(1, layer.in_channels, 14, 14))
            assert (out[..., 1:-1, 1:-1] == in_a_kernel * layer.in_channels + 1).all()


def test_batch_norm_is_where_the_docstring_says() -> None:
    assert layers_of(ConvFeatures((3, 5)), nn.BatchNorm2d) == []
    assert layers_of(ConvDecoder(6, (3, 5)), nn.BatchNorm2d) == []
    order = [
        type(layer).__name__ + str(getattr(layer, "num_features", ""))
        for layer in ConvFeatures((3, 5), batch_norm=True).layers
    ]
    assert order == ["Conv2d", "ReLU", "Conv2d", "BatchNorm2d5", "ReLU", "Flatten"]


def test_kernels_lie_in_the_layout_that_a_cpu_is_fast_in() -> None:
    for half in (ConvFeatures((3, 5)), ConvDecoder(6, (3, 5))):
        for layer in layers_of(half, nn.Conv2d, nn.ConvTranspose2d):
            assert layer.weight.is_contiguous(memory_format=torch.channels_last)


@pytest.mark.parametrize("batch_norm", [False, True])
def test_a_residual_block_adds_two_convolutions_to_its_input(batch_norm: bool) -> None:
    torch.manual_seed(0)
    block, x = Residual(3, "relu", batch_norm=batch_norm), torch.randn(4, 3, 7, 7)
    expected = x
    for conv in layers_of(block, nn.Conv2d):
        if batch_norm:
            expected = F.batch_norm(expected, None, None, training=True)
        expected = F.conv2d(expected.relu(), conv.weight, conv.bias, padding=1)
    torch.testing.assert_close(block(x), x + expected)


@pytest.mark.parametrize("half", [ConvFeatures, partial(ConvDecoder, 6)])
def test_residual_blocks_stand_at_14x14_and_at_7x7_and_without_their_sums_nothing_changes(half: Any) -> None:
    plain, deep = half((3, 5)), half((3, 5), num_res_blocks=2)
    blocks = layers_of(deep, Residual)
    assert sorted(block.layers[2].in_channels for block in blocks) == [3, 3, 5, 5]
    for block in blocks:  # what it adds is nothing
        nn.init.zeros_(block.layers[-1].weight)
        nn.init.zeros_(block.layers[-1].bias)
    inside = {parameter for block in blocks for parameter in block.parameters()}
    shared = [parameter for parameter in deep.parameters() if parameter not in inside]
    with torch.no_grad():
        for parameter, same in zip(plain.parameters(), shared, strict=True):
            parameter.copy_(same)
    x = torch.randn(2, 1, 28, 28) if half is ConvFeatures else torch.randn(2, 6)
    torch.testing.assert_close(plain(x), deep(x))


def test_a_third_width_is_of_maps_as_fine_as_the_image() -> None:
    torch.manual_seed(0)
    features, decoder = ConvFeatures((2, 3, 5)), ConvDecoder(6, (2, 3, 5))
    first, *halving = layers_of(features, nn.Conv2d)
    assert (first.in_channels, first.out_channels, first.stride) == (1, 2, (1, 1))
    x = F.conv2d(images := torch.randn(2, 1, 28, 28), first.weight, first.bias, padding=1).relu()
    for conv in halving:
        x = F.conv2d(x, conv.weight, conv.bias, stride=2, padding=1).relu()
    torch.testing.assert_close(features(images), x.flatten(1))

    x = decoder.first(z := torch.randn(2, 6)).reshape(2, 5, 7, 7).relu()
    for double in layers_of(decoder, nn.ConvTranspose2d):
        x = F.conv_transpose2d(x, double.weight, double.bias, stride=2, padding=1).relu()
    assert x.shape == (2, 2, 28, 28)
    (last,) = layers_of(decoder, nn.Conv2d)
    torch.testing.assert_close(decoder(z), F.conv2d(x, last.weight, last.bias, padding=1))
