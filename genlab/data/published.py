"""MNIST and Fashion-MNIST: found on disk or downloaded, and verified by SHA-256 either way."""

import gzip
import hashlib
import os
import subprocess
import sys
import tempfile
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import torch

from genlab.data.dataset import IMAGE_SHAPE, Dataset, Split
from genlab.errors import GenlabError
from genlab.files import project_dir

DOWNLOAD_SECONDS = 300  # a class cannot wait longer; offline machines fail within seconds


@dataclass(frozen=True)
class Published:
    """A published data set: torchvision's class for it, and what its files must hash to."""

    torchvision_class: str
    class_names: tuple[str, ...]
    sha256: Mapping[str, str]  # of the files as they are once unzipped


PUBLISHED: Mapping[str, Published] = {
    "mnist": Published(
        "MNIST",
        tuple("0123456789"),
        {
            "train-images-idx3-ubyte": "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
            "train-labels-idx1-ubyte": "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
            "t10k-images-idx3-ubyte": "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
            "t10k-labels-idx1-ubyte": "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
        },
    ),
    "fashion_mnist": Published(
        "FashionMNIST",
        ("t-shirt", "trouser", "pullover", "dress", "coat",
         "sandal", "shirt", "sneaker", "bag", "ankle boot"),
        {
            "train-images-idx3-ubyte": "c59f468a2f672dc815687fe0f83887768d799fd8a3f3276145d20f83aa44d888",
            "train-labels-idx1-ubyte": "bad3541b69d912435c50bb6ba87bec294ff4f6a2e1246121d8633921760443d9",
            "t10k-images-idx3-ubyte": "5b4141f0afbad91edebe8549f8fcffe087ea10ca49f1dbef5c9a5cd8815ce37b",
            "t10k-labels-idx1-ubyte": "0402a96d92fd2663957122ceb108a494c5af83dab82d92729df917d7dec38c34",
        },
    ),
}  # fmt: skip


def class_names(dataset: str) -> tuple[str, ...]:
    """What the classes of a data set are called, without reading any of it; nothing for one's own data.

    Args:
        dataset: ``mnist``, ``fashion_mnist``, ``digits`` or a path.
    """
    if dataset in PUBLISHED:
        return PUBLISHED[dataset].class_names
    return PUBLISHED["mnist"].class_names if dataset == "digits" else ()


class NotAvailable(GenlabError):
    """Neither on disk nor to be downloaded: the one case in which ``auto`` may turn to ``digits``."""

    def __init__(self, message: str, reason: str) -> None:
        super().__init__(message)
        self.reason = reason


def load_published(name: str, split: Split, root: str | Path | None) -> Dataset:
    """A split of a data set in ``PUBLISHED``, from disk or else from the network.

    Raises:
        NotAvailable: it is neither on disk nor to be downloaded.
        GenlabError: a file is missing, truncated or altered, or a folder cannot be read or written.
    """
    published = PUBLISHED[name]
    roots = search_roots(root)
    folder, how = _find(published, roots), "Found in"
    if folder is None:
        own_root = roots[0] if root is not None else roots[-1]  # a class's shared folder is only read
        folder, how = _download(published, own_root), "Downloaded to"
    prefix = {"train": "train", "test": "t10k"}[split]
    images = _verified_bytes(folder, f"{prefix}-images-idx3-ubyte", published.sha256)
    labels = _verified_bytes(folder, f"{prefix}-labels-idx1-ubyte", published.sha256)
    return Dataset(
        name=name,
        split=split,
        images=torch.frombuffer(images, dtype=torch.uint8, offset=16).reshape(-1, *IMAGE_SHAPE),
        labels=torch.frombuffer(labels, dtype=torch.uint8, offset=8).long(),
        class_names=published.class_names,
        source=f"{how} {folder}, verified by SHA-256.",
    )


def search_roots(root: str | Path | None = None) -> list[Path]:
    """The folders in which data sets are looked for, in order; those that a person named must exist."""
    named = {"the data root": root, "$GENLAB_DATA": os.environ.get("GENLAB_DATA") or None}
    roots = {said_by: Path(folder).expanduser() for said_by, folder in named.items() if folder is not None}
    for said_by, folder in roots.items():
        if not folder.is_dir():
            raise GenlabError(
                f"{said_by} names the folder {folder}, which does not exist: correct it or leave it out"
            )
    return [*roots.values(), project_dir() / "data"]


def _find(published: Published, roots: list[Path]) -> Path | None:
    """The first folder that holds any file of the data set: damage there is reported, not skipped."""
    for root in roots:
        folder = root / published.torchvision_class / "raw"
        if any((folder / f"{file}{end}").is_file() for file in published.sha256 for end in ("", ".gz")):
            return folder
    return None


def _verified_bytes(folder: Path, file: str, sha256: Mapping[str, str]) -> bytearray:
    """What one file holds once unzipped, proved to be what was published: its header needs no reading."""
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
    return bytearray(content)


def _download(published: Published, root: Path) -> Path:
    """Fetch all four files into ``root`` through torchvision and return the folder they lie in.

    They are fetched aside and moved into place whole, so that an interrupted download leaves
    nothing that a later load would have to distrust.
    """
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
        raise NotAvailable(
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
