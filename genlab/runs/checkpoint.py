"""Checkpoints: all that a run needs to go on to the bit, in a folder that is whole or absent.

    checkpoints/step-00000468/
        networks.safetensors   the weights as training left them
        averaged.safetensors   their moving average, where the config asks for one
        training.safetensors   Adam's moments, torch's random states
        state.json             the step, the other random states, and the SHA-256 of each file

A checkpoint is written under another name, flushed to the disk and renamed, so that a process killed
at any moment leaves the last one whole. Hashes prove it when it is read: a damaged one is passed
over for the one before, and that is said. Nothing is ever unpickled.
"""

import hashlib
import json
import shutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from genlab.errors import GenlabError
from genlab.files import (
    DamagedFile,
    delete_folder,
    read_tensors,
    rename_folder,
    tensors_to_bytes,
    write_through,
    writing,
)
from genlab.nn.device import processes
from genlab.training.loop import TrainingDiverged
from genlab.training.random_state import python_random_state, restore_python_random_state
from genlab.training.state import TrainingState

NETWORKS, AVERAGED, TRAINING = "networks.safetensors", "averaged.safetensors", "training.safetensors"
STATE, PREFIX = "state.json", "step-"
FORMAT = 1  # of the record; counts up when an older genlab could not read it


@dataclass(frozen=True)
class Checkpoint:
    """A checkpoint that was read and found whole.

    Attributes:
        step: steps made when it was written.
        monitored: name and value of ``train.monitor``, the lower the better; None if nothing is monitored.
        record: what ``state.json`` says.
        tensors: per file, its tensors by name.
    """

    step: int
    monitored: tuple[str, float] | None
    record: dict[str, Any]
    tensors: dict[str, dict[str, Tensor]]

    @property
    def folder(self) -> str:
        """The name of its folder."""
        return f"{PREFIX}{self.step:08d}"


def save_checkpoint(
    folder: Path, state: TrainingState, *, monitored: tuple[str, float] | None, keep: int
) -> None:
    """Write a checkpoint of the state, then delete all but the newest ``keep`` and the best.

    Args:
        folder: ``checkpoints`` of a run.
        state: between two steps.
        monitored: a name and how good the state is by it; the lowest is the best.
        keep: at least 1.

    Raises:
        TrainingDiverged: a weight is not finite: the state is not worth keeping.
        GenlabError: the disk is full or read-only. The earlier checkpoints are as they were.
    """
    broken = [name for name, t in state.family.networks.state_dict().items() if not t.isfinite().all()]
    if broken:
        raise TrainingDiverged(
            f"{broken[0]} is no longer finite after step {state.step}, which is not saved: "
            "lower train.lr or set train.clip_grad_norm"
        )
    path = folder / f"{PREFIX}{state.step:08d}"
    aside = folder / f".{path.name}.part"
    with writing(path, "the earlier ones are whole, make room and use genlab resume"):
        shutil.rmtree(aside, ignore_errors=True)
        folder.mkdir(exist_ok=True)  # the run's own folder must be there
        aside.mkdir()
        for name, content in _contents(state, monitored).items():
            write_through(aside / name, content)
        rename_folder(aside, path)
        _prune(folder, keep)


def newest(folder: Path, say: Callable[[str], None]) -> Checkpoint | None:
    """The newest checkpoint that is whole; None if the run has written none.

    Args:
        folder: ``checkpoints`` of a run.
        say: gets one line for each newer one that is damaged.

    Raises:
        GenlabError: there are checkpoints, and all are damaged.
    """
    steps = saved_steps(folder)
    for step in reversed(steps):
        try:
            return read_checkpoint(folder, step)
        except DamagedFile as error:
            if step == steps[0]:
                remedy = "train the run again, or get it again from where it came"
                raise GenlabError(f"{error}; no other is whole: {remedy}") from None
            say(f"{error}; using the one before")
    return None


def best(folder: Path) -> Checkpoint:
    """The checkpoint with the lowest monitored value.

    Raises:
        GenlabError: the run monitored nothing, or that checkpoint is damaged.
    """
    step = _best_step(folder)
    if step is None:
        raise GenlabError(f"{folder} has no best checkpoint: the run's config sets no train.monitor")
    return read_checkpoint(folder, step)


def saved_steps(folder: Path) -> list[int]:
    """The steps at which there are checkpoints, whole or not, ascending."""
    if not folder.is_dir():
        return []
    names = (p.name.removeprefix(PREFIX) for p in folder.iterdir() if p.name.startswith(PREFIX))
    return sorted(int(name) for name in names if name.isascii() and name.isdigit())


def read_checkpoint(folder: Path, step: int) -> Checkpoint:
    """Read one checkpoint and prove it whole.

    Raises:
        DamagedFile: the line names the file and what is wrong with it.
    """
    path = folder / f"{PREFIX}{step:08d}"
    record = _read_record(path / STATE)
    if record["step"] != step:
        raise DamagedFile(f"{path} is really of step {record['step']}: give it its name back")
    tensors = {name: read_tensors(path / name, sha256) for name, sha256 in record["sha256"].items()}
    return Checkpoint(step, record["monitored"] and tuple(record["monitored"]), record, tensors)


def restore(checkpoint: Checkpoint, state: TrainingState) -> None:
    """Put a state where the checkpoint was written, to the bit.

    Raises:
        GenlabError: it is a checkpoint of another model, or of another number of processes.
    """
    then, now = checkpoint.record["processes"], processes().num_processes
    if then != now:
        raise GenlabError(
            f"the run was made by {then} process{'es' * (then > 1)} and this is {now}: a step would see "
            f"other images; start {then} (torchrun --nproc_per_node {then})"
        )
    load_weights(state.family.networks, checkpoint.tensors[NETWORKS])
    training = checkpoint.tensors[TRAINING]
    for name, optimiser in state.optimisers.items():
        _restore_optimiser(optimiser, training, f"{name}.")
    if state.ema is not None:
        load_weights(state.ema.averaged.module, checkpoint.tensors.get(AVERAGED, {}))
        state.ema.num_updates = checkpoint.record["ema_updates"]
    if state.scaler.is_enabled() and checkpoint.record["scaler"] is not None:
        state.scaler.load_state_dict(checkpoint.record["scaler"])
    state.step, state.seconds = checkpoint.step, checkpoint.record["seconds"]
    restore_python_random_state(checkpoint.record["random"])
    count = sum(name.startswith("random/") for name in training)
    state.random = [training[f"random/{i}"] for i in range(count)]


def weights_only(checkpoint: Checkpoint, *, half: bool) -> Iterator[tuple[str, bytes]]:
    """The files of a checkpoint that can be sampled from and not trained further: name and content.

    Args:
        checkpoint: a whole one; of averaged weights and raw ones, the averaged are taken.
        half: floats as float16, half the size; what is read back is float32 again. Weights below 3e-8 in
            size become 0.

    Raises:
        GenlabError: a weight is too large for float16.
    """
    name = AVERAGED if AVERAGED in checkpoint.tensors else NETWORKS
    tensors = checkpoint.tensors[name]
    if half:
        tensors = {key: t.half() if t.is_floating_point() else t for key, t in tensors.items()}
        lost = [key for key, tensor in tensors.items() if not tensor.isfinite().all()]
        if lost:
            raise GenlabError(f"{lost[0]} does not fit into half precision: export it in full")
    record = {key: checkpoint.record[key] for key in ("format", "step", "seconds", "processes")}
    record["monitored"] = None  # it is the newest; whether it was the best is not known any more
    yield from _with_record({name: tensors_to_bytes(tensors)}, record).items()


def load_weights(networks: nn.Module, tensors: dict[str, Tensor]) -> None:
    """Fill networks of the same shape.

    Raises:
        GenlabError: the tensors are those of another model.
    """
    try:
        networks.load_state_dict(tensors)
    except RuntimeError:
        raise GenlabError(
            "the checkpoint does not fit the model that the run's config.yaml describes: its tensors "
            "have other names or shapes; undo the change to the config"
        ) from None


def _contents(state: TrainingState, monitored: tuple[str, float] | None) -> dict[str, bytes]:
    """Each file of a checkpoint, by name: what is in it."""
    training = {f"random/{i}": tensor for i, tensor in enumerate(state.random or [])}
    for name, optimiser in state.optimisers.items():  # generator.3.exp_avg: Adam's moments of a parameter
        for i, moments in optimiser.state_dict()["state"].items():
            training |= {f"{name}.{i}.{key}": value for key, value in moments.items()}
    files = {
        NETWORKS: tensors_to_bytes(state.family.networks.state_dict()),
        TRAINING: tensors_to_bytes(training),
    }
    if state.ema is not None:
        files[AVERAGED] = tensors_to_bytes(state.ema.averaged.module.state_dict())
    record = {
        "format": FORMAT,
        "step": state.step,
        "seconds": state.seconds,
        "monitored": monitored,
        "processes": processes().num_processes,
        "ema_updates": None if state.ema is None else state.ema.num_updates,
        "scaler": state.scaler.state_dict() or None,
        "random": python_random_state(),
    }
    return _with_record(files, record)


def _with_record(files: Mapping[str, bytes], record: Mapping[str, Any]) -> dict[str, bytes]:
    """The files of a checkpoint and, last, ``state.json``, which proves them and itself."""
    record = {**record, "sha256": {name: hashlib.sha256(file).hexdigest() for name, file in files.items()}}
    return {**files, STATE: json.dumps({"hash": _hash(record), "record": record}).encode()}


def _restore_optimiser(optimiser: torch.optim.Optimizer, tensors: dict[str, Tensor], prefix: str) -> None:
    parameters = [p for group in optimiser.param_groups for p in group["params"]]
    state: dict[int, dict[str, Tensor]] = {}
    for name, value in tensors.items():
        if name.startswith(prefix):
            index, key = name.removeprefix(prefix).split(".")
            like = parameters[int(index)]
            # The fused step walks a weight and its moments side by side through memory: they must be
            # laid out alike, and files know only one layout.
            moment = torch.empty_like(like).copy_(value) if value.shape == like.shape else value
            state.setdefault(int(index), {})[key] = moment
    optimiser.load_state_dict({"state": state, "param_groups": optimiser.state_dict()["param_groups"]})


def _read_record(path: Path) -> dict[str, Any]:
    try:
        content = json.loads(path.read_bytes())
        record: dict[str, Any] = content["record"]
        if content["hash"] != _hash(record):
            raise ValueError
    except OSError as error:
        raise DamagedFile(f"{path} cannot be read ({error.strerror})") from None
    except (ValueError, KeyError, TypeError, RecursionError):
        raise DamagedFile(f"{path} is damaged") from None
    if record.get("format") != FORMAT:
        raise GenlabError(f"{path} was written by another version of genlab: resume it with that one")
    return record


def _hash(record: Mapping[str, Any]) -> str:
    return hashlib.sha256(json.dumps(record, sort_keys=True).encode()).hexdigest()


def _best_step(folder: Path) -> int | None:
    """The step with the lowest value of what the newest checkpoint monitors."""
    found: dict[int, tuple[str, float]] = {}
    for step in saved_steps(folder):
        with suppress(DamagedFile):
            monitored = _read_record(folder / f"{PREFIX}{step:08d}" / STATE)["monitored"]
            if monitored is not None:
                found[step] = monitored
    if not found:
        return None
    name, _ = found[max(found)]
    return min((step for step in found if found[step][0] == name), key=lambda step: found[step][1])


def _prune(folder: Path, keep: int) -> None:
    """Delete all but the newest ``keep`` and the best, and what an interrupted save has left."""
    for leftover in folder.glob(".*"):
        shutil.rmtree(leftover, ignore_errors=True)
    steps = saved_steps(folder)
    for step in set(steps) - {*steps[-keep:], _best_step(folder)}:
        delete_folder(folder / f"{PREFIX}{step:08d}")
