"""The fair bench: models trained alike, then compared. ``genlab compare`` without runs.

Alike means: the same data, the same seconds of training on the same machine and as many parameters to
within a tenth. Every model is trained with several seeds, in turn, so that whatever else the machine
does meets all of them.
"""

import json
import math
from collections.abc import Mapping, Sequence
from pathlib import Path

from genlab.commands.compare import (
    Measured,
    ModelComparison,
    curve_point,
    distinct_runs,
    measure_finished,
    measure_run,
    measured_as_json,
    measured_from_json,
    row_names,
)
from genlab.commands.evaluate import load_both, open_out, training_seconds
from genlab.commands.sample import load
from genlab.commands.train import fit, resume
from genlab.config import read_settings
from genlab.data import Dataset
from genlab.errors import GenlabError
from genlab.evaluation.judges.files import find_card, weights_sha256
from genlab.evaluation.judges.networks import JUDGES
from genlab.evaluation.measure import Yardstick, images_per_set, make_yardstick
from genlab.family import Family, count_parameters
from genlab.files import write_aside, writing
from genlab.nn.device import find_device
from genlab.runs.display import say
from genlab.runs.folder import CONFIG, read_metrics, read_summary
from genlab.runs.record import writes
from genlab.training.loop import TrainingDiverged
from genlab.zoo import Config, build, load_config

FAIR_CONFIGS = ("fair-vae", "fair-gan", "fair-diffusion")
SHARES = (0.05, 0.1, 0.2, 0.5, 1.0)  # of the training time, after which the quality is measured
MOST_SEEDS = 1000  # of a model, that are looked for
TOLERANCE = 1.1  # the largest number of parameters over the smallest


def train_and_compare(
    out: Path,
    *,
    configs: Sequence[str] = FAIR_CONFIGS,
    dataset: str = "auto",
    data_root: str | Path | None = None,
    seconds: float = 120,
    seeds: int = 3,
    n: int | None = None,
    also: Sequence[str | Path] = (),
    device: str | None = None,
) -> ModelComparison:
    """Train each config with each seed for so long, and measure all; goes on where it was stopped.

    Args:
        out: a folder for runs and what was measured of them; what is there is not made again.
        configs: names or paths, of models that have as many parameters as each other.
        dataset, data_root: as for ``load_dataset``.
        seconds: of training for each model; time spent on measuring and saving does not count.
        seeds: how many of each: 0, 1, 2 and so on. More of them that ``out`` holds the figures of are
            kept in the comparison.
        n: images per set; as for ``make_yardstick``.
        also: finished runs to measure beside them, which need not be alike.
        device: where all of it is trained and measured, as for ``genlab.load``.

    Raises:
        GenlabError: the models differ in size, ``out`` holds a bench with other settings, or ``also`` names
            no run: all before minutes are spent on judging.
    """
    if len({Path(name).stem for name in configs}) < len(configs):
        raise GenlabError(
            f"two configs of one name ({', '.join(configs)}): rename one, runs are called by it"
        )
    find_device(device)
    paths = distinct_runs(also)
    train, test = load_both(dataset, data_root)
    settings = {name: _settings(name, train, seconds) for name in configs}
    check_parameters({name: count_parameters(build(c).networks) for name, c in settings.items()})
    mine: dict[str, object] = {"dataset": train.name, "fingerprint": train.fingerprint}
    mine |= {"seconds": seconds, "n": images_per_set(n, test)}
    _refuse_another(out, mine | _judges_known(train))
    more = [
        (name, seed)
        for seed in range(seeds, MOST_SEEDS)
        for name in configs
        if (file := _figures(out, name, seed)).exists() and _read(file).finished
    ]
    turns = [(name, seed) for seed in range(seeds) for name in configs] + more
    for name, seed in turns:
        _refuse_other_settings(_run(out, name, seed), _settings(name, train, seconds, seed))
    open_out(out)
    yardstick = make_yardstick(train, test, n, device=device, say=say)
    judges = {kind: weights_sha256(judge) for kind, judge in yardstick.reference.judges.items()}
    _refuse_another(out, mine | {"judges": judges})
    _keep(out / "bench.json", mine | {"judges": judges})
    for name, seed in more:
        say(f"{Path(name).stem}, seed {seed}: measured before, stays in the comparison")
    measured = [
        _train_and_measure(name, seed, seconds, train, out, yardstick, device) for name, seed in turns
    ]
    bench = {each.model for each in measured}
    for path, name in row_names(paths).items():
        measured.append(measure_run(path, yardstick, str(path) if name in bench else name, device))
    return ModelComparison(yardstick, measured)


def check_parameters(sizes: Mapping[str, int]) -> None:
    """Raise GenlabError where the largest model has over a tenth more parameters than the smallest."""
    if max(sizes.values()) > TOLERANCE * min(sizes.values()):
        listed = ", ".join(f"{name} {size:,}" for name, size in sizes.items())
        raise GenlabError(
            f"the models differ by more than a tenth in parameters ({listed}): change a width, or compare "
            "finished runs, which need not be alike"
        )


def _train_and_measure(
    name: str,
    seed: int,
    seconds: float,
    train: Dataset,
    out: Path,
    yardstick: Yardstick,
    device: str | None,
) -> Measured:
    """One model from its start to its figures, as far as that is not done yet."""
    model, run, file = Path(name).stem, _run(out, name, seed), _figures(out, name, seed)
    measured = _read(file) if file.exists() else Measured(model)
    for share in SHARES:
        label = f"{share:.0%} of the time"
        if measured.finished or label in {point.label for point in measured.training}:
            continue
        say(f"{model}, seed {seed}: training for {seconds * share:g} of {seconds:g} s")
        try:
            family = _train_for(seconds * share, name, seed, train, run, device)
        except TrainingDiverged as error:
            measured.refused = str(error)
        else:
            spent = training_seconds(run) or 0.0
            measured.training += curve_point(model, family, yardstick, seed, label=label, trained=spent)
            if share == 1:
                measure_finished(measured, family, yardstick, spent, seed)
        _keep(file, measured_as_json(measured))
    return measured


def _train_for(seconds: float, name: str, seed: int, train: Dataset, run: Path, device: str | None) -> Family:
    if not run.exists():
        settings = _settings(name, train, seconds, seed)
        return fit(settings, train, run, device=device, live_plot=False)[0]
    summary = read_summary(run)
    if summary.get("finished"):
        for last in list(read_metrics(run))[-1:]:
            if last.seconds >= seconds or last.step >= summary.get("total_steps", math.inf):
                return load(run, device=device)  # resume would say how to train longer
    longer = {"train.max_seconds": seconds}
    return resume(run, longer, dataset=train, device=device, live_plot=False)[0]


def _run(out: Path, name: str, seed: int) -> Path:
    return out / "runs" / f"{Path(name).stem}-{seed}"


def _figures(out: Path, name: str, seed: int) -> Path:
    return out / "measured" / f"{Path(name).stem}-{seed}.json"


def _settings(name: str, train: Dataset, seconds: float, seed: int = 0) -> Config:
    """A config with the bench's time, seed and data."""
    overrides: dict[str, object] = {"train.max_seconds": seconds, "train.seed": seed}
    overrides["train.dataset"] = train.name
    config = load_config(name, overrides)
    if getattr(config.model, "num_classes", None) not in (None, train.num_classes):
        config = load_config(name, overrides | {"model.num_classes": train.num_classes})
    return config


def _refuse_other_settings(run: Path, config: Config) -> None:
    """Raise GenlabError if a run was made from another config: its figures are not this one's."""
    if run.exists():
        made = read_settings(Config, run / CONFIG)
        seconds = {"max_seconds": config.train.max_seconds}  # a run that is on its way has fewer
        if made.model_copy(update={"train": made.train.model_copy(update=seconds)}) != config:
            raise GenlabError(f"{run} was trained with other settings: name another --out, or delete it")


def _judges_known(train: Dataset) -> dict[str, object]:
    """The judges' part of ``bench.json``, if all judges are there and none has to be trained first."""
    found = {kind: find_card(train, kind) for kind in JUDGES}
    cards = {kind: place[1].sha256 for kind, place in found.items() if place is not None}
    return {"judges": cards} if len(cards) == len(JUDGES) else {}


def _refuse_another(out: Path, mine: Mapping[str, object]) -> None:
    """Raise GenlabError if the folder holds a bench of which one of these is another."""
    path = out / "bench.json"
    try:
        theirs = json.loads(path.read_text("utf-8"))
    except (FileNotFoundError, NotADirectoryError):
        return
    except OSError as error:
        raise GenlabError(f"cannot read {path}: {error.strerror}") from None
    except (ValueError, RecursionError):
        raise GenlabError(f"{path} is damaged: delete the folder, or name another --out") from None
    for key, value in mine.items():
        if not isinstance(theirs, dict) or theirs.get(key) != value:
            raise GenlabError(f"{out} holds a bench with another {key}: name another --out, or delete it")


def _keep(file: Path, values: Mapping[str, object]) -> None:
    if not writes():
        return
    with writing(file):
        file.parent.mkdir(parents=True, exist_ok=True)
        write_aside(file, json.dumps(values, indent=1) + "\n")


def _read(file: Path) -> Measured:
    try:
        return measured_from_json(json.loads(file.read_text("utf-8")))
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        raise GenlabError(f"{file} is damaged: delete it, it is measured again") from None
