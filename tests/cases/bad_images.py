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


def evaluated(images: Any, *options: str) -> Case:
    """A case: this array, or these bytes, in a file that is held against digits."""

    def case(folder: Path) -> list[str]:
        file = folder / "x.npy"
        file.write_bytes(images) if isinstance(images, bytes) else np.save(file, images)
        return ["evaluate", str(file), "--dataset", "digits", *options]

    return case


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
    "an empty file": evaluated(b""),
    "half a header": evaluated(b"\x93NUMPY\x01\x00\xff\xff"),
}
