"""What every test gets: a tiny data set, no data on the disk, and no way to the network."""

import os
import signal
import struct
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from hashlib import sha256
from pathlib import Path
from types import SimpleNamespace
from typing import Any, NoReturn

os.environ["MPLBACKEND"] = "Agg"
REAL_DATA = os.environ.get("GENLAB_DATA")  # as it was before any test

import pytest  # noqa: E402
import torch  # noqa: E402
from torch import Tensor  # noqa: E402

import genlab.data  # noqa: E402
from genlab.data import Dataset, published  # noqa: E402

WriteIdx = Callable[..., dict[str, bytes]]


@pytest.fixture(autouse=True)
def away_from_home(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    """No data set is found on this machine, none can be downloaded, and no profile is set."""

    def refuse(*_: object, **__: object) -> NoReturn:
        raise AssertionError("a test tried to start a download")

    monkeypatch.delenv("GENLAB_DATA", raising=False)
    monkeypatch.delenv("GENLAB_PROFILE", raising=False)
    monkeypatch.delitem(sys.modules, "ipykernel", raising=False)  # nbval's plugin has imported it
    home = tmp_path / "home"
    monkeypatch.setattr("genlab.data.published.project_dir", lambda: home)
    monkeypatch.setattr("genlab.data.own.cache.project_dir", lambda: home)
    monkeypatch.setattr("genlab.data.published.subprocess", SimpleNamespace(run=refuse))
    published._failed_downloads.cache_clear()
    signal.signal(signal.SIGINT, signal.default_int_handler)  # a script's background job is deaf to it
    threads = torch.get_num_threads()
    torch.set_num_threads(1)  # the models here are so small that a second thread only waits
    yield
    torch.set_num_threads(threads)
    published._failed_downloads.cache_clear()


@pytest.fixture
def displayed(monkeypatch: pytest.MonkeyPatch) -> list[tuple[Any, dict[str, Any]]]:
    """What was given to IPython's ``display``, which outside a kernel shows nothing: (object, options)."""
    seen: list[tuple[Any, dict[str, Any]]] = []
    monkeypatch.setattr("IPython.display.display", lambda thing, **options: seen.append((thing, options)))
    return seen


@pytest.fixture(scope="session")
def real_data() -> Path:
    """The folder with the real data sets, for the few tests that want it."""
    if not REAL_DATA:
        pytest.skip("GENLAB_DATA is not set: no real MNIST to read")
    return Path(REAL_DATA)


def make_images(n: int, seed: int = 0) -> Tensor:
    """Something with the look of MNIST: a bright block on black, somewhere else in each image."""
    generator = torch.Generator().manual_seed(seed)
    images = torch.zeros(n, 1, 28, 28, dtype=torch.uint8)
    for image in images:
        top, left = torch.randint(4, 16, (2,), generator=generator).tolist()
        image[0, top : top + 8, left : left + 8] = torch.randint(
            100, 256, (8, 8), generator=generator, dtype=torch.uint8
        )
    return images


@pytest.fixture
def dataset() -> Dataset:
    """Forty images of ten classes."""
    return Dataset(
        name="digits",
        split="train",
        images=make_images(40),
        labels=torch.arange(40) % 10,
        class_names=tuple("0123456789"),
        source="Made up for a test.",
    )


@pytest.fixture
def images(dataset: Dataset) -> Tensor:
    """Eight images in [-1, 1]."""
    return genlab.data.to_signed(dataset.images[:8])


@pytest.fixture
def labels(dataset: Dataset) -> Tensor:
    """Their labels."""
    return dataset.labels[:8]


def idx_bytes(values: Tensor) -> bytes:
    """A uint8 tensor in the IDX format, as http://yann.lecun.com/exdb/mnist described it."""
    header = struct.pack(f">BBBB{values.ndim}I", 0, 0, 8, values.ndim, *values.shape)
    return header + values.numpy().tobytes()


@pytest.fixture
def idx_files(monkeypatch: pytest.MonkeyPatch) -> dict[str, bytes]:
    """The four files of a small made-up MNIST, whose hashes now pass for the published ones."""
    files = {}
    for prefix, n in (("train", 12), ("t10k", 5)):
        files[f"{prefix}-images-idx3-ubyte"] = idx_bytes(make_images(n, seed=n)[:, 0])
        files[f"{prefix}-labels-idx1-ubyte"] = idx_bytes(torch.arange(n, dtype=torch.uint8) % 10)
    hashes = {name: sha256(content).hexdigest() for name, content in files.items()}
    changed = {name: replace(one, sha256=hashes) for name, one in published.PUBLISHED.items()}
    monkeypatch.setattr("genlab.data.published.PUBLISHED", changed)
    return files


@pytest.fixture
def mnist_root(idx_files: dict[str, bytes], tmp_path: Path) -> Path:
    """A folder that holds them in torchvision's layout."""
    root = tmp_path / "mnist-root"
    raw = root / "MNIST" / "raw"
    raw.mkdir(parents=True)
    for name, content in idx_files.items():
        (raw / name).write_bytes(content)
    return root
