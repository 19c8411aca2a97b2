"""IDX files under any names: KMNIST, EMNIST and others that came after MNIST.

The format: two zero bytes, the type of value (8 is an unsigned byte), the number of dimensions, each
dimension as a big-endian 32-bit number, then the values (http://yann.lecun.com/exdb/mnist).
"""

import gzip
import re
import zlib
from collections.abc import Mapping
from math import prod
from pathlib import Path
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray

from genlab.data.dataset import Dataset, Split
from genlab.data.own.picture import fit_all
from genlab.data.own.splits import both, number
from genlab.errors import GenlabError

Part = tuple[Split, Literal["images", "labels"]]
PARTS: tuple[Part, ...] = (("train", "images"), ("train", "labels"), ("test", "images"), ("test", "labels"))
NAME = re.compile(
    r"(train|t10k|test)[-_.](images|labels)[-_.]?(idx\d)?([-_.]?u?byte)?(\.gz)?$", re.IGNORECASE
)
LARGEST = 4 * 2**30  # bytes: no data set that is loaded whole


def files_in(path: Path) -> dict[Part, list[Path]]:
    """The files of a folder whose names are those of IDX files, by what is in them; empty if none.

    Torchvision puts them into a folder ``raw``, so that one is looked into as well.
    """
    for folder in (path, path / "raw"):
        found: dict[Part, list[Path]] = {}
        for file in sorted(folder.iterdir()) if folder.is_dir() else []:
            match = NAME.search(file.name)
            if match and file.is_file():
                split: Split = "train" if match[1].lower() == "train" else "test"
                part: Part = (split, "images" if match[2].lower() == "images" else "labels")
                if file.suffix.lower() != ".gz" or not file.with_suffix("").is_file():
                    found.setdefault(part, []).append(file)
        if found:
            return found
    return {}


def read(path: Path, files: Mapping[Part, list[Path]]) -> dict[Split, Dataset]:
    """Both splits; the labels that occur are numbered 0..K-1 in order, and are the class names.

    Args:
        path: the folder, after which the data set is called.
        files: what ``files_in`` found there.

    Raises:
        GenlabError: one of the four files is missing or there twice, damaged or of another type or
            shape than its name says, or images and labels differ in number.
        OSError: a file cannot be opened.
    """
    arrays = {}
    for part in PARTS:
        split, kind = part
        chosen = files.get(part, [])
        if len(chosen) != 1:
            names = ", ".join(file.name for file in chosen)
            found = f"{len(chosen)} files of {split} {kind} ({names})" if chosen else f"no {split} {kind}"
            raise GenlabError(f"{path} has {found}: it should hold four IDX files, one of each kind")
        arrays[part] = read_file(chosen[0], 3 if kind == "images" else 1)
    for split in ("train", "test"):
        images, labels = len(arrays[split, "images"]), len(arrays[split, "labels"])
        if images != labels:
            raise GenlabError(
                f"{files[split, 'labels'][0]} has {labels} labels and {files[split, 'images'][0].name} has "
                f"{images} images: these files do not belong together"
            )
    train, test = (torch.from_numpy(arrays[split, "labels"].astype(np.int64)) for split in ("train", "test"))
    class_names, train, test = number(train, test)
    return both(
        path,
        {
            "train": (fit_all(arrays["train", "images"]), train),
            "test": (fit_all(arrays["test", "images"]), test),
        },
        class_names,
        f"IDX files of {path}.",
    )


def read_file(file: Path, dimensions: int) -> NDArray[np.uint8]:
    """One IDX file of bytes, gzipped or not, of so many dimensions.

    Raises:
        GenlabError: the header says something else, or the length is not what the header says.
        OSError: it cannot be opened.
    """
    with file.open("rb") as plain, gzip.open(plain) if file.suffix.lower() == ".gz" else plain as content:
        try:
            header = content.read(4 + 4 * dimensions)
            if header[:4] != bytes([0, 0, 8, dimensions]):
                raise GenlabError(
                    f"{file} is not what its name says: it begins with {header[:4].hex(' ') or 'nothing'}, "
                    f"an IDX file of bytes in {dimensions}D with 00 00 08 {dimensions:02x}: copy it again"
                )
            shape = tuple(int.from_bytes(header[i : i + 4], "big") for i in range(4, len(header), 4))
            if len(header) != 4 + 4 * dimensions or 0 in shape or prod(shape) > LARGEST:
                raise GenlabError(f"{file} has an impossible shape in its header, {shape}: copy it again")
            values = content.read(prod(shape) + 1)  # one more than there should be
        except (EOFError, zlib.error, gzip.BadGzipFile):
            raise GenlabError(f"{file} is truncated or not a gzip file: copy it again") from None
    if len(values) != prod(shape):
        what = "fewer" if len(values) < prod(shape) else "more"
        raise GenlabError(f"{file} has {what} than the {prod(shape):,} values of its header: copy it again")
    return np.frombuffer(values, np.uint8).reshape(shape)
