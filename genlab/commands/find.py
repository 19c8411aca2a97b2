"""Which runs there are: find one by path or name, list them all. Behind ``genlab runs``.

After the runs of this machine come the models that the package brings along (``commands.pretrained``), so a
name that is both is one's own.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any

from genlab.config import read_settings
from genlab.errors import GenlabError, did_you_mean
from genlab.files import project_dir
from genlab.runs.folder import CONFIG, find_runs, is_locked, read_metrics, read_summary
from genlab.training.loop import Step
from genlab.zoo import Config

SHIPPED_MODELS = Path(str(files("genlab") / "weights"))  # the models that come with the package


def find_run(run: str | Path) -> Path:
    """The folder of a run, given as a path, as a name in ``runs/``, or as that of a model that ships.

    Raises:
        GenlabError: there is no run there; the line names those that are near.
    """
    for path in (Path(run), *(folder / run for folder in [*run_folders(), SHIPPED_MODELS])):
        if (path / CONFIG).is_file():
            return path
    if Path(run).exists():
        raise GenlabError(f"{run} is not a run folder (it has no {CONFIG}): train one with genlab train")
    known = {path.name: None for folder in [*run_folders(), SHIPPED_MODELS] for path in find_runs(folder)}
    raise GenlabError(f"there is no run {str(run)!r}: {did_you_mean(str(run), list(known))}")


def run_folders() -> list[Path]:
    """Where runs are looked for by name: ``runs/`` in the current folder, then in the project's."""
    here, project = Path("runs"), project_dir() / "runs"
    return [here] if here.absolute() == project.absolute() else [here, project]


@dataclass(frozen=True)
class RunInfo:
    """One line of ``genlab runs``.

    Attributes:
        path: its folder.
        family: vae, gan or diffusion.
        dataset: what it was trained on.
        steps, total_steps: made, and in all.
        status: ``finished``, ``running``, ``stopped``, or what is damaged.
        losses: the last logged.
    """

    path: Path
    family: str
    dataset: str
    steps: int
    total_steps: int
    status: str
    losses: Mapping[str, float]


def list_runs(folder: str | Path | None = None) -> list[RunInfo]:
    """The runs in a folder, by name; in ``runs/`` here and in the project if it is left out.

    Raises:
        GenlabError: there is no such folder.
    """
    if folder is not None and not Path(folder).is_dir():
        raise GenlabError(f"there is no folder {folder}")
    folders = run_folders() if folder is None else [Path(folder)]
    return [_info(path) for folder in folders for path in find_runs(folder)]


def _info(path: Path) -> RunInfo:
    """What there is to say about a run, also about a damaged one."""
    family, summary, history, status = "?", dict[str, Any](), list[Step](), "stopped"
    try:
        family = read_settings(Config, path / CONFIG).model.family
        summary = read_summary(path)
        history = list(read_metrics(path))
        status = "running" if is_locked(path) else "finished" if summary.get("finished") else "stopped"
    except GenlabError as error:
        status = str(error)
    steps = history[-1].step if history else 0
    losses = history[-1].losses if history else {}
    return RunInfo(
        path, family, str(summary.get("dataset", "?")), steps, summary.get("total_steps", 0), status, losses
    )
