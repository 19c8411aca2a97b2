"""What was read once is read again from data/own, unless anything has changed."""

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import load_file

from genlab.data import Dataset, load_dataset
from genlab.data.own.folder import Parts, read


@pytest.fixture
def own(tmp_path: Path) -> Path:
    return tmp_path / "home" / "data" / "own"


@pytest.fixture
def readings(monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """The folders whose pictures were opened."""
    seen: list[Path] = []

    def noted(path: Path, parts: Parts) -> object:
        seen.append(path)
        return read(path, parts)

    monkeypatch.setattr("genlab.data.own.folder.read", noted)
    return seen


def same(a: Dataset, b: Dataset) -> bool:
    facts = [(d.name, d.split, d.class_names, d.source, d.fingerprint, d.images.shape) for d in (a, b)]
    return facts[0] == facts[1]


def test_pictures_are_opened_once(shapes: Path, own: Path, readings: list[Path]) -> None:
    first = [load_dataset(shapes), load_dataset(shapes, "test")]
    again = [load_dataset(shapes), load_dataset(shapes, "test")]
    assert readings == [shapes]
    assert all(same(a, b) for a, b in zip(first, again, strict=True))
    again[0].images[:] = 7
    assert same(load_dataset(shapes), first[0])  # what is kept is not what was handed out
    [file] = own.iterdir()
    assert file.name.startswith("shapes-")
    assert str(file) in first[0].source
    kept = load_file(file)
    assert torch.equal(kept["train_images"], first[0].images)
    assert torch.equal(kept["test_labels"], first[1].labels)


def add(shapes: Path) -> None:
    shutil.copy(shapes / "circle" / "0.png", shapes / "circle" / "8.png")


def remove(shapes: Path) -> None:
    (shapes / "circle" / "0.png").unlink()


def rewrite(shapes: Path) -> None:
    """The same size and name, other pixels, a new time."""
    pixels = np.asarray(Image.open(shapes / "circle" / "0.png"))
    Image.fromarray(255 - pixels).save(shapes / "circle" / "0.png")


def rename_class(shapes: Path) -> None:
    (shapes / "circle").rename(shapes / "disc")


def move_to_another_class(shapes: Path) -> None:
    (shapes / "circle" / "0.png").rename(shapes / "square" / "9.png")


@pytest.mark.parametrize("change", [add, remove, rewrite, rename_class, move_to_another_class])
def test_after_a_change_they_are_read_anew(
    change: Callable[[Path], None], shapes: Path, own: Path, readings: list[Path]
) -> None:
    before = load_dataset(shapes)
    change(shapes)
    after = load_dataset(shapes)
    assert readings == [shapes, shapes]
    assert not same(before, after)
    assert len(list(own.iterdir())) == 1  # in the old one's place
    assert same(load_dataset(shapes), after)
    assert len(readings) == 2


def test_folders_of_one_name_do_not_meet(shapes: Path, tmp_path: Path, own: Path) -> None:
    other = shutil.copytree(shapes, tmp_path / "other" / "shapes")
    rewrite(other)
    for file in (*shapes.rglob("*.png"), *other.rglob("*.png")):
        os.utime(file, ns=(0, 0))
    assert load_dataset(shapes).fingerprint != load_dataset(other).fingerprint
    assert len(list(own.iterdir())) == 2


def test_damage_anywhere_is_noticed_and_mended(shapes: Path, own: Path, readings: list[Path]) -> None:
    good = load_dataset(shapes)
    [file] = own.iterdir()
    content = file.read_bytes()
    random = np.random.default_rng(0)
    positions = [*range(0, 900, 7), *random.integers(0, len(content), 40).tolist()]
    damaged = [content[:length] for length in (0, 5, 8, 100, len(content) // 2, len(content) - 1)]
    damaged += [content[:i] + bytes([content[i] ^ 1]) + content[i + 1 :] for i in positions]
    for bad in damaged:
        file.write_bytes(bad)
        assert same(load_dataset(shapes), good)
    assert len(readings) > len(damaged) * 0.9  # an unused byte of the header may be any
    count = len(readings)
    assert same(load_dataset(shapes), good)
    assert len(readings) == count


@pytest.mark.parametrize("taken", ["home", "home/data", "home/data/own"])
def test_where_nothing_can_be_kept_the_source_says_so(taken: str, shapes: Path, tmp_path: Path) -> None:
    (tmp_path / taken).parent.mkdir(parents=True, exist_ok=True)
    (tmp_path / taken).write_text("a file where a folder should be")
    data = load_dataset(shapes)
    assert len(data) == 15
    assert "they cannot be kept in" in data.source
    assert "\n" not in repr(data)


def test_a_full_disk_leaves_nothing_behind(shapes: Path, own: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("genlab.data.own.cache.os.replace", full)
    assert "(No space left on device)" in load_dataset(shapes).source
    assert not list(own.iterdir())


def test_a_long_name(shapes: Path, tmp_path: Path, own: Path) -> None:
    shapes.rename(tmp_path / (60 * "äö"))
    assert "; kept in" in load_dataset(tmp_path / (60 * "äö")).source
    assert len(list(own.iterdir())) == 1


IN_TURNS = """
import sys
from pathlib import Path
import genlab.data.own.cache
from genlab.data import load_dataset
home, shapes = map(Path, sys.argv[1:])
genlab.data.own.cache.project_dir = lambda: home
for _ in range(30):
    for file in (home / "data" / "own").glob("*.safetensors"):
        file.unlink(missing_ok=True)
    print(load_dataset(shapes).fingerprint)
"""


def test_processes_may_read_and_write_at_once(shapes: Path, tmp_path: Path, own: Path) -> None:
    good = load_dataset(shapes).fingerprint
    command = [sys.executable, "-c", IN_TURNS, str(tmp_path / "home"), str(shapes)]
    processes = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(3)]
    assert [process.communicate(timeout=120)[0].split() for process in processes] == [[good] * 30] * 3
    assert load_dataset(shapes).fingerprint == good
    assert len(list(own.iterdir())) == 1
