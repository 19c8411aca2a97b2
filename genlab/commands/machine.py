"""What this machine has, and what that means for the minutes of the series: ``genlab machine``."""

import os
import platform
from statistics import median
from time import perf_counter

import torch

from genlab.nn.device import find_device
from genlab.training.precision import precision_of

# Minutes that the notebooks ran for in the profile `classroom`, most of it training, on one thread of an AMD
# EPYC with AVX512-BF16, and the operations a second of its matrix product in float32.
MINUTES = {"01": 6.0, "02": 4.0, "03": 6.0, "04": 1.0}
OPERATIONS = 104e9


def describe_machine(device: str | None = None) -> str:
    """Up to ten lines: processor, memory, device, precision, speed, and about how long the series will take.

    Args:
        device: as for ``genlab.load``.

    Raises:
        GenlabError: this machine has no such device.
    """
    found = find_device(device)
    speed = operations_per_second(found)
    share = OPERATIONS / speed
    waits = ", ".join(f"{name}: {_minutes(minutes * share)}" for name, minutes in MINUTES.items())
    precision = precision_of("auto", found)
    lines = {
        "processor": f"{platform.machine()}, {_cores()} cores for this process",
        "memory": _memory(),
        "device": torch.cuda.get_device_name(found) if found.type == "cuda" else found.type,
        "trains in": "numbers of 32 bits" if precision is None else "numbers of 16 bits (faster here)",
        "versions": f"Python {platform.python_version()}, torch {torch.__version__}",
        "speed": f"{speed / OPERATIONS:.1f} times that of the machine the notebooks were timed on",
        "so": f"training takes about this long in each notebook (profile classroom): {waits}",
    }
    return "\n".join(f"{name:<11}{line}" for name, line in lines.items() if line)


def operations_per_second(device: torch.device, side: int = 1024) -> float:
    """Of the product of two square matrices in float32: the median of seven."""
    a = torch.ones(side, side, device=device)
    times = []
    for _ in range(8):
        started = perf_counter()
        (a @ a)[0, 0].item()  # waits for the device
        times.append(perf_counter() - started)
    return float(2 * side**3 / median(times[1:]))


def _minutes(minutes: float) -> str:
    return "under a minute" if minutes < 1 else f"{minutes:.0f} min"


def _cores() -> int:
    """The cores that this process may use, which on a shared machine are fewer than there are."""
    affinity = getattr(os, "sched_getaffinity", None)  # Linux alone has it
    return len(affinity(0)) if affinity else os.cpu_count() or 1


def _memory() -> str:
    try:
        return f"{os.sysconf('SC_PAGE_SIZE') * os.sysconf('SC_PHYS_PAGES') / 2**30:.0f} GiB"
    except (AttributeError, ValueError, OSError):  # Windows
        return ""
