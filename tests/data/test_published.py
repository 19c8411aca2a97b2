import gzip
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from genlab.data import class_names, load_dataset, search_roots

Refused = Callable[..., str]
IMAGES, LABELS = "train-images-idx3-ubyte", "train-labels-idx1-ubyte"


@pytest.fixture
def raw(mnist_root: Path) -> Path:
    """The folder of MNIST's files."""
    return mnist_root / "MNIST" / "raw"


@pytest.fixture
def target(tmp_path: Path) -> Path:
    """An empty folder."""
    (tmp_path / "target").mkdir()
    return tmp_path / "target"


# --- MNIST on the disk ------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["mnist", "fashion_mnist"])
def test_the_files_are_read_as_they_are(name: str, idx_files: dict[str, bytes], tmp_path: Path) -> None:
    raw = tmp_path / {"mnist": "MNIST", "fashion_mnist": "FashionMNIST"}[name] / "raw"
    raw.mkdir(parents=True)
    for file, content in idx_files.items():
        (raw / file).write_bytes(content)
    for split, prefix, n in (("train", "train", 12), ("test", "t10k", 5)):
        data = load_dataset(name, split, tmp_path)  # type: ignore[arg-type]
        pixels = torch.frombuffer(bytearray(idx_files[f"{prefix}-images-idx3-ubyte"][16:]), dtype=torch.uint8)
        assert torch.equal(data.images.flatten(), pixels)
        assert data.images.shape == (n, 1, 28, 28)
        assert data.labels.tolist() == list(idx_files[f"{prefix}-labels-idx1-ubyte"][8:])
        assert data.labels.dtype == torch.int64
        assert data.class_names == class_names(name)
        assert (data.name, data.split) == (name, split)
        assert str(raw) in data.source
        assert "verified" in data.source
        data.images[0] = 7  # a tensor over bytes that are not its own would warn


def test_gzipped_files_give_the_same(raw: Path, target: Path) -> None:
    zipped = target / "MNIST" / "raw"
    zipped.mkdir(parents=True)
    for file in raw.iterdir():
        (zipped / f"{file.name}.gz").write_bytes(gzip.compress(file.read_bytes()))
    plain, packed = (load_dataset("mnist", "train", root) for root in (raw.parents[1], target))
    assert plain.fingerprint == packed.fingerprint


def test_the_folders_are_searched_in_order(
    mnist_root: Path, target: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = tmp_path / "home" / "data"
    monkeypatch.setenv("GENLAB_DATA", "")
    assert search_roots() == [home]
    monkeypatch.setenv("GENLAB_DATA", str(mnist_root))
    assert search_roots(target) == [target, mnist_root, home]
    assert str(mnist_root) in load_dataset("mnist", "train", target).source
    monkeypatch.setenv("GENLAB_DATA", str(target))
    monkeypatch.setenv("HOME", str(tmp_path))
    assert str(mnist_root) in load_dataset("mnist", "train", f"~/{mnist_root.name}").source
    home.parent.mkdir()
    mnist_root.rename(home)
    assert str(home) in load_dataset("mnist").source


@pytest.mark.parametrize("name", ["mnist", "auto"])
def test_a_folder_that_does_not_exist(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, refused: Refused
) -> None:
    nowhere = tmp_path / "nowhere"
    assert f"the data root names the folder {nowhere}, which does not" in refused(name, "train", nowhere)
    monkeypatch.setenv("GENLAB_DATA", str(nowhere))
    assert f"$GENLAB_DATA names the folder {nowhere}, which does not exist" in refused(name)


def truncate(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-1])


def alter(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[100 % len(content)] ^= 1
    path.write_bytes(content)


def lengthen(path: Path) -> None:
    path.write_bytes(path.read_bytes() + b"\0")


@pytest.mark.parametrize("name", ["mnist", "auto"])
@pytest.mark.parametrize("damage", [truncate, alter, lengthen, Path.unlink])
@pytest.mark.parametrize("file", [IMAGES, LABELS])
def test_a_damaged_file_is_named_with_the_remedy(
    name: str, damage: Callable[[Path], None], file: str, raw: Path, refused: Refused
) -> None:
    damage(raw / file)
    text = refused(name, "train", raw.parents[1])
    assert text.startswith(
        f"{raw / file} is missing" if damage is Path.unlink else f"{raw / file} is not the"
    )
    assert f"delete the folder {raw}" in text


def test_a_gzip_file_cut_short_or_with_a_flipped_bit_is_named(raw: Path, refused: Refused) -> None:
    content = (raw / IMAGES).read_bytes()
    (raw / IMAGES).unlink()
    packed, file = gzip.compress(content), raw / f"{IMAGES}.gz"
    damaged = [packed[:length] for length in (0, 5, 30, -1)]
    for i in range(10, len(packed), 97):  # gzip ignores bits before, as of the time
        damaged.append(packed[:i] + bytes([packed[i] ^ 16]) + packed[i + 1 :])
    for bad in damaged:
        file.write_bytes(bad)
        text = refused("mnist", "train", raw.parents[1])
        assert text.startswith(f"{file} is ")
        assert f"delete the folder {raw}" in text


@pytest.mark.parametrize("name", ["mnist", "fashion_mnist"])
def test_the_real_files_pass(name: str, real_data: Path) -> None:
    for split, n in (("train", 60_000), ("test", 10_000)):
        data = load_dataset(name, split, real_data)  # type: ignore[arg-type]
        assert data.images.shape == (n, 1, 28, 28)
        assert data.labels.bincount().numel() == 10
    if name == "mnist":  # the label of the first test image is on every slide about MNIST
        assert data.labels[:5].tolist() == [7, 2, 1, 0, 4]


# --- downloads, all of them replaced ----------------------------------------------------------


@pytest.fixture
def python(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], Path]:
    """Put a shell script in the place of the Python that would download; it notes each call."""
    calls = tmp_path / "calls"

    def install(script: str) -> Path:
        program = tmp_path / "python"
        program.write_text(f'#!/bin/sh\necho "$2" >> {calls}\n{script}\n')  # $1 is -c, $3 the folder
        program.chmod(0o755)
        monkeypatch.setattr(sys, "executable", str(program))
        monkeypatch.setattr("genlab.data.published.subprocess", subprocess)
        return calls

    return install


def test_what_is_downloaded_is_put_in_place_verified_and_found_again(
    python: Callable[[str], Path], mnist_root: Path, target: Path
) -> None:
    calls = python(f'cp -r {mnist_root}/MNIST "$3"')
    data = load_dataset("mnist", "train", target)
    assert ".MNIST(" in calls.read_text()
    assert data.source.startswith(f"Downloaded to {target / 'MNIST' / 'raw'}")
    assert [path.name for path in target.iterdir()] == ["MNIST"]  # nothing is left lying about
    assert load_dataset("mnist", "test", target).source.startswith("Found in")
    assert len(calls.read_text().splitlines()) == 1


def test_without_a_root_it_goes_to_the_projects_data_folder(
    python: Callable[[str], Path], raw: Path, target: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    python(f'cp -r {raw.parent} "$3"')
    monkeypatch.setenv("GENLAB_DATA", str(target))
    load_dataset("mnist")
    assert (tmp_path / "home" / "data" / "MNIST" / "raw" / IMAGES).is_file()
    assert not list(target.iterdir())  # a class's shared folder is only read


def test_a_damaged_download_is_not_loaded(
    python: Callable[[str], Path], raw: Path, target: Path, refused: Refused
) -> None:
    alter(raw / IMAGES)
    python(f'cp -r {raw.parent} "$3"')
    assert "is not the published file" in refused("auto", "train", target)


def test_a_failed_download_says_what_to_do_and_is_not_tried_again(
    python: Callable[[str], Path], tmp_path: Path, refused: Refused, capsys: pytest.CaptureFixture[str]
) -> None:
    calls = python('mkdir -p "$3/MNIST/raw"; touch "$3/MNIST/raw/half"; exit 1')
    text = refused("mnist")
    assert text.startswith("MNIST is not on disk and the download failed")
    for remedy in ("GENLAB_DATA", "'digits'", str(tmp_path / "home" / "data" / "MNIST" / "raw")):
        assert remedy in text
    assert not list((tmp_path / "home" / "data").iterdir())  # nothing half-done stays
    assert refused("mnist") == text
    data = load_dataset("auto")
    assert data.name == "digits"
    assert "'auto' because MNIST is not on disk and the download failed" in data.source
    assert "going on with digits" in capsys.readouterr().err
    assert len(calls.read_text().splitlines()) == 1
    assert refused("fashion_mnist").startswith("FashionMNIST is not on disk")  # that is tried
    assert len(calls.read_text().splitlines()) == 2


def test_a_download_that_hangs_is_stopped(
    python: Callable[[str], Path], monkeypatch: pytest.MonkeyPatch, refused: Refused
) -> None:
    python("exec sleep 60")
    monkeypatch.setattr("genlab.data.published.DOWNLOAD_SECONDS", 0.3)
    started = time.monotonic()
    assert "did not finish within 0.3 seconds" in refused("mnist")
    assert time.monotonic() - started < 20


def test_auto_takes_mnist_where_it_is(mnist_root: Path) -> None:
    data = load_dataset("auto", "test", mnist_root)
    assert (data.name, len(data)) == ("mnist", 5)


def test_a_folder_that_cannot_be_made(tmp_path: Path, refused: Refused) -> None:
    (tmp_path / "home").write_text("a file where a folder should be")
    assert "name another root" in refused("mnist")
