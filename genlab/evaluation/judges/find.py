"""A judge for any data set: the one that comes with the package, else one trained here and kept."""

from collections.abc import Callable
from pathlib import Path

import torch
from torch import Tensor

from genlab.data import Dataset
from genlab.evaluation.judges.features import look
from genlab.evaluation.judges.files import (
    JudgeCard,
    find_card,
    find_judge,
    keep_judge,
    kept_here,
    open_folder,
)
from genlab.evaluation.judges.networks import JUDGES, Judge, Kind
from genlab.evaluation.judges.training import default_steps, train_judge
from genlab.evaluation.metrics.classes import conditional_accuracy, hardly_beats_guessing, most_frequent
from genlab.progress import bar

# Another architecture and another seed, so that the two err in different ways.
SEEDS: dict[Kind, int] = {"plain": 0, "residual": 1}


def judges_for(
    train: Dataset, test: Dataset, *, steps: int | None = None, say: Callable[[str], None] = print
) -> dict[Kind, Judge]:
    """Both judges of a data set, by kind; trained first where there are none, which takes a while.

    Args:
        train, test: the two splits, whole.
        steps: train only so many where one has to be trained, and keep nothing: for a quick look.
        say: called with a line about each judge and its accuracy; before any training, with what will be
            trained and where it is kept.

    Raises:
        GenlabError: as ``files.find_judge``.
    """
    judges: dict[Kind, Judge] = {}
    missing = [kind for kind in JUDGES if find_card(train, kind) is None]
    if missing and steps is None:
        say(
            f"No {' and no '.join(missing)} judge of {train.name} yet: training now, "
            f"{default_steps(train):,} steps each, kept in {kept_here()} and found there the next time"
        )
    for kind in JUDGES:
        found = find_judge(train, kind)
        if found is not None:
            judges[kind], card = found
            right = card.accuracy
            say(f"{kind} judge of {card.dataset}: right on {card.accuracy:.2%} of its test images")
        elif steps is not None:
            judges[kind], right = train_new(kind, train, test, steps=steps)
            say(f"{kind} judge, {steps} steps: right on {right:.2%} of the test images")
        else:
            judges[kind], card = make_judge(kind, train, test)
            right = card.accuracy
            say(f"{kind} judge, kept in {kept_here() / card.file}: right on {right:.2%}")
        doubt = doubt_about(kind, right, test.labels)
        if doubt is not None:
            say(doubt)
    return judges


def doubt_about(kind: Kind, accuracy: float, labels: Tensor) -> str | None:
    """A warning where a judge hardly does better than guessing (``hardly_beats_guessing``), or None."""
    if not hardly_beats_guessing(accuracy, labels):
        return None
    return (
        f"Warning: the {kind} judge is right on {accuracy:.0%} of {len(labels):,} test images, and naming "
        f"the most frequent class is on {most_frequent(labels):.0%}: its figures say little. Add images, or "
        "train it longer, genlab judge --steps"
    )


def make_judge(
    kind: Kind,
    train: Dataset,
    test: Dataset,
    *,
    folder: Path | None = None,
    steps: int | None = None,
    seed: int | None = None,
) -> tuple[Judge, JudgeCard]:
    """Train a judge behind a progress bar and keep it: ``genlab judge``.

    Args:
        kind: ``plain`` or ``residual``.
        train, test: the two splits, whole.
        folder: where to keep it; ``data/judges`` if left out.
        steps: of training; ``training.default_steps`` if left out.
        seed: initial weights, order and augmentation; each kind has its own if left out.

    Raises:
        GenlabError: the folder cannot be written to.
    """
    folder = kept_here() if folder is None else folder
    open_folder(folder)
    steps = default_steps(train) if steps is None else steps
    seed = SEEDS[kind] if seed is None else seed
    judge, right = train_new(kind, train, test, steps=steps, seed=seed)
    return judge, keep_judge(judge, folder, kind=kind, dataset=train, seed=seed, steps=steps, accuracy=right)


def train_new(
    kind: Kind, train: Dataset, test: Dataset, *, steps: int, seed: int | None = None
) -> tuple[Judge, float]:
    """A trained judge and the share of the test images that it gets right."""
    seed = SEEDS[kind] if seed is None else seed
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        judge = JUDGES[kind](train.num_classes)
    with bar(steps, "steps", what=f"{kind} judge") as progress:
        for loss in train_judge(judge, train, steps=steps, seed=seed):
            progress.update()
            progress.set_postfix(loss=f"{loss:.3f}", refresh=False)
    return judge, conditional_accuracy(look(judge, test.images).answers, test.labels)
