"""What stands around the table: how to read it, and on which machine it was made."""

import os
from collections.abc import Iterable

import torch

from benchmarks.speed.table import Row, in_markdown
from genlab.training.precision import CPUINFO, NATIVE

TEXT = """# How fast genlab is

Written by `make bench` (`python -m benchmarks.speed`) on {where}.

No time stands here: it would say more of the machine, and of what else it does, than of the code. Two things
are done in turn in one process and timed by the clock; each part of the table has its own process.

- **ratio**: our speed over the other's, above 1 where ours is faster: the median of {rounds} rounds, and the
  lowest (**min**) and highest (**max**) of them. Where many images are drawn or judged, the other is the
  network alone, called as often with the same images: nothing can be faster. Sliders are held
  against 100 ms, so their ratio says how many moves would fit in.
- **target**: what the ratio should be at least.
- **of the product**: our floating-point operations a second (those of matrix products, convolutions and
  attention, as torch counts them), as a share of those of a product of two 2048x2048 matrices in the same
  rounds; in bf16 where the network computes in it. A convolution that needs fewer operations than are
  counted may exceed it.
- **of the copy**: the bytes that a training step moves at the least a second (weights, gradients, Adam's
  means, averaged weights), as a share of those of copying 256 MiB in the same rounds. Weights that stay in
  the processor's cache may exceed it. Where both shares are low, the time goes into activations, small
  operations or Python.
- **peak memory**: the most that the process has held; of an evaluation, when both halves were done once.

A "-" stands where a number makes no sense: sliders and imports multiply next to nothing; what does not train
moves few weights, and what it moves besides nobody counts; and only an evaluation and an import are what
their process mainly did, so that its memory is theirs.

A move of a slider is timed in the kernel; [widget_latency.py](../widget_latency.py) times it from the key to
the screen. What else was measured: [fair](fair/README.md), [judges](judges/README.md),
[pretrained](pretrained/README.md), [speedrun](speedrun/README.md).

"""


def machine() -> str:
    """Processor and what it has for bf16, cores, torch, threads, and what else the machine does."""
    lines = CPUINFO.read_text("utf-8").splitlines() if CPUINFO.exists() else []
    told = {key.strip(): value.strip() for key, _, value in (line.partition(":") for line in lines)}
    flags = sorted(NATIVE.intersection(told.get("flags", "").split()))
    busy = f", a load of {os.getloadavg()[0]:.1f} when it began" if hasattr(os, "getloadavg") else ""
    return (
        f"{told.get('model name', 'a processor without a name')}, {os.cpu_count()} cores, "
        f"{' and '.join(flags) or 'no instructions for bf16'}; "
        f"torch {torch.__version__}, {torch.get_num_threads()} threads{busy}"
    )


def text(rows: Iterable[Row], where: str, rounds: int) -> str:
    """The file of results."""
    return TEXT.format(where=where, rounds=rounds) + in_markdown(rows)
