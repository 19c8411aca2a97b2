"""Runs whose checkpoints cannot be used: damaged, incomplete, or of something else.

Each case copies a small finished run, damages every checkpoint in it, and returns the genlab
arguments to try. (With one whole checkpoint left the run goes on from that; the tests of
``genlab.commands.train`` show it.)
"""

import hashlib
import io
import json
import pickle
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import redirect_stderr, redirect_stdout
from functools import cache
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save_file

from genlab.commands.export import export
from genlab.commands.train import fit
from genlab.runs.checkpoint import AVERAGED, NETWORKS, STATE, TRAINING
from genlab.runs.folder import CHECKPOINTS, CONFIG, METRICS, SUMMARY
from genlab.zoo import load_config

Case = Callable[[Path], list[str]]


@cache
def template(width: int) -> Path:
    """A run of two checkpoints, made once."""
    run = Path(tempfile.mkdtemp()) / "run"
    overrides = {"model.network.hidden_dim": width, "train.max_steps": 2, "train.checkpoint_every": 1}
    more = {"model.num_inference_steps": 1, "train.sample_every": 2, "train.batch_size": 8}
    with redirect_stderr(io.StringIO()), redirect_stdout(io.StringIO()):
        fit(load_config("diffusion-mlp", overrides | more), "digits", run)
    return run


def checkpoints(run: Path) -> Iterator[Path]:
    """The checkpoint folders of a run."""
    yield from sorted((run / CHECKPOINTS).iterdir())


def case(damage: Callable[[Path], None], *, verb: str = "resume") -> Case:
    """A case from what is done to each checkpoint."""

    def make(path: Path) -> list[str]:
        run = copy(path)
        for checkpoint in checkpoints(run):
            damage(checkpoint)
        return [verb, str(run), *(["--out", str(path / "x.png")] if verb == "sample" else [])]

    return make


def run_case(damage: Callable[[Path], None]) -> Case:
    """A case from what is done to the run folder."""

    def make(path: Path) -> list[str]:
        run = copy(path)
        damage(run)
        return ["resume", str(run), "--set", "train.max_steps=4"]

    return make


def copy(path: Path) -> Path:
    """The small run, in the case's folder."""
    run: Path = shutil.copytree(template(16), path / "run")
    return run


def exported(verb: str, damage: Callable[[Path], None] = lambda checkpoint: None) -> Case:
    """A case from an exported copy of the run, and what is done to its one checkpoint."""

    def make(path: Path) -> list[str]:
        run = export(template(16), path / "exported")
        for checkpoint in checkpoints(run):
            damage(checkpoint)
        return [verb, str(run), *(["--out", str(path / "x.png")] if verb != "resume" else [])]

    return make


def into_the_same_folder(path: Path) -> list[str]:
    """Export a run over itself."""
    run = copy(path)
    return ["export", str(run), "--out", str(run)]


def truncate(name: str, keep: float) -> Callable[[Path], None]:
    """Cut a file short."""

    def damage(checkpoint: Path) -> None:
        content = (checkpoint / name).read_bytes()
        (checkpoint / name).write_bytes(content[: int(len(content) * keep)])

    return damage


def flip(name: str, where: float) -> Callable[[Path], None]:
    """Change one bit of a file."""

    def damage(checkpoint: Path) -> None:
        content = bytearray((checkpoint / name).read_bytes())
        content[int(len(content) * where)] ^= 1
        (checkpoint / name).write_bytes(bytes(content))

    return damage


def replace(name: str, content: bytes) -> Callable[[Path], None]:
    """Put something else in a file's place."""
    return lambda checkpoint: void((checkpoint / name).write_bytes(content))


def remove(name: str) -> Callable[[Path], None]:
    """Delete a file."""
    return lambda checkpoint: (checkpoint / name).unlink()


def folder_instead(name: str) -> Callable[[Path], None]:
    """A folder where a file should be."""

    def damage(checkpoint: Path) -> None:
        (checkpoint / name).unlink()
        (checkpoint / name).mkdir()

    return damage


def dangling(name: str) -> Callable[[Path], None]:
    """A link to nothing."""

    def damage(checkpoint: Path) -> None:
        (checkpoint / name).unlink()
        (checkpoint / name).symlink_to("nowhere")

    return damage


def exchange(checkpoint: Path) -> None:
    """The weights of the other checkpoint."""
    other = next(c for c in checkpoints(template(16)) if c.name != checkpoint.name)
    shutil.copy(other / NETWORKS, checkpoint / NETWORKS)


def record(**changes: Any) -> Callable[[Path], None]:
    """Change entries of the record, without its hash."""

    def damage(checkpoint: Path) -> None:
        content = json.loads((checkpoint / STATE).read_text())
        content["record"] |= changes
        (checkpoint / STATE).write_text(json.dumps(content))

    return damage


def forged(**changes: Any) -> Callable[[Path], None]:
    """Change entries of the record and its hash with them: whole, but of another run."""

    def damage(checkpoint: Path) -> None:
        changed = json.loads((checkpoint / STATE).read_text())["record"] | changes
        digest = hashlib.sha256(json.dumps(changed, sort_keys=True).encode()).hexdigest()
        (checkpoint / STATE).write_text(json.dumps({"hash": digest, "record": changed}))

    return damage


def reshaped(checkpoint: Path) -> None:
    """Tensors of another shape, with the right hashes."""
    tensors = {name: torch.zeros(*t.shape, 2) for name, t in load_file(checkpoint / NETWORKS).items()}
    save_file(tensors, checkpoint / NETWORKS)
    hashes = json.loads((checkpoint / STATE).read_text())["record"]["sha256"]
    hashes[NETWORKS] = hashlib.sha256((checkpoint / NETWORKS).read_bytes()).hexdigest()
    forged(sha256=hashes)(checkpoint)


def of_another_model(run: Path) -> None:
    """All checkpoints of a narrower model."""
    shutil.rmtree(run / CHECKPOINTS)
    shutil.copytree(template(8) / CHECKPOINTS, run / CHECKPOINTS)


def other_config(run: Path) -> None:
    """The config of another model beside the checkpoints."""
    text = (run / CONFIG).read_text()
    (run / CONFIG).write_text(text.replace("hidden_dim: 16", "hidden_dim: 17"))


def other_data(run: Path) -> None:
    """A run that began with other images."""
    summary = json.loads((run / SUMMARY).read_text())
    (run / SUMMARY).write_text(json.dumps(summary | {"fingerprint": "0" * 64}))


def damaged_history(run: Path) -> None:
    """A loss history with a line that is none."""
    lines = (run / METRICS).read_text().splitlines()
    (run / METRICS).write_text("\n".join(["step 1: fine", *lines[1:]]) + "\n")


def void(_: object) -> None:
    """For one-line functions that return nothing."""


CASES: dict[str, Case] = {
    "weights cut short": case(truncate(NETWORKS, 0.5)),
    "weights without their last byte": case(truncate(NETWORKS, 0.9999)),
    "weights empty": case(truncate(NETWORKS, 0)),
    "one bit of the weights flipped": case(flip(NETWORKS, 0.7)),
    "one bit of their header flipped": case(flip(NETWORKS, 0.0)),
    "one bit of the optimiser's moments flipped": case(flip(TRAINING, 0.9)),
    "averaged weights cut short": case(truncate(AVERAGED, 0.3), verb="sample"),
    "weights missing": case(remove(NETWORKS)),
    "optimiser missing": case(remove(TRAINING)),
    "averaged weights missing": case(remove(AVERAGED), verb="sample"),
    "a folder for the weights": case(folder_instead(NETWORKS)),
    "a link to nothing": case(dangling(TRAINING)),
    "a pickle for the weights": case(replace(NETWORKS, pickle.dumps({"weights": [1, 2]}))),
    "text for the weights": case(replace(NETWORKS, b"<html>404 Not Found</html>"), verb="sample"),
    "the weights of another step": case(exchange),
    "record missing": case(remove(STATE)),
    "record empty": case(replace(STATE, b"")),
    "record cut short": case(truncate(STATE, 0.5)),
    "record not JSON": case(replace(STATE, b"step: 2\n")),
    "record binary": case(replace(STATE, bytes(range(256)))),
    "record a list": case(replace(STATE, b"[1, 2]")),
    "record without its parts": case(replace(STATE, b'{"hash": "", "record": {}}'), verb="sample"),
    "record nested without end": case(replace(STATE, b"[" * 100_000)),
    "another step written into the record": case(record(step=7)),
    "a folder for the record": case(folder_instead(STATE), verb="sample"),
    "made by two processes": case(forged(processes=2)),
    "made by a later genlab": case(forged(format=99)),
    "tensors of another shape, hashes right": case(reshaped),
    "checkpoints of another model": run_case(of_another_model),
    "config of another model": run_case(other_config),
    "config gone": run_case(lambda run: (run / CONFIG).unlink()),
    "another data set": run_case(other_data),
    "run.json damaged": run_case(lambda run: void((run / SUMMARY).write_text('{"dataset":'))),
    "loss history damaged": run_case(damaged_history),
    "an exported model resumed": exported("resume"),
    "an exported model with a bit flipped": exported("sample", flip(AVERAGED, 0.9)),
    "an exported model without its weights": exported("sample", remove(AVERAGED)),
    "exported over itself": into_the_same_folder,
    "no such model that ships": lambda path: ["sample", "difusion-mnist", "--out", str(path / "x.png")],
}
