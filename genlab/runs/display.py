"""What a person sees while a model trains: one bar with the losses and the time left, and a live plot."""

import os
from collections.abc import Iterator, Sequence
from math import ceil
from time import perf_counter
from uuid import uuid4

from genlab import plots
from genlab.nn.device import processes
from genlab.progress import bar
from genlab.training.loop import Step
from genlab.training.settings import TrainConfig

# What accelerate, torchrun and Slurm leave in the environment of what they start.
LAUNCHERS = ("ACCELERATE_MIXED_PRECISION", "TORCHELASTIC_RUN_ID", "SLURM_STEP_ID")


def say(line: str) -> None:
    """A line for the person at the keyboard, from one process only."""
    if processes().is_main_process:
        print(line, flush=True)


def say_who_trains(config: TrainConfig) -> None:
    """How many processes a launcher has started, and what each takes; nothing where there was no launcher.

    A launcher that meant two and started one is noticed by this line.
    """
    several, parts = processes().num_processes, config.gradient_accumulation_steps
    if several > 1 or any(name in os.environ for name in LAUNCHERS):
        each = f"{config.batch_size} images each" + (f", {parts} times" if parts > 1 else "")
        step = config.batch_size * parts * several
        say(f"{several} process{'es' * (several > 1)}, {each}: {step} images a step.")


def with_progress(
    steps: Iterator[Step], done: int, total: int, max_seconds: float | None = None
) -> Iterator[Step]:
    """The same steps behind a progress bar; on standard output in a notebook, where it is kept.

    Args:
        steps: to come.
        done: how many were made before, so that a resumed run's bar starts where it stopped.
        total: of both.
        max_seconds: ends the steps earlier; the bar then goes by how many it is likely to leave time for.
    """
    hidden = not processes().is_main_process
    with bar(total, "steps", done=done, hidden=hidden) as progress:
        for step in steps:
            progress.total = _likely_steps(step, total, max_seconds)
            if step.step % 20 == 0 or step.step == progress.total:  # formatting costs a third of a step
                progress.set_postfix({k: f"{v:.3g}" for k, v in step.losses.items()}, refresh=False)
            progress.update()
            yield step


def _likely_steps(step: Step, total: int, max_seconds: float | None) -> int:
    """Steps in all, at the pace so far; of the last step its own number, whichever limit ended it."""
    if max_seconds is None:
        return total
    return min(total, max(step.step, ceil(step.step * (max_seconds / step.seconds))))


def with_live_plot(steps: Iterator[Step], history: Sequence[Step]) -> Iterator[Step]:
    """The same steps, and under the cell a plot of the losses that grows with them.

    A figure takes as long as many steps, so the next one waits until twenty times as long has passed:
    the plot costs a twentieth of the training time at most. The last one stays.
    """
    seen, due = list(history), perf_counter() + 1.0
    before, picture = len(seen), _keep_a_place()
    for step in steps:
        seen.append(step)
        if perf_counter() > due:
            started = perf_counter()
            show_losses(seen, picture)
            due = perf_counter() + 20 * (perf_counter() - started)
        yield step
    if len(seen) > before:
        show_losses(seen, picture)


def show_losses(history: Sequence[Step], picture: str | None = None) -> None:
    """Display the loss curves, in the place of that name if there is one."""
    last = ", ".join(f"{name} {value:.3g}" for name, value in history[-1].losses.items())
    alt = f"Training losses over {history[-1].step} steps; the last: {last}."
    plots.show(plots.loss_curves(history), alt, display_id=picture, update=picture is not None)


def _keep_a_place() -> str:
    """A place above the bar: what is displayed once the bar has begun would cut it in two."""
    from IPython.display import display

    name = uuid4().hex
    display({"text/plain": "The losses will be drawn here."}, raw=True, display_id=name)
    return name
