"""Train a run to its end with a progress bar, a live plot and messages."""

from collections.abc import Callable

from genlab.config import Settings, write_settings
from genlab.data import Dataset
from genlab.progress import in_notebook
from genlab.runs.checkpoint import saved_steps
from genlab.runs.display import say, with_live_plot, with_progress
from genlab.runs.environment import environment
from genlab.runs.folder import CHECKPOINTS, CONFIG, METRICS, RunFolder, read_summary, resume_command
from genlab.runs.interrupt import Stopped
from genlab.runs.record import train_and_record
from genlab.training.batches import total_steps
from genlab.training.distributed import processes
from genlab.training.loop import Step, TrainingDiverged
from genlab.training.settings import TrainConfig
from genlab.training.state import TrainingState


def train_session(
    folder: RunFolder | None,
    state: TrainingState,
    data: Dataset,
    held_out: Dataset,
    settings: Settings,
    config: TrainConfig,
    draw_sheet: Callable[[], bytes],
    live_plot: bool | None,
) -> list[Step]:
    """Train and record, from the state to the end; returns the whole loss history.

    Args:
        folder: locked by the caller, where this process writes; None to write nothing.
        state: new, or restored from the folder's last checkpoint.
        data, held_out: as for ``train_and_record``.
        settings: all of the run's, for its ``config.yaml``.
        config: the part of them that training needs.
        draw_sheet: as for ``train_and_record``.
        live_plot: show the losses under the cell as they come; None: in a notebook only.

    Raises:
        KeyboardInterrupt, GenlabError: as ``train_and_record``; the last good checkpoint is named.
    """
    total, history = total_steps(data, config), list[Step]()
    over = state.is_over(total, config)
    if folder is not None:
        history = _open(folder, state, settings, config, total)
    steps = train_and_record(state, data, held_out, config, folder, history, draw_sheet)
    steps = with_progress(steps, state.step, total, config.max_seconds)
    if writes() and (in_notebook() if live_plot is None else live_plot):
        steps = with_live_plot(steps, history)
    try:
        if not over:
            for _ in steps:
                pass
    except KeyboardInterrupt:
        if folder is None:
            raise
        say(f"Stopped; {_saved(folder)}: {resume_command(folder.path)} goes on from there.")
        raise Stopped from None
    except TrainingDiverged as error:
        if folder is None:
            raise
        hint = f"{_saved(folder)}, {resume_command(folder.path)} --set ... goes on from there"
        raise TrainingDiverged(f"{error}; {hint}") from None
    finally:  # the networks are ready to be sampled, whatever has happened
        if state.ema is not None:
            state.ema.copy_to_networks()
        state.family.networks.eval()
    return history


def _open(
    folder: RunFolder, state: TrainingState, settings: Settings, config: TrainConfig, total: int
) -> list[Step]:
    """Bring the folder to where the state stands and return the loss history up to there."""
    over = state.is_over(total, config)
    if over:
        say(f"{folder.path} {_how_it_ended(state, total, config)}")
    if not writes():
        return []
    history = folder.rewind(state.step)
    if len(history) < state.step:
        say(f"{state.step - len(history)} of the {state.step} steps made are missing in {METRICS}.")
    if not over:
        _begin(folder, state, settings, total)
    elif not read_summary(folder.path).get("finished"):
        folder.summarise(steps=state.step, finished=True)  # it was killed between its last two writes
    return history


def _begin(folder: RunFolder, state: TrainingState, settings: Settings, total: int) -> None:
    """Write down with what this session goes on, and say so if it is not what the last one had."""
    write_settings(settings, folder.path / CONFIG)
    sessions, now = read_summary(folder.path).get("sessions", []), environment()
    if sessions:
        changed = [
            f"{k} was {sessions[-1].get(k)}, is {v}" for k, v in now.items() if sessions[-1].get(k) != v
        ]
        if changed:
            say(f"Another environment ({'; '.join(changed)}): the run goes on, but not to the bit.")
        say(f"Going on after step {state.step} of {total}.")
    sessions = [*sessions, {"from_step": state.step, **now}]
    folder.summarise(
        settings=settings.model_dump(mode="json"), sessions=sessions, total_steps=total, finished=False
    )


def _how_it_ended(state: TrainingState, total: int, config: TrainConfig) -> str:
    """What a run that is over has used up, and the setting that gives it more."""
    if state.step < total:
        used, name = f"trained for {state.seconds:.1f} of {config.max_seconds} seconds", "max_seconds"
    else:
        used = f"made {state.step} of {total} steps"
        name = "epochs" if config.max_steps is None else "max_steps"
    return f"has {used}: to train longer, --set train.{name}=N"


def writes() -> bool:
    """Whether this is the one process that writes to the run folder."""
    return bool(processes().is_main_process)


def _saved(folder: RunFolder) -> str:
    steps = saved_steps(folder.path / CHECKPOINTS)
    return f"step {steps[-1]} is saved" if steps else "nothing was saved yet"
