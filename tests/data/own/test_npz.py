"""Arrays in an .npz file: what is taken, and everything that is refused."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from genlab.data import load_dataset

Refused = Callable[[object], str]
RANDOM = np.random.default_rng(0)
IMAGES = RANDOM.integers(0, 256, (30, 28, 28), np.uint8)
LABELS = np.arange(30) % 3


def saved(path: Path, **arrays: Any) -> Path:
    np.savez(path / "x.npz", **arrays)
    return path / "x.npz"


def test_images_and_labels_are_split_as_folders_are(tmp_path: Path) -> None:
    path = saved(tmp_path, images=IMAGES, labels=LABELS)
    train, test = load_dataset(str(path)), load_dataset(str(path), "test")
    assert (train.name, len(train), len(test)) == (str(path), 24, 6)
    index = {image.tobytes(): i for i, image in enumerate(IMAGES)}
    trained, tested = ([index[image.numpy().tobytes()] for image in data.images] for data in (train, test))
    kept = [i for i in range(30) if i // 3 % 5 != 4]  # class k has k, k + 3, ...: the fifth is k + 12
    assert sorted(trained) == kept
    assert sorted(trained + tested) == list(range(30))
    assert np.array_equal(train.labels.numpy(), LABELS[trained])
    assert train.class_names == ("0", "1", "2")
    assert not (tmp_path / "home").exists()  # reading it is quick: nothing is kept


@pytest.mark.parametrize(
    "keys",
    [
        ("x_train", "y_train", "x_test", "y_test"),
        ("train_images", "train_labels", "test_images", "test_labels"),
    ],
)
def test_arrays_that_are_split_already(keys: tuple[str, ...], tmp_path: Path) -> None:
    arrays = (IMAGES[:20], LABELS[:20, None], IMAGES[20:], LABELS[20:, None])
    path = saved(tmp_path, **dict(zip(keys, arrays, strict=True)), val_images=IMAGES[:3])
    train, test = load_dataset(path), load_dataset(path, "test")
    assert np.array_equal(train.images[:, 0].numpy(), IMAGES[:20])
    assert np.array_equal(test.images[:, 0].numpy(), IMAGES[20:])
    assert np.array_equal(test.labels.numpy(), LABELS[20:])


@pytest.mark.parametrize(
    "images",
    [
        IMAGES[:, None],
        IMAGES[..., None],
        IMAGES / 255,
        (IMAGES / 255)[:, None].astype(np.float32),
        np.asfortranarray(IMAGES),
        IMAGES.astype(">f8") / 255,
    ],
    ids=["N1HW", "NHW1", "float64", "N1HW float32", "Fortran", "big-endian"],
)
def test_every_accepted_form_gives_the_same(images: Any, tmp_path: Path) -> None:
    data = load_dataset(saved(tmp_path, images=images, labels=LABELS))
    plain = load_dataset(saved(tmp_path, images=IMAGES, labels=LABELS))
    assert data.fingerprint == plain.fingerprint
    assert data.images.is_contiguous()


def test_other_sizes_are_resized_as_pictures_are(tmp_path: Path) -> None:
    large = RANDOM.integers(0, 256, (10, 50, 40), np.uint8)
    data = load_dataset(saved(tmp_path, images=large, labels=np.zeros(10, np.uint8)))
    for i in range(10):
        (tmp_path / "shapes" / "0").mkdir(parents=True, exist_ok=True)
        Image.fromarray(large[i]).save(tmp_path / "shapes" / "0" / f"{i}.png")
    assert data.fingerprint == load_dataset(tmp_path / "shapes").fingerprint


@pytest.mark.parametrize(("dtype", "first"), [(np.int8, -7), (np.uint8, 3), (np.uint64, 3), (">i2", -7)])
def test_labels_are_numbered_in_order_and_keep_their_values_as_names(
    dtype: Any, first: int, tmp_path: Path
) -> None:
    values = np.array([first, first + 7, first + 14])
    data = load_dataset(saved(tmp_path, images=IMAGES, labels=values[LABELS].astype(dtype)))
    assert data.class_names == tuple(map(str, values))
    assert data.labels.unique().tolist() == [0, 1, 2]


def test_class_names(tmp_path: Path) -> None:
    names = np.array(["circle", "square", "Dreieck ä"])
    data = load_dataset(saved(tmp_path, images=IMAGES, labels=LABELS, class_names=names))
    assert data.class_names == tuple(names)
    assert data.labels.bincount().tolist() == [8, 8, 8]


Arrays = dict[str, Any]
GOOD: Arrays = {"images": IMAGES, "labels": LABELS}
NAN = np.where(IMAGES == 7, np.nan, 0.5)
BAD: list[tuple[Arrays, str]] = [
    ({"images": None}, "it should hold 'images' and 'labels'"),
    ({"labels": None, "y": LABELS}, "holds the arrays images, y: it should"),
    ({"images": IMAGES[0]}, "images should be (N, H, W), N at least 1, got (28, 28)"),
    ({"images": np.stack([IMAGES] * 3, -1)}, "got (30, 28, 28, 3): make them grey, images.mean(-1)"),
    ({"images": np.stack([IMAGES] * 2, 1)}, "got (30, 2, 28, 28)"),
    ({"images": IMAGES[:0], "labels": LABELS[:0]}, "N at least 1, got (0, 28, 28)"),
    ({"images": IMAGES[:, :0]}, "got (30, 0, 28)"),
    ({"images": np.float64(3)}, "got ()"),
    ({"images": IMAGES.astype(int)}, "images should be uint8, or float in [0, 1], got int64"),
    ({"images": IMAGES > 9}, "got bool"),
    ({"images": IMAGES.astype(str)}, "got <U3"),
    ({"images": IMAGES / 1.0}, "images should be in [0, 1], got 0 to 255"),
    ({"images": IMAGES / 127.5 - 1}, "got -1 to 1"),
    ({"images": NAN}, "holds a value that is not a number"),
    ({"images": np.where(IMAGES == 7, np.inf, 0.5)}, "holds a value that is not a number"),
    ({"images": IMAGES[:29]}, "images has 29 images and labels has 30 labels"),
    ({"images": np.zeros_like(IMAGES)}, "every image of the train split is blank"),
    ({"labels": LABELS / 2}, "labels should be whole numbers, got float64"),
    ({"labels": LABELS > 1}, "labels should be whole numbers, got bool"),
    ({"labels": np.array(["a"] * 30)}, "labels should be whole numbers, got <U1"),
    ({"labels": np.eye(3, dtype=int)[LABELS]}, "labels should be (N,), got (30, 3): of one-hot labels"),
    ({"labels": np.int64(3)}, "labels should be (N,), got ()"),
    ({"labels": np.full(30, 2**64 - 1, np.uint64)}, "which is no class"),
    ({"labels": (np.arange(30) == 9).astype(int)}, "the class '1' has 1 image, fewer than 5"),
    ({"labels": np.array([{}] * 30, object)}, "labels holds Python objects, which are not unpickled"),
    ({"images": np.array([None] * 30, object)}, "images holds Python objects, which are not unpickled"),
    ({"class_names": np.array(["a", "b"])}, "names the labels 0..1 and they go from 0 to 2"),
    ({"class_names": np.array(["a"] * 3)}, "each name once"),
    ({"class_names": np.arange(3)}, "class_names should be text"),
    ({"class_names": np.array(["a", "b", None], object)}, "class_names holds Python objects"),
    ({"class_names": np.array(list("abc")), "labels": LABELS - 1}, "go from -1 to 1"),
    ({"class_names": np.array(list("abcd"))}, "the class 'd' has 0 images"),
]


@pytest.mark.parametrize(("changes", "words"), BAD, ids=[words for _, words in BAD])
def test_what_is_refused(changes: Arrays, words: str, tmp_path: Path, refused: Refused) -> None:
    arrays = {key: array for key, array in {**GOOD, **changes}.items() if array is not None}
    text = refused(saved(tmp_path, **arrays))
    assert text.startswith(str(tmp_path / "x.npz"))
    assert words in text


def test_splits_that_do_not_go_together(tmp_path: Path, refused: Refused) -> None:
    arrays = {"x_train": IMAGES, "y_train": LABELS, "x_test": IMAGES[:10], "y_test": LABELS[:10]}
    data = load_dataset(saved(tmp_path, **arrays), "test")
    assert "10 of the 10 test images are training images too" in data.source
    text = refused(saved(tmp_path, **{**arrays, "x_test": IMAGES[:2], "y_test": LABELS[:2]}))
    assert "the test split has no image of the class '2'" in text
    text = refused(saved(tmp_path, **{**arrays, "y_test": LABELS[:2]}))
    assert "x_test has 10 images and y_test has 2 labels" in text


def test_a_file_that_is_none_or_damaged_is_refused_in_one_line(tmp_path: Path, refused: Refused) -> None:
    path = tmp_path / "x.npz"
    np.savez_compressed(path, **GOOD)
    content, good = path.read_bytes(), load_dataset(path).fingerprint
    with path.open("wb") as file:
        np.save(file, IMAGES)
    one_array = path.read_bytes()
    cut_short = [content[:length] for length in range(0, len(content), 997)]
    for bad in (b"text", b"PK\x03\x04", b"\0" * 1000, one_array, *cut_short):
        path.write_bytes(bad)
        assert "is truncated or not an .npz file" in refused(path)
    for position in np.random.default_rng(0).integers(0, len(content), 60).tolist():
        path.write_bytes(content[:position] + bytes([content[position] ^ 4]) + content[position + 1 :])
        try:
            assert load_dataset(path).fingerprint == good  # a bit that nobody reads
        except ValueError:
            refused(path)
