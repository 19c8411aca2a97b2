"""A judge for any data set: the one that comes with the package, else one trained here and kept.

Each folder holds safetensors and one ``judges.json``, which says of every file what it was trained on,
how often it is right on test images, and the SHA-256 of its bytes. A file that has another is refused:
figures from a judge that nobody knows cannot be compared with any other.
"""

import hashlib
import json
from collections.abc import Callable
from importlib.resources import files
from pathlib import Path
from typing import Annotated

import torch
from pydantic import Field, TypeAdapter
from scipy.stats import binom

from genlab.config import Settings
from genlab.data import Dataset
from genlab.errors import GenlabError
from genlab.evaluation.judges.networks import JUDGES, Judge, Kind
from genlab.evaluation.judges.training import best_guess, default_steps, held_out_accuracy, train_judge
from genlab.files import (
    DamagedFile,
    make_writable,
    project_dir,
    read_tensors,
    tensors_to_bytes,
    write_aside,
    writing,
)
from genlab.nn.device import find_device
from genlab.progress import bar

INDEX = "judges.json"
SHIPPED = Path(str(files("genlab") / "evaluation" / "weights"))
# Another architecture and another seed each, so that they err in different ways.
SEEDS: dict[Kind, int] = {"plain": 0, "residual": 1, "contrastive": 2}


class JudgeCard(Settings):
    """What there is to know of a trained judge: an entry of ``judges.json``."""

    file: str = Field(description="its weights, beside the index")
    sha256: str = Field(description="of that file")
    kind: Kind = Field(description="its architecture")
    dataset: str = Field(description="name of what it was trained on")
    fingerprint: str = Field(description="of the training images and labels")
    num_classes: int = Field(ge=1, description="classes of that data set")
    seed: int = Field(description="decided initial weights, order and augmentation")
    steps: int = Field(ge=1, description="of training")
    accuracy: float = Field(
        ge=0, le=1, description="share of the test images that it gets right: the class, or the image itself"
    )


_CARDS = TypeAdapter(Annotated[list[JudgeCard], Field(min_length=1)])


def kept_here() -> Path:
    """The folder of judges trained on this machine."""
    return project_dir() / "data" / "judges"


def find_judge(dataset: Dataset, kind: Kind) -> tuple[Judge, JudgeCard] | None:
    """The judge that was trained on exactly these images, shipped or kept here, or None.

    Args:
        dataset: a training split.
        kind: a key of ``networks.JUDGES``.

    Raises:
        GenlabError: there is one, and its file or index is missing, damaged or another.
    """
    found = find_card(dataset, kind)
    return None if found is None else (read_judge(*found), found[1])


def find_card(dataset: Dataset, kind: Kind) -> tuple[Path, JudgeCard] | None:
    """The folder and the entry of the judge that ``find_judge`` would read, or None.

    Raises:
        GenlabError: an index is damaged.
    """
    for folder in (SHIPPED, kept_here()):
        for card in read_cards(folder):
            if card.kind == kind and card.fingerprint == dataset.fingerprint:
                return folder, card
    return None


def read_cards(folder: Path) -> list[JudgeCard]:
    """The entries of a folder's index; none where there is no index.

    Raises:
        GenlabError: the index is damaged.
    """
    path = folder / INDEX
    try:
        return _CARDS.validate_json(path.read_bytes())
    except (FileNotFoundError, NotADirectoryError):
        return []
    except (OSError, ValueError):
        raise GenlabError(f"{path} is damaged: {_remedy(folder)}") from None


def read_judge(folder: Path, card: JudgeCard) -> Judge:
    """The judge of an entry, in eval mode.

    Raises:
        GenlabError: its file is missing, or its bytes have another SHA-256 than the index says.
    """
    judge = JUDGES[card.kind](card.num_classes)
    try:
        judge.load_state_dict(read_tensors(folder / card.file, card.sha256))
    except DamagedFile as error:
        raise GenlabError(f"{error}, so it is not the judge of {INDEX}: {_remedy(folder)}") from None
    except RuntimeError:
        raise GenlabError(f"{folder / card.file} fits no {card.kind} judge: {_remedy(folder)}") from None
    return judge.eval()


def weights_sha256(judge: Judge) -> str:
    """What ``JudgeCard.sha256`` would be for this judge."""
    return hashlib.sha256(tensors_to_bytes(judge.state_dict())).hexdigest()


def judges_for(
    train: Dataset,
    test: Dataset,
    *,
    steps: int | None = None,
    device: str | None = None,
    say: Callable[[str], None] = print,
) -> dict[Kind, Judge]:
    """All judges of a data set, by kind; trained first where there are none, which takes a while.

    Args:
        train, test: the two splits, whole.
        steps: train only so many where one has to be trained, and keep nothing: for a quick look.
        say: called with a line about each judge and its accuracy; before any training, with what will be
            trained and where it is kept.
        device: where the judges compute, as for ``genlab.nn.device.find_device``.

    Raises:
        GenlabError: as ``find_judge``.
    """
    judges: dict[Kind, Judge] = {}
    known = {kind: find_judge(train, kind) for kind in JUDGES}
    missing = [kind for kind, found in known.items() if found is None]
    if missing and steps is None:
        say(
            f"No {' and no '.join(missing)} judge of {train.name} yet: training now, "
            f"{sum(default_steps(train, kind) for kind in missing):,} steps in all, "
            f"kept in {kept_here()} and found there the next time"
        )
    for kind, found in known.items():
        if found is not None:
            judges[kind], card = found
            right = card.accuracy
            say(f"{kind} judge of {card.dataset}: right on {card.accuracy:.2%} of its test images")
        elif steps is not None:
            judges[kind], right = train_new(kind, train, test, steps=steps, seed=SEEDS[kind], device=device)
            say(f"{kind} judge, {steps} steps: right on {right:.2%} of the test images")
        else:
            judges[kind], card = make_judge(kind, train, test, device=device)
            right = card.accuracy
            say(f"{kind} judge, kept in {kept_here() / card.file}: right on {right:.2%}")
        doubt = doubt_about(kind, right, len(test), best_guess(judges[kind], test))
        if doubt is not None:
            say(doubt)
    return {kind: judge.to(find_device(device)) for kind, judge in judges.items()}


def doubt_about(kind: Kind, accuracy: float, n: int, guess: float) -> str | None:
    """A warning where a judge is not clearly better than a guess made without looking, or None.

    It is clearly better if a judge that has come only a tenth of the way from there to perfection would be
    right so often less than once in 40 times: a one-sided binomial test.

    Args:
        kind: of the judge.
        accuracy: share of the test images that it gets right.
        n: how many those are.
        guess: the share that the guess gets right.
    """
    if binom.sf(round(accuracy * n) - 1, n, guess + (1 - guess) / 10) <= 0.025:
        return None
    return (
        f"Warning: the {kind} judge is right on {accuracy:.0%} of {n:,} test images, and a guess "
        f"without looking is on {guess:.0%}: its figures say little. Add images, or "
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
    device: str | None = None,
) -> tuple[Judge, JudgeCard]:
    """Train a judge behind a progress bar and keep it, in place of an earlier one of this kind and data.

    Args:
        kind: a key of ``networks.JUDGES``.
        train, test: the two splits, whole.
        folder: where to keep it; ``data/judges`` if left out.
        steps: of training; ``training.default_steps`` if left out.
        seed: initial weights, order and augmentation; each kind has its own if left out.
        device: where it is trained, as for ``genlab.nn.device.find_device``.

    Raises:
        GenlabError: the folder cannot be written to, or its index is damaged.
    """
    find_device(device)
    folder = kept_here() if folder is None else folder
    read_cards(folder)  # what is wrong with the folder is said before minutes are spent on training
    with writing(folder):
        make_writable(folder)
    steps = default_steps(train, kind) if steps is None else steps
    seed = SEEDS[kind] if seed is None else seed
    judge, right = train_new(kind, train, test, steps=steps, seed=seed, device=device)
    card = JudgeCard(
        file=f"{Path(train.name).stem}-{train.fingerprint[:8]}-{kind}.safetensors",
        sha256=weights_sha256(judge),
        kind=kind,
        dataset=train.name,
        fingerprint=train.fingerprint,
        num_classes=train.num_classes,
        seed=seed,
        steps=steps,
        accuracy=right,
    )
    others = [other for other in read_cards(folder) if other.file != card.file]
    cards = sorted([*others, card], key=lambda each: each.file)
    with writing(folder):
        write_aside(folder / card.file, tensors_to_bytes(judge.state_dict()))
        write_aside(folder / INDEX, json.dumps([each.model_dump() for each in cards], indent=2) + "\n")
    return judge, card


def train_new(
    kind: Kind, train: Dataset, test: Dataset, *, steps: int, seed: int, device: str | None = None
) -> tuple[Judge, float]:
    """A trained judge and the share of the test images that it gets right."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        judge = JUDGES[kind](train.num_classes)
    judge.to(find_device(device))
    with bar(steps, "steps", what=f"{kind} judge") as progress:
        for loss in train_judge(judge, train, steps=steps, seed=seed):
            progress.update()
            progress.set_postfix(loss=f"{loss:.3f}", refresh=False)
    return judge, held_out_accuracy(judge, test)


def _remedy(folder: Path) -> str:
    if folder == SHIPPED:
        return "install genlab again, or git restore it"
    return "delete the folder; genlab judge trains its judges again"
