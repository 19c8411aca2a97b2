"""Speed of genlab's UNet against diffusers' and denoising-diffusion-pytorch's, in one process, turn by turn.

A training step is forward, backward and fused AdamW on the mean squared error; a sampling step is
forward under ``no_grad``. All see the same batch of 1x28x28 in the same precision with as many threads.

    python benchmarks/unet_speed.py --rounds 7

Two settings, each at equal numbers of parameters (within 5 %, asserted):

* code: genlab at full resolution. All three have levels of 64, 128 and 256 channels, four heads of
  attention and eight groups to a norm. genlab's and diffusers' have one block per level down and two up;
  attention is in the middle. Where diffusers' sets a convolution behind each upsampling, its time
  embedding is narrower in exchange. denoising-diffusion-pytorch's always has two blocks per level both
  ways (one of them as narrow as the level above), and attention in every level: linear, but for the coarsest.
* class: the compact UNet trained in class, two levels on 14x14 maps, against theirs with as many
  parameters, which takes 16, 32 and 64 channels from 28x28 on.

Theirs run in the memory layout they come in, or with ``--channels-last`` in ours.

Milliseconds are medians over the rounds. What counts is the ratio, since other work on the machine
slows all alike; and the share of the rate of a matrix product, measured in the same rounds.
"""

import statistics
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from time import perf_counter
from typing import Annotated, Any, Literal

import torch
import torch.nn.functional as F
import typer
from denoising_diffusion_pytorch import Unet
from diffusers import UNet2DModel
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from genlab.diffusion.unet import UNet
from genlab.training.precision import native_bf16

PRODUCTS = 10  # to a round: about as long as a step, so that other work on the machine slows both alike
SETTINGS = ("code", "class")
OTHERS = ("diffusers", "denoising-diffusion-pytorch")


@dataclass
class Contender:
    """A network, the two steps that are timed, and the seconds that each round took."""

    name: str
    network: nn.Module
    answer: Callable[[Tensor, Tensor], Tensor]
    seconds: dict[str, list[float]] = field(default_factory=lambda: {"training": [], "sampling": []})

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


def three(setting: str, channels_last: bool) -> list[Contender]:
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
    if channels_last:
        for network in (second.network, third):
            network.to(memory_format=torch.channels_last)
    contenders = [Contender("genlab", ours, ours), second, Contender(OTHERS[1], third, third)]
    for other in contenders[1:]:
        assert abs(other.parameters / contenders[0].parameters - 1) < 0.05, (other.name, other.parameters)
    return contenders


def seconds(step: Callable[[], object]) -> float:
    """How long it takes, once."""
    started = perf_counter()
    step()
    return perf_counter() - started


def compare(setting: str, bf16: bool, channels_last: bool, rounds: int, batch: int) -> None:
    """Measure one setting and print its table."""
    contenders = three(setting, channels_last)
    x, noise, t = torch.randn(batch, 1, 28, 28), torch.randn(batch, 1, 28, 28), torch.randint(1000, (batch,))
    matrix = torch.randn(2048, 2048, dtype=torch.bfloat16 if bf16 else torch.float32)
    product = partial(torch.matmul, matrix, matrix)
    product()
    flops = {}
    for one in contenders:
        for kind in one.seconds:
            with FlopCounterMode(display=False) as counter:  # and warm up
                one.step(kind, x, t, noise, bf16)
            flops[one.name, kind] = counter.get_total_flops()
    rates = []
    for _ in range(rounds):
        rates.append(2 * 2048**3 * PRODUCTS / sum(seconds(product) for _ in range(PRODUCTS)))
        for kind in ("training", "sampling"):
            for one in contenders:
                one.seconds[kind].append(seconds(partial(one.step, kind, x, t, noise, bf16)))
    rate = statistics.median(rates)

    layout = "channels-last like ours" if channels_last else "the layout they come in"
    print(f"\n{setting}, {'bf16' if bf16 else 'float32'}: the others in {layout}; a matrix product of")
    print(f"2048x2048 runs at {rate / 1e9:.0f} GFLOP/s")
    print(
        f"{'step':<10}{'UNet':<29}{'parameters':>11}{'GFLOP':>8}{'ms':>8}{'of product':>12}"
        f"{'theirs/ours':>13}{'min':>7}{'max':>7}"
    )
    for kind in ("training", "sampling"):
        for one in contenders:
            median = statistics.median(one.seconds[kind])
            work = flops[one.name, kind]
            ratios = [a / b for a, b in zip(one.seconds[kind], contenders[0].seconds[kind], strict=True)]
            print(
                f"{kind:<10}{one.name:<29}{one.parameters:>11,}{work / 1e9:>8.1f}{median * 1e3:>8.0f}"
                f"{work / median / rate:>12.0%}{statistics.median(ratios):>13.2f}"
                f"{min(ratios):>7.2f}{max(ratios):>7.2f}",
                flush=True,
            )


def main(
    rounds: Annotated[int, typer.Option(min=1, help="Measurements of each step.")] = 7,
    batch: Annotated[int, typer.Option(min=1, help="Images to a step.")] = 64,
    threads: Annotated[int | None, typer.Option(min=1, help="Threads; torch's choice if left out.")] = None,
    channels_last: Annotated[bool, typer.Option("--channels-last", help="The others too.")] = False,
    only: Annotated[Literal["code", "class"] | None, typer.Option(help="One setting of the two.")] = None,
    bf16: Annotated[bool, typer.Option("--bf16", help="Measure bf16 where it is not native, too.")] = False,
) -> None:
    """Compare, setting by setting."""
    if threads is not None:
        torch.set_num_threads(threads)
    print(
        f"torch {torch.__version__}, {torch.get_num_threads()} threads, {rounds} rounds, batches of {batch}"
    )
    bf16 = bf16 or native_bf16()
    for setting in [only] if only else SETTINGS:
        compare(setting, False, channels_last, rounds, batch)
        if bf16:
            compare(setting, True, channels_last, rounds, batch)
    if not bf16:
        print("\nThis processor has no bf16 of its own: not measured (--bf16 measures it all the same).")


if __name__ == "__main__":
    typer.run(main)
