"""Folders of pictures: layout, split, and everything that can be wrong with one."""

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from genlab.data import load_dataset

Refused = Callable[[object], str]


def pixels_of(path: Path) -> torch.Tensor:
    return torch.from_numpy(np.array(Image.open(path)))


def test_every_fifth_picture_of_a_class_is_for_testing(shapes: Path) -> None:
    train, test = load_dataset(str(shapes)), load_dataset(str(shapes), "test")
    assert (train.name, train.split, test.split) == (str(shapes), "train", "test")
    assert train.class_names == test.class_names == ("circle", "square", "triangle")
    assert train.num_classes == 3
    assert train.labels.bincount().tolist() == [6, 5, 4]
    assert test.labels.bincount().tolist() == [1, 1, 1]
    files = {
        (label, pixels_of(path).numpy().tobytes()): path.name
        for label, name in enumerate(train.class_names)
        for path in (shapes / name).iterdir()
    }
    found = [
        [files.pop((int(label), image.numpy().tobytes())) for image, label in zip(*part, strict=True)]
        for part in ((test.images, test.labels), (train.images, train.labels))
    ]
    assert found[0] == ["4.png"] * 3  # 0, 1, 2, 3, 4: the fifth
    assert not files  # each picture is there once
    assert train.labels[:6].unique().tolist() == [0, 1, 2]  # not sorted by class
    for data in (train, test):
        assert data.images.dtype == torch.uint8
        assert data.labels.dtype == torch.int64
        assert data.images.shape == (len(data), 1, 28, 28)


def test_a_split_of_ones_own(shapes: Path, tmp_path: Path) -> None:
    own = tmp_path / "own"
    shutil.copytree(shapes, own / "Train")
    for name in ("circle", "square", "triangle"):
        (own / "test" / name).mkdir(parents=True)
        (own / "Train" / name / "2.png").rename(own / "test" / name / "2.png")
    train, test = load_dataset(own), load_dataset(own, "test")
    assert (len(train), len(test)) == (15, 3)
    [square] = test.images[test.labels == 1, 0]
    assert torch.equal(square, pixels_of(own / "test" / "square" / "2.png"))
    assert train.labels[:6].unique().tolist() == [0, 1, 2]  # not sorted by class


def test_classes_called_train_and_test_among_others_are_classes(shapes: Path) -> None:
    for old, new in (("circle", "train"), ("square", "test")):
        (shapes / old).rename(shapes / new)
    assert load_dataset(shapes).class_names == ("test", "train", "triangle")


@pytest.mark.parametrize(
    "names", [["Klasse ä"], ["circle", "square", "2", "9", "10"], list(map(str, range(30)))]
)
def test_any_number_of_classes_in_order_of_name_or_number(
    names: list[str], shapes: Path, tmp_path: Path
) -> None:
    for name in names[::-1]:
        shutil.copytree(shapes / "circle", tmp_path / "many" / name)
    data = load_dataset(tmp_path / "many")
    assert data.class_names == tuple(names)
    assert data.labels.bincount().tolist() == [6] * len(names)


def test_what_systems_leave_behind_is_passed_over(shapes: Path) -> None:
    before = load_dataset(shapes)
    for litter in (".DS_Store", "circle/.DS_Store", "circle/Thumbs.db", "desktop.ini", "circle/._1.png"):
        (shapes / litter).write_bytes(b"\0\1")
    (shapes / ".git").mkdir()
    (shapes / "__MACOSX").mkdir()
    (shapes / "README.txt").write_text("Beside the class folders no picture is lost.")
    after = load_dataset(shapes)
    assert after.fingerprint == before.fingerprint
    assert after.class_names == before.class_names


def test_a_path_is_understood_as_it_is_written(
    shapes: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    everywhere: list[str | Path] = ["./shapes", "shapes/", "~/shapes", "./shapes/../shapes", Path("shapes")]
    assert {load_dataset(name).name for name in everywhere} == {str(shapes)}
    monkeypatch.chdir(shapes)
    assert load_dataset(".").name == str(shapes)
    os.symlink(shapes, tmp_path / "link")
    assert load_dataset(tmp_path / "link").fingerprint == load_dataset(shapes).fingerprint


# --- what is refused --------------------------------------------------------------------------


def test_nothing_there(tmp_path: Path, shapes: Path, refused: Refused) -> None:
    path = tmp_path / "no" / "shapes"
    assert refused(path) == f"{path} does not exist (only {tmp_path} does): correct the path"
    assert refused(tmp_path / "x.npz").startswith(f"{tmp_path / 'x.npz'} does not exist")
    assert "does not exist" in refused("./a\0b")
    assert "no such home directory" in refused("~nobody-of-this-name/shapes")
    assert "File name too long" in refused("./" + 300 * "x")
    assert "0.png is neither a folder nor an .npz file" in refused(shapes / "circle" / "0.png")
    assert "circle has pictures and no class folders" in refused(shapes / "circle")
    assert f"did you mean the folder {shapes}?" in refused(tmp_path)  # one too high


def empty(shapes: Path) -> None:
    shutil.rmtree(shapes)
    shapes.mkdir()


def empty_class(shapes: Path) -> None:
    (shapes / "blob").mkdir()
    (shapes / "blob" / ".hidden.png").touch()


def other_classes(shapes: Path) -> None:
    shutil.copytree(shapes, shapes.parent / "test")
    shutil.copytree(shapes / "circle", shapes.parent / "train" / "circle")
    empty(shapes)
    for half in ("train", "test"):
        (shapes.parent / half).rename(shapes / half)


def black_ink_on_a_transparent_ground(shapes: Path) -> None:
    for top, file in enumerate(shapes.rglob("*.png")):
        ink = np.zeros((28, 28, 4), np.uint8)
        ink[top:20, 5:9, 3] = 255
        Image.fromarray(ink).save(file)


@pytest.mark.parametrize(
    ("spoil", "at", "words"),
    [
        (empty, "", "has no class folders"),
        (empty_class, "blob", "has no pictures"),
        (other_classes, "train", "has no folder for the class 'square'"),
        (black_ink_on_a_transparent_ground, "", "every image of the train split is blank"),
        (
            lambda p: shutil.copytree(p / "circle", p / "square" / "a"),
            "square/a",
            "is a folder inside a class",
        ),
        (lambda p: shutil.copy(p / "circle/0.png", p / "x.JPG"), "x.JPG", "lies beside the class folders"),
        (lambda p: (p / "triangle/0.png").unlink(), "", "the class 'triangle' has 4 images, fewer than 5"),
        (lambda p: (p / "circle/labels.csv").write_text("a,b\n"), "circle/labels.csv", "is not a picture"),
        (lambda p: os.mkfifo(p / "circle/pipe.png"), "circle/pipe.png", "neither a file nor a folder"),
    ],
)
def test_what_is_refused(
    spoil: Callable[[Path], object], at: str, words: str, shapes: Path, refused: Refused
) -> None:
    load_dataset(shapes)  # it was good, and was kept
    spoil(shapes)
    text = refused(shapes)
    assert text.startswith(f"{shapes / at}")
    assert words in text


def test_no_permission(shapes: Path, refused: Refused, monkeypatch: pytest.MonkeyPatch) -> None:
    """As root nothing is forbidden, so the refusal is made up."""
    forbidden = shapes / "circle" / "1.png"
    plain = Path.open

    def open_(path: Path, *args: object, **options: object) -> object:
        if path == forbidden:
            raise PermissionError(13, "Permission denied", str(path))
        return plain(path, *args, **options)  # type: ignore[call-overload]

    monkeypatch.setattr(Path, "open", open_)
    assert refused(shapes).startswith(f"{forbidden} cannot be read (Permission denied)")
