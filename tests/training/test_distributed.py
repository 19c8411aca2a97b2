import os
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from torch import Tensor

from genlab.commands.train import fit
from genlab.errors import GenlabError
from genlab.runs.folder import read_metrics, read_summary
from genlab.training.distributed import (
    agreed,
    any_process,
    average_gradients,
    average_values,
    whole_batch_noise,
)
from genlab.zoo import load_config


def as_process(monkeypatch: pytest.MonkeyPatch, index: int, count: int) -> None:
    ranks = SimpleNamespace(num_processes=count, process_index=index, device=torch.device("cpu"))
    monkeypatch.setattr("genlab.training.distributed.processes", lambda: ranks)


DRAWS: dict[str, Callable[[int], Tensor]] = {
    "randn": lambda n: torch.randn(n, 3, 5),
    "randn of a tuple": lambda n: torch.randn((n, 3)),
    "randn_like": lambda n: torch.randn_like(torch.zeros(n, 1, 28, 28)),
    "randn_like of half": lambda n: torch.randn_like(torch.zeros(n, 40).chunk(2, dim=1)[0]),
    "rand": lambda n: torch.rand(n),
    "randint": lambda n: torch.randint(1000, (n,)),
    "randint between": lambda n: torch.randint(5, 9, (n, 2)),
}


@pytest.mark.parametrize("draw", list(DRAWS))
@pytest.mark.parametrize("count", [2, 3])
def test_processes_share_out_the_draw_of_one(draw: str, count: int, monkeypatch: pytest.MonkeyPatch) -> None:
    torch.manual_seed(0)
    whole, following = DRAWS[draw](8 * count), torch.rand(3)
    parts = []
    for index in range(count):
        as_process(monkeypatch, index, count)
        torch.manual_seed(0)
        with whole_batch_noise():
            parts.append(DRAWS[draw](8))
        assert torch.equal(torch.rand(3), following)  # the generators stay in step
    assert torch.equal(torch.cat(parts), whole)
    assert parts[0].dtype == whole.dtype


def test_a_single_process_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    for draw in DRAWS.values():
        torch.manual_seed(0)
        plain = draw(8)
        torch.manual_seed(0)
        with whole_batch_noise():
            assert torch.equal(draw(8), plain)
    assert average_values([torch.tensor(2.5), torch.tensor(3)]) == [2.5, 3.0]
    assert [any_process(wish) for wish in (True, False)] == [True, False]
    assert agreed(0.1) == 0.1
    weight = torch.ones(2, requires_grad=True)
    weight.grad = torch.tensor([1.0, 2.0])
    average_gradients([weight])
    assert weight.grad.tolist() == [1.0, 2.0]


def test_gradients_and_values_are_means(monkeypatch: pytest.MonkeyPatch) -> None:
    def reduced(tensor: Tensor, reduction: str) -> Tensor:
        assert reduction == "mean"
        return tensor * 10

    as_process(monkeypatch, 0, 2)
    monkeypatch.setattr("genlab.training.distributed.reduce", reduced)
    weights = [torch.ones(2, 3, requires_grad=True), torch.ones((), requires_grad=True), torch.ones(1)]
    weights[0].grad, weights[1].grad = torch.arange(6.0).view(2, 3), torch.tensor(7.0)
    average_gradients(weights)
    assert torch.equal(weights[0].grad, 10 * torch.arange(6.0).view(2, 3))
    assert weights[1].grad.item() == 70
    assert average_values([torch.tensor(0.5)]) == [5.0]
    assert agreed(0.5) == 5.0  # all processes get the same number
    assert [any_process(wish) for wish in (True, False)] == [True, False]


def test_a_lost_process_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    def lost(*_: object, **__: object) -> None:
        raise RuntimeError("[gloo/transport/tcp/pair.cc:544] Connection closed by peer\nand more")

    as_process(monkeypatch, 1, 2)
    monkeypatch.setattr("genlab.training.distributed.reduce", lost)
    with pytest.raises(GenlabError, match="process 1 lost the others: one of them died") as caught:
        average_values([torch.tensor(0.5)])
    assert "genlab resume" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_two_real_processes_train_as_one_with_twice_the_batch(tmp_path: Path) -> None:
    """A whole run as torchrun and Slurm start it, through gloo: only the first process speaks and writes."""
    settings = {"model.network.hidden_dim": 16, "train.max_steps": 12, "train.checkpoint_every": 5}
    words = ["train", "--config=gan", "--dataset=digits", f"--out={tmp_path / 'two'}"]
    changes = [f"--set={name}={value}" for name, value in (settings | {"train.batch_size": 8}).items()]
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        both = {"WORLD_SIZE": "2", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(free.getsockname()[1])}
    pair = [
        subprocess.Popen(
            [sys.executable, "-m", "genlab", *words, *changes], stdout=subprocess.PIPE, text=True,
            env=os.environ | both | {"RANK": str(rank), "LOCAL_RANK": str(rank), "OMP_NUM_THREADS": "1"},
        )
        for rank in range(2)
    ]  # fmt: skip
    first, second = (process.communicate(timeout=120)[0] for process in pair)
    assert "2 processes, 8 images each: 16 images a step" in first
    assert not second
    fit(load_config("gan", settings | {"train.batch_size": 16}), "digits", tmp_path / "one")
    alone, together = list(read_metrics(tmp_path / "one")), list(read_metrics(tmp_path / "two"))
    assert [step.step for step in together] == list(range(1, 13))
    for a, b in zip(alone, together, strict=True):
        assert b.losses == pytest.approx(a.losses, abs=1e-5)
        assert a.epoch == b.epoch
    assert read_summary(tmp_path / "two")["sessions"][0]["processes"] == 2
