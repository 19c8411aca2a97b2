"""Train a run to its end with a progress bar, a live plot and messages."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

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
from genlab.training.validation import hold_out


def train_session(
    folder: RunFolder,
    state: TrainingState,
    dataset: Dataset,
    settings: Settings,
    config: TrainConfig,
    draw_sheet: Callable[[], bytes],
    live_plot: bool | None,
) -> list[Step]:
    """Train and record, from the state to the end; returns the whole loss history.

    Args:
        folder: locked by the caller, where this process writes.
        state: new, or restored from the folder's last checkpoint.
        dataset: the whole split.
        settings: all of the run's, for its ``config.yaml``.
        config: the part of them that training needs.
        draw_sheet: as for ``train_and_record``.
        live_plot: as for ``watched``.

    Raises:
        KeyboardInterrupt, GenlabError: as ``train_and_record``; the last good checkpoint is named.
    """
    kept, _ = hold_out(dataset, config.validation_images)
    total, history = total_steps(kept, config), list[Step]()
    if writes():
        history = folder.rewind(state.step)
        if len(history) < state.step:
            say(f"{state.step - len(history)} of the {state.step} steps made are missing in {METRICS}.")
    over = state.is_over(total, config)
    if over:
        say(f"{folder.path} {_how_it_ended(state, total, config)}")
        if writes() and not read_summary(folder.path).get("finished"):
            folder.summarise(steps=state.step, finished=True)  # it was killed between its last two writes
    elif writes():
        _begin(folder, state, settings, total)

    steps = train_and_record(state, dataset, config, folder, history, draw_sheet)
    with finished(state):
        try:
            if not over:
                for _ in watched(steps, history, state.step, total, config.max_seconds, live_plot):
                    pass
        except KeyboardInterrupt:
            say(f"Stopped; {_saved(folder)}: {resume_command(folder.path)} goes on from there.")
            raise Stopped from None
        except TrainingDiverged as error:
            hint = f"{_saved(folder)}, {resume_command(folder.path)} --set ... goes on from there"
            raise TrainingDiverged(f"{error}; {hint}") from None
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


def watched(
    steps: Iterator[Step],
    history: list[Step],
    done: int,
    total: int,
    max_seconds: float | None,
    live_plot: bool | None,
) -> Iterator[Step]:
    """The same steps behind a progress bar, and under a live plot: by default in a notebook."""
    steps = with_progress(steps, done, total, max_seconds)
    plot = in_notebook() if live_plot is None else live_plot
    return with_live_plot(steps, history) if plot and writes() else steps


@contextmanager
def finished(state: TrainingState) -> Iterator[None]:
    """After the ``with`` block the networks are ready to be sampled, whatever happened in it."""
    try:
        yield
    finally:
        if state.ema is not None:
            state.ema.copy_to_networks()
        state.family.networks.eval()


def writes() -> bool:
    """Whether this is the one process that writes to the run folder."""
    return bool(processes().is_main_process)


def _saved(folder: RunFolder) -> str:
    steps = saved_steps(folder.path / CHECKPOINTS)
    return f"step {steps[-1]} is saved" if steps else "nothing was saved yet"
