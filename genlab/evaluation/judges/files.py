"""Judges on disk: those that come with the package, and those trained here for other data.

Each folder holds safetensors and one ``judges.json``, which says of every file what it was trained on,
how often it is right on test images, and the SHA-256 of its bytes. A file that has another is refused:
figures from a judge that nobody knows cannot be compared with any other.
"""

import hashlib
import json
from collections.abc import Iterator
from importlib.resources import files
from pathlib import Path

from pydantic import Field, ValidationError

from genlab.config import Settings
from genlab.data import Dataset
from genlab.errors import GenlabError
from genlab.evaluation.judges.networks import JUDGES, Judge, Kind
from genlab.files import (
    DamagedFile,
    make_writable,
    project_dir,
    read_tensors,
    tensors_to_bytes,
    write_aside,
    writing,
)

INDEX = "judges.json"
SHIPPED = Path(str(files("genlab") / "evaluation" / "weights"))


class JudgeCard(Settings):
    """What there is to know of a trained judge: an entry of ``judges.json``."""

    file: str = Field(description="its weights, beside the index")
    sha256: str = Field(description="of that file")
    kind: Kind = Field(description="its architecture")
    dataset: str = Field(description="name of what it was trained on")
    fingerprint: str = Field(description="of the training images and labels")
    num_classes: int = Field(ge=1, description="classes it tells apart")
    seed: int = Field(description="decided initial weights, order and augmentation")
    steps: int = Field(ge=1, description="of training")
    accuracy: float = Field(ge=0, le=1, description="share of the test images that it gets right")


def kept_here() -> Path:
    """The folder of judges trained on this machine."""
    return project_dir() / "data" / "judges"


def find_judge(dataset: Dataset, kind: Kind) -> tuple[Judge, JudgeCard] | None:
    """The judge that was trained on exactly these images, shipped or kept here, or None.

    Args:
        dataset: a training split.
        kind: ``plain`` or ``residual``.

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


def read_cards(folder: Path) -> Iterator[JudgeCard]:
    """The entries of a folder's index; none where there is no index.

    Raises:
        GenlabError: the index is damaged.
    """
    path = folder / INDEX
    try:
        entries = json.loads(path.read_text("utf-8"))
        if not isinstance(entries, list) or not entries:
            raise ValueError("no entries")
        for entry in entries:
            yield JudgeCard.model_validate(entry)
    except (FileNotFoundError, NotADirectoryError):
        return
    except (OSError, ValueError, TypeError, RecursionError, ValidationError):
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


def keep_judge(
    judge: Judge,
    folder: Path,
    *,
    kind: Kind,
    dataset: Dataset,
    seed: int,
    steps: int,
    accuracy: float,
) -> JudgeCard:
    """Write a judge and its entry, in place of an earlier one of this kind for the same data.

    Raises:
        GenlabError: the folder cannot be written to, or its index is damaged.
    """
    content = tensors_to_bytes(judge.state_dict())
    card = JudgeCard(
        file=f"{Path(dataset.name).stem}-{dataset.fingerprint[:8]}-{kind}.safetensors",
        sha256=hashlib.sha256(content).hexdigest(),
        kind=kind,
        dataset=dataset.name,
        fingerprint=dataset.fingerprint,
        num_classes=dataset.num_classes,
        seed=seed,
        steps=steps,
        accuracy=accuracy,
    )
    open_folder(folder)
    others = [other for other in read_cards(folder) if other.file != card.file]
    cards = sorted([*others, card], key=lambda each: each.file)
    with writing(folder):
        write_aside(folder / card.file, content)
        write_aside(folder / INDEX, json.dumps([each.model_dump() for each in cards], indent=2) + "\n")
    return card


def open_folder(folder: Path) -> None:
    """Make the folder that a judge will be kept in: before it is trained, which takes minutes.

    Raises:
        GenlabError: it cannot be written to, or its index is damaged.
    """
    list(read_cards(folder))
    with writing(folder):
        make_writable(folder)


def weights_sha256(judge: Judge) -> str:
    """What ``JudgeCard.sha256`` would be for this judge."""
    return hashlib.sha256(tensors_to_bytes(judge.state_dict())).hexdigest()


def _remedy(folder: Path) -> str:
    if folder == SHIPPED:
        return "install genlab again, or git restore it"
    return "delete the folder; genlab judge trains its judges again"
