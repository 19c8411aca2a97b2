"""The one place that knows the families by name: build one from a config, train it, load a run."""

import sys
from collections.abc import Iterator, Mapping
from importlib.resources import files
from pathlib import Path
from typing import Annotated

import torch
from pydantic import Field
from tqdm import tqdm

from genlab import __version__, plots
from genlab.config import Settings, TrainConfig, read_settings, write_settings
from genlab.data import Dataset
from genlab.diffusion import Diffusion, DiffusionConfig
from genlab.errors import GenlabError, did_you_mean
from genlab.family import Family, count_parameters
from genlab.gan import GAN, GANConfig
from genlab.training.ema import EMA
from genlab.training.loop import Step, check_labels, total_steps, train
from genlab.training.run import (
    AVERAGED,
    CONFIG,
    SHEET,
    WEIGHTS,
    RunFolder,
    load_weights,
    read_metrics,
    read_summary,
)
from genlab.vae import VAE, VAEConfig

FAMILIES = {VAEConfig: VAE, GANConfig: GAN, DiffusionConfig: Diffusion}


class Config(Settings):
    """What a YAML in ``genlab/configs`` holds: a model and how to train it."""

    model: Annotated[VAEConfig | GANConfig | DiffusionConfig, Field(discriminator="family")]
    train: TrainConfig = TrainConfig()


def config_names() -> list[str]:
    """The configs that come with the package."""
    folder = files("genlab") / "configs"
    return sorted(p.name.removesuffix(".yaml") for p in folder.iterdir() if p.name.endswith(".yaml"))


def load_config(name: str | Path, overrides: Mapping[str, object] | None = None) -> Config:
    """A config by name (``vae``) or path (``my.yaml``), with overrides such as ``{"train.epochs": 5}``.

    Raises:
        GenlabError: an unknown name, or anything wrong inside; the line names file, line and field.
    """
    path = Path(name)
    if path.suffix not in (".yaml", ".yml"):
        if str(name) not in config_names():
            raise GenlabError(
                f"unknown config {str(name)!r}: {did_you_mean(str(name), config_names())} "
                "(or name a .yaml file)"
            )
        path = Path(str(files("genlab") / "configs" / f"{name}.yaml"))
    return read_settings(Config, path, overrides)


def build(config: Config) -> Family:
    """A new model with the initial weights that ``config.train.seed`` decides."""
    torch.manual_seed(config.train.seed)
    family: Family = FAMILIES[type(config.model)](config.model)
    return family


def fit(config: Config, dataset: Dataset, run: str | Path | None = None) -> tuple[Family, list[Step]]:
    """Build a model and train it behind a progress bar.

    Args:
        config: see ``load_config``; its ``train.dataset`` is not looked at here.
        dataset: what to train on.
        run: a new folder for the results (``genlab.training.run`` says what is in it); nothing is
            written if left out. The weights are saved after every epoch, at the end and on Ctrl-C.

    Returns:
        The model, in eval mode, holding the averaged weights if the config asks for an average; and
        the loss history.

    Raises:
        GenlabError: the folder exists, or what ``genlab.training.loop.train`` raises.
    """
    family, history = build(config), list[Step]()
    check_labels(family, dataset)  # before there is a folder that a corrected retry would run into
    decay = config.train.ema_decay
    ema = None if decay is None else EMA(family.networks, decay)
    folder = None if run is None else RunFolder(Path(run))
    if folder is not None:
        write_settings(config, folder.path / CONFIG)
    epoch = max(len(dataset) // config.train.batch_size, 1)
    try:
        for step in _with_progress(train(family, dataset, config.train, ema=ema), dataset, config):
            history.append(step)
            if folder is not None:
                folder.log(step)
                if step.step % epoch == 0:
                    folder.save(family.networks, ema)
    finally:  # also on Ctrl-C, and when a loss is not finite
        if folder is not None:
            folder.save(family.networks, ema)
            folder.summarise(**_summary(config, dataset, family, history))
        if ema is not None:
            ema.copy_to_networks()
        family.networks.eval()
    if folder is not None:
        plots.save_image(plots.grid(sample_sheet(family)), folder.path / SHEET)
    return family, history


def load(run: str | Path) -> Family:
    """The model of a finished or interrupted run, in eval mode, with averaged weights if it has them.

    Raises:
        GenlabError: not a run folder, or a file in it is missing, damaged or of another model.
    """
    folder = Path(run)
    if not (folder / CONFIG).is_file():
        raise GenlabError(f"{folder} is not a run folder (it has no {CONFIG}): train one with genlab train")
    config = read_settings(Config, folder / CONFIG)
    family = build(config)
    averaged = config.train.ema_decay is not None
    load_weights(folder / (AVERAGED if averaged else WEIGHTS), family.networks)
    family.networks.eval()
    return family


def fit_or_load(config: Config, dataset: Dataset, run: str | Path) -> tuple[Family, list[Step]]:
    """The model of ``run`` if that run finished with these settings and data; else train it there.

    For notebooks that build on what an earlier one, or an earlier reading, has trained. Says which
    of the two it did, and returns what ``fit`` does. A run with other settings is left alone: a new
    folder is used beside it.
    """
    folder = Path(run)
    for number in range(1, 1000):
        if not folder.exists():
            print(f"Training {folder.name} (kept in {folder}, and loaded from there the next time).")
            return fit(config, dataset, folder)
        summary = read_summary(folder)
        same = summary.get("finished") and summary.get("dataset") == dataset.name
        if same and read_settings(Config, folder / CONFIG) == config:
            print(f"Loaded {folder}.")
            return load(folder), list(read_metrics(folder))
        folder = Path(run).with_name(f"{Path(run).name}-{number + 1}")
    raise GenlabError(f"{run} and a thousand folders beside it hold other runs: delete some")


def sample_sheet(family: Family, seed: int = 0) -> torch.Tensor:
    """A hundred images to look at, (100, 1, 28, 28) in [0, 1]; ten of each class where there are ten."""
    labels = None
    if family.num_classes is not None:
        labels = torch.arange(family.num_classes).repeat_interleave(10)[:100]
    n = 100 if labels is None else len(labels)
    return family.sample(n, labels=labels, generator=torch.Generator().manual_seed(seed))


def _with_progress(steps: Iterator[Step], dataset: Dataset, config: Config) -> Iterator[Step]:
    """A bar with the losses and the time left; on standard output in a notebook, where it is kept."""
    file = sys.stdout if "ipykernel" in sys.modules else sys.stderr
    total = total_steps(dataset, config.train)
    with tqdm(total=total, unit=" steps", file=file, mininterval=0.5) as bar:
        for step in steps:
            if step.step % 20 == 0 or step.step == total:  # formatting every step costs a third of it
                bar.set_postfix({k: f"{v:.3g}" for k, v in step.losses.items()}, refresh=False)
            bar.update()
            yield step


def _summary(config: Config, dataset: Dataset, family: Family, history: list[Step]) -> dict[str, object]:
    return {
        "dataset": dataset.name,
        "source": dataset.source,
        "seed": config.train.seed,
        "parameters": {name: count_parameters(n) for name, n in family.networks.items()},
        "steps": len(history),
        "seconds": round(history[-1].seconds, 1) if history else 0.0,
        "finished": len(history) == total_steps(dataset, config.train),
        "versions": {"genlab": __version__, "torch": torch.__version__},
    }
