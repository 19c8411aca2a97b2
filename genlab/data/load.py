"""One function for every data set: by name, or by the path of one's own."""

import os
import sys
from pathlib import Path
from typing import get_args

from genlab.data.dataset import Dataset, Split
from genlab.data.digits import load_scans
from genlab.data.own.load import load_own
from genlab.data.published import PUBLISHED, NotAvailable, load_published
from genlab.errors import GenlabError, did_you_mean

DATASET_NAMES = ("auto", *PUBLISHED, "digits")


def load_dataset(
    name: str | Path = "auto", split: Split = "train", root: str | Path | None = None
) -> Dataset:
    """Load a whole split into memory, from disk where it lies, else from the network.

    The folders searched for ``mnist`` and ``fashion_mnist``, in this order, each in torchvision's
    layout (``MNIST/raw/...``, gzipped or not): ``root``, ``$GENLAB_DATA``, then ``data/``. Every file
    read of theirs is verified by SHA-256.

    Args:
        name: ``mnist`` (LeCun et al. 1998), ``fashion_mnist`` (Xiao et al. 2017, arXiv:1708.07747),
            ``digits`` (1,797 scans of 8x8 that come with scikit-learn, enlarged; needs no network),
            ``auto``: MNIST where it is on disk or can be fetched, else ``digits``; or the path of your
            own data, written so that it shows (``./shapes``, ``~/shapes``, ``pictures/shapes``,
            ``shapes.npz``): a folder of pictures, an .npz file or a folder of IDX files, see
            ``genlab.data.own.load``.
        split: ``train`` or ``test``.
        root: a folder to search first, and to download into; own data does not look at it.

    Raises:
        GenlabError: an unknown name or split, a folder that does not exist, a file that is missing,
            truncated or altered, or a download that failed; the line names the file and the remedy.
    """
    if split not in get_args(Split):
        raise GenlabError(f"unknown split {split!r}: choose train or test")
    if is_path(name):
        return load_own(name, split)
    if name not in DATASET_NAMES:
        raise GenlabError(f"unknown data set {name!r}: {_what_was_meant(str(name))}")
    if name == "auto":
        return _load_auto(split, root)
    if name == "digits":
        return load_scans(split, "Comes with scikit-learn; needs no network.")
    return load_published(str(name), split, root)


def is_path(name: str | Path) -> bool:
    """Whether a name is that of one's own data: it has a separator, ends in .npz or begins with . or ~"""
    if isinstance(name, Path):
        return True
    separated = any(separator in name for separator in {"/", os.sep, os.altsep or os.sep})
    return separated or name.startswith((".", "~")) or name.lower().endswith(".npz")


def _what_was_meant(name: str) -> str:
    if name and Path(name).exists():
        return f"to load what lies here under this name, write it as a path, ./{name}"
    return f"{did_you_mean(name, DATASET_NAMES)} (a folder of your own is written as a path, ./{name})"


def _load_auto(split: Split, root: str | Path | None) -> Dataset:
    """MNIST, or digits when MNIST is neither on disk nor to be had. A damaged MNIST still raises."""
    try:
        return load_published("mnist", split, root)
    except NotAvailable as why:
        print(f"MNIST is not on disk and {why.reason}: going on with digits.", file=sys.stderr, flush=True)
        return load_scans(split, f"Chosen by 'auto' because MNIST is not on disk and {why.reason}.")
