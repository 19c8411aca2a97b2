"""Runs: start one, go on with one, load one, sample from one. The command line's verbs.

In Python: ``genlab.fit("vae", run="runs/mine")``, ``genlab.resume("mine")``, ``genlab.load("mine")``,
``genlab.sample("mine", 16)``; ``genlab.commands.find`` lists them.
"""

import shutil
from collections.abc import Iterator, Mapping
from contextlib import nullcontext
from pathlib import Path
from typing import Any

from genlab import plots
from genlab.commands.find import find_run
from genlab.commands.sample import load, sample_sheet
from genlab.config import read_settings
from genlab.data import Dataset, load_dataset
from genlab.errors import GenlabError, did_you_mean
from genlab.family import Family, HasTeacher, count_parameters
from genlab.nn.device import find_device, processes
from genlab.progress import in_notebook
from genlab.runs.checkpoint import newest, restore
from genlab.runs.display import say, say_who_trains, show_losses
from genlab.runs.folder import (
    CHECKPOINTS,
    CONFIG,
    RunFolder,
    read_metrics,
    read_summary,
    refuse_existing,
)
from genlab.runs.record import train_session, writes
from genlab.training.batches import check_shares
from genlab.training.loop import Step, check_labels
from genlab.training.state import TrainingState
from genlab.training.validation import hold_out
from genlab.zoo import Config, build, load_config

# Settings that may change between two sessions of a run: none decides what was learned before.
CHANGEABLE = (
    "epochs", "max_steps", "max_seconds", "lr", "lr_factors", "lr_schedule", "lr_warmup_steps",
    "clip_grad_norm", "mixed_precision", "monitor", "checkpoint_every", "keep_checkpoints", "sample_every",
    "tracker",
)  # fmt: skip


def fit(
    config: Config | str | Path,
    dataset: Dataset | str | None = None,
    run: str | Path | None = None,
    *,
    data_root: str | Path | None = None,
    device: str | None = None,
    live_plot: bool | None = None,
) -> tuple[Family, list[Step]]:
    """Build a model and train it behind a progress bar: ``genlab train``.

    Args:
        config: a config, or the name or path of one (see ``load_config``).
        dataset: what to train on, or its name; the one that the config names if left out.
        run: a new folder for all that comes of it (``genlab.runs.folder`` says what); nothing is
            written if left out. Ctrl-C saves and says how to go on.
        data_root: a folder to look for the data in first.
        device: where it is trained, and lies afterwards, as for ``genlab.load``.
        live_plot: show the losses as they come, under the cell; by default in a notebook.

    Returns:
        The model, in eval mode, holding the averaged weights if the config asks for an average; and
        the loss history.

    Raises:
        GenlabError: the folder exists, or what ``genlab.training.loop.train`` raises.
    """
    config = config if isinstance(config, Config) else load_config(config)
    find_device(device)
    if run is not None:  # before the data is read, which takes longer
        refuse_existing(Path(run))
        processes().wait_for_everyone()  # else the first process may have made it when another one looks
    if not isinstance(dataset, Dataset):
        dataset = load_dataset(dataset or config.train.dataset, "train", data_root)
        say(repr(dataset))
    family = _family(config, device, new=True)
    say_who_trains(config.train)
    # Before there is a folder that a corrected retry would run into:
    check_labels(family, dataset)
    data, held_out = hold_out(dataset, config.train.validation_images)
    check_shares(data, config.train)
    state, folder = TrainingState(family, config.train), None
    if run is not None:
        summary = {
            "dataset": dataset.name,
            "source": dataset.source,
            "data_root": None if data_root is None else str(Path(data_root).absolute()),
            "fingerprint": dataset.fingerprint,
            "seed": config.train.seed,
            "parameters": {name: count_parameters(n) for name, n in family.networks.items()},
            "steps": 0,
            "finished": False,
        }
        folder = RunFolder.create(Path(run), config, summary) if writes() else RunFolder(Path(run))
    with folder if folder is not None and writes() else nullcontext():
        return family, _train(folder, state, data, held_out, config, live_plot)


def resume(
    run: str | Path,
    overrides: Mapping[str, object] | None = None,
    *,
    dataset: Dataset | str | None = None,
    data_root: str | Path | None = None,
    device: str | None = None,
    live_plot: bool | None = None,
) -> tuple[Family, list[Step]]:
    """Go on with a run from its last whole checkpoint, as if it had never stopped: ``genlab resume``.

    Weights, averages, optimisers, order of images and random numbers are those of the uninterrupted
    run, to the bit on the same machine with the same versions.

    Args:
        run: the folder, or the name of one in ``runs/``.
        overrides: settings to change from here on, to train longer or more carefully:
            ``{"train.epochs": 20}``. Only those in ``CHANGEABLE``.
        dataset, data_root: where the same images lie now, if they have moved.
        device: as for ``fit``; it need not be the one on which the run began.
        live_plot: as for ``fit``.

    Returns:
        What ``fit`` does, the history from the first step on.

    Raises:
        GenlabError: not a run, all its checkpoints are damaged, its data set is not here or another
            now, another process is training it, or a setting cannot be changed midway.
    """
    find_device(device)
    path = find_run(run)
    summary = read_summary(path)
    if summary.get("exported"):
        raise GenlabError(
            f"{path} was exported: it has weights and no state of training, so it cannot be resumed; "
            f"train a new run (--config {path / CONFIG})"
        )
    config = _changed(path, overrides or {}, summary.get("settings"))
    folder = RunFolder(path)
    with folder if writes() else nullcontext():
        if not isinstance(dataset, Dataset):
            name = dataset or summary.get("dataset", config.train.dataset)
            dataset = load_dataset(name, "train", data_root or summary.get("data_root"))
        if summary.get("fingerprint", dataset.fingerprint) != dataset.fingerprint:
            remedy = "bring them back, or train a new run"
            if dataset.name == "digits":
                remedy = "its scans are enlarged in whole numbers now, train a new run"
            raise GenlabError(
                f"{dataset.name} has other images or labels than those that {path} began with: {remedy}"
            )
        checkpoint = newest(path / CHECKPOINTS, say)
        family = _family(config, device, new=checkpoint is None)
        say_who_trains(config.train)
        state = TrainingState(family, config.train)
        if checkpoint is not None:
            restore(checkpoint, state)
        elif summary.get("steps"):
            raise GenlabError(
                f"{path / CHECKPOINTS} is empty, though {summary['steps']} steps were saved there: "
                "bring the checkpoints back, or train a new run"
            )
        data, held_out = hold_out(dataset, config.train.validation_images)
        return family, _train(folder, state, data, held_out, config, live_plot)


def _family(config: Config, device: str | None, *, new: bool) -> Family:
    """A model to be trained, with its teacher if it has one.

    Args:
        config, device: as for ``fit``.
        new: with the weights of ``train.start_from`` where a run is named there.

    Raises:
        GenlabError: there is no such run or teacher, or the networks are others.
    """
    family, start = build(config, device), config.train.start_from
    teacher = getattr(config.model, "teacher", None)
    if isinstance(family, HasTeacher) and teacher is not None:
        family.learn_from(_load_for("model.teacher", teacher, device))
    if new and start is not None:
        weights = _load_for("train.start_from", start, device).networks.state_dict()
        try:
            family.networks.load_state_dict(weights)
        except RuntimeError:
            raise GenlabError(
                f"train.start_from: {start} has other networks than this model: their widths, classes and "
                f"kinds have to be alike (genlab train --config {find_run(start) / CONFIG})"
            ) from None
    return family


def _load_for(setting: str, run: str, device: str | None) -> Family:
    """The model that a setting names; what is wrong with it is blamed on the setting."""
    try:
        return load(run, device=device)
    except GenlabError as error:
        raise GenlabError(f"{setting}: {error}") from None


def fit_or_load(
    config: Config,
    dataset: Dataset,
    run: str | Path,
    *,
    device: str | None = None,
    live_plot: bool | None = None,
    retrain: bool = False,
) -> tuple[Family, list[Step]]:
    """The model of ``run`` if that run had these settings and data, trained to its end; else a new one.

    For notebooks that build on what an earlier one, or an earlier reading, has trained. Says which
    of them it did, and returns what ``fit`` does. A run with other settings is left alone: a new
    folder is used beside it. ``retrain`` deletes the run that was found and trains it anew.
    """
    folder = Path(run)
    for number in range(2, 1000):
        if not folder.exists():
            say(f"Training {folder.name} (kept in {folder}, and loaded from there the next time).")
            return fit(config, dataset, folder, device=device, live_plot=live_plot)
        if _is_run_of(folder, config, dataset):
            if retrain:
                shutil.rmtree(folder)
                return fit(config, dataset, folder, device=device, live_plot=live_plot)
            if read_summary(folder).get("finished"):
                say(f"Loaded {folder}.")
                history = list(read_metrics(folder))
                if in_notebook() if live_plot is None else live_plot:
                    show_losses(history)
                return load(folder, device=device), history
            say(f"Going on with {folder}, which was interrupted.")
            return resume(folder, dataset=dataset, device=device, live_plot=live_plot)
        folder = Path(run).with_name(f"{Path(run).name}-{number}")
    raise GenlabError(f"{run} and a thousand folders beside it hold other runs: delete some")


def _train(
    folder: RunFolder | None,
    state: TrainingState,
    data: Dataset,
    held_out: Dataset,
    config: Config,
    live_plot: bool | None,
) -> list[Step]:
    def draw_sheet() -> bytes:
        return plots.to_png(plots.grid(sample_sheet(state.family)), scale=2)

    return train_session(folder, state, data, held_out, config, config.train, draw_sheet, live_plot)


def _changed(path: Path, overrides: Mapping[str, object], began_with: Mapping[str, Any] | None) -> Config:
    """The config of a run with settings changed, by overrides or by hand; only those that may be."""
    allowed = [f"train.{name}" for name in CHANGEABLE]
    for name in overrides:
        if not _may_change(name):
            raise GenlabError(f"{name} cannot change within a run: {did_you_mean(name, allowed)}")
    config = read_settings(Config, path / CONFIG, overrides)
    now = dict(_flat(config.model_dump(mode="json")))
    for name, value in _flat(began_with or {}):
        if not _may_change(name) and name in now and now[name] != value:
            raise GenlabError(
                f"{path / CONFIG}: {name} was {value} when the run began and is {now[name]}: put it back"
            )
    return config


def _may_change(name: str) -> bool:
    """Whether a dotted name is one of ``CHANGEABLE``, or inside one: ``train.lr_factors.generator``."""
    section, _, key = name.partition(".")
    return section == "train" and key.split(".")[0] in CHANGEABLE


def _flat(settings: Mapping[str, Any], before: str = "") -> Iterator[tuple[str, object]]:
    """``train.lr`` and its value, and so on."""
    for name, value in settings.items():
        if isinstance(value, Mapping):
            yield from _flat(value, f"{before}{name}.")
        else:
            yield f"{before}{name}", value


def _is_run_of(folder: Path, config: Config, dataset: Dataset) -> bool:
    """Whether a folder holds a run with these settings on this data; a damaged one does not."""
    try:
        same_data = read_summary(folder).get("fingerprint") == dataset.fingerprint
        return same_data and read_settings(Config, folder / CONFIG) == config
    except GenlabError:
        return False
