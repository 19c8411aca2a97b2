from typing import Any

import pytest
import torch
from torch import Tensor, nn

from genlab.diffusion.unet import SelfAttention, UNet
from genlab.errors import GenlabError

X = torch.randn(3, 1, 28, 28, generator=torch.Generator().manual_seed(0))
T = torch.tensor([0, 500, 999])


def awake(**settings: Any) -> UNet:
    """A new UNet is silent (its last layer is zero): give every layer random weights."""
    torch.manual_seed(0)
    network = UNet(**{"channels": (8, 8)} | settings).eval()
    for parameter in network.parameters():
        if parameter.ndim > 1:
            nn.init.normal_(parameter, std=parameter[0].numel() ** -0.5)
    return network


@pytest.mark.parametrize(
    ("channels", "patch_size"), [((8,), 1), ((8,), 2), ((8, 12), 1), ((8, 12), 2), ((4, 8, 12), 1)]
)
@pytest.mark.parametrize("num_res_blocks", [1, 2])
@pytest.mark.parametrize("attention", [True, False])
def test_the_answer_has_the_shape_of_the_image(
    channels: tuple[int, ...], patch_size: int, num_res_blocks: int, attention: bool
) -> None:
    network = UNet(channels, patch_size=patch_size, num_res_blocks=num_res_blocks, attention=attention)
    out = network(X, T)
    assert out.shape == X.shape
    assert not out.any()  # the last layer starts at zero


def test_a_new_network_learns_everywhere_after_one_step() -> None:
    torch.manual_seed(0)
    network = UNet((8, 8), num_classes=3)
    optimiser = torch.optim.SGD(network.parameters(), lr=0.1)
    for _ in range(4):  # zeros open one after another: the last layer, the blocks', then what feeds them
        optimiser.zero_grad()
        (network(X, T, torch.tensor([0, 1, 2])) - X).square().mean().backward()
        optimiser.step()
    # A convolution's bias before a norm of its own group may have no say; every weight has.
    silent = [n for n, p in network.named_parameters() if p.ndim > 1 and (p.grad is None or not p.grad.any())]
    assert not silent


@pytest.mark.parametrize("patch_size", [1, 2])
def test_it_hears_the_time_of_each_image(patch_size: int) -> None:
    network = awake(patch_size=patch_size)
    same = torch.isclose(network(X, T), network(X, torch.tensor([0, 501, 0])), atol=1e-6).flatten(1).all(1)
    assert same.tolist() == [True, False, False]


def test_images_of_a_batch_do_not_see_each_other() -> None:
    network = awake()
    alone = torch.cat([network(X[i : i + 1], T[i : i + 1]) for i in range(3)])
    torch.testing.assert_close(network(X, T), alone, atol=1e-5, rtol=1e-4)


def test_a_changed_pixel_is_seen_across_the_whole_image() -> None:
    changed = X[:1].clone()
    changed[0, 0, 0, 0] += 5
    network = awake()
    difference = (network(changed, T[:1]) - network(X[:1], T[:1])).abs()
    assert difference[0, 0, -1, -1] > 1e-6


def test_classes_and_no_class_differ() -> None:
    network = awake(num_classes=10)
    answers = [network(X, T, torch.full((3,), label)) for label in range(11)]
    for i in range(11):
        for j in range(i):
            assert not torch.equal(answers[i], answers[j])
    with pytest.raises(ValueError, match="needs labels"):
        network(X, T)
    with pytest.raises(IndexError):
        network(X, T, torch.full((3,), 11))


def test_without_classes_labels_are_ignored() -> None:
    network = awake()
    labels: Tensor = torch.tensor([1, 2, 3])
    assert torch.equal(network(X, T, labels), network(X, T))


def test_the_memory_layout_changes_no_numbers() -> None:
    network = awake()
    plain = network(X, T)
    torch.testing.assert_close(
        network.to(memory_format=torch.channels_last)(X, T), plain, atol=1e-5, rtol=1e-4
    )


@pytest.mark.parametrize(("levels", "layers"), [(0, 0), (1, 5), (2, 10), (3, 15)])
def test_attention_levels_are_counted_from_the_coarsest(levels: int, layers: int) -> None:
    """Two blocks of a level on the way down and three on the way up, each with a layer behind it."""
    network = awake(channels=(8, 8, 8), num_res_blocks=2, attention=False, attention_levels=levels)
    found = [name for name, module in network.named_modules() if isinstance(module, SelfAttention)]
    assert len(found) == layers
    assert all(name.startswith(("down", "up")) for name in found)
    widths = [8, 8, 16]  # which level a layer is at shows in its width
    network = awake(channels=widths, attention=False, attention_levels=min(levels, 1))
    assert {m.qkv.in_channels for m in network.modules() if isinstance(m, SelfAttention)} <= {16}
    assert network(X, T).shape == X.shape


@pytest.mark.parametrize("shape", [(28, 28), (1, 28, 28), (2, 3, 28, 28), (2, 1, 27, 28)])
def test_images_of_another_shape_are_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(GenlabError, match="UNet"):
        UNet((8,), patch_size=2)(torch.zeros(shape), T[:2])
