from itertools import combinations
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from genlab.diffusion.unet import GroupNorm, ResidualBlock, SelfAttention, UNet, attend
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
    together = network(X, T, torch.tensor([1, 2, 3]))  # it has no classes: the labels say nothing
    alone = torch.cat([network(X[i : i + 1], T[i : i + 1]) for i in range(3)])
    torch.testing.assert_close(together, alone, atol=1e-5, rtol=1e-4)


def test_classes_and_no_class_differ() -> None:
    network = awake(num_classes=10)
    answers = [network(X, T, torch.full((3,), label)) for label in range(11)]
    assert not any(torch.equal(one, other) for one, other in combinations(answers, 2))
    with pytest.raises(ValueError, match="needs labels"):
        network(X, T)


@pytest.mark.parametrize(("levels", "layers"), [(0, 0), (1, 5), (2, 10), (3, 15)])
def test_attention_levels_are_counted_from_the_coarsest(levels: int, layers: int) -> None:
    """Two blocks of a level on the way down and three on the way up, each with a layer behind it."""
    network = awake(channels=(4, 8, 16), num_res_blocks=2, attention=False, attention_levels=levels)
    found = [module.qkv.in_channels for module in network.modules() if isinstance(module, SelfAttention)]
    assert len(found) == layers
    assert set(found) == {0: set(), 1: {16}, 2: {8, 16}, 3: {4, 8, 16}}[levels]
    assert network(X, T).shape == X.shape


@pytest.mark.parametrize("shape", [(28, 28), (1, 28, 28), (2, 3, 28, 28), (2, 1, 27, 28)])
def test_images_of_another_shape_are_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(GenlabError, match="UNet"):
        UNet((8,), patch_size=2)(torch.zeros(shape), T[:2])


# --- its blocks -------------------------------------------------------------------------------


@pytest.mark.parametrize("channels", range(4, 260, 4))
def test_groups_divide_the_channels_and_hold_at_least_four(channels: int) -> None:
    norm = GroupNorm(channels)
    assert norm.num_channels == channels
    assert channels % norm.num_groups == 0
    assert norm.num_groups <= 8
    assert channels // norm.num_groups >= 4


def randomised(module: nn.Module) -> nn.Module:
    for parameter in module.parameters():
        nn.init.normal_(parameter, std=0.3)
    return module


def test_new_blocks_are_the_identity() -> None:
    x, embedding = torch.randn(2, 8, 6, 6), torch.randn(2, 5)
    assert torch.equal(ResidualBlock(8, 8, 5)(x, embedding), x)
    assert torch.equal(SelfAttention(8)(x), x)
    wider = ResidualBlock(8, 12, 5)
    assert isinstance(wider.shortcut, nn.Conv2d)
    assert torch.equal(wider(x, embedding), wider.shortcut(x))


def test_a_residual_block_hears_the_embedding_of_its_own_image() -> None:
    block = randomised(ResidualBlock(8, 12, 5))
    x, embedding = torch.randn(3, 8, 6, 6), torch.randn(3, 5)
    out = block(x, embedding)
    assert out.shape == (3, 12, 6, 6)
    changed = embedding.clone()
    changed[1] += 1
    same = torch.isclose(block(x, changed), out).flatten(1).all(1)
    assert same.tolist() == [True, False, True]


def naive_attention(attention: SelfAttention, x: Tensor) -> Tensor:
    """Equation 1 of Vaswani et al., one image, head and position at a time."""
    n, c, h, w = x.shape
    q, k, v = attention.qkv(attention.norm(x)).flatten(2).chunk(3, dim=1)
    width = c // attention.heads
    result = torch.zeros(n, c, h * w)
    for image in range(n):
        for head in range(attention.heads):
            rows = slice(head * width, (head + 1) * width)
            for i in range(h * w):
                scores = torch.stack([q[image, rows, i] @ k[image, rows, j] for j in range(h * w)])
                weights = F.softmax(scores / width**0.5, dim=0)
                result[image, rows, i] = v[image, rows] @ weights
    out: Tensor = x + attention.out(result.reshape(n, c, h, w))
    return out


def test_attention_is_its_equation() -> None:
    attention = SelfAttention(8, heads=2)
    randomised(attention)
    x = torch.randn(2, 8, 2, 3)
    torch.testing.assert_close(attention(x), naive_attention(attention, x), atol=1e-4, rtol=1e-4)


# --- half precision ---------------------------------------------------------------------------


def test_half_a_grey_level_is_seen_in_bfloat16() -> None:
    """Black with and without a little noise: as bfloat16 the two inputs would be one."""
    network, t = awake(), torch.tensor([0])
    black = torch.full((1, 1, 28, 28), -1.0)
    noisy = black - 0.5 / 128
    assert torch.equal((noisy + 1e-4).bfloat16(), black.bfloat16())
    with torch.autocast("cpu", torch.bfloat16):
        assert not torch.equal(network(noisy, t), network(black, t))
        assert network(noisy, t).dtype == torch.float32


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_attention_is_torchs_own(dtype: torch.dtype) -> None:
    q, k, v = torch.randn(3, 2, 4, 49, 16, generator=torch.Generator().manual_seed(0)).double().unbind(0)
    expected = F.scaled_dot_product_attention(q, k, v)
    found = attend(*(x.to(dtype) for x in (q, k, v)))
    assert found.dtype == dtype
    torch.testing.assert_close(
        found.double(), expected, atol=1e-5 if dtype == torch.float32 else 0.02, rtol=0
    )
