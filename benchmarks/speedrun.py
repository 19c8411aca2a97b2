r"""Ten minutes of two cores from random weights: how good are the digits? A log of records.

    python -m benchmarks.speedrun run                     the last record's settings again, 5 seeds
    python -m benchmarks.speedrun run my.yaml             your own try: any family, any settings
    python -m benchmarks.speedrun record my.yaml "what you changed, in one line"

The rules: MNIST, training images only; 600 seconds of training by the clock on two cores without a GPU, from
random weights and without a trained teacher; five seeds; then 10,000 images of each, by the three judges that
ship. What counts is the Fréchet distance over the floor by the judge that finds the images worst, averaged
over the seeds; 1 is as good as real images. Drawing and judging the images may take as long as it likes (some
minutes a seed). A new entry has to beat the last one by more than the two standard errors together.

A learning rate that falls to nothing has to know its last step: choose ``train.max_steps`` so that your
machine needs just under ten minutes; the log says how long it took, and what takes longer is refused. Runs
are kept in ``--out`` and not trained again.
"""

import json
import statistics
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated, Any

import typer

from benchmarks.speed.report import machine
from genlab.commands.evaluate import EVALUATION, evaluate, known_report, write_evaluation
from genlab.commands.train import fit_or_load
from genlab.data import Dataset, load_dataset
from genlab.errors import GenlabError
from genlab.evaluation.report import Report
from genlab.files import write_aside
from genlab.runs.folder import CONFIG, read_summary
from genlab.zoo import Config, load_config

SECONDS, FEWEST = 600, 5  # of training; seeds of a record
LOG = Path(__file__).parent / "results" / "speedrun"
RECORDS, TABLE = LOG / "records.json", LOG / "README.md"

app = typer.Typer(help=__doc__, no_args_is_help=True, rich_markup_mode=None)
ConfigName = Annotated[str, typer.Argument(help="The name of a config, or a .yaml file.")]
Seeds = Annotated[int, typer.Option(min=1, help="How many runs: seeds 0, 1, 2 and so on.")]
Out = Annotated[Path, typer.Option(help="The folder for the runs.")]


@dataclass(frozen=True)
class Attempt:
    """One run of ten minutes, as it was measured.

    Attributes:
        seed: of the run.
        steps, seconds: of training.
        ratios: the Fréchet distance over the floor, by judge.
    """

    seed: int
    steps: int
    seconds: float
    ratios: dict[str, float]

    @property
    def worst(self) -> float:
        """By the judge that finds the images worst: what counts."""
        return max(self.ratios.values())


@app.command()
def run(config: ConfigName = "", seeds: Seeds = 5, out: Out = Path("runs/speedrun")) -> None:
    """Train and measure, seed by seed."""
    config = config or str(sorted(LOG.glob("*.yaml"))[-1])
    attempts = attempted(config, seeds, out)
    mean, error = summary(attempts)
    print(f"{config}: worst judge {mean:.2f} ± {error:.2f} ({len(attempts)} seeds)")


@app.command()
def record(
    config: ConfigName,
    change: Annotated[str, typer.Argument(help="What is new, in one line.")],
    seeds: Seeds = 5,
    out: Out = Path("runs/speedrun"),
) -> None:
    """The same, and an entry in the log."""
    attempts = attempted(config, seeds, out)
    entry = {
        "change": change,
        "config": json.loads(load_config(config).model_dump_json(exclude_defaults=True)),
        "processor": machine(),
        "attempts": [asdict(attempt) for attempt in attempts],
    }
    check_record(attempts, read_records())
    entries = [*read_records(), entry]
    LOG.mkdir(exist_ok=True)
    write_aside(RECORDS, json.dumps(entries, indent=1) + "\n")
    write_aside(TABLE, table(entries))
    print(table(entries))


def check_record(attempts: list[Attempt], entries: list[dict[str, Any]]) -> None:
    """Refuse what took too long, is too few, or does not beat the last entry by more than both errors."""
    longest = max(attempt.seconds for attempt in attempts)
    if longest > SECONDS:
        raise SystemExit(f"{longest:.0f} seconds are more than {SECONDS}: lower train.max_steps")
    if len(attempts) < FEWEST:
        raise SystemExit(f"--seeds: a record needs {FEWEST}, not {len(attempts)}")
    if entries:
        mean, error = summary(attempts)
        best, its_error = summary([Attempt(**attempt) for attempt in entries[-1]["attempts"]])
        if mean + error >= best - its_error:
            raise SystemExit(
                f"{mean:.2f} ± {error:.2f} does not beat {best:.2f} ± {its_error:.2f}: no record"
            )


def attempted(name: str, seeds: int, out: Path) -> list[Attempt]:
    """Every seed's run: trained or loaded, measured or known."""
    if getattr(load_config(name).model, "teacher", None):
        raise SystemExit("model.teacher: a teacher has been trained before: from random weights, please")
    dataset = load_dataset("mnist", "train")
    attempts = []
    for seed in range(seeds):
        settings = {"train.seed": seed, "train.start_from": None}
        attempt = one(load_config(name, settings), dataset, out / f"{Path(name).stem}-{seed}")
        worst = max(attempt.ratios, key=lambda judge: attempt.ratios[judge])
        print(
            f"seed {seed}: {attempt.steps:,} steps in {attempt.seconds:.0f} s; "
            f"{attempt.worst:.2f} by the {worst} judge",
            flush=True,
        )
        attempts.append(attempt)
    return attempts


def one(config: Config, dataset: Dataset, folder: Path) -> Attempt:
    """Train and measure one run, unless the folder holds it."""
    if (folder / CONFIG).exists() and load_config(str(folder / CONFIG)) != config:
        raise SystemExit(f"{folder} holds a run of other settings: delete it, or name another --out")
    fit_or_load(config, dataset, folder)
    report = known_report(folder)
    if report is None:
        evaluation = evaluate(folder)
        write_evaluation(evaluation, folder / EVALUATION)
        report = evaluation.report
    run_of_it = read_summary(folder)
    return Attempt(config.train.seed, run_of_it["steps"], run_of_it["seconds"], ratios(report))


def ratios(report: Report) -> dict[str, float]:
    """The Fréchet distance over the floor, by judge."""
    return {str(f.judge): f.value for f in report.figures.values() if f.name == "frechet_ratio"}


def summary(attempts: list[Attempt]) -> tuple[float, float]:
    """Mean of the worst judges, and its standard error over the seeds."""
    worst = [attempt.worst for attempt in attempts]
    error = statistics.stdev(worst) / len(worst) ** 0.5 if len(worst) > 1 else 0.0
    return statistics.mean(worst), error


def read_records() -> list[dict[str, Any]]:
    """The log so far."""
    entries: list[dict[str, Any]] = json.loads(RECORDS.read_text("utf-8")) if RECORDS.exists() else []
    return entries


def table(entries: list[dict[str, Any]]) -> str:
    """The log as Markdown, oldest first."""
    rows = []
    for number, entry in enumerate(entries, 1):
        attempts = [Attempt(**attempt) for attempt in entry["attempts"]]
        mean, error = summary(attempts)
        seconds = max(attempt.seconds for attempt in attempts)
        each = ", ".join(f"{attempt.worst:.2f}" for attempt in attempts)
        rows.append(
            f"| {number} | {entry['change']} | {mean:.2f} ± {error:.2f} | {each} | {seconds:.0f} | "
            f"{entry['processor']} |"
        )
    return INTRODUCTION + "\n".join(rows) + "\n"


INTRODUCTION = """# Speedrun: the best digits from ten minutes of two cores

Written by `python -m benchmarks.speedrun record`. The figure is the Fréchet distance over the floor by the
judge that finds the images worst: mean and standard error over the seeds. The rules, and how to enter a
record, stand at the head of [speedrun.py](../../speedrun.py). [records.json](records.json) holds the settings
of every entry, and the figures by each judge; the settings lie beside this file as well.

| # | what changed | worst judge | by seed | seconds at most | processor |
| --- | --- | --- | --- | --- | --- |
"""

if __name__ == "__main__":
    try:
        app()
    except GenlabError as error:
        raise SystemExit(str(error)) from None
