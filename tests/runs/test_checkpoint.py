import errno
import os
import shutil
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors import safe_open

from genlab.data import Dataset
from genlab.errors import GenlabError
from genlab.files import DamagedFile
from genlab.runs.checkpoint import (
    NETWORKS,
    Checkpoint,
    best,
    newest,
    read_checkpoint,
    restore,
    save_checkpoint,
    saved_steps,
)
from genlab.training.loop import TrainingDiverged, train
from genlab.training.settings import TrainConfig
from genlab.training.state import TrainingState
from genlab.zoo import build, load_config

CONFIG = TrainConfig(batch_size=8, ema_decay=0.9)
DCGAN = {"kind": "dcgan", "channels": [3, 4]}
SMALL: dict[str, object] = {"model.network.hidden_dim": 8}
GANS: dict[str, dict[str, object]] = {
    "mlp": SMALL,
    "spectral norm": {**SMALL, "model.spectral_norm": True, "model.num_classes": 10},
    "conv, spectral norm": {"model.network": DCGAN, "model.spectral_norm": True},
    "batch norm": {"model.network": {**DCGAN, "discriminator_norm": "batch"}},
}


def state_after(steps: int, dataset: Dataset, model: dict[str, object] = SMALL) -> TrainingState:
    state = TrainingState(build(load_config("gan", model)), CONFIG)
    for step in train(state.family, dataset, CONFIG, state=state):
        if step.step == steps:
            break
    return state


def everything(state: TrainingState) -> dict[str, Any]:
    """All that a checkpoint should bring back."""
    assert state.ema is not None
    assert state.random is not None
    tensors = {f"networks.{k}": v for k, v in state.family.networks.state_dict().items()}
    tensors |= {f"ema.{k}": v for k, v in state.ema.averaged.module.state_dict().items()}
    for name, optimiser in state.optimisers.items():
        for index, values in optimiser.state_dict()["state"].items():
            tensors |= {f"{name}.{index}.{key}": v for key, v in values.items()}
    tensors |= {f"random.{i}": t for i, t in enumerate(state.random)}
    numbers = {"step": state.step, "ema": state.ema.num_updates, "seconds": state.seconds}
    return numbers | {name: tensor.numpy().tobytes() for name, tensor in tensors.items()}


@pytest.fixture
def state(dataset: Dataset, tmp_path: Path) -> TrainingState:
    """A GAN after its first step, saved in ``tmp_path``, and nothing monitored."""
    state = state_after(1, dataset)
    save_checkpoint(tmp_path, state, monitored=None, keep=2)
    return state


def fail(message: str) -> None:
    raise AssertionError(f"said {message}")


def read(folder: Path) -> Checkpoint:
    checkpoint = newest(folder, fail)
    assert checkpoint is not None
    return checkpoint


# --- there and back ---------------------------------------------------------------------------


@pytest.mark.parametrize("kind", list(GANS))
def test_everything_comes_back_to_the_bit(kind: str, dataset: Dataset, tmp_path: Path) -> None:
    saved, fresh = state_after(3, dataset, model=GANS[kind]), state_after(1, dataset, model=GANS[kind])
    save_checkpoint(tmp_path, saved, monitored=("kl", 0.5), keep=2)
    checkpoint = read(tmp_path)
    assert (checkpoint.step, checkpoint.monitored) == (3, ("kl", 0.5))
    restore(checkpoint, fresh)
    assert everything(saved) == everything(fresh)
    for state in (saved, fresh):  # and goes on from there alike, all that is not in it included
        next(train(state.family, dataset, CONFIG, state=state))
        state.seconds = 0
    assert everything(saved) == everything(fresh)


def test_moments_take_the_layout_of_their_weights(dataset: Dataset, tmp_path: Path) -> None:
    """The fused step walks both through memory side by side."""

    def conv() -> TrainingState:
        family = build(load_config("diffusion", {"model.network.channels": [4, 8]}))
        return TrainingState(family, TrainConfig(batch_size=8))

    one, other = conv(), conv()
    list(train(one.family, dataset, TrainConfig(batch_size=8, epochs=1), state=one))
    save_checkpoint(tmp_path, one, monitored=None, keep=2)
    restore(read(tmp_path), other)
    mine, theirs = (state.optimisers["denoiser"] for state in (one, other))
    strided = 0
    for a, b in zip(mine.param_groups[0]["params"], theirs.param_groups[0]["params"], strict=True):
        assert theirs.state[b]["exp_avg"].stride() == theirs.state[b]["exp_avg_sq"].stride() == b.stride()
        assert all(torch.equal(mine.state[a][key], theirs.state[b][key]) for key in mine.state[a])
        strided += not b.is_contiguous()
    assert strided


def test_the_files_are_plain_safetensors(state: TrainingState, tmp_path: Path) -> None:
    with safe_open(tmp_path / "step-00000001" / NETWORKS, framework="pt") as file:
        assert set(file.keys()) == set(state.family.networks.state_dict())


def test_nothing_saved_is_no_checkpoint(tmp_path: Path) -> None:
    assert newest(tmp_path / "nowhere", fail) is None
    (tmp_path / "step-x").mkdir()
    (tmp_path / ".step-00000005.part").mkdir()
    assert newest(tmp_path, fail) is None


# --- which are kept ---------------------------------------------------------------------------


@pytest.mark.parametrize("keep", [2, 3])
def test_the_newest_and_the_best_are_kept(keep: int, dataset: Dataset, tmp_path: Path) -> None:
    state, values = state_after(1, dataset), [5.0, 2.0, 4.0, None, 6.0, 3.0, 1.0, 8.0, 9.0, 9.0]
    for step, value in enumerate(values, start=1):
        state.step = step
        monitored = None if value is None else ("kl", value)
        save_checkpoint(tmp_path, state, monitored=monitored, keep=keep)
        known = {s: v for s, v in enumerate(values[:step], start=1) if v is not None}
        lowest = min(known, key=known.__getitem__)
        assert set(saved_steps(tmp_path)) == {lowest, *range(max(1, step - keep + 1), step + 1)}
        assert best(tmp_path).step == lowest


def test_no_best_without_a_value(state: TrainingState, tmp_path: Path) -> None:
    with pytest.raises(GenlabError, match="has no best checkpoint"):
        best(tmp_path)


# --- crashes ----------------------------------------------------------------------------------


class Killed(BaseException):
    """Stands for SIGKILL: nothing of ours may catch it."""


def die_at(patch: pytest.MonkeyPatch, call: int) -> Callable[[], int]:
    """Die before the given one of all calls that change the disk; returns how many there were."""
    count = 0

    def watched(real: Callable[..., Any]) -> Callable[..., Any]:
        def wrapper(*args: Any, **options: Any) -> Any:
            nonlocal count
            count += 1
            if count == call:
                raise Killed
            return real(*args, **options)

        return wrapper

    for name in ("fsync", "rename", "open"):
        patch.setattr(f"genlab.files.os.{name}", watched(getattr(os, name)))
    patch.setattr("genlab.files.shutil.rmtree", watched(shutil.rmtree))
    patch.setattr(Path, "mkdir", watched(Path.mkdir))
    patch.setattr(Path, "open", watched(Path.open))
    return lambda: count


def test_a_crash_at_any_moment_of_a_save_leaves_a_whole_checkpoint(dataset: Dataset, tmp_path: Path) -> None:
    """Brute force: die before the first, the second, the third ... call that touches the disk."""
    states = [state_after(steps, dataset) for steps in (1, 2, 3, 4)]
    with pytest.MonkeyPatch.context() as patch:
        calls = die_at(patch, 0)
        for state in states:
            save_checkpoint(tmp_path / "all", state, monitored=None, keep=2)
        total = calls()
    assert total > 40
    for call in range(1, total + 1):
        folder, done = tmp_path / str(call), 0
        with pytest.MonkeyPatch.context() as patch, suppress(Killed):
            die_at(patch, call)
            for state in states:
                save_checkpoint(folder, state, monitored=None, keep=2)
                done = state.step
        assert done < 4
        found = newest(folder, fail)
        assert (0 if found is None else found.step) in (done, done + 1)
        # The next save cleans up and is whole itself.
        save_checkpoint(folder, states[-1], monitored=None, keep=2)
        assert read(folder).step == 4
        assert [path.name for path in folder.iterdir() if path.name.startswith(".")] == []


@pytest.mark.parametrize("broken", ["fsync", "rename"])
def test_a_full_disk_is_one_line_and_costs_nothing(
    broken: str, state: TrainingState, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    state.step = 2

    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patch:
        patch.setattr(f"genlab.files.os.{broken}", full)
        with pytest.raises(GenlabError, match=r"step-\d+ \(No space left on device\)"):
            save_checkpoint(tmp_path, state, monitored=None, keep=2)
    assert read(tmp_path).step == 1


@pytest.mark.parametrize("bad", [float("nan"), float("inf")])
def test_broken_weights_are_not_saved(bad: float, state: TrainingState, tmp_path: Path) -> None:
    next(iter(state.family.networks.parameters())).data.view(-1)[3] = bad
    state.step = 2
    with pytest.raises(TrainingDiverged, match="is no longer finite after step 2, which is not saved"):
        save_checkpoint(tmp_path, state, monitored=None, keep=2)
    assert saved_steps(tmp_path) == [1]


# --- damage -----------------------------------------------------------------------------------


def test_any_flipped_byte_is_noticed(state: TrainingState, tmp_path: Path) -> None:
    for file in sorted((tmp_path / "step-00000001").iterdir()):
        content = file.read_bytes()
        for at in range(0, len(content), max(1, len(content) // 40)):
            file.write_bytes(content[:at] + bytes([content[at] ^ 4]) + content[at + 1 :])
            with pytest.raises(DamagedFile, match=file.name):
                read_checkpoint(tmp_path, 1)
        file.write_bytes(content)
    assert read(tmp_path).step == 1


def test_the_one_before_is_used_and_that_is_said(state: TrainingState, tmp_path: Path) -> None:
    said: list[str] = []
    for step in (2, 3):
        state.step = step
        save_checkpoint(tmp_path, state, monitored=None, keep=3)
    for step in (2, 3):
        (tmp_path / f"step-{step:08d}" / NETWORKS).write_bytes(b"")
    checkpoint = newest(tmp_path, said.append)
    assert checkpoint is not None
    assert checkpoint.step == 1
    assert len(said) == 2
    assert all("is damaged" in line and line.endswith("using the one before") for line in said)


def test_the_weights_of_another_model(state: TrainingState, tmp_path: Path) -> None:
    other = TrainingState(build(load_config("gan", {"model.network.hidden_dim": 9})), CONFIG)
    with pytest.raises(GenlabError, match="does not fit the model"):
        restore(read(tmp_path), other)
