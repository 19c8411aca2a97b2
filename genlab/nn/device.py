"""The device that networks compute on, and the processes that compute together.

One rule for the whole package: networks are on the device that was asked for, ``auto`` if none was. What a
method is given may lie anywhere, and its answer (images, codes, states, figures) lies on the CPU. Only who
goes inside, to a network or a loss, meets the device: ``genlab.family.device_of`` names it.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache

import torch
from accelerate import PartialState

from genlab.errors import GenlabError

VARIABLE = "GENLAB_DEVICE"
NO_MEMORY = ("out of memory", "can't allocate memory")  # CUDA and MPS; the CPU


@cache  # asked several times a step: the environment is read once
def processes() -> PartialState:
    """The processes of this run: how many, which one this is, and whether it is the first.

    Without a launcher that is one. Several processes on a machine without a GPU talk through gloo.

    Raises:
        GenlabError: several tasks were started, and the environment does not tell them of each other.
    """
    if int(os.environ.get("SLURM_STEP_NUM_TASKS", "1")) > 1 and "WORLD_SIZE" not in os.environ:
        raise GenlabError(
            "Slurm has started several tasks that do not know of each other: set MASTER_ADDR, MASTER_PORT, "
            "WORLD_SIZE, RANK and LOCAL_RANK for each, as the README shows"
        )
    size = os.environ.get("WORLD_SIZE", "1")
    several = size != "1"
    missing = [name for name in ("RANK", "MASTER_ADDR", "MASTER_PORT") if name not in os.environ]
    if several and (missing or not size.isdecimal()):
        what = f"{missing[0]} is not set" if missing else "is no number"
        raise GenlabError(f"WORLD_SIZE is {size!r}, as a launcher sets it, and {what}: unset WORLD_SIZE")
    # A process that the launcher started and that finds no GPU would take itself for the only one.
    on_cpu = os.environ.get(VARIABLE) == "cpu" or not torch.cuda.is_available()
    return PartialState(cpu=several and on_cpu)


@contextmanager
def memory_named(device: torch.device, remedy: str) -> Iterator[None]:
    """Inside the ``with`` block a lack of memory is refused in one line.

    Args:
        device: that computes.
        remedy: what to do.

    Raises:
        GenlabError: an allocation has failed.
    """
    try:
        yield
    except (RuntimeError, MemoryError) as error:  # torch has one for each device, and for the CPU none
        if not isinstance(error, MemoryError) and not any(words in str(error) for words in NO_MEMORY):
            raise
        raise GenlabError(f"{device} has no memory left for this: {remedy}") from None


def find_device(name: str | None = None) -> torch.device:
    """The device by its name.

    Args:
        name: ``cpu``, ``cuda``, ``cuda:1``, ``mps``, or ``auto``: the GPU if there is one, else the CPU. Of
            several processes each has a GPU of its own. The variable GENLAB_DEVICE decides if left out.

    Raises:
        GenlabError: a name that is none, or a device that this machine has not.
    """
    source = "device" if name else VARIABLE
    name = str(name or os.environ.get(VARIABLE) or "auto")
    found: torch.device = processes().device
    if name in ("auto", found.type, str(found)):
        return found
    try:
        wanted = torch.device(name)
    except RuntimeError:
        raise GenlabError(f"{source}: there is no {name!r}: auto, cpu, cuda or mps") from None
    several = processes().num_processes > 1
    if wanted.type == "cpu" and not wanted.index and not several:
        return torch.device("cpu")
    if wanted.type != found.type or (wanted.index or 0) >= _count(found):
        raise GenlabError(f"{source}: this machine has no {name}; what it has: {_devices(found)}")
    if several:
        raise GenlabError(f"{source} {name}: each of several processes takes a GPU of its own, leave it out")
    return wanted


def _count(device: torch.device) -> int:
    """How many devices of its kind there are."""
    return 1 if device.type == "cpu" else int(getattr(torch, device.type).device_count())


def _devices(found: torch.device) -> str:
    """The devices of this machine in words."""
    return "cpu" if found.type == "cpu" else f"cpu, {found.type}"
