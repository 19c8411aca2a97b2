"""Data sets as resident tensors (notebook 00).

MNIST is 47 MB as bytes: it fits in memory whole. So a data set here is one uint8 tensor, and a
batch is one indexing operation; nothing is decoded, copied or converted image by image.

Images are uint8 at rest, float32 in [-1, 1] inside models and float32 in [0, 1] at the edges
(plots, metrics, widgets). The two functions ``to_signed`` and ``to_unit`` are the only crossings.
"""

import gzip
import hashlib
import os
import subprocess
import sys
import tempfile
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Literal, get_args

import numpy as np
import torch
from torch import Tensor

from genlab.config import project_dir
from genlab.errors import GenlabError, did_you_mean

Split = Literal["train", "test"]
DOWNLOAD_SECONDS = 300  # a class cannot wait longer; offline machines fail within seconds


@dataclass(frozen=True)
class Dataset:
    """A split of a data set, whole, in memory.

    Attributes:
        name: ``mnist``, ``fashion_mnist`` or ``digits``, never ``auto``.
        split: ``train`` or ``test``.
        images: uint8, (N, 1, 28, 28), 0 is background.
        labels: int64, (N,), in [0, len(class_names)).
        class_names: one name per label.
        source: one sentence: where the images came from, and why from there.
    """

    name: str
    split: Split
    images: Tensor
    labels: Tensor
    class_names: tuple[str, ...]
    source: str

    def __len__(self) -> int:
        """The number of images."""
        return len(self.images)

    def __repr__(self) -> str:
        """One line for the end of a notebook cell, rather than 60,000 images."""
        shape = "x".join(str(size) for size in self.images.shape[1:])
        return f"{self.name} ({self.split}): {len(self):,} images of {shape}. {self.source}"

    @property
    def num_classes(self) -> int:
        """The number of classes."""
        return len(self.class_names)

    def to(self, device: torch.device | str) -> "Dataset":
        """The same data set on another device, so that a GPU indexes its own memory."""
        return replace(self, images=self.images.to(device), labels=self.labels.to(device))

    def batches(
        self, batch_size: int, *, generator: torch.Generator | None = None
    ) -> Iterator[tuple[Tensor, Tensor]]:
        """One epoch in random order: ``(images in [-1, 1], labels)``, the last batch dropped if short.

        A short last batch would weigh its few images more than the others', and its size would be
        one more thing for a reader to keep in mind. Data sets smaller than one batch give one.

        Args:
            batch_size: images per batch, at least 1.
            generator: a CPU generator that decides the order; the global one if left out.
        """
        if batch_size < 1:
            raise GenlabError(f"batch_size must be at least 1, got {batch_size}")
        order = torch.randperm(len(self), generator=generator)
        for start in range(0, max(len(self) - batch_size, 0) + 1, batch_size):
            index = order[start : start + batch_size].to(self.images.device)
            yield to_signed(self.images[index]), self.labels[index]


def to_signed(images: Tensor) -> Tensor:
    """uint8 in 0..255, or float in [0, 1], to the float32 in [-1, 1] that models work in."""
    if images.dtype == torch.uint8:
        return images.to(torch.float32).mul_(2 / 255).sub_(1)
    return images * 2 - 1


def to_unit(images: Tensor) -> Tensor:
    """uint8 in 0..255, or float in [-1, 1] (clipped to it), to float32 in [0, 1] for people."""
    if images.dtype == torch.uint8:
        return images.to(torch.float32).div_(255)
    return ((images.float() + 1) / 2).clamp(0, 1)


def load_dataset(name: str = "auto", split: Split = "train", root: str | Path | None = None) -> Dataset:
    """Load a whole split into memory, from disk where it lies, else from the network.

    The folders searched, in this order, each in torchvision's layout (``MNIST/raw/...``, gzipped or
    not): ``root``, ``$GENLAB_DATA``, then ``data/``. Every file read is verified by SHA-256.

    Args:
        name: ``mnist`` (LeCun et al. 1998), ``fashion_mnist`` (Xiao et al. 2017, arXiv:1708.07747),
            ``digits`` (1,797 scans of 8x8 that come with scikit-learn, enlarged; needs no network),
            or ``auto``: MNIST where it is on disk or can be fetched, else ``digits``.
        split: ``train`` or ``test``.
        root: a folder to search first, and to download into.

    Raises:
        GenlabError: an unknown name or split, a folder that does not exist, a file that is missing,
            truncated or altered, or a download that failed; the line names the file and the remedy.
    """
    if name not in DATASET_NAMES:
        raise GenlabError(f"unknown data set {name!r}: {did_you_mean(name, DATASET_NAMES)}")
    if split not in get_args(Split):
        raise GenlabError(f"unknown split {split!r}: choose train or test")
    if name == "auto":
        return _load_auto(split, root)
    if name == "digits":
        return _load_digits(split, "Comes with scikit-learn; needs no network.")
    return _load_idx(name, split, root)


def _load_auto(split: Split, root: str | Path | None) -> Dataset:
    """MNIST, or digits when MNIST is neither on disk nor to be had. A damaged MNIST still raises."""
    try:
        return _load_idx("mnist", split, root)
    except _NotAvailable as why:
        return _load_digits(split, f"Chosen by 'auto' because MNIST is not on disk and {why.reason}.")


# --- MNIST and Fashion-MNIST: IDX files in torchvision's layout ---------------------------------

_FASHION_CLASSES = (
    "t-shirt", "trouser", "pullover", "dress", "coat",
    "sandal", "shirt", "sneaker", "bag", "ankle boot",
)  # fmt: skip


@dataclass(frozen=True)
class _Published:
    """A published data set: torchvision's class for it, and what its files must hash to."""

    torchvision_class: str
    class_names: tuple[str, ...]
    sha256: Mapping[str, str]  # of the files as they are once unzipped


_PUBLISHED: Mapping[str, _Published] = {
    "mnist": _Published(
        "MNIST",
        tuple("0123456789"),
        {
            "train-images-idx3-ubyte": "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
            "train-labels-idx1-ubyte": "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
            "t10k-images-idx3-ubyte": "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
            "t10k-labels-idx1-ubyte": "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
        },
    ),
    "fashion_mnist": _Published(
        "FashionMNIST",
        _FASHION_CLASSES,
        {
            "train-images-idx3-ubyte": "c59f468a2f672dc815687fe0f83887768d799fd8a3f3276145d20f83aa44d888",
            "train-labels-idx1-ubyte": "bad3541b69d912435c50bb6ba87bec294ff4f6a2e1246121d8633921760443d9",
            "t10k-images-idx3-ubyte": "5b4141f0afbad91edebe8549f8fcffe087ea10ca49f1dbef5c9a5cd8815ce37b",
            "t10k-labels-idx1-ubyte": "0402a96d92fd2663957122ceb108a494c5af83dab82d92729df917d7dec38c34",
        },
    ),
}  # fmt: skip
DATASET_NAMES = ("auto", *_PUBLISHED, "digits")


class _NotAvailable(GenlabError):
    """Neither on disk nor to be downloaded: the one case in which ``auto`` may turn to ``digits``."""

    def __init__(self, message: str, reason: str) -> None:
        super().__init__(message)
        self.reason = reason


def _load_idx(name: str, split: Split, root: str | Path | None) -> Dataset:
    published = _PUBLISHED[name]
    roots = search_roots(root)
    folder, how = _find(published, roots), "Found in"
    if folder is None:
        folder, how = (
            _download(name, roots[0] if root is not None else project_dir() / "data"),
            "Downloaded to",
        )
    prefix = {"train": "train", "test": "t10k"}[split]
    images = _read_idx(folder, f"{prefix}-images-idx3-ubyte", published.sha256)
    labels = _read_idx(folder, f"{prefix}-labels-idx1-ubyte", published.sha256)
    return Dataset(
        name=name,
        split=split,
        images=images.unsqueeze(1),
        labels=labels.long(),
        class_names=published.class_names,
        source=f"{how} {folder}, verified by SHA-256.",
    )


def search_roots(root: str | Path | None = None) -> list[Path]:
    """The folders in which data sets are looked for, in order; those that a person named must exist."""
    roots = []
    if root is not None:
        roots.append(_existing(Path(root), "the data root"))
    if os.environ.get("GENLAB_DATA"):
        roots.append(_existing(Path(os.environ["GENLAB_DATA"]), "$GENLAB_DATA"))
    return [*roots, project_dir() / "data"]


def _existing(folder: Path, said_by: str) -> Path:
    folder = folder.expanduser()
    if not folder.is_dir():
        raise GenlabError(
            f"{said_by} names the folder {folder}, which does not exist: correct it or leave it out"
        )
    return folder


def _find(published: _Published, roots: list[Path]) -> Path | None:
    """The first folder that holds any file of the data set: damage there is reported, not skipped."""
    for root in roots:
        folder = root / published.torchvision_class / "raw"
        if any((folder / f"{file}{end}").is_file() for file in published.sha256 for end in ("", ".gz")):
            return folder
    return None


def _read_idx(folder: Path, file: str, sha256: Mapping[str, str]) -> Tensor:
    """One IDX file as a uint8 tensor, after its bytes are proved to be the published ones.

    The hash decides alone: what passes it is a well-formed file, so the header needs no checks.
    """
    path = next((p for p in (folder / file, folder / f"{file}.gz") if p.is_file()), None)
    remedy = f"copy the file again, or delete the folder {folder} and load again to download it afresh"
    if path is None:
        raise GenlabError(f"{folder / file} is missing (nor is there a .gz of it): {remedy}")
    try:
        content = path.read_bytes()
        if path.suffix == ".gz":
            content = gzip.decompress(content)
    except (EOFError, zlib.error, gzip.BadGzipFile):
        raise GenlabError(f"{path} is truncated or not a gzip file: {remedy}") from None
    except OSError as error:
        raise GenlabError(f"{path} cannot be read ({error.strerror}): check its permissions") from None
    if hashlib.sha256(content).hexdigest() != sha256[file]:
        raise GenlabError(
            f"{path} is not the published file ({len(content):,} bytes, SHA-256 differs), "
            f"so it is truncated or altered: {remedy}"
        )
    dimensions = content[3]  # magic number: 0, 0, type 8 (unsigned byte), number of dimensions
    start = 4 + 4 * dimensions
    shape = np.frombuffer(content[4:start], dtype=">i4")
    return torch.from_numpy(np.frombuffer(content, np.uint8, offset=start).reshape(shape).copy())


def _download(name: str, root: Path) -> Path:
    """Fetch all four files into ``root`` through torchvision and return the folder they lie in.

    They are fetched aside and moved into place whole, so that an interrupted download leaves
    nothing that a later load would have to distrust.
    """
    published = _PUBLISHED[name]
    folder = root / published.torchvision_class / "raw"
    try:
        root.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=root, prefix=".download-") as aside:
            reason = _run_download(published.torchvision_class, aside)
            if reason is None:
                folder.parent.mkdir(exist_ok=True)
                (Path(aside) / published.torchvision_class / "raw").rename(folder)
    except OSError as error:
        if not folder.is_dir():  # else another process was quicker and its files will do
            raise GenlabError(f"cannot write to {folder} ({error.strerror}): name another root") from None
        return folder
    if reason is not None:
        raise _NotAvailable(
            f"{published.torchvision_class} is not on disk and {reason}: put its four files into "
            f"{folder} (torchvision's layout), set GENLAB_DATA to a folder that has them, "
            "or use the data set 'digits', which needs no network",
            reason,
        )
    return folder


@cache  # one failed attempt is enough for a session: a class without Wi-Fi must not wait twice
def _failed_downloads() -> dict[str, str]:
    return {}


def _run_download(torchvision_class: str, folder: str) -> str | None:
    """Let torchvision download in a process of its own, which can be stopped; None, or why not."""
    failed = _failed_downloads()
    if torchvision_class in failed:
        return failed[torchvision_class]
    print(f"Downloading {torchvision_class} ...", file=sys.stderr, flush=True)
    code = (
        "import socket, sys; socket.setdefaulttimeout(10); import torchvision.datasets as d;"
        f"d.{torchvision_class}(sys.argv[1], download=True)"
    )
    try:
        done = subprocess.run(
            [sys.executable, "-c", code, folder], capture_output=True, timeout=DOWNLOAD_SECONDS
        )
    except subprocess.TimeoutExpired:
        reason = f"the download did not finish within {DOWNLOAD_SECONDS} seconds"
    else:
        if done.returncode == 0:
            return None
        reason = "the download failed (no network?)"
    failed[torchvision_class] = reason
    return reason


# --- digits: what scikit-learn brings along ------------------------------------------------------


def _load_digits(split: Split, source: str) -> Dataset:
    """1,797 scans of 8x8 in 17 grey levels, enlarged to 28x28; every fifth one is the test split.

    Scans are 20x20 pixels of ink in MNIST, centred in 28x28; the enlarged ones keep that margin.
    """
    from sklearn.datasets import load_digits  # 0.5 s, wanted only here

    scans = load_digits()
    test = np.arange(len(scans.images)) % 5 == 0
    chosen = test if split == "test" else ~test
    small = torch.from_numpy(scans.images[chosen]).float().unsqueeze(1) * (255 / 16)
    large = torch.nn.functional.interpolate(small, size=(20, 20), mode="bicubic", align_corners=False)
    images = torch.nn.functional.pad(large, (4, 4, 4, 4)).round().clamp(0, 255).to(torch.uint8)
    return Dataset(
        name="digits",
        split=split,
        images=images,
        labels=torch.from_numpy(scans.target[chosen]).long(),
        class_names=tuple("0123456789"),
        source=source,
    )
