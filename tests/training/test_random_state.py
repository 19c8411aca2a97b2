import json
import random

import numpy as np
import pytest
import torch

from genlab.training.random_state import (
    python_random_state,
    restore_python_random_state,
    restore_torch_random_state,
    seed_everything,
    torch_random_state,
)


def draws() -> list[float]:
    normal = float(np.random.standard_normal())  # keeps a second one for the next call
    return [random.random(), random.gauss(0, 1), normal, float(np.random.rand()), float(torch.rand(()))]


def test_a_seed_decides_all_generators() -> None:
    seed_everything(2**40 + 3)
    first = [draws() for _ in range(3)]
    seed_everything(2**40 + 3)
    assert [draws() for _ in range(3)] == first
    seed_everything(4)
    assert all(a != b for a, b in zip(draws(), first[0], strict=True))


def test_states_come_back_after_a_trip_through_json(monkeypatch: pytest.MonkeyPatch) -> None:
    """Those of GPUs that are not here are left out."""
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 0)
    seed_everything(0)
    draws()
    python, tensors = json.loads(json.dumps(python_random_state())), torch_random_state()
    expected = [draws() for _ in range(700)]  # more than Mersenne's 624 words
    seed_everything(1)
    restore_python_random_state(python)
    restore_torch_random_state([tensors[0], torch.zeros(16, dtype=torch.uint8)])
    assert [draws() for _ in range(700)] == expected
