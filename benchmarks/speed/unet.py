"""genlab's UNet against diffusers' and denoising-diffusion-pytorch's.

A training step is forward, backward and fused AdamW on the mean squared error; a sampling step is
forward under ``no_grad``. All see the same batch of 1x28x28 in the same precision with as many threads.
Two settings, each at equal numbers of parameters (within 5 %, asserted):

* code: genlab at full resolution. All three have levels of 64, 128 and 256 channels, four heads of
  attention and eight groups to a norm. genlab's and diffusers' have one block per level down and two up;
  attention is in the middle. Where diffusers' sets a convolution behind each upsampling, its time
  embedding is narrower in exchange. denoising-diffusion-pytorch's always has two blocks per level both
  ways (one of them as narrow as the level above), and attention in every level: linear, but for the coarsest.
* class: the compact UNet trained in class, two levels on 14x14 maps, against theirs with as many
  parameters, which takes 16, 32 and 64 channels from 28x28 on.

Theirs run in the memory layout they come in.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
import torch.nn.functional as F
from denoising_diffusion_pytorch import Unet
from diffusers import UNet2DModel
from torch import Tensor, nn

from benchmarks.speed.table import Row, rates
from benchmarks.speed.turns import COPIED, COPY, PRODUCT, PRODUCTS, SIDE, flops_of, in_turn, least_bytes
from genlab.diffusion.unet import UNet
from genlab.training.precision import native_bf16

SETTINGS, BATCH = ("code", "class"), 64
OTHERS = ("diffusers", "denoising-diffusion-pytorch")
TARGET = 3  # times as fast as diffusers' in bf16


@dataclass
class Contender:
    """A network, and the two steps that are timed."""

    name: str
    network: nn.Module
    answer: Callable[[Tensor, Tensor], Tensor]

    def __post_init__(self) -> None:
        """Adam's kin, as each of the three is mostly trained with."""
        self.optimiser = torch.optim.AdamW(self.network.parameters(), lr=1e-4, fused=True)

    @property
    def parameters(self) -> int:
        """How many there are."""
        return sum(parameter.numel() for parameter in self.network.parameters())

    def step(self, kind: str, x: Tensor, t: Tensor, noise: Tensor, bf16: bool) -> None:
        """One step of training or sampling."""
        training = kind == "training"
        self.network.train(training)
        with torch.set_grad_enabled(training):
            with torch.autocast("cpu", torch.bfloat16, enabled=bf16):
                answer = self.answer(x, t)
            if training:
                self.optimiser.zero_grad()
                F.mse_loss(answer.float(), noise).backward()
                self.optimiser.step()


def diffusers_unet(channels: tuple[int, ...], time_embedding_dim: int) -> Contender:
    """Attention in the middle alone."""
    network: Any = UNet2DModel(
        sample_size=28,
        in_channels=1,
        out_channels=1,
        down_block_types=["DownBlock2D"] * len(channels),
        up_block_types=["UpBlock2D"] * len(channels),
        block_out_channels=channels,
        layers_per_block=1,
        attention_head_dim=channels[-1] // 4,
        norm_num_groups=8,
        time_embedding_dim=time_embedding_dim,
    )
    return Contender(OTHERS[0], network, lambda x, t: network(x, t, return_dict=False)[0])


def three(setting: str) -> list[Contender]:
    """Ours and the two others."""
    torch.manual_seed(0)
    if setting == "code":
        ours = UNet((64, 128, 256), num_res_blocks=1)
        second = diffusers_unet((64, 128, 256), time_embedding_dim=128)
        third = Unet(64, dim_mults=(1, 2, 4), channels=1)
    else:
        ours = UNet((32, 64), patch_size=2)
        second = diffusers_unet((16, 32, 64), time_embedding_dim=64)
        third = Unet(16, dim_mults=(1, 2, 4), channels=1, attn_dim_head=16)
    ours.to(memory_format=torch.channels_last)
    contenders = [Contender("genlab", ours, ours), second, Contender(OTHERS[1], third, third)]
    for other in contenders[1:]:
        assert abs(other.parameters / contenders[0].parameters - 1) < 0.05, (other.name, other.parameters)
    return contenders


def rows(rounds: int) -> Iterator[Row]:
    """Both settings in float32, and in bf16 where the processor has it."""
    for setting in SETTINGS:
        for bf16 in (False, True) if native_bf16() else (False,):
            for kind in ("training", "sampling"):
                yield from compare(setting, bf16, kind, rounds)


def compare(setting: str, bf16: bool, kind: str, rounds: int) -> Iterator[Row]:
    """One kind of step: ours against each of the others'."""
    contenders = three(setting)
    x, noise, t = torch.randn(BATCH, 1, 28, 28), torch.randn(BATCH, 1, 28, 28), torch.randint(1000, (BATCH,))
    steps = {one.name: partial(one.step, kind, x, t, noise, bf16) for one in contenders}
    seconds = in_turn(steps, rounds, torch.bfloat16 if bf16 else torch.float32)
    ours = seconds["genlab"]
    of_product = rates(flops_of(steps["genlab"]), ours, 2 * SIDE**3 * PRODUCTS, seconds[PRODUCT])
    of_copy = list[float]()
    if kind == "training":
        of_copy = rates(least_bytes(contenders[0].network), ours, 2 * COPIED, seconds[COPY])
    what = f"UNet, {setting}, {'bf16' if bf16 else 'float32'}, {kind} step"
    for other in OTHERS:
        target = TARGET if bf16 and kind == "training" and other == OTHERS[0] else None
        yield Row(what, other, ours, seconds[other], target, of_product, of_copy)
