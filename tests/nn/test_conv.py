import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from genlab.diffusion.unet import ResidualBlock, SelfAttention, group_norm, zeroed


@pytest.mark.parametrize("channels", range(4, 260, 4))
def test_groups_divide_the_channels_and_hold_at_least_four(channels: int) -> None:
    norm = group_norm(channels)
    assert norm.num_channels == channels
    assert channels % norm.num_groups == 0
    assert norm.num_groups <= 8
    assert channels // norm.num_groups >= 4


def randomised(module: nn.Module) -> nn.Module:
    for parameter in module.parameters():
        nn.init.normal_(parameter, std=0.3)
    return module


def test_zeroed_weights_are_zero() -> None:
    layer = zeroed(nn.Conv2d(4, 4, 3))
    assert not any(parameter.any() for parameter in layer.parameters())
    assert all(parameter.requires_grad for parameter in layer.parameters())


def test_new_blocks_are_the_identity() -> None:
    x, embedding = torch.randn(2, 8, 6, 6), torch.randn(2, 5)
    assert torch.equal(ResidualBlock(8, 8, 5)(x, embedding), x)
    assert torch.equal(SelfAttention(8)(x), x)
    wider = ResidualBlock(8, 12, 5)
    assert isinstance(wider.shortcut, nn.Conv2d)
    assert torch.equal(wider(x, embedding), wider.shortcut(x))


def test_a_new_block_still_learns() -> None:
    block = ResidualBlock(8, 8, 5)
    block(torch.randn(2, 8, 6, 6), torch.randn(2, 5)).square().sum().backward()
    [weight] = [p for name, p in block.named_parameters() if name == "conv2.weight"]
    assert weight.grad is not None
    assert weight.grad.any()


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


def test_attention_looks_everywhere() -> None:
    attention = randomised(SelfAttention(8))
    x = torch.randn(1, 8, 4, 4)
    changed = x.clone()
    changed[0, :, 0, 0] += 3
    difference = (attention(changed) - attention(x)).abs().sum(1)
    assert (difference[0, 1:, 1:] > 1e-4).all()
