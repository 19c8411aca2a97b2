"""A folder of pictures, one folder per class; split already (``train/``, ``test/``) or not."""

import hashlib
import os
from collections.abc import Mapping
from itertools import chain
from pathlib import Path

import numpy as np
import torch
from PIL import Image

from genlab.data.dataset import Dataset, Split
from genlab.data.own.picture import read_picture
from genlab.data.own.splits import Labelled, both, mixed
from genlab.errors import GenlabError
from genlab.progress import watched

# What operating systems leave lying in folders, besides all that begins with a dot.
LITTER = {"thumbs.db", "desktop.ini", "__macosx"}
RECIPE = 1  # raise it when the same picture would become other pixels: then no cache is believed
Classes = Mapping[str, list[Path]]  # the pictures of each class, in order of name
Parts = Mapping[str, Classes]  # one set of classes under ``all``, or the same under ``train`` and ``test``


def find(path: Path) -> Parts:
    """The pictures below a folder; nothing is opened yet.

    Raises:
        GenlabError: there are no class folders, or empty ones, or folders inside them; pictures lie
            beside them; ``train`` and ``test`` have other classes than each other.
        OSError: a folder cannot be listed.
    """
    folders, _ = _entries(path)
    halves = {folder.name.lower(): folder for folder in folders}
    if set(halves) != {"train", "test"} or len(folders) != 2:
        return {"all": _classes(path)}
    train, test = _classes(halves["train"]), _classes(halves["test"])
    for name in sorted(set(train) ^ set(test)):
        has, lacks = ("train", "test") if name in train else ("test", "train")
        raise GenlabError(
            f"{halves[lacks]} has no folder for the class {name!r}, which {halves[has]} has: "
            "both need the same classes"
        )
    return {"train": train, "test": test}


def stamp(path: Path, parts: Parts) -> str:
    """Another one as soon as a picture is added, removed, renamed or written to."""
    digest = hashlib.sha256(f"{RECIPE}".encode())
    for file in chain.from_iterable(files for classes in parts.values() for files in classes.values()):
        status = file.stat()
        name = os.fsencode(str(file)[len(str(path)) :])
        digest.update(b"%s\0%d %d\0" % (name, status.st_size, status.st_mtime_ns))
    return digest.hexdigest()


def read(path: Path, parts: Parts) -> dict[Split, Dataset]:
    """Read every picture (``genlab.data.own.picture``), number the classes in order of name, mix the order.

    Without a split of its own, every fifth picture of a class is for testing, in order of file name.

    Raises:
        GenlabError: a file is no picture or damaged, or a class has too few.
        OSError: a file cannot be opened.
    """
    source = f"Pictures of {path}, made grey and 28x28"
    labelled = [_read_classes(classes, path) for classes in parts.values()]
    class_names = list(next(iter(parts.values())))
    if "all" not in parts:
        labelled = [mixed(*half) for half in labelled]
    return both(path, labelled, class_names, source)


def _read_classes(classes: Classes, path: Path) -> Labelled:
    files = [(file, label) for label, files in enumerate(classes.values()) for file in files]
    pictures = [read_picture(file) for file, _ in watched(files, len(files), f"Reading {path.name}")]
    return torch.from_numpy(np.stack(pictures)), torch.tensor([label for _, label in files])


def _classes(path: Path) -> Classes:
    folders, files = _entries(path)
    pictures = [file for file in files if file.suffix.lower() in Image.registered_extensions()]
    if not folders:
        has = "pictures and no" if pictures else "no"
        raise GenlabError(f"{path} has {has} class folders: put the pictures into one folder per class")
    if pictures:
        raise GenlabError(f"{pictures[0]} lies beside the class folders: move it into one of them")
    return {folder.name: _pictures(folder) for folder in sorted(folders, key=_in_order)}


def _pictures(folder: Path) -> list[Path]:
    """All files of a class; what is not a picture is told when it is read."""
    folders, files = _entries(folder)
    if folders:
        raise GenlabError(
            f"{folders[0]} is a folder inside a class: a class folder has pictures only "
            f"(or did you mean the folder {folder}?)"
        )
    if not files:
        raise GenlabError(f"{folder} has no pictures: add some, or remove the folder")
    return files


def _entries(folder: Path) -> tuple[list[Path], list[Path]]:
    """The folders and the files in a folder, by name, without what is hidden."""
    folders, files = [], []
    with os.scandir(folder) as entries:  # knows what is a folder without asking the disk again
        for entry in sorted(entries, key=lambda entry: entry.name):
            if entry.name.startswith(".") or entry.name.lower() in LITTER:
                continue
            if entry.is_dir():
                folders.append(Path(entry))
            elif entry.is_file():
                files.append(Path(entry))
            else:
                raise GenlabError(f"{entry.path} is neither a file nor a folder (a broken link?): remove it")
    return folders, files


def _in_order(folder: Path) -> tuple[int, str]:
    """By name, and folders called 2 and 10 as numbers."""
    return (int(folder.name) if folder.name.isdecimal() else -1, folder.name)
