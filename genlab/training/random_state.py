"""All random states of a process, as values that can be written down and put back."""

import random
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
from torch import Tensor


def seed_everything(seed: int) -> None:
    """Seed Python's, numpy's and torch's generators, on every device."""
    random.seed(seed)
    np.random.seed(seed % 2**32)  # numpy takes 32 bits
    torch.manual_seed(seed)


def torch_random_state(device: torch.device) -> list[Tensor]:
    """The states of torch's generators: the CPU's, then the device's if it is another one."""
    if device.type == "cpu":
        return [torch.get_rng_state()]
    if device.type == "mps":
        return [torch.get_rng_state(), torch.mps.get_rng_state()]
    return [torch.get_rng_state(), getattr(torch, device.type).get_rng_state(device)]


def restore_torch_random_state(states: list[Tensor], device: torch.device) -> None:
    """Put back what ``torch_random_state`` gave; on another kind of device, as much of it as there is."""
    torch.set_rng_state(states[0])
    here = torch_random_state(device)
    if len(here) == 1 or len(states) == 1 or here[1].shape != states[1].shape:
        return
    if device.type == "mps":
        torch.mps.set_rng_state(states[1])
    else:
        getattr(torch, device.type).set_rng_state(states[1], device)


@contextmanager
def forked(device: torch.device) -> Iterator[None]:
    """Whatever is drawn inside the ``with`` block, the draws after it are as if nothing had been.

    ``torch.random.fork_rng`` does this for CUDA, and not for MPS.
    """
    before = torch_random_state(device)
    try:
        yield
    finally:
        restore_torch_random_state(before, device)


def python_random_state() -> dict[str, Any]:
    """The states of Python's and numpy's generators, as JSON can hold them."""
    numpy_state: Any = np.random.get_state(legacy=False)
    numpy_state["state"]["key"] = numpy_state["state"]["key"].tolist()
    return {"python": random.getstate(), "numpy": numpy_state}


def restore_python_random_state(state: dict[str, Any]) -> None:
    """Put back what ``python_random_state`` gave, also after a trip through JSON."""
    version, words, gauss = state["python"]
    random.setstate((version, tuple(words), gauss))
    numpy_state = state["numpy"]
    key = np.array(numpy_state["state"]["key"], dtype=np.uint32)
    np.random.set_state({**numpy_state, "state": {**numpy_state["state"], "key": key}})
