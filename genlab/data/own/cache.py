"""Pictures that were read once are kept as safetensors, and believed while nothing has changed.

A file ``data/own/NAME-HASH.safetensors`` per folder; the hash is of the folder's path. In it are the
images and labels of both splits, the class names, the stamp of the pictures they were made from, and
a checksum. With another stamp, or any damage, it is made anew.
"""

import hashlib
import json
import os
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import get_args

from safetensors import SafetensorError, safe_open
from safetensors.torch import save

from genlab.data.dataset import Dataset, Split
from genlab.files import project_dir


def cached(path: Path, stamp: str, make: Callable[[], dict[Split, Dataset]]) -> dict[Split, Dataset]:
    """Both splits as they were kept, else as ``make`` makes them, which are kept for the next time.

    Where they cannot be kept, the data sets say so in their ``source``, and nothing else is wrong.

    Args:
        path: the folder that the pictures lie in.
        stamp: anything that is different when the pictures are.
        make: reads them.
    """
    file = kept_in(path)
    splits, note = _read(file, path, stamp), f"; kept in {file} until they change."
    if splits is None:
        splits = make()
        problem = _write(file, stamp, splits)
        if problem is not None:
            note = f"; they cannot be kept in {file} ({problem})."
    return {split: replace(data, source=data.source + note) for split, data in splits.items()}


def kept_in(path: Path) -> Path:
    """The file in which the pictures of a folder are kept."""
    name = f"{path.name[:40]}-{hashlib.sha256(os.fsencode(path)).hexdigest()[:12]}.safetensors"
    return project_dir() / "data" / "own" / name


def _read(file: Path, path: Path, stamp: str) -> dict[Split, Dataset] | None:
    """What is kept, or None: it is not there, was made from other pictures, or is damaged."""
    try:
        with safe_open(file, framework="pt") as kept:
            about = kept.metadata() or {}
            class_names = tuple(json.loads(about["class_names"]))
            splits: dict[Split, Dataset] = {}
            for split in get_args(Split):
                images, labels = (kept.get_tensor(f"{split}_{kind}").clone() for kind in ("images", "labels"))
                splits[split] = Dataset(str(path), split, images, labels, class_names, about["source"])
        whole = about["stamp"] == stamp and about["checksum"] == _checksum(stamp, splits)
    # safetensors opens the file twice: RuntimeError if another process has replaced it in between.
    except (OSError, RuntimeError, SafetensorError, KeyError, TypeError, ValueError):
        return None
    return splits if whole else None


def _write(file: Path, stamp: str, splits: dict[Split, Dataset]) -> str | None:
    """Keep both splits; None, or why not. Written aside, so that no other process ever reads half."""
    tensors = {f"{split}_images": data.images for split, data in splits.items()}
    tensors |= {f"{split}_labels": data.labels for split, data in splits.items()}
    about = {
        "class_names": json.dumps(splits["train"].class_names),
        "source": splits["train"].source,
        "stamp": stamp,
        "checksum": _checksum(stamp, splits),
    }
    aside = file.with_name(f".{file.name}.{os.getpid()}.part")  # two processes may read one folder at once
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        aside.write_bytes(save(tensors, about))
        os.replace(aside, file)
    except OSError as error:
        with suppress(OSError):
            aside.unlink(missing_ok=True)
        return error.strerror or str(error)
    return None


def _checksum(stamp: str, splits: dict[Split, Dataset]) -> str:
    """Over all that is kept: safetensors itself would not notice a pixel that has changed."""
    said: list[object] = [stamp]
    for data in splits.values():
        said += [data.split, list(data.images.shape), data.class_names, data.source, data.fingerprint]
    return hashlib.sha256(json.dumps(said).encode()).hexdigest()
