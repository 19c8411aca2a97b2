"""Which numbers to compute in: 16 bits where the device is faster with them, 32 elsewhere."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from genlab.errors import GenlabError

CPUINFO = Path("/proc/cpuinfo")
NATIVE = {"amx_bf16", "avx512_bf16"}


def precision_of(mixed_precision: str, device: torch.device) -> torch.dtype | None:
    """What networks compute in on a device: None for float32.

    ``auto`` is what the device is good at. A CUDA device has bfloat16 of its own from compute capability 8.0
    on, and fast float16 from 7.0 on: a T4, which is Colab's, has 7.5. A processor without instructions for
    bfloat16 emulates them, which is slower than float32: so it must name them. Only Linux says so in a
    file. Elsewhere, on Apple's MPS for one, ``auto`` is float32.

    Args:
        mixed_precision: ``auto``, ``bf16``, ``fp16`` or ``no``.
        device: where the networks are.

    Raises:
        GenlabError: float16 on a device other than CUDA.
    """
    if mixed_precision == "auto":
        return _best_precision(device)
    if mixed_precision == "fp16" and device.type != "cuda":
        raise GenlabError(
            f"train.mixed_precision fp16 needs a CUDA device, and this is {device.type}: use auto"
        )
    return {"bf16": torch.bfloat16, "fp16": torch.float16, "no": None}[mixed_precision]


def _best_precision(device: torch.device) -> torch.dtype | None:
    if device.type == "cuda":
        capability = torch.cuda.get_device_capability(device)
        return torch.bfloat16 if capability >= (8, 0) else torch.float16 if capability >= (7, 0) else None
    return torch.bfloat16 if device.type == "cpu" and native_bf16() else None


@contextmanager
def in_precision(
    networks: Sequence[nn.Module], device: torch.device, precision: torch.dtype | None
) -> Iterator[None]:
    """Inside the ``with`` block the networks compute in the precision, and answer in float32 as ever.

    What is made of their answers, the loss above all, stays in float32.
    """
    if precision is None:
        yield
        return
    for network in networks:
        vars(network)["forward"] = _autocast(network.forward, device, precision)  # lies over the class's
    try:
        yield
    finally:
        for network in networks:
            del vars(network)["forward"]


def _autocast(
    forward: Callable[..., Any], device: torch.device, precision: torch.dtype
) -> Callable[..., Any]:
    def lower(*args: Any, **kwargs: Any) -> Any:
        with torch.autocast(device.type, precision):
            answer = forward(*args, **kwargs)
        return answer.float() if isinstance(answer, Tensor) else tuple(part.float() for part in answer)

    return lower


def native_bf16() -> bool:
    """Whether this processor multiplies matrices of bfloat16 itself: x86 with AMX or AVX512-BF16."""
    try:
        lines = CPUINFO.read_text("utf-8").splitlines()
    except (OSError, UnicodeDecodeError):
        return False
    flags = next((line for line in lines if line.startswith("flags")), "")
    return not NATIVE.isdisjoint(flags.split())
