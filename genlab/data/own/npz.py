"""An .npz file of images and labels; every array in it is plain numbers, nothing is unpickled."""

import zipfile
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from genlab.data.dataset import Dataset, Split
from genlab.data.own.picture import fit_all
from genlab.data.own.splits import both, number
from genlab.errors import GenlabError

Array = NDArray[Any]
UNSPLIT = ("images", "labels")
# Keras' data sets, and MedMNIST's, whose val_images stay unused.
SPLIT = (("x_train", "y_train", "x_test", "y_test"),
         ("train_images", "train_labels", "test_images", "test_labels"))  # fmt: skip
LARGEST = 4 * 2**30  # bytes; a file that unpacks to more would not fit into memory


def read(path: Path) -> dict[Split, Dataset]:
    """Both splits of ``images`` and ``labels``, or of ``x_train``, ``y_train``, ``x_test`` and ``y_test``.

    Images are uint8, or float in [0, 1], of shape (N, H, W), (N, 1, H, W) or (N, H, W, 1); labels are
    whole numbers, (N,) or (N, 1); ``class_names``, if there, names the labels 0, 1, ... Without it,
    the labels may be any whole numbers, and are their own names.

    Raises:
        GenlabError: an array is missing, of another shape or type, holds values out of range, does not
            go with the others or with ``class_names``, or the file is damaged; the line names the array.
        OSError: the file cannot be opened.
    """
    arrays = _arrays(path)
    keys = next((keys for keys in (UNSPLIT, *SPLIT) if set(keys) <= set(arrays)), None)
    if keys is None:
        raise GenlabError(
            f"{path} holds the arrays {', '.join(sorted(arrays)) or '(none)'}: "
            "it should hold 'images' and 'labels', or 'x_train', 'y_train', 'x_test' and 'y_test'"
        )
    images = [_images(arrays[key], f"{path}: {key}") for key in keys[::2]]
    labels = [_labels(arrays[key], f"{path}: {key}") for key in keys[1::2]]
    for images_key, labels_key, some, numbers in zip(keys[::2], keys[1::2], images, labels, strict=True):
        if len(some) != len(numbers):
            raise GenlabError(
                f"{path}: {images_key} has {len(some)} images and {labels_key} has {len(numbers)} labels: "
                "there should be one label for each image"
            )
    if "class_names" in arrays:
        class_names = _class_names(arrays["class_names"], labels, path)
    else:
        class_names, labels = number(labels)
    return both(path, list(zip(images, labels, strict=True)), class_names, f"Arrays of {path}.")


def _arrays(path: Path) -> Mapping[str, Array]:
    """The arrays that are wanted, by name, and the names alone of those that are not."""
    wanted = {*UNSPLIT, *SPLIT[0], *SPLIT[1], "class_names"}
    damaged = f"{path} is truncated or not an .npz file: write it again with numpy.savez_compressed"
    key, arrays = "", {}
    try:
        with zipfile.ZipFile(path) as archive:
            size = sum(member.file_size for member in archive.infolist())
        if size > LARGEST:
            raise GenlabError(
                f"{path} unpacks to {size / 2**30:.1f} GiB, too much to hold: keep fewer or smaller images"
            )
        with path.open("rb") as packed, np.lib.npyio.NpzFile(packed, allow_pickle=False) as file:
            for key in file.files:
                arrays[key] = file[key] if key in wanted else np.empty(0)
    except GenlabError:
        raise
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, ValueError, MemoryError) as error:
        if "allow_pickle" in str(error):
            damaged = f"{path}: {key} holds Python objects, which are not unpickled: save plain numbers"
        raise GenlabError(damaged) from None
    return arrays


def _images(array: Array, what: str) -> Tensor:
    """Any accepted array of images as uint8 (N, 28, 28)."""
    if array.ndim == 4 and 1 in (array.shape[1], array.shape[3]):
        array = array[:, 0] if array.shape[1] == 1 else array[..., 0]
    if array.ndim != 3 or 0 in array.shape:
        hint = (
            "make them grey, images.mean(-1)" if array.shape[3:] in ((3,), (4,)) else "one grey value a pixel"
        )
        raise GenlabError(f"{what} should be (N, H, W), N at least 1, got {array.shape}: {hint}")
    if array.dtype.kind == "f":
        if not np.isfinite(array).all():
            raise GenlabError(f"{what} holds a value that is not a number: take it out")
        low, high = float(array.min()), float(array.max())
        if low < 0 or high > 1:
            raise GenlabError(f"{what} should be in [0, 1], got {low:g} to {high:g}: divide, or save uint8")
        array = (array * 255).round().astype(np.uint8)
    if array.dtype != np.uint8:
        raise GenlabError(f"{what} should be uint8, or float in [0, 1], got {array.dtype}: convert them")
    return fit_all(array)


def _labels(array: Array, what: str) -> Tensor:
    """Any accepted array of labels as int64 (N,)."""
    if array.dtype.kind not in "iu":
        raise GenlabError(f"{what} should be whole numbers, got {array.dtype}: labels.astype('int64')")
    if array.ndim != 1 and array.shape[1:] != (1,):
        raise GenlabError(f"{what} should be (N,), got {array.shape}: of one-hot labels, take argmax(1)")
    if array.size and array.max() > np.iinfo(np.int64).max:
        raise GenlabError(f"{what} holds {array.max()}, which is no class: number them 0, 1, 2, ...")
    return torch.from_numpy(array.reshape(-1).astype(np.int64))


def _class_names(array: Array, labels: list[Tensor], path: Path) -> list[str]:
    """The names in ``class_names``, which every label must point into."""
    if array.ndim != 1 or array.dtype.kind != "U" or len(set(array.tolist())) != len(array):
        raise GenlabError(
            f"{path}: class_names should be text, (K,), each name once: numpy.array(['a', 'b'])"
        )
    every = torch.cat(labels)
    if len(every) and not 0 <= int(every.min()) <= int(every.max()) < len(array):
        raise GenlabError(
            f"{path}: class_names names the labels 0..{len(array) - 1} and they go from {int(every.min())} "
            f"to {int(every.max())}: add names, or number the labels from 0"
        )
    return [str(name) for name in array]
