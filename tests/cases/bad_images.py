"""Images that cannot be evaluated, for trials/bad_input.py.

Each case writes a .npy file into an empty folder and returns the arguments of a genlab command that
should refuse it: exit status 2, one line on standard error, nothing changed on the disk.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

Case = Callable[[Path], list[str]]
GOOD = np.random.default_rng(0).random((100, 28, 28), np.float32)


def written(make: Callable[[Path], object], *options: str) -> Case:
    """A case: what makes the file, which is held against digits."""

    def case(folder: Path) -> list[str]:
        make(folder / "x.npy")
        return ["evaluate", str(folder / "x.npy"), "--dataset", "digits", *options]

    return case


def evaluated(array: Any, *options: str) -> Case:
    """A case: this array in a file."""
    return written(lambda path: np.save(path, array), *options)


def cut(path: Path) -> None:
    """An array without its last byte."""
    np.save(path, GOOD)
    path.write_bytes(path.read_bytes()[:-1])


def npz(path: Path) -> None:
    """An archive under an array's name."""
    with path.open("wb") as file:
        np.savez(file, images=GOOD)


def huge(path: Path) -> None:
    """An array that claims to hold a trillion images."""
    np.save(path, GOOD[:1])
    path.write_bytes(path.read_bytes().replace(b"(1, 28, 28), }" + b" " * 12, b"(1000000000000, 28, 28), }"))


CASES: dict[str, Case] = {
    "fewer images than feature dimensions": evaluated(GOOD[:64]),
    "more images than real ones": evaluated(np.concatenate([GOOD] * 4)),
    "no images": evaluated(GOOD[:0]),
    "all black": evaluated(GOOD * 0),
    "all the same image": evaluated(GOOD[:1].repeat(100, 0)),
    "in [-1, 1]": evaluated(GOOD * 2 - 1),
    "in 0..255 as float": evaluated(GOOD * 255),
    "NaN in one pixel": evaluated(np.where(np.arange(GOOD.size).reshape(GOOD.shape) == 5, np.nan, GOOD)),
    "infinite": evaluated(np.where(GOOD > 0.9, np.inf, GOOD)),
    "whole numbers of 64 bits": evaluated((GOOD * 255).astype(np.int64)),
    "complex numbers": evaluated(GOOD.astype(np.complex64)),
    "Python objects": evaluated(np.array([None])),
    "flat images": evaluated(GOOD.reshape(100, 784)),
    "colours": evaluated(np.stack([GOOD] * 3, axis=1)),
    "one image alone": evaluated(GOOD[0]),
    "more asked for than there are": evaluated(GOOD, "--n", "101"),
    "an empty file": written(lambda path: path.write_bytes(b"")),
    "half a header": written(lambda path: path.write_bytes(b"\x93NUMPY\x01\x00\xff\xff")),
    "a folder": written(Path.mkdir),
    "an array cut short": written(cut),
    "an archive of arrays": written(npz),
    "a trillion images": written(huge),
}
