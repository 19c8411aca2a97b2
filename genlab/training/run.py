"""The folder that a training run leaves behind, readable without this package.

    config.yaml           every setting, resolved
    metrics.jsonl         one line a step: step, epoch, seconds, losses
    weights.safetensors   the networks as training left them
    averaged.safetensors  their moving average, where the config asks for one: what is sampled
    samples.png           a sheet of samples
    run.json              data set, seed, versions, steps, seconds, whether it finished

Tensors are safetensors and the rest is text: nothing here is ever unpickled.
"""

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from genlab.errors import GenlabError
from genlab.training.ema import EMA
from genlab.training.loop import Step

CONFIG, METRICS, SUMMARY, SHEET = "config.yaml", "metrics.jsonl", "run.json", "samples.png"
WEIGHTS, AVERAGED = "weights.safetensors", "averaged.safetensors"


def refuse_existing(path: Path) -> None:
    """Raise GenlabError if there is something at the path: no earlier run is written over."""
    if path.exists() and (not path.is_dir() or any(path.iterdir())):
        raise GenlabError(f"{path} exists already: name another folder for the run, or delete it")


class RunFolder:
    """A new folder for a run that is about to start.

    Raises:
        GenlabError: it exists and is not empty, or cannot be made: no earlier run is written over.
    """

    def __init__(self, path: Path) -> None:
        refuse_existing(path)
        try:
            path.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise GenlabError(f"cannot make the folder {path}: {error.strerror}") from None
        self.path = path

    def log(self, step: Step) -> None:
        """Append one step to the loss history."""
        line = {"step": step.step, "epoch": step.epoch, "seconds": round(step.seconds, 4)}
        with (self.path / METRICS).open("a", encoding="utf-8") as file:
            file.write(json.dumps({**line, **step.losses}) + "\n")

    def save(self, networks: nn.ModuleDict, ema: EMA | None = None) -> None:
        """Write the weights, and their average if there is one."""
        _save_weights(self.path / WEIGHTS, networks)
        if ema is not None:
            _save_weights(self.path / AVERAGED, ema.averaged.module)

    def summarise(self, **summary: Any) -> None:
        """Write ``run.json``."""
        (self.path / SUMMARY).write_text(json.dumps(summary, indent=2) + "\n", "utf-8")


def _save_weights(path: Path, networks: nn.Module) -> None:
    """Write all networks into one file, aside and then renamed: a crash leaves the old one whole."""
    aside = path.with_name(path.name + ".part")
    save_file({name: t.contiguous() for name, t in networks.state_dict().items()}, aside)
    os.replace(aside, path)


def load_weights(path: Path, networks: nn.ModuleDict) -> None:
    """Read a weights file into networks of the same shape.

    Raises:
        GenlabError: no file, a damaged one, or one of another model.
    """
    try:
        tensors: dict[str, Tensor] = load_file(path)
    except FileNotFoundError:
        raise GenlabError(f"{path} is missing: was the run stopped before its first save?") from None
    except (SafetensorError, OSError) as error:
        raise GenlabError(f"{path} is damaged ({error}): train the run again") from None
    try:
        networks.load_state_dict(tensors)
    except RuntimeError:
        raise GenlabError(
            f"{path} does not fit the model that {CONFIG} beside it describes: "
            "its tensors have other names or shapes"
        ) from None


def read_metrics(folder: Path) -> Iterator[Step]:
    """A run's loss history, the first step first."""
    with (folder / METRICS).open(encoding="utf-8") as file:
        for line in file:
            record = json.loads(line)
            step, epoch, seconds = (record.pop(name) for name in ("step", "epoch", "seconds"))
            yield Step(step, epoch, record, seconds)


def read_summary(folder: Path) -> dict[str, Any]:
    """What ``run.json`` says; nothing of a run that never got so far."""
    try:
        summary = json.loads((folder / SUMMARY).read_text("utf-8"))
    except (FileNotFoundError, NotADirectoryError):
        return {}
    except ValueError:
        summary = None
    if not isinstance(summary, dict):
        raise GenlabError(f"{folder / SUMMARY} is damaged: delete it, or train the run again")
    return summary
