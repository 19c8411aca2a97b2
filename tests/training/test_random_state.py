import json
import random

import numpy as np
import torch

from genlab.training.random_state import (
    forked,
    python_random_state,
    restore_python_random_state,
    restore_torch_random_state,
    seed_everything,
    torch_random_state,
)

CPU = torch.device("cpu")


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


def test_states_come_back_after_a_trip_through_json() -> None:
    seed_everything(0)
    draws()
    python, tensors = json.loads(json.dumps(python_random_state())), torch_random_state(CPU)
    expected = [draws() for _ in range(700)]  # more than Mersenne's 624 words
    seed_everything(1)
    restore_python_random_state(python)
    restore_torch_random_state([*tensors, torch.zeros(16, dtype=torch.uint8)], CPU)  # of a GPU, left out here
    assert [draws() for _ in range(700)] == expected


def test_what_is_drawn_in_a_fork_leaves_no_trace() -> None:
    torch.manual_seed(0)
    expected = torch.rand(3)
    torch.manual_seed(0)
    with forked(CPU):
        torch.manual_seed(5)
        torch.rand(7)
    assert torch.equal(torch.rand(3), expected)
