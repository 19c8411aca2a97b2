"""Several models measured alike, in one table and one figure: ``genlab compare``."""

import io
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from time import perf_counter
from typing import Any

import matplotlib.pyplot as plt

from genlab.commands.evaluate import data_of, evaluate_family, training_seconds, yardstick_for
from genlab.commands.find import find_run
from genlab.commands.sample import load, sample_in_batches
from genlab.config import read_settings
from genlab.errors import GenlabError
from genlab.evaluation.curves import QUICK, Point, draw_curves, frechet_ratio
from genlab.evaluation.measure import Yardstick
from genlab.evaluation.report import KNOWN_METRICS, Report, report_from_json
from genlab.evaluation.table import (
    COST,
    HONESTY,
    PIXELS,
    QUALITY,
    SHORT,
    Row,
    explained,
    markdown,
    plain_text,
    ranking,
    trained_once,
)
from genlab.family import Family, Walks
from genlab.files import write_aside, writing
from genlab.nn.device import find_device
from genlab.runs.display import say
from genlab.runs.folder import CONFIG
from genlab.zoo import Config

STEP_COUNTS = (2, 5, 10, 20)  # of the sampler, that are tried


@dataclass
class Measured:
    """What was measured of one trained model.

    Attributes:
        model: its name in the table; models that differ in their seed alone have the same.
        report: all figures, None if its images were refused.
        refused: why they were.
        training, sampling: points of the two curves.
    """

    model: str
    report: Report | None = None
    refused: str | None = None
    training: list[Point] = field(default_factory=list)
    sampling: list[Point] = field(default_factory=list)

    @property
    def finished(self) -> bool:
        """Whether all has been measured."""
        return self.report is not None or self.refused is not None


@dataclass(frozen=True, eq=False)
class ModelComparison:
    """All that was measured, of real images and of models.

    Attributes:
        yardstick: the real images.
        measured: one per trained model.
    """

    yardstick: Yardstick
    measured: Sequence[Measured]

    @property
    def rows(self) -> list[Row]:
        """A row per model, real images first."""
        return [Row(self.yardstick.real.name, [self.yardstick.real]), *rows_of(self.measured)]


def compare(
    runs: Sequence[str | Path],
    *,
    n: int | None = None,
    dataset: str | None = None,
    data_root: str | Path | None = None,
    out: Path | None = None,
    device: str | None = None,
) -> ModelComparison:
    """Measure finished runs: ``genlab compare RUN RUN ...``.

    Args:
        runs: folders, or names in ``runs/``; those that differ in their seed alone become one row.
        n: images per set, for real and generated ones; as for ``genlab.commands.evaluate.evaluate``.
        dataset, data_root: what to measure against; what the runs were trained on if left out.
        out: the folder that ``write_comparison`` will be given: made before minutes are spent on measuring.
        device: where models and judges compute, as for ``genlab.load``.

    Raises:
        GenlabError: no list of runs, no such run, runs of different data, or a folder that cannot be
            written to.
    """
    if isinstance(runs, (str, Path)) or not runs:
        raise GenlabError(f"runs should be a list of at least one run, ['my-vae', 'my-gan'], got {runs!r}")
    find_device(device)
    paths = distinct_runs(runs)
    trained_on = {data_of(path)[0]: path for path in paths}
    if dataset is None and len(trained_on) > 1:
        (one, a), (two, b) = list(trained_on.items())[:2]
        raise GenlabError(f"{a} was trained on {one} and {b} on {two}: name what to compare with, --dataset")
    name, root = data_of(paths[0])
    yardstick = yardstick_for(dataset or name, data_root or root, n, out=out, device=device)
    names = row_names(paths)
    return ModelComparison(yardstick, [measure_run(path, yardstick, names[path], device) for path in paths])


def distinct_runs(runs: Sequence[str | Path]) -> list[Path]:
    """The folders of runs, each once."""
    paths = [find_run(run) for run in runs]
    return list({path.resolve(): path for path in paths}.values())


def row_names(paths: Sequence[Path]) -> dict[Path, str]:
    """Each run's name in the table: without its seed, where another run differs in the seed alone.

    Other models that would have the same name are called by the path of their first run.
    """
    made = {path: (_without_seed(read_settings(Config, path / CONFIG)), data_of(path)[0]) for path in paths}
    twins = {path: [other for other in paths if made[other] == made[path]] for path in paths}
    short = {path: _short_name(twins[path]) for path in paths}
    names = {}
    for path in paths:
        namesakes = [other for other in paths if short[other] == short[path]]
        names[path] = short[path] if namesakes == twins[path] else str(twins[path][0])
    return names


def measure_run(path: Path, yardstick: Yardstick, model: str, device: str | None = None) -> Measured:
    """All figures of a run and its points on the curves; images that are refused are no error here."""
    say(f"Measuring {path}")
    measured, family, seconds = Measured(model), load(path, device=device), training_seconds(path)
    seed = read_settings(Config, path / CONFIG).train.seed
    if seconds is not None:
        measured.training += curve_point(model, family, yardstick, seed, trained=seconds)
    measure_finished(measured, family, yardstick, seconds, seed)
    return measured


def measure_finished(
    measured: Measured, family: Family, yardstick: Yardstick, seconds: float | None, seed: int
) -> None:
    """Add the report and the curve over sampling time; or why the images were refused."""
    model = measured.model
    try:
        evaluation = evaluate_family(family, yardstick, name=model, seed=seed, training_seconds=seconds)
    except GenlabError as error:
        measured.refused = str(error)
        say(f"{model}: {error}")
        return
    measured.report = evaluation.report
    for steps in STEP_COUNTS if isinstance(family, Walks) else (None,):
        label = f"{steps} steps" if steps else ""
        measured.sampling += curve_point(model, family, yardstick, seed, label=label, steps=steps)


def curve_point(
    model: str,
    family: Family,
    yardstick: Yardstick,
    seed: int,
    *,
    label: str = "",
    trained: float | None = None,
    steps: int | None = None,
) -> list[Point]:
    """A point of the curve over training time, or without ``trained`` of that over sampling time.

    None, and why is said, where the images are refused or the sampler cannot make so few or many steps.
    """
    n, started = min(QUICK, yardstick.reference.n), perf_counter()
    try:
        images = sample_in_batches(family, n, seed=seed, num_inference_steps=steps)
        each = (perf_counter() - started) / n
        ratio = frechet_ratio(images, yardstick.reference)
    except GenlabError as error:
        say(f"{model}, {label or 'as trained'}: {error}")
        return []
    return [Point(model, label, each if trained is None else trained, ratio)]


def rows_of(measured: Sequence[Measured]) -> list[Row]:
    """A row per model, in the order in which they first come."""
    rows = []
    for name in dict.fromkeys(each.model for each in measured):
        mine = [each for each in measured if each.model == name]
        reports = [each.report for each in mine if each.report is not None]
        refused = [each.refused for each in mine if each.refused is not None]
        rows.append(Row(name, reports, refused))
    return rows


def as_json(comparison: ModelComparison) -> dict[str, Any]:
    """Everything, as plain lists, dicts and numbers."""
    return {
        "floor": [asdict(figure) for figure in comparison.yardstick.floor.values()],
        "measured": [measured_as_json(each) for each in comparison.measured],
    }


def measured_as_json(measured: Measured) -> dict[str, Any]:
    """One trained model's figures and points; ``measured_from_json`` reads them back."""
    return asdict(measured) | {"report": measured.report and measured.report.as_json()}


def measured_from_json(values: Mapping[str, Any]) -> Measured:
    """What ``measured_as_json`` wrote."""
    return Measured(
        values["model"],
        None if values["report"] is None else report_from_json(values["report"]),
        values["refused"],
        [Point(**point) for point in values["training"]],
        [Point(**point) for point in values["sampling"]],
    )


def as_markdown(comparison: ModelComparison) -> str:
    """The tables, the ranking by each judge-made figure, and what the figures mean."""
    reference, rows = comparison.yardstick.reference, comparison.rows
    judges, models = list(reference.judges), rows[1:]
    parts = [
        f"# {reference.train.name}: {reference.n:,} images of each model against {reference.n:,} real ones",
        "± is the standard error: over seeds where there are several, else over the choice of images.",
        *comparison.yardstick.notes,
    ]
    for judge in judges:
        parts += [f"## Quality, by the {judge} judge", markdown(rows, judge, QUALITY)]
    parts += ["## Pixels, by no judge", markdown(rows, judges[0], PIXELS)]
    orders = _orders(comparison, [*QUALITY, *PIXELS])
    parts += ["## Order, best first", "\n".join(f"- {line}" for line in orders)]
    caveat = trained_once(models)
    parts += [] if caveat is None else [caveat]
    parts += [f"## Classes, honesty (by the {judges[0]} judge)", markdown(rows, judges[0], HONESTY)]
    parts += ["## Cost", markdown(models, judges[0], COST)]
    parts += ["## What the figures say", explained([*QUALITY, *PIXELS, *HONESTY, *COST])]
    return "\n\n".join(parts) + "\n"


def comparison_text(comparison: ModelComparison) -> str:
    """The figures of quality that fit a terminal, by each judge, and the order of the models by them."""
    parts = list(comparison.yardstick.notes)
    for judge in comparison.yardstick.reference.judges:
        parts.append(f"Quality, by the {judge} judge\n{plain_text(comparison.rows, judge, SHORT)}")
    parts.append(f"Pixels, by no judge\n{plain_text(comparison.rows, 'plain', PIXELS)}")
    parts.append("\n".join(["Order, best first", *_orders(comparison, [*SHORT, *PIXELS])]))
    caveat = trained_once(comparison.rows[1:])
    return "\n\n".join(parts if caveat is None else [*parts, caveat])


def _orders(comparison: ModelComparison, names: Sequence[str]) -> list[str]:
    """A line for each figure: its title, and the models from best to worst."""
    models, judges = comparison.rows[1:], list(comparison.yardstick.reference.judges)
    return [f"{KNOWN_METRICS[name].title}: {ranking(models, name, judges)}" for name in names]


def write_comparison(comparison: ModelComparison, out: Path) -> None:
    """Write comparison.md, comparison.json and comparison.png into a folder.

    Raises:
        GenlabError: it cannot be written to.
    """
    training = [point for each in comparison.measured for point in each.training]
    sampling = [point for each in comparison.measured for point in each.sampling]
    reference = comparison.yardstick.reference
    figure = draw_curves(training, sampling, min(QUICK, reference.n))
    picture = io.BytesIO()
    figure.savefig(picture, format="png", dpi=150)
    plt.close(figure)
    with writing(out):
        out.mkdir(parents=True, exist_ok=True)
        write_aside(out / "comparison.md", as_markdown(comparison))
        write_aside(out / "comparison.json", json.dumps(as_json(comparison), indent=1) + "\n")
        write_aside(out / "comparison.png", picture.getvalue())


def _short_name(twins: Sequence[Path]) -> str:
    name = twins[0].name
    return name if len(twins) == 1 else re.sub(r"[-_. ]?(seed|s)?[-_]?\d+$", "", name) or name


def _without_seed(config: Config) -> Config:
    return config.model_copy(update={"train": config.train.model_copy(update={"seed": 0})})
