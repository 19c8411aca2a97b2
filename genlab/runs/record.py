"""Train a run to its end and keep all that comes of it: what a person is told, and what stays on the disk."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import replace
from statistics import fmean
from threading import Event

from genlab.config import Settings, write_settings
from genlab.data import Dataset
from genlab.errors import GenlabError, did_you_mean
from genlab.nn.device import processes
from genlab.progress import in_notebook
from genlab.runs.checkpoint import save_checkpoint, saved_steps
from genlab.runs.display import say, with_live_plot, with_progress
from genlab.runs.environment import environment
from genlab.runs.folder import CHECKPOINTS, CONFIG, METRICS, RunFolder, read_summary, resume_command
from genlab.runs.interrupt import Stopped, stop_wish
from genlab.training.batches import save_interval, total_steps
from genlab.training.distributed import any_process
from genlab.training.loop import Step, TrainingDiverged, train
from genlab.training.settings import TrainConfig
from genlab.training.state import TrainingState
from genlab.training.validation import validation_losses


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

    Of several processes only the first writes. Without a folder nothing is written, and all else is the same.

    Args:
        folder: locked by the caller, where this process writes; None to write nothing.
        state: new, or restored from the folder's last checkpoint.
        data, held_out: what to train on, and to measure validation losses on (``hold_out``).
        settings: all of the run's, for its ``config.yaml``.
        config: the part of them that training needs.
        draw_sheet: draws samples from the family as it is and returns a PNG.
        live_plot: show the losses under the cell as they come; None: in a notebook only.

    Raises:
        Stopped: somebody asked to stop; the last step is saved.
        GenlabError: as ``train``, the last good checkpoint is named; ``config.monitor`` is not logged; a file
            cannot be written.
    """
    total = total_steps(data, config)
    over = state.is_over(total, config)
    history = [] if folder is None else _open(folder, state, settings, config, total)
    steps = _train_and_record(state, data, held_out, config, folder, history, draw_sheet)
    steps = with_progress(steps, state.step, total, config.max_seconds)
    if writes() and (in_notebook() if live_plot is None else live_plot):
        steps = with_live_plot(steps, history)
    try:
        if not over:
            for _ in steps:
                pass
    except (KeyboardInterrupt, TrainingDiverged) as error:
        if folder is None:
            raise
        saved = saved_steps(folder.path / CHECKPOINTS)
        what = f"step {saved[-1]} is saved" if saved else "nothing was saved yet"
        resume = resume_command(folder.path)
        if isinstance(error, TrainingDiverged):
            raise TrainingDiverged(f"{error}; {what}, {resume} --set ... goes on from there") from None
        say(f"Stopped; {what}: {resume} goes on from there.")
        raise Stopped from None
    finally:  # the networks are ready to be sampled, whatever has happened
        if state.ema is not None:
            state.ema.copy_to_networks()
        state.family.networks.eval()
    return history


def writes() -> bool:
    """Whether this is the one process that writes to the run folder."""
    return bool(processes().is_main_process)


def _open(
    folder: RunFolder, state: TrainingState, settings: Settings, config: TrainConfig, total: int
) -> list[Step]:
    """Bring the folder to where the state stands and return the loss history up to there.

    It is written down with what this session goes on, and said if that is not what the last one had.
    """
    over = state.is_over(total, config)
    if over:
        say(f"{folder.path} {_how_it_ended(state, total, config)}")
    if not writes():
        return []
    history = folder.rewind(state.step)
    if len(history) < state.step:
        say(f"{state.step - len(history)} of the {state.step} steps made are missing in {METRICS}.")
    summary = read_summary(folder.path)
    if over:
        if not summary.get("finished"):
            folder.summarise(steps=state.step, finished=True)  # it was killed between its last two writes
        return history
    write_settings(settings, folder.path / CONFIG)
    sessions, now = summary.get("sessions", []), environment(state.device)
    if sessions:
        then = sessions[-1]
        changed = [f"{k} was {then.get(k)}, is {v}" for k, v in now.items() if then.get(k) != v]
        if changed:
            say(f"Another environment ({'; '.join(changed)}): the run goes on, but not to the bit.")
        say(f"Going on after step {state.step} of {total}.")
    folder.summarise(
        settings=settings.model_dump(mode="json"),
        sessions=[*sessions, {"from_step": state.step, **now}],
        total_steps=total,
        finished=False,
    )
    return history


def _how_it_ended(state: TrainingState, total: int, config: TrainConfig) -> str:
    """What a run that is over has used up, and the setting that gives it more."""
    if state.step < total:
        used, name = f"trained for {state.seconds:.1f} of {config.max_seconds} seconds", "max_seconds"
    else:
        used = f"made {state.step} of {total} steps"
        name = "epochs" if config.max_steps is None else "max_steps"
    return f"has {used}: to train longer, --set train.{name}=N"


def _train_and_record(
    state: TrainingState,
    data: Dataset,
    held_out: Dataset,
    config: TrainConfig,
    folder: RunFolder | None,
    history: list[Step],
    draw_sheet: Callable[[], bytes],
) -> Iterator[Step]:
    """The steps, each logged in the history and the folder before it is yielded."""
    total, interval = total_steps(data, config), save_interval(data, config)
    wishes = nullcontext(Event()) if folder is None else stop_wish()  # what is not kept is not waited for
    folder, first = folder if writes() else None, state.step + 1
    with wishes as wish, _tracker(config, folder, state.step) as track:
        for step in train(state.family, data, config, state=state):
            stop, last = any_process(wish.is_set()), state.is_over(total, config)
            keep = stop or last or step.step % (config.checkpoint_every or interval) == 0
            draw = stop or last or step.step % (config.sample_every or interval) == 0
            if step.step == first:
                _refuse_unknown(config.monitor, step, bool(len(held_out)))
            if folder is not None and (keep or draw):
                folder.refuse_if_gone()
            with state.averaged() if keep or draw else nullcontext():
                if keep and len(held_out):
                    losses = validation_losses(state.family, held_out, config.batch_size)
                    step = replace(step, losses={**step.losses, **losses})
                if draw and folder is not None:
                    folder.save_sheet(draw_sheet(), step.step)
            history.append(step)
            if folder is not None:
                folder.log(step)
                track(step)
                if keep:
                    folder.flush_log()
                    monitored = _monitored(history, config.monitor, config.checkpoint_every or interval)
                    save_checkpoint(
                        folder.path / CHECKPOINTS, state, monitored=monitored, keep=config.keep_checkpoints
                    )
                    folder.summarise(steps=step.step, seconds=round(step.seconds, 1), finished=last)
            yield step
            if stop and not last:
                raise Stopped


def _refuse_unknown(monitor: str | None, step: Step, held_out: bool) -> None:
    """Complain of a name that is never logged, at the first step rather than at the first checkpoint."""
    known = [*step.losses, *(f"validation/{name}" for name in step.losses if held_out)]
    if monitor is not None and monitor not in known:
        more = "" if held_out else " (validation/... needs train.validation_images)"
        raise GenlabError(f"train.monitor {monitor!r} is not logged: {did_you_mean(monitor, known)}{more}")


def _monitored(history: Sequence[Step], name: str | None, interval: int) -> tuple[str, float] | None:
    """How good the last step's weights are: a validation loss, or a mean of training losses.

    A training loss is averaged over the steps since the checkpoint before, as one batch says little.
    """
    if name is None:
        return None
    if name.startswith("validation/"):
        return name, history[-1].losses[name]
    return name, fmean(step.losses[name] for step in history[-interval:])


@contextmanager
def _tracker(config: TrainConfig, folder: RunFolder | None, step: int) -> Iterator[Callable[[Step], None]]:
    """What sends a step's losses to the tracker that the config names; it forgets those after ``step``."""
    if config.tracker == "none" or folder is None:
        yield lambda step: None
        return
    from accelerate.tracking import TensorBoardTracker
    from accelerate.utils import is_tensorboard_available

    if not is_tensorboard_available():
        raise GenlabError("train.tracker tensorboard: install it first, pip install tensorboard")
    tracker = TensorBoardTracker("tensorboard", logging_dir=folder.path, purge_step=step + 1)
    getattr(tracker, "start", lambda: None)()  # older versions of accelerate start when they are made
    try:
        yield lambda step: tracker.log(dict(step.losses), step=step.step)
    finally:
        tracker.finish()
