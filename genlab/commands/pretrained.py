"""Models that come with the package, and how a run becomes such a model.

A model that ships is the folder of a run with only what is needed to use it: the config, a summary, a thinned
loss history, the report of its evaluation, and one checkpoint that holds weights and nothing else, in
half precision. So whatever takes a run takes its name as well: ``genlab sample diffusion-mnist``.

    genlab.load_pretrained("diffusion-mnist")
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from genlab.commands.compare import Measured, measured_from_json, rows_of
from genlab.commands.evaluate import known_report
from genlab.commands.find import SHIPPED_MODELS, find_run
from genlab.commands.sample import load
from genlab.errors import GenlabError, did_you_mean
from genlab.evaluation.report import Metric, Report, by_key
from genlab.evaluation.table import Row
from genlab.family import Family
from genlab.files import size_in_bytes
from genlab.runs.folder import find_runs, read_summary

FAIR_BENCHES = SHIPPED_MODELS / "fair"  # the comparison.json of the fair bench, by data set


def pretrained_names() -> list[str]:
    """The models that come with the package."""
    return [path.name for path in find_runs(SHIPPED_MODELS)]


def load_pretrained(
    name: str, overrides: Mapping[str, object] | None = None, *, device: str | None = None
) -> Family:
    """A model that comes with the package, in eval mode: no training, no network.

    Args:
        name: ``diffusion-mnist``, ``gan-mnist``, ``vae-mnist``, or the same with ``fashion_mnist``.
        overrides, device: settings of sampling, and where it computes, as for ``genlab.load``.

    Raises:
        GenlabError: there is no such model, or its file is not the one that was shipped (by SHA-256).
    """
    if name not in pretrained_names():
        near = did_you_mean(str(name), pretrained_names())
        raise GenlabError(f"no model {name!r} comes with genlab: {near}")
    return load(SHIPPED_MODELS / name, overrides=overrides, device=device)


def origin(run: str | Path) -> str:
    """Whose model a name leads to, in words: one's own run, or one that comes with the package."""
    return "comes with genlab" if find_run(run).parent == SHIPPED_MODELS else "a run of your own"


def as_table() -> str:
    """The models that ship, in lines of text: sizes, and how far their images are from real ones."""
    lines = [f"{'model':<24}{'weights':>10}{'MB':>7}{'N':>9}  Fréchet distance / that of real images"]
    for name in pretrained_names():
        summary, report = read_summary(SHIPPED_MODELS / name), known_report(SHIPPED_MODELS / name)
        weights = sum(summary.get("parameters", {}).values())
        megabytes = size_in_bytes(SHIPPED_MODELS / name) / 1e6
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
    measured = fair_measured(dataset)
    floor = by_key(Metric(**figure) for figure in _fair_file(dataset)["floor"])
    n = next(each.report.n for each in measured if each.report is not None)
    real = Report("real test images", dataset, n, 0, floor, floor)
    return [Row(real.name, [real]), *rows_of(measured)]


def fair_measured(dataset: str) -> list[Measured]:
    """The same, run by run, with the points of its curves; ``fair_bench`` says of which data."""
    return [measured_from_json(each) for each in _fair_file(dataset)["measured"]]


def _fair_file(dataset: str) -> dict[str, Any]:
    known = sorted(file.stem for file in FAIR_BENCHES.glob("*.json"))
    if dataset not in known:
        raise GenlabError(
            f"no fair bench of {dataset!r} comes with genlab: {did_you_mean(dataset, known)}, or make one: "
            f"genlab compare --seconds 600 --dataset {dataset}"
        )
    values: dict[str, Any] = json.loads((FAIR_BENCHES / f"{dataset}.json").read_text("utf-8"))
    return values
