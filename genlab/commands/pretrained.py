"""Models that come with the package, and how a run becomes such a model.

A model that ships is the folder of a run with only what is needed to use it: the config, a summary, a thinned
loss history, the report of its evaluation, and one checkpoint that holds weights and nothing else, in
half precision. So whatever takes a run takes its name as well: ``genlab sample diffusion-mnist``.

    genlab.load_pretrained("diffusion-mnist")
"""

import json
import os
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from pydantic import JsonValue

from genlab.comparing import measured_from_json, rows_of
from genlab.errors import GenlabError, did_you_mean
from genlab.evaluating import known_report
from genlab.evaluation.figures import Figure
from genlab.evaluation.report import Report, by_key
from genlab.evaluation.table import Row
from genlab.family import Family
from genlab.files import rename_folder, write_aside
from genlab.run_list import SHIPPED, find_run
from genlab.runs import load
from genlab.training.checkpoint import newest, weights_only
from genlab.training.loop import Step
from genlab.training.progress import say
from genlab.training.run import (
    CHECKPOINTS,
    CONFIG,
    METRICS,
    SHEET,
    SUMMARY,
    find_runs,
    read_metrics,
    read_summary,
)

FAIR = SHIPPED / "fair"  # the comparison.json of the fair bench, by data set
MOST_LINES = 400  # of a loss history: enough for a curve as wide as a page


def pretrained_names() -> list[str]:
    """The models that come with the package."""
    return [path.name for path in find_runs(SHIPPED)]


def load_pretrained(name: str, overrides: Mapping[str, object] | None = None) -> Family:
    """A model that comes with the package, in eval mode: no training, no network.

    Args:
        name: ``diffusion-mnist``, ``gan-mnist``, ``vae-mnist``, or the same with ``fashion_mnist``.
        overrides: settings of sampling, as for ``genlab.load``.

    Raises:
        GenlabError: there is no such model, or its file is not the one that was shipped (by SHA-256).
    """
    if name not in pretrained_names():
        near = did_you_mean(str(name), pretrained_names())
        raise GenlabError(f"no model {name!r} comes with genlab: {near}")
    return load(SHIPPED / name, overrides=overrides)


def origin(run: str | Path) -> str:
    """Whose model a name leads to, in words: one's own run, or one that comes with the package."""
    return "comes with genlab" if find_run(run).parent == SHIPPED else "a run of your own"


def as_table() -> str:
    """The models that ship, in lines of text: sizes, and how far their images are from real ones."""
    lines = [f"{'model':<24}{'weights':>10}{'MB':>7}{'N':>9}  Fréchet distance / that of real images"]
    for name in pretrained_names():
        summary, report = read_summary(SHIPPED / name), known_report(SHIPPED / name)
        weights = sum(summary.get("parameters", {}).values())
        megabytes = size_in_bytes(SHIPPED / name) / 1e6
        measured = "not measured"
        if report is not None:
            ratios = [figure for figure in report.figures.values() if figure.name == "frechet_ratio"]
            measured = ", ".join(
                f"{ratio.value:.1f} ± {ratio.error or 0:.1f} ({ratio.judge})" for ratio in ratios
            )
        n = f"{report.n:,}" if report else ""
        lines.append(f"{name:<24}{weights:>10,}{megabytes:>7.1f}{n:>9}  {measured}")
    return "\n".join(lines)


def fair_bench(dataset: str) -> list[Row]:
    """The fair bench as it was measured once, real images first: the comparison.json that ships.

    Args:
        dataset: ``mnist`` or ``fashion_mnist``.

    Raises:
        GenlabError: it was not measured on this data.
    """
    known = sorted(file.stem for file in FAIR.glob("*.json"))
    if dataset not in known:
        raise GenlabError(
            f"no fair bench of {dataset!r} comes with genlab: {did_you_mean(dataset, known)}, or make one: "
            f"genlab compare --seconds 120 --dataset {dataset}"
        )
    values = json.loads((FAIR / f"{dataset}.json").read_text("utf-8"))
    measured = [measured_from_json(each) for each in values["measured"]]
    floor = by_key(Figure(**figure) for figure in values["floor"])
    n = next(each.report.n for each in measured if each.report is not None)
    real = Report("real test images", dataset, n, 0, floor, floor)
    return [Row(real.name, [real]), *rows_of(measured)]


def size_in_bytes(folder: Path) -> int:
    """What all files in a folder take together."""
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


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
    aside = target.with_name(f".{target.name}.part")
    try:
        shutil.rmtree(aside, ignore_errors=True)
        weights = aside / CHECKPOINTS / checkpoint.folder
        weights.mkdir(parents=True)
        for name, content in weights_only(checkpoint, half=half):
            write_aside(weights / name, content)
        shutil.copyfile(source / CONFIG, aside / CONFIG)
        if (source / SHEET).is_file():
            shutil.copyfile(source / SHEET, aside / SHEET)
        write_aside(aside / METRICS, "".join(lines))
        write_aside(aside / SUMMARY, json.dumps(_public(summary, command), indent=2) + "\n")
        rename_folder(aside, target)
    except OSError as error:
        raise GenlabError(f"cannot write {target}: {error.strerror}") from None
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
        last: dict[str, JsonValue] = {"step": steps[-1].step, "epoch": steps[-1].epoch}
        last["seconds"] = round(steps[-1].seconds, 4)
        names = dict.fromkeys(name for step in steps for name in step.losses)  # some are not in every step
        means = {name: np.mean([s.losses[name] for s in steps if name in s.losses]) for name in names}
        lines.append(
            json.dumps({**last, **{name: float(f"{mean:.5g}") for name, mean in means.items()}}) + "\n"
        )
    return lines


def _public(summary: Mapping[str, Any], command: str | None) -> dict[str, Any]:
    """The summary without what is of this machine alone."""
    kept = {key: value for key, value in summary.items() if key not in ("source", "data_root")}
    return {**kept, "exported": True, **({} if command is None else {"command": command})}
