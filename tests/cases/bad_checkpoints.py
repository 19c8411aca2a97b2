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
from collections.abc import Callable
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
Damage = Callable[[Path], object]  # done to a folder


@cache
def template(width: int) -> Path:
    """A run of two checkpoints, made once."""
    run = Path(tempfile.mkdtemp()) / "run"
    overrides = {"model.network.hidden_dim": width, "train.max_steps": 2, "train.checkpoint_every": 1}
    more = {"model.num_inference_steps": 1, "train.sample_every": 2, "train.batch_size": 8}
    with redirect_stderr(io.StringIO()), redirect_stdout(io.StringIO()):
        fit(load_config("diffusion-mlp", overrides | more), "digits", run)
    return run


def copy(path: Path) -> Path:
    """The small run, in the case's folder."""
    return Path(shutil.copytree(template(16), path / "run"))


def exported(path: Path) -> Path:
    """An exported copy of the small run."""
    return export(template(16), path / "exported")


def case(damage: Damage, *, verb: str = "resume", make: Callable[[Path], Path] = copy) -> Case:
    """A case from what is done to each checkpoint."""

    def made(path: Path) -> list[str]:
        run = make(path)
        for checkpoint in (run / CHECKPOINTS).iterdir():
            damage(checkpoint)
        return [verb, str(run), *(["--out", str(path / "x.png")] if verb == "sample" else [])]

    return made


def run_case(damage: Damage) -> Case:
    """A case from what is done to the run folder."""

    def made(path: Path) -> list[str]:
        run = copy(path)
        damage(run)
        return ["resume", str(run), "--set", "train.max_steps=4"]

    return made


def into_the_same_folder(path: Path) -> list[str]:
    """Export a run over itself."""
    run = copy(path)
    return ["export", str(run), "--out", str(run)]


def change(name: str, edit: Callable[[bytes], bytes]) -> Damage:
    """Change the bytes of a file."""
    return lambda folder: (folder / name).write_bytes(edit((folder / name).read_bytes()))


def truncate(name: str, keep: float) -> Damage:
    """Cut a file short."""
    return change(name, lambda content: content[: int(len(content) * keep)])


def flip(name: str, where: float) -> Damage:
    """Change one bit of a file."""

    def edit(content: bytes) -> bytes:
        at = int(len(content) * where)
        return content[:at] + bytes([content[at] ^ 1]) + content[at + 1 :]

    return change(name, edit)


def replace(name: str, content: bytes) -> Damage:
    """Put something else in a file's place."""
    return change(name, lambda _: content)


def remove(name: str, instead: Damage = lambda path: None) -> Damage:
    """Delete a file, and put something that is no file there."""

    def damage(folder: Path) -> None:
        (folder / name).unlink()
        instead(folder / name)

    return damage


def exchange(checkpoint: Path) -> None:
    """The weights of the other checkpoint."""
    [other] = (c for c in (template(16) / CHECKPOINTS).iterdir() if c.name != checkpoint.name)
    shutil.copy(other / NETWORKS, checkpoint / NETWORKS)


def record(*, forged: bool = False, **changes: Any) -> Damage:
    """Change entries of the record; and its hash with them if forged: whole, but of another run."""

    def damage(checkpoint: Path) -> None:
        content = json.loads((checkpoint / STATE).read_text())
        content["record"] |= changes
        if forged:
            written = json.dumps(content["record"], sort_keys=True)
            content["hash"] = hashlib.sha256(written.encode()).hexdigest()
        (checkpoint / STATE).write_text(json.dumps(content))

    return damage


def reshaped(checkpoint: Path) -> None:
    """Tensors of another shape, with the right hashes."""
    tensors = {name: torch.zeros(*t.shape, 2) for name, t in load_file(checkpoint / NETWORKS).items()}
    save_file(tensors, checkpoint / NETWORKS)
    hashes = json.loads((checkpoint / STATE).read_text())["record"]["sha256"]
    hashes[NETWORKS] = hashlib.sha256((checkpoint / NETWORKS).read_bytes()).hexdigest()
    record(forged=True, sha256=hashes)(checkpoint)


def of_another_model(run: Path) -> None:
    """All checkpoints of a narrower model."""
    shutil.rmtree(run / CHECKPOINTS)
    shutil.copytree(template(8) / CHECKPOINTS, run / CHECKPOINTS)


CASES: dict[str, Case] = {
    "weights cut short": case(truncate(NETWORKS, 0.5)),
    "one bit of the weights flipped": case(flip(NETWORKS, 0.7)),
    "one bit of the optimiser's moments flipped": case(flip(TRAINING, 0.9)),
    "averaged weights cut short": case(truncate(AVERAGED, 0.3), verb="sample"),
    "weights missing": case(remove(NETWORKS)),
    "optimiser missing": case(remove(TRAINING)),
    "averaged weights missing": case(remove(AVERAGED), verb="sample"),
    "a folder for the weights": case(remove(NETWORKS, Path.mkdir)),
    "a link to nothing": case(remove(TRAINING, lambda path: path.symlink_to("nowhere"))),
    "a pickle for the weights": case(replace(NETWORKS, pickle.dumps({"weights": [1, 2]}))),
    "the weights of another step": case(exchange),
    "record missing": case(remove(STATE)),
    "record binary": case(replace(STATE, bytes(range(256)))),
    "record a list": case(replace(STATE, b"[1, 2]")),
    "record without its parts": case(replace(STATE, b'{"hash": "", "record": {}}'), verb="sample"),
    "record nested without end": case(replace(STATE, b"[" * 100_000)),
    "another step written into the record": case(record(step=7)),
    "a folder for the record": case(remove(STATE, Path.mkdir), verb="sample"),
    "made by two processes": case(record(forged=True, processes=2)),
    "made by a later genlab": case(record(forged=True, format=99)),
    "tensors of another shape, hashes right": case(reshaped),
    "checkpoints of another model": run_case(of_another_model),
    "config of another model": run_case(
        change(CONFIG, lambda text: text.replace(b"hidden_dim: 16", b"hidden_dim: 17"))
    ),
    "config gone": run_case(remove(CONFIG)),
    "another data set": run_case(change(SUMMARY, lambda text: text.replace(b'print": "', b'print": "0'))),
    "run.json damaged": run_case(replace(SUMMARY, b'{"dataset":')),
    "loss history damaged": run_case(change(METRICS, lambda lines: b"step 1: fine\n" + lines)),
    "an exported model resumed": case(lambda checkpoint: None, make=exported),
    "an exported model with a bit flipped": case(flip(AVERAGED, 0.9), verb="sample", make=exported),
    "an exported model without its weights": case(remove(AVERAGED), verb="sample", make=exported),
    "exported over itself": into_the_same_folder,
    "no such model that ships": lambda path: ["sample", "difusion-mnist", "--out", str(path / "x.png")],
}
