"""IDX files under names of their own."""

import gzip
import struct
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from genlab.data import load_dataset

Refused = Callable[[object], str]
RANDOM = np.random.default_rng(0)
N = {"train": 20, "test": 10}
IMAGES = {split: RANDOM.integers(0, 256, (n, 28, 28), np.uint8) for split, n in N.items()}
LABELS = {split: (np.arange(n) % 4 * 5 + 1).astype(np.uint8) for split, n in N.items()}  # 1, 6, 11, 16


def idx(values: NDArray[np.uint8]) -> bytes:
    return struct.pack(f">BBBB{values.ndim}I", 0, 0, 8, values.ndim, *values.shape) + values.tobytes()


def write(folder: Path, names: str, *, test: str = "t10k", zipped: bool = False) -> Path:
    folder.mkdir(parents=True)
    for split, word in (("train", "train"), ("test", test)):
        for kind, values in (("images", IMAGES[split]), ("labels", LABELS[split])):
            name = names.format(split=word, kind=kind, d=values.ndim)
            content = idx(values)
            (folder / name).write_bytes(gzip.compress(content) if zipped else content)
    return folder


@pytest.mark.parametrize(
    ("names", "test", "zipped"),
    [
        ("{split}-{kind}-idx{d}-ubyte", "t10k", False),  # KMNIST
        ("{split}-{kind}-idx{d}-ubyte.gz", "t10k", True),
        ("emnist-letters-{split}-{kind}-idx{d}-ubyte.gz", "test", True),
        ("{split}-{kind}.idx{d}-ubyte", "t10k", False),  # as unpacked by Windows
        ("{split}_{kind}", "test", False),
    ],
)
def test_four_files_are_a_data_set(names: str, test: str, zipped: bool, tmp_path: Path) -> None:
    folder = write(tmp_path / "kana", names, test=test, zipped=zipped)
    (folder / "mapping.txt").write_text("left alone")
    for split in ("train", "test"):
        data = load_dataset(folder, split)
        assert (data.name, data.split) == (str(folder), split)
        assert np.array_equal(data.images[:, 0].numpy(), IMAGES[split])
        assert data.class_names == ("1", "6", "11", "16")
        assert np.array_equal(data.labels.numpy() * 5 + 1, LABELS[split])


def test_torchvisions_folder_with_files_packed_and_unpacked(tmp_path: Path) -> None:
    folder = write(tmp_path / "KMNIST" / "raw", "{split}-{kind}-idx{d}-ubyte")
    for file in list(folder.iterdir()):
        file.with_name(f"{file.name}.gz").write_bytes(b"not looked at")
    large = RANDOM.integers(0, 256, (20, 64, 48), np.uint8)
    (folder / "train-images-idx3-ubyte").write_bytes(idx(large))
    assert load_dataset(tmp_path / "KMNIST").images.shape == (20, 1, 28, 28)


Change = Callable[[bytes], bytes]
BAD: list[tuple[str, Change, str]] = [
    ("train-images-idx3-ubyte", lambda b: b[:2] + b"\x0d" + b[3:], "begins with 00 00 0d 03, an IDX file of"),
    ("train-images-idx3-ubyte", lambda b: b"PK\x03\x04" + b, "begins with 50 4b 03 04"),
    ("train-images-idx3-ubyte", lambda b: b"", "begins with nothing"),
    ("train-images-idx3-ubyte", lambda b: b[:9], "impossible shape"),
    ("train-images-idx3-ubyte", lambda b: b[:4] + b"\xff" * 12 + b[16:], "impossible shape"),
    ("train-images-idx3-ubyte", lambda b: b[:4] + bytes(12) + b[16:], "impossible shape"),
    ("train-images-idx3-ubyte", lambda b: b[:-1], "has fewer than the 15,680 values"),
    ("train-images-idx3-ubyte", lambda b: b + b"\0", "has more than the 15,680 values"),
    ("train-labels-idx1-ubyte", lambda b: idx(IMAGES["train"]), "IDX file of bytes in 1D with 00 00 08 01"),
    ("t10k-labels-idx1-ubyte", lambda b: idx(LABELS["test"][:9]), "has 9 labels and t10k-images-idx3-ubyte"),
    ("t10k-labels-idx1-ubyte", lambda b: idx(LABELS["test"] * 0 + 1), "no image of the class '6'"),
]


@pytest.mark.parametrize(("name", "change", "words"), BAD)
def test_what_is_refused(name: str, change: Change, words: str, tmp_path: Path, refused: Refused) -> None:
    folder = write(tmp_path / "kana", "{split}-{kind}-idx{d}-ubyte")
    (folder / name).write_bytes(change((folder / name).read_bytes()))
    text = refused(folder)
    assert text.startswith(str(folder))
    assert words in text


@pytest.mark.parametrize("length", [0, 10, 30, -5])
def test_a_gzip_file_cut_short(length: int, tmp_path: Path, refused: Refused) -> None:
    folder = write(tmp_path / "kana", "{split}-{kind}-idx{d}-ubyte.gz", zipped=True)
    file = folder / "train-images-idx3-ubyte.gz"
    file.write_bytes(file.read_bytes()[:length])
    assert refused(folder).startswith(f"{file} is ")


def test_files_that_are_missing_or_too_many(tmp_path: Path, refused: Refused) -> None:
    folder = write(tmp_path / "kana", "{split}-{kind}-idx{d}-ubyte")
    (folder / "t10k-labels-idx1-ubyte").rename(folder / "more-train-labels-idx1-ubyte")
    text = refused(folder)
    assert "2 files of train labels (more-train-labels-idx1-ubyte, train-labels-idx1-ubyte)" in text
    (folder / "more-train-labels-idx1-ubyte").unlink()
    assert f"{folder} has no test labels" in refused(folder)
