"""All random states of a process, as values that can be written down and put back."""

import random
from typing import Any

import numpy as np
import torch
from torch import Tensor


def seed_everything(seed: int) -> None:
    """Seed Python's, numpy's and torch's generators, on every device."""
    random.seed(seed)
    np.random.seed(seed % 2**32)  # numpy takes 32 bits
    torch.manual_seed(seed)


def torch_random_state() -> list[Tensor]:
    """The states of torch's generators: the CPU's, then one per GPU that has been used."""
    gpus = torch.cuda.get_rng_state_all() if torch.cuda.is_initialized() else []
    return [torch.get_rng_state(), *gpus]


def restore_torch_random_state(states: list[Tensor]) -> None:
    """Put back what ``torch_random_state`` gave; states of GPUs that this machine lacks are left out."""
    torch.set_rng_state(states[0])
    for device, state in zip(range(torch.cuda.device_count()), states[1:], strict=False):
        torch.cuda.set_rng_state(state, device)


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
