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


def evaluated(array: Any, *options: str) -> Case:
    """A case: this array in a file, held against digits."""

    def case(folder: Path) -> list[str]:
        np.save(folder / "x.npy", array)
        return ["evaluate", str(folder / "x.npy"), "--dataset", "digits", *options]

    return case


def _written(content: bytes) -> Case:
    def case(folder: Path) -> list[str]:
        (folder / "x.npy").write_bytes(content)
        return ["evaluate", str(folder / "x.npy"), "--dataset", "digits"]

    return case


CASES: dict[str, Case] = {
    "fewer images than feature dimensions": evaluated(GOOD[:64]),
    "hardly more than feature dimensions": evaluated(GOOD[:66]),
    "more images than real ones": evaluated(np.concatenate([GOOD] * 4)),
    "no images": evaluated(GOOD[:0]),
    "all black": evaluated(GOOD * 0),
    "all one grey": evaluated(GOOD * 0 + 0.5),
    "all the same image": evaluated(GOOD[:1].repeat(100, 0)),
    "in [-1, 1]": evaluated(GOOD * 2 - 1),
    "in 0..255 as float": evaluated(GOOD * 255),
    "NaN everywhere": evaluated(GOOD * np.nan),
    "NaN in one pixel": evaluated(np.where(np.arange(GOOD.size).reshape(GOOD.shape) == 5, np.nan, GOOD)),
    "infinite": evaluated(np.where(GOOD > 0.9, np.inf, GOOD)),
    "whole numbers of 64 bits": evaluated((GOOD * 255).astype(np.int64)),
    "truth values": evaluated(GOOD > 0.5),
    "complex numbers": evaluated(GOOD.astype(np.complex64)),
    "Python objects": evaluated(np.array([None])),
    "flat images": evaluated(GOOD.reshape(100, 784)),
    "other sizes": evaluated(GOOD[:, 1:]),
    "colours": evaluated(np.stack([GOOD] * 3, axis=1)),
    "one image alone": evaluated(GOOD[0]),
    "more asked for than there are": evaluated(GOOD, "--n", "101"),
    "an empty file": _written(b""),
    "a text": _written(b"images"),
    "half a header": _written(b"\x93NUMPY\x01\x00\xff\xff"),
}
