"""The loop, plus logging, checkpoints, sample sheets and a tracker."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import replace
from statistics import fmean

from genlab.data import Dataset
from genlab.errors import GenlabError, did_you_mean
from genlab.runs.checkpoint import save_checkpoint
from genlab.runs.folder import CHECKPOINTS, RunFolder
from genlab.runs.interrupt import Stopped, stop_wish
from genlab.training.batches import save_interval, total_steps
from genlab.training.distributed import any_process, processes
from genlab.training.loop import Step, train
from genlab.training.settings import TrainConfig
from genlab.training.state import TrainingState
from genlab.training.validation import hold_out, validation_losses


def train_and_record(
    state: TrainingState,
    dataset: Dataset,
    config: TrainConfig,
    folder: RunFolder,
    history: list[Step],
    draw_sheet: Callable[[], bytes],
) -> Iterator[Step]:
    """Train from the state on and keep all that comes of it in the run's folder.

    Of several processes only the first writes.

    Args:
        state: new, or restored from a checkpoint.
        dataset: the split, with the images that ``config.validation_images`` keeps out.
        config: when to save and to draw.
        folder: locked by the caller.
        history: the steps before; grows by those made here.
        draw_sheet: draws samples from the family as it is and returns a PNG.

    Raises:
        Stopped: somebody asked to stop; the last step is saved.
        GenlabError: as ``train``; ``config.monitor`` is not logged; a file cannot be written.
    """
    dataset, held_out = hold_out(dataset, config.validation_images)
    total, interval = total_steps(dataset, config), save_interval(dataset, config)
    writes, first = processes().is_main_process, state.step + 1
    with stop_wish() as wish, _tracker(config, folder, writes, state.step) as track:
        for step in train(state.family, dataset, config, state=state):
            stop, last = any_process(wish.made), state.is_over(total, config)
            keep = stop or last or step.step % (config.checkpoint_every or interval) == 0
            draw = stop or last or step.step % (config.sample_every or interval) == 0
            if step.step == first:
                check_monitor(config.monitor, step, bool(len(held_out)))
            if writes:
                if keep or draw:
                    folder.refuse_if_gone()
                with state.averaged() if keep or draw else nullcontext():
                    if keep and len(held_out):
                        losses = validation_losses(state.family, held_out, config.batch_size)
                        step = replace(step, losses={**step.losses, **losses})
                    if draw:
                        folder.save_sheet(draw_sheet(), step.step)
                folder.log(step)
                track(step)
            history.append(step)
            if writes and keep:
                folder.flush_log()
                monitored = _monitored(history, config.monitor, config.checkpoint_every or interval)
                save_checkpoint(
                    folder.path / CHECKPOINTS, state, monitored=monitored, keep=config.keep_checkpoints
                )
                folder.summarise(steps=step.step, seconds=round(step.seconds, 1), finished=last)
            yield step
            if stop and not last:
                raise Stopped


def train_and_validate(
    state: TrainingState, kept: Dataset, held_out: Dataset, config: TrainConfig
) -> Iterator[Step]:
    """The loop for a run without a folder: validation losses at the steps at which one would be saved.

    Args:
        state: a new one.
        kept, held_out: the two parts that ``hold_out`` makes.
        config: as for ``train_and_record``.

    Raises:
        GenlabError: as ``train``; ``config.monitor`` is not logged.
    """
    total = total_steps(kept, config)
    interval = config.checkpoint_every or save_interval(kept, config)
    for step in train(state.family, kept, config, state=state):
        if step.step == 1:
            check_monitor(config.monitor, step, bool(len(held_out)))
        if len(held_out) and (state.is_over(total, config) or step.step % interval == 0):
            with state.averaged():
                losses = validation_losses(state.family, held_out, config.batch_size)
            step = replace(step, losses={**step.losses, **losses})
        yield step


def check_monitor(monitor: str | None, step: Step, held_out: bool) -> None:
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
def _tracker(
    config: TrainConfig, folder: RunFolder, writes: bool, step: int
) -> Iterator[Callable[[Step], None]]:
    """What sends a step's losses to the tracker that the config names; it forgets those after ``step``."""
    if config.tracker == "none" or not writes:
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
