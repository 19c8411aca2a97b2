"""Make a small copy of a run to share: ``genlab export``."""

import json
import os
import shutil
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from genlab.commands.find import find_run
from genlab.errors import GenlabError
from genlab.files import rename_folder, write_aside, writing
from genlab.runs.checkpoint import newest, weights_only
from genlab.runs.display import say
from genlab.runs.folder import CHECKPOINTS, CONFIG, METRICS, SHEET, SUMMARY, read_metrics, read_summary
from genlab.training.loop import Step

MOST_LINES = 400  # of a loss history: enough for a curve as wide as a page


def export(run: str | Path, out: str | Path, *, half: bool = True, command: str | None = None) -> Path:
    """Make a small copy of a finished run, to be used and not trained further: ``genlab export``.

    Args:
        run: the folder of a run, or its name.
        out: a new folder.
        half: store the weights in half precision. Computing is in single precision as before. What was
            exported in half precision before stays so.
        command: how the run was made, for its summary.

    Returns:
        The new folder.

    Raises:
        GenlabError: not a finished run, a weight too large for half precision, or a folder that exists or
            cannot be written.
    """
    source, target = find_run(run), Path(out)
    summary = read_summary(source)
    if not summary:
        raise GenlabError(f"{source} has no {SUMMARY}: it is not the whole folder of a run")
    if not summary.get("finished"):
        raise GenlabError(f"{source} is not finished: genlab resume {source} trains it to its end")
    if target.name in ("", "..") or os.path.exists(target):
        raise GenlabError(f"{target} exists already: name another folder, or delete it")
    checkpoint = newest(source / CHECKPOINTS, say)
    if checkpoint is None:
        raise GenlabError(f"{source} has no checkpoint: train it again")
    lines = thinned(list(read_metrics(source)))
    public = {key: value for key, value in summary.items() if key not in ("source", "data_root")}
    public |= {"exported": True} | ({} if command is None else {"command": command})
    aside = target.with_name(f".{target.name}.part")
    try:
        with writing(target):
            shutil.rmtree(aside, ignore_errors=True)
            weights = aside / CHECKPOINTS / checkpoint.folder
            weights.mkdir(parents=True)
            for name, content in weights_only(checkpoint, half=half):
                write_aside(weights / name, content)
            shutil.copyfile(source / CONFIG, aside / CONFIG)
            if (source / SHEET).is_file():
                shutil.copyfile(source / SHEET, aside / SHEET)
            write_aside(aside / METRICS, "".join(lines))
            write_aside(aside / SUMMARY, json.dumps(public, indent=2) + "\n")
            rename_folder(aside, target)
    finally:
        shutil.rmtree(aside, ignore_errors=True)
    return target


def thinned(history: Sequence[Step], most: int = MOST_LINES) -> list[str]:
    """A loss history as lines of ``metrics.jsonl``: the means of at most ``most`` stretches of it."""
    if not history:
        return []
    lines = []
    for stretch in np.array_split(np.arange(len(history)), min(most, len(history))):
        steps = [history[index] for index in stretch]
        line: dict[str, float] = {"step": steps[-1].step, "epoch": steps[-1].epoch}
        line["seconds"] = round(steps[-1].seconds, 4)
        for name in dict.fromkeys(name for step in steps for name in step.losses):
            mean = np.mean([step.losses[name] for step in steps if name in step.losses])  # not in every step
            line[name] = float(f"{mean:.5g}")
        lines.append(json.dumps(line) + "\n")
    return lines
