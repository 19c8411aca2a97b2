"""Which numbers to compute in: bfloat16 where it is faster, float32 elsewhere."""

from pathlib import Path

import torch

CPUINFO = Path("/proc/cpuinfo")
NATIVE = {"amx_bf16", "avx512_bf16"}


def resolved(mixed_precision: str) -> str:
    """``auto`` as ``bf16`` or ``no``, by what this machine has; anything else as it is.

    A processor without instructions for bfloat16 emulates them, which is slower than float32: so it
    must name them. Only Linux says so in a file; elsewhere ``auto`` is ``no`` without a GPU.
    """
    if mixed_precision != "auto":
        return mixed_precision
    if torch.cuda.is_available():
        return "bf16" if torch.cuda.get_device_capability() >= (8, 0) else "no"
    return "bf16" if native_bf16() else "no"


def native_bf16() -> bool:
    """Whether this processor multiplies matrices of bfloat16 itself: x86 with AMX or AVX512-BF16."""
    try:
        lines = CPUINFO.read_text("utf-8").splitlines()
    except (OSError, UnicodeDecodeError):
        return False
    flags = next((line for line in lines if line.startswith("flags")), "")
    return not NATIVE.isdisjoint(flags.split())
