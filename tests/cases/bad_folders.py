"""Data of one's own with something wrong in it, for trials/bad_input.py.

Each case makes the bad thing below an empty folder and returns the arguments of a genlab command that
should refuse it: exit status 2, one line on standard error, nothing changed on the disk.
"""

import gzip
import os
import struct
from collections.abc import Callable
from pathlib import Path

import numpy as np
from PIL import Image

Case = Callable[[Path], list[str]]
CLASSES = ("circle", "square", "triangle")


def picture(seed: int, width: int = 30, height: int = 24) -> Image.Image:
    """Something to learn from: grey noise, another for each seed."""
    pixels = np.random.default_rng(seed).integers(0, 256, (height, width), np.uint8)
    return Image.fromarray(pixels)


def good_folder(path: Path, classes: tuple[str, ...] = CLASSES, each: int = 6) -> Path:
    """A folder of pictures with nothing wrong in it, for a case to spoil; returns ``path``."""
    for number, name in enumerate(classes):
        (path / name).mkdir(parents=True)
        for i in range(each):
            picture(100 * number + i).save(path / name / f"{i}.png")
    return path


def good_arrays(n: int = 20) -> dict[str, np.ndarray]:
    """Arrays for an .npz file with nothing wrong in it."""
    images = np.random.default_rng(0).integers(0, 256, (n, 28, 28), np.uint8)
    return {"images": images, "labels": np.arange(n) % 2}


def idx(values: np.ndarray) -> bytes:
    """Bytes in the IDX format."""
    return struct.pack(f">BBBB{values.ndim}I", 0, 0, 8, values.ndim, *values.shape) + values.tobytes()


def good_idx(path: Path) -> Path:
    """A folder of four IDX files with nothing wrong in it; returns ``path``."""
    path.mkdir()
    for split, n in (("train", 20), ("test", 10)):
        arrays = good_arrays(n)
        (path / f"kana-{split}-images-idx3-ubyte").write_bytes(idx(arrays["images"]))
        (path / f"kana-{split}-labels-idx1-ubyte").write_bytes(idx(arrays["labels"].astype(np.uint8)))
    return path


def look(path: Path) -> list[str]:
    """The command that looks at data."""
    return ["data", str(path)]


def of_folder(spoil: Callable[[Path], object]) -> Case:
    """A case: a good folder of pictures, spoiled."""

    def case(path: Path) -> list[str]:
        spoil(good_folder(path / "shapes"))
        return look(path / "shapes")

    return case


def of_npz(**changes: object) -> Case:
    """A case: a good .npz file with some arrays changed; None takes one away."""

    def case(path: Path) -> list[str]:
        arrays = {**good_arrays(), **changes}
        np.savez(path / "x.npz", **{k: v for k, v in arrays.items() if v is not None})  # type: ignore[arg-type]
        return look(path / "x.npz")

    return case


def of_idx(name: str, change: Callable[[bytes], bytes]) -> Case:
    """A case: good IDX files, the bytes of one of them changed."""

    def case(path: Path) -> list[str]:
        file = good_idx(path / "kana") / name
        file.write_bytes(change(file.read_bytes()))
        return look(path / "kana")

    return case


def empty(path: Path) -> list[str]:
    """An empty folder."""
    (path / "shapes").mkdir()
    return look(path / "shapes")


def no_class_folders(path: Path) -> list[str]:
    """Pictures, and no folders that say what they are."""
    (path / "shapes").mkdir()
    for i in range(10):
        picture(i).save(path / "shapes" / f"{i}.png")
    return look(path / "shapes")


def other_classes_for_testing(path: Path) -> list[str]:
    """train/ and test/ with different classes."""
    good_folder(path / "shapes" / "train")
    good_folder(path / "shapes" / "test", CLASSES[:2])
    return look(path / "shapes")


def all_blank(path: Path) -> list[str]:
    """Black ink on a transparent ground: nothing is left of it on black."""
    for name in CLASSES:
        (path / "shapes" / name).mkdir(parents=True)
        for i in range(6):
            ink = np.zeros((20, 20, 4), np.uint8)
            ink[i : i + 8, 5:9, 3] = 255
            Image.fromarray(ink).save(path / "shapes" / name / f"{i}.png")
    return look(path / "shapes")


def bomb(path: Path) -> list[str]:
    """A small file that unpacks to more than 200 million pixels."""
    good_folder(path / "shapes")
    Image.new("1", (15_000, 15_000)).save(path / "shapes" / "circle" / "large.png")
    return look(path / "shapes")


def a_text_file_called_npz(path: Path) -> list[str]:
    """An .npz file that is text."""
    (path / "x.npz").write_text("images, labels\n")
    return look(path / "x.npz")


def pickled_labels(path: Path) -> list[str]:
    """Labels that only unpickling could read."""
    arrays = good_arrays()
    labels = np.array([{"label": int(label)} for label in arrays["labels"]], object)
    np.savez(path / "x.npz", images=arrays["images"], labels=labels)
    return look(path / "x.npz")


def truncated_npz(path: Path) -> list[str]:
    """An .npz file cut in half."""
    np.savez_compressed(path / "x.npz", **good_arrays())  # type: ignore[arg-type]
    (path / "x.npz").write_bytes((path / "x.npz").read_bytes()[:5000])
    return look(path / "x.npz")


def npz_bomb(path: Path) -> list[str]:
    """A small .npz file that says that it unpacks to more than four gigabytes."""
    np.savez(path / "x.npz", **good_arrays())  # type: ignore[arg-type]
    content = bytearray((path / "x.npz").read_bytes())
    first = content.rindex(b"PK\x01\x02", 0, content.rindex(b"PK\x01\x02"))  # in the list of contents
    content[first + 24 : first + 28] = struct.pack("<I", 2**32 - 2)  # its size, unpacked
    (path / "x.npz").write_bytes(content)
    return look(path / "x.npz")


def missing_idx_file(path: Path) -> list[str]:
    """Three of the four IDX files."""
    (good_idx(path / "kana") / "kana-test-labels-idx1-ubyte").unlink()
    return look(path / "kana")


def two_sets_of_idx_files(path: Path) -> list[str]:
    """Two data sets in one folder, as EMNIST is published."""
    folder = good_idx(path / "kana")
    for file in list(folder.iterdir()):
        (folder / file.name.replace("kana", "more")).write_bytes(file.read_bytes())
    return look(folder)


def truncated_gzip(path: Path) -> list[str]:
    """An IDX file whose download stopped."""
    file = good_idx(path / "kana") / "kana-train-images-idx3-ubyte"
    packed = gzip.compress(file.read_bytes())
    file.with_name(f"{file.name}.gz").write_bytes(packed[: len(packed) // 2])
    file.unlink()
    return look(path / "kana")


def train_on_nothing(path: Path) -> list[str]:
    """Training on a path that leads nowhere."""
    nowhere = str(path / "nowhere" / "shapes")
    return ["train", "--config", "vae-small", "--dataset", nowhere, "--run", str(path / "run")]


def train_on_a_damaged_picture(path: Path) -> list[str]:
    """Training on a folder in which one picture is cut short."""
    halve(good_folder(path / "shapes") / "square" / "3.png")
    shapes = str(path / "shapes")
    return ["train", "--config", "vae-small", "--dataset", shapes, "--run", str(path / "run")]


def halve(file: Path) -> None:
    """Cut a file in half."""
    content = file.read_bytes()
    file.write_bytes(content[: len(content) // 2])


def nest(shapes: Path) -> None:
    """Put a folder into a class folder."""
    good_folder(shapes / "square" / "large", ("red", "blue"))


def empty_class(shapes: Path) -> None:
    """Take away all pictures of a class."""
    for file in (shapes / "triangle").iterdir():
        file.unlink()


def too_few(shapes: Path) -> None:
    """Leave a class with three pictures."""
    for i in range(3):
        (shapes / "triangle" / f"{i}.png").unlink()


def fractions(shapes: Path) -> None:
    """Add a picture of 32-bit fractions."""
    Image.fromarray(np.random.default_rng(0).random((20, 20), np.float32)).save(shapes / "circle" / "x.tiff")


def broken_link(shapes: Path) -> None:
    """Add a link to nothing."""
    os.symlink(shapes / "gone.png", shapes / "circle" / "link.png")


NOISE = good_arrays()["images"]
CASES: dict[str, Case] = {
    "a path that does not exist": lambda path: look(path / "nowhere"),
    "an empty folder": empty,
    "pictures and no class folders": no_class_folders,
    "a picture beside the class folders": of_folder(lambda p: picture(0).save(p / "loose.png")),
    "a folder inside a class folder": of_folder(nest),
    "a class without pictures": of_folder(empty_class),
    "a class of three pictures": of_folder(too_few),
    "a text file among the pictures": of_folder(lambda p: (p / "circle" / "notes.txt").write_text("round\n")),
    "an empty file among the pictures": of_folder(lambda p: (p / "circle" / "0.png").write_bytes(b"")),
    "a picture cut in half": of_folder(lambda p: halve(p / "circle" / "0.png")),
    "a picture of fractions": of_folder(fractions),
    "a link to nothing": of_folder(broken_link),
    "a decompression bomb": bomb,
    "only blank pictures": all_blank,
    "other classes for testing": other_classes_for_testing,
    "a file that is no data": lambda path: look(good_folder(path / "shapes") / "circle" / "0.png"),
    "an .npz of text": a_text_file_called_npz,
    "an .npz cut short": truncated_npz,
    "an .npz bomb": npz_bomb,
    "an .npz with pickled labels": pickled_labels,
    "an .npz without labels": of_npz(labels=None),
    "an .npz in colour": of_npz(images=np.repeat(NOISE[..., None], 3, -1)),
    "an .npz of whole numbers": of_npz(images=NOISE.astype(np.int64)),
    "an .npz out of range": of_npz(images=NOISE.astype(np.float32)),
    "an .npz that holds NaN": of_npz(images=np.where(NOISE == 7, np.nan, 0.5)),
    "an .npz of no images": of_npz(images=NOISE[:0], labels=np.arange(0)),
    "an .npz with a label too few": of_npz(labels=np.arange(19) % 2),
    "an .npz of one-hot labels": of_npz(labels=np.eye(2, dtype=int)[np.arange(20) % 2]),
    "an .npz of fractional labels": of_npz(labels=np.arange(20) % 2 / 1.0),
    "an .npz with a name too few": of_npz(class_names=np.array(["even"])),
    "an .npz with a class too small": of_npz(labels=(np.arange(20) == 7).astype(int)),
    "IDX files, one missing": missing_idx_file,
    "IDX files of two data sets": two_sets_of_idx_files,
    "an IDX file of another type": of_idx("kana-train-images-idx3-ubyte", lambda b: b[:2] + b"\x0d" + b[3:]),
    "an IDX file of other dimensions": of_idx("kana-train-labels-idx1-ubyte", lambda b: idx(NOISE)),
    "an IDX file cut short": of_idx("kana-train-images-idx3-ubyte", lambda b: b[:-1]),
    "an IDX file too long": of_idx("kana-train-images-idx3-ubyte", lambda b: b + b"\x00"),
    "an IDX file of nothing": of_idx("kana-test-labels-idx1-ubyte", lambda b: b""),
    "IDX files that do not belong together": of_idx(
        "kana-test-labels-idx1-ubyte", lambda b: idx(np.arange(9, dtype=np.uint8) % 2)
    ),
    "an IDX file whose download stopped": truncated_gzip,
    "training on a path that does not exist": train_on_nothing,
    "training on a damaged picture": train_on_a_damaged_picture,
}
