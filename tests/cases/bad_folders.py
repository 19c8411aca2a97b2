"""Data of one's own with something wrong in it, for trials/bad_input.py.

Each case makes the bad thing below an empty folder and returns the arguments of a genlab command that
should refuse it: exit status 2, one line on standard error, nothing changed on the disk.
"""

import gzip
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

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


def at(name: str, make: Callable[[Path], object]) -> Case:
    """A case: something made under this name, and looked at."""

    def case(path: Path) -> list[str]:
        make(path / name)
        return ["data", str(path / name)]

    return case


def of_folder(spoil: Callable[[Path], object]) -> Case:
    """A case: a good folder of pictures, spoiled."""
    return at("shapes", lambda path: spoil(good_folder(path)))


def of_npz(**changes: object) -> Case:
    """A case: a good .npz file with some arrays changed; None takes one away."""
    arrays: dict[str, Any] = {k: v for k, v in {**good_arrays(), **changes}.items() if v is not None}
    return at("x.npz", lambda path: np.savez(path, **arrays))


def of_idx(name: str, change: Callable[[bytes], bytes]) -> Case:
    """A case: good IDX files, the bytes of one of them changed."""

    def spoil(path: Path) -> None:
        file = good_idx(path) / f"kana-{name}-ubyte"
        file.write_bytes(change(file.read_bytes()))

    return at("kana", spoil)


def training(dataset: Callable[[Path], Path]) -> Case:
    """A case: training on what is made in the folder."""

    def case(path: Path) -> list[str]:
        words = ["train", "--config", "vae-small", "--run", str(path / "run")]
        return [*words, "--dataset", str(dataset(path))]

    return case


def no_class_folders(path: Path) -> None:
    """Pictures, and no folders that say what they are."""
    path.mkdir()
    for i in range(10):
        picture(i).save(path / f"{i}.png")


def other_classes_for_testing(path: Path) -> None:
    """train/ and test/ with different classes."""
    good_folder(path / "train")
    good_folder(path / "test", CLASSES[:2])


def all_blank(path: Path) -> None:
    """Black ink on a transparent ground: nothing is left of it on black."""
    for file in good_folder(path).glob("*/*.png"):
        ink = np.zeros((20, 20, 4), np.uint8)
        ink[int(file.stem) :, 5:9, 3] = 255
        Image.fromarray(ink).save(file)


def truncated_npz(path: Path) -> None:
    """An .npz file cut in half."""
    np.savez(path, **good_arrays())  # type: ignore[arg-type]
    halve(path)


def npz_bomb(path: Path) -> None:
    """A small .npz file that says that it unpacks to more than four gigabytes."""
    np.savez(path, **good_arrays())  # type: ignore[arg-type]
    content = bytearray(path.read_bytes())
    first = content.rindex(b"PK\x01\x02", 0, content.rindex(b"PK\x01\x02"))  # in the list of contents
    content[first + 24 : first + 28] = struct.pack("<I", 2**32 - 2)  # its size, unpacked
    path.write_bytes(content)


def two_sets_of_idx_files(path: Path) -> None:
    """Two data sets in one folder, as EMNIST is published."""
    for file in list(good_idx(path).iterdir()):
        (path / file.name.replace("kana", "more")).write_bytes(file.read_bytes())


def truncated_gzip(path: Path) -> None:
    """An IDX file whose download stopped."""
    file = good_idx(path) / "kana-train-images-idx3-ubyte"
    packed = gzip.compress(file.read_bytes())
    file.with_name(f"{file.name}.gz").write_bytes(packed[: len(packed) // 2])
    file.unlink()


def halve(file: Path) -> Path:
    """Cut a file in half; returns it."""
    content = file.read_bytes()
    file.write_bytes(content[: len(content) // 2])
    return file


def emptied(shapes: Path, keep: int) -> None:
    """Take away all pictures of a class but so many."""
    for file in sorted((shapes / "triangle").iterdir())[keep:]:
        file.unlink()


def fractions(shapes: Path) -> None:
    """Add a picture of 32-bit fractions."""
    Image.fromarray(np.random.default_rng(0).random((20, 20), np.float32)).save(shapes / "circle" / "x.tiff")


NOISE = good_arrays()["images"]
CASES: dict[str, Case] = {
    "a path that does not exist": at("nowhere", lambda path: None),
    "an empty folder": at("shapes", Path.mkdir),
    "pictures and no class folders": at("shapes", no_class_folders),
    "a picture beside the class folders": of_folder(lambda p: picture(0).save(p / "loose.png")),
    "a folder inside a class folder": of_folder(
        lambda p: good_folder(p / "square" / "large", ("red", "blue"))
    ),
    "a class without pictures": of_folder(lambda p: emptied(p, 0)),
    "a class of three pictures": of_folder(lambda p: emptied(p, 3)),
    "a text file among the pictures": of_folder(lambda p: (p / "circle" / "notes.txt").write_text("round\n")),
    "an empty file among the pictures": of_folder(lambda p: (p / "circle" / "0.png").write_bytes(b"")),
    "a picture cut in half": of_folder(lambda p: halve(p / "circle" / "0.png")),
    "a picture of fractions": of_folder(fractions),
    "a link to nothing": of_folder(lambda p: (p / "circle" / "link.png").symlink_to(p / "gone.png")),
    "a decompression bomb": of_folder(
        lambda p: Image.new("1", (15_000, 15_000)).save(p / "circle" / "large.png")
    ),
    "only blank pictures": at("shapes", all_blank),
    "other classes for testing": at("shapes", other_classes_for_testing),
    "a file that is no data": at("0.png", lambda path: picture(0).save(path)),
    "an .npz of text": at("x.npz", lambda path: path.write_text("images, labels\n")),
    "an .npz cut short": at("x.npz", truncated_npz),
    "an .npz bomb": at("x.npz", npz_bomb),
    "an .npz with pickled labels": of_npz(labels=np.array([{"label": 0}] * 20, object)),
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
    "IDX files, one missing": at(
        "kana", lambda path: (good_idx(path) / "kana-test-labels-idx1-ubyte").unlink()
    ),
    "IDX files of two data sets": at("kana", two_sets_of_idx_files),
    "an IDX file of another type": of_idx("train-images-idx3", lambda b: b[:2] + b"\x0d" + b[3:]),
    "an IDX file of other dimensions": of_idx("train-labels-idx1", lambda b: idx(NOISE)),
    "an IDX file cut short": of_idx("train-images-idx3", lambda b: b[:-1]),
    "an IDX file too long": of_idx("train-images-idx3", lambda b: b + b"\x00"),
    "an IDX file of nothing": of_idx("test-labels-idx1", lambda b: b""),
    "IDX files that do not belong together": of_idx(
        "test-labels-idx1", lambda b: idx(np.arange(9, dtype=np.uint8) % 2)
    ),
    "an IDX file whose download stopped": at("kana", truncated_gzip),
    "training on a path that does not exist": training(lambda path: path / "nowhere" / "shapes"),
    "training on a damaged picture": training(
        lambda path: halve(good_folder(path / "shapes") / "square" / "3.png").parents[1]
    ),
}
