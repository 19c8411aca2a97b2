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

import numpy as np
import torch
from numpy.typing import NDArray

from genlab.data.dataset import Dataset, Split
from genlab.data.own.picture import fit_all
from genlab.data.own.splits import both, number
from genlab.errors import GenlabError

NAME = re.compile(
    r"(train|t10k|test)[-_.](images|labels)[-_.]?(idx\d)?([-_.]?u?byte)?(\.gz)?$", re.IGNORECASE
)
LARGEST = 4 * 2**30  # bytes: no data set that is loaded whole


def files_in(path: Path) -> dict[str, list[Path]]:
    """The files of a folder whose names are those of IDX files, by what is in them; empty if none.

    Torchvision puts them into a folder ``raw``, so that one is looked into as well.
    """
    for folder in (path, path / "raw"):
        found: dict[str, list[Path]] = {}
        for file in sorted(folder.iterdir()) if folder.is_dir() else []:
            match = NAME.search(file.name)
            unpacked_too = file.suffix.lower() == ".gz" and file.with_suffix("").is_file()
            if match and file.is_file() and not unpacked_too:
                split = "train" if match[1].lower() == "train" else "test"
                found.setdefault(f"{split} {match[2].lower()}", []).append(file)
        if found:
            return found
    return {}


def read(path: Path, files: Mapping[str, list[Path]]) -> dict[Split, Dataset]:
    """Both splits; the labels that occur are numbered 0..K-1 in order, and are the class names.

    Args:
        path: the folder, after which the data set is called.
        files: what ``files_in`` found there.

    Raises:
        GenlabError: one of the four files is missing or there twice, damaged or of another type or
            shape than its name says, or images and labels differ in number.
        OSError: a file cannot be opened.
    """
    images, labels = [], []
    for split in ("train", "test"):
        for kind in ("images", "labels"):
            chosen = files.get(f"{split} {kind}", [])
            if len(chosen) != 1:
                names = ", ".join(file.name for file in chosen)
                found = f"{len(chosen)} files of {split} {kind} ({names})" if chosen else f"no {split} {kind}"
                raise GenlabError(f"{path} has {found}: it should hold four IDX files, one of each kind")
        [images_file], [labels_file] = files[f"{split} images"], files[f"{split} labels"]
        images.append(read_file(images_file, 3))
        labels.append(read_file(labels_file, 1))
        if len(images[-1]) != len(labels[-1]):
            raise GenlabError(
                f"{labels_file} has {len(labels[-1])} labels and {images_file.name} has "
                f"{len(images[-1])} images: these files do not belong together"
            )
    class_names, numbered = number([torch.from_numpy(part.astype(np.int64)) for part in labels])
    halves = list(zip(map(fit_all, images), numbered, strict=True))
    return both(path, halves, class_names, f"IDX files of {path}.")


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
