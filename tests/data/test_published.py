import gzip
import subprocess
import sys
import time
import zlib
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from genlab.data import load_dataset, search_roots
from genlab.data.published import PUBLISHED
from genlab.errors import GenlabError

IMAGES, LABELS = "train-images-idx3-ubyte", "train-labels-idx1-ubyte"


def error_of(call: Callable[[], object]) -> str:
    """The one line that a call fails with."""
    with pytest.raises(GenlabError) as caught:
        call()
    text = str(caught.value)
    assert "\n" not in text
    return text


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
        assert data.num_classes == 10
        assert (data.name, data.split) == (name, split)
        assert str(raw) in data.source
        assert "verified" in data.source


def test_gzipped_files_give_the_same(mnist_root: Path, tmp_path: Path) -> None:
    zipped = tmp_path / "zipped" / "MNIST" / "raw"
    zipped.mkdir(parents=True)
    for file in (mnist_root / "MNIST" / "raw").iterdir():
        (zipped / f"{file.name}.gz").write_bytes(gzip.compress(file.read_bytes()))
    plain, packed = (
        load_dataset("mnist", "train", mnist_root),
        load_dataset("mnist", "train", zipped.parents[1]),
    )
    assert torch.equal(plain.images, packed.images)
    assert torch.equal(plain.labels, packed.labels)


def test_the_images_can_be_written_to(mnist_root: Path) -> None:
    images = load_dataset("mnist", "train", mnist_root).images
    images[0] = 7  # a tensor over the file's own bytes would warn, or change them
    assert torch.equal(load_dataset("mnist", "train", mnist_root).images[1:], images[1:])


def test_the_folders_are_searched_in_order(
    mnist_root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    empty = tmp_path / "empty"
    empty.mkdir()
    monkeypatch.setenv("GENLAB_DATA", str(mnist_root))
    assert search_roots(empty) == [empty, mnist_root, tmp_path / "home" / "data"]
    assert str(mnist_root) in load_dataset("mnist", "train", empty).source
    assert str(mnist_root) in load_dataset("mnist", "train").source
    monkeypatch.setenv("GENLAB_DATA", str(empty))
    assert str(mnist_root) in load_dataset("mnist", "train", mnist_root).source


def test_data_in_the_project_is_found_last(mnist_root: Path, tmp_path: Path) -> None:
    (tmp_path / "home").mkdir()
    mnist_root.rename(tmp_path / "home" / "data")
    assert str(tmp_path / "home" / "data") in load_dataset("mnist").source


def test_a_home_directory_may_be_abbreviated(
    mnist_root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    assert len(load_dataset("mnist", "train", f"~/{mnist_root.name}")) == 12


@pytest.mark.parametrize("name", ["mnist", "auto"])
def test_a_folder_that_does_not_exist(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    text = error_of(lambda: load_dataset(name, "train", tmp_path / "nowhere"))
    assert text.startswith(f"the data root names the folder {tmp_path / 'nowhere'}, which does not exist")
    monkeypatch.setenv("GENLAB_DATA", str(tmp_path / "nothing"))
    text = error_of(lambda: load_dataset(name))
    assert text.startswith(f"$GENLAB_DATA names the folder {tmp_path / 'nothing'}, which does not exist")


def test_an_empty_variable_counts_as_unset(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("GENLAB_DATA", "")
    assert search_roots() == [tmp_path / "home" / "data"]


def truncate(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-1])


def alter(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[100 % len(content)] ^= 1
    path.write_bytes(content)


def empty(path: Path) -> None:
    path.write_bytes(b"")


def lengthen(path: Path) -> None:
    path.write_bytes(path.read_bytes() + b"\0")


@pytest.mark.parametrize("name", ["mnist", "auto"])
@pytest.mark.parametrize("damage", [truncate, alter, empty, lengthen])
@pytest.mark.parametrize("file", [IMAGES, LABELS])
def test_a_damaged_file_is_named_with_the_remedy(
    name: str, damage: Callable[[Path], None], file: str, mnist_root: Path
) -> None:
    path = mnist_root / "MNIST" / "raw" / file
    damage(path)
    text = error_of(lambda: load_dataset(name, "train", mnist_root))
    assert text.startswith(f"{path} is not the published file ({path.stat().st_size:,} bytes")
    assert f"delete the folder {path.parent}" in text


@pytest.mark.parametrize("name", ["mnist", "auto"])
@pytest.mark.parametrize("length", [0, 5, 30, -1])
def test_a_truncated_gzip_file_is_named_with_the_remedy(name: str, length: int, mnist_root: Path) -> None:
    raw = mnist_root / "MNIST" / "raw"
    packed = gzip.compress((raw / IMAGES).read_bytes())
    (raw / IMAGES).unlink()
    (raw / f"{IMAGES}.gz").write_bytes(packed[:length])
    text = error_of(lambda: load_dataset(name, "train", mnist_root))
    assert text.startswith(str(raw / f"{IMAGES}.gz"))
    assert "truncated" in text
    assert f"delete the folder {raw}" in text


def test_a_gzip_file_with_a_flipped_bit_is_named(mnist_root: Path) -> None:
    raw = mnist_root / "MNIST" / "raw"
    packed = gzip.compress((raw / IMAGES).read_bytes())
    (raw / IMAGES).unlink()
    for position in range(0, len(packed), 97):
        flipped = bytearray(packed)
        flipped[position] ^= 16
        (raw / f"{IMAGES}.gz").write_bytes(flipped)
        try:
            whole = gzip.decompress(flipped) == gzip.decompress(packed)  # gzip ignores bits, as of the time
        except (OSError, EOFError, zlib.error):
            whole = False
        if whole:
            assert len(load_dataset("mnist", "train", mnist_root)) == 12
        else:
            text = error_of(lambda: load_dataset("mnist", "train", mnist_root))
            assert text.startswith(str(raw / f"{IMAGES}.gz"))


@pytest.mark.parametrize("name", ["mnist", "auto"])
def test_a_missing_file_is_named_and_not_downloaded_in_silence(name: str, mnist_root: Path) -> None:
    path = mnist_root / "MNIST" / "raw" / LABELS
    path.unlink()
    text = error_of(lambda: load_dataset(name, "train", mnist_root))
    assert text.startswith(f"{path} is missing")
    assert "delete the folder" in text


def test_the_published_hashes_are_of_the_unzipped_files_and_all_different() -> None:
    hashes = [h for p in PUBLISHED.values() for h in p.sha256.values()]
    assert len(set(hashes)) == len(hashes) == 8
    assert all(len(h) == 64 and set(h) <= set("0123456789abcdef") for h in hashes)


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
    python: Callable[[str], Path], mnist_root: Path, tmp_path: Path
) -> None:
    calls = python(f'cp -r {mnist_root}/MNIST "$3"')
    target = tmp_path / "target"
    target.mkdir()
    data = load_dataset("mnist", "train", target)
    assert "torchvision.datasets" in calls.read_text()
    assert ".MNIST(" in calls.read_text()
    assert data.source.startswith(f"Downloaded to {target / 'MNIST' / 'raw'}")
    assert [path.name for path in target.iterdir()] == ["MNIST"]  # nothing is left lying about
    assert load_dataset("mnist", "test", target).source.startswith("Found in")
    assert len(calls.read_text().splitlines()) == 1


def test_without_a_root_it_goes_to_the_projects_data_folder(
    python: Callable[[str], Path], mnist_root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    python(f'cp -r {mnist_root}/MNIST "$3"')
    shared = tmp_path / "shared"
    shared.mkdir()
    monkeypatch.setenv("GENLAB_DATA", str(shared))
    load_dataset("mnist")
    assert (tmp_path / "home" / "data" / "MNIST" / "raw" / IMAGES).is_file()
    assert not list(shared.iterdir())  # a class's shared folder is only read


def test_a_damaged_download_is_not_loaded(
    python: Callable[[str], Path], mnist_root: Path, tmp_path: Path
) -> None:
    alter(mnist_root / "MNIST" / "raw" / IMAGES)
    python(f'cp -r {mnist_root}/MNIST "$3"')
    target = tmp_path / "target"
    target.mkdir()
    assert "is not the published file" in error_of(lambda: load_dataset("auto", "train", target))


def test_a_failed_download_says_what_to_do_and_is_not_tried_again(
    python: Callable[[str], Path], tmp_path: Path
) -> None:
    calls = python('mkdir -p "$3/MNIST/raw"; touch "$3/MNIST/raw/half"; exit 1')
    text = error_of(lambda: load_dataset("mnist"))
    assert text.startswith("MNIST is not on disk and the download failed")
    for remedy in ("GENLAB_DATA", "'digits'", str(tmp_path / "home" / "data" / "MNIST" / "raw")):
        assert remedy in text
    assert not list((tmp_path / "home" / "data").iterdir())  # nothing half-done stays
    assert error_of(lambda: load_dataset("mnist")) == text
    assert load_dataset("auto").name == "digits"
    assert len(calls.read_text().splitlines()) == 1


def test_one_data_sets_failure_is_not_the_others(python: Callable[[str], Path]) -> None:
    calls = python("exit 1")
    error_of(lambda: load_dataset("mnist"))
    assert error_of(lambda: load_dataset("fashion_mnist")).startswith("FashionMNIST is not on disk")
    assert len(calls.read_text().splitlines()) == 2


def test_a_download_that_hangs_is_stopped(
    python: Callable[[str], Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    python("exec sleep 60")
    monkeypatch.setattr("genlab.data.published.DOWNLOAD_SECONDS", 0.3)
    started = time.monotonic()
    assert "did not finish within 0.3 seconds" in error_of(lambda: load_dataset("mnist"))
    assert time.monotonic() - started < 20


def test_auto_turns_to_digits_and_says_why(
    python: Callable[[str], Path], capsys: pytest.CaptureFixture[str]
) -> None:
    python("exit 1")
    data = load_dataset("auto")
    assert data.name == "digits"
    assert "'auto'" in data.source
    assert "going on with digits" in capsys.readouterr().err
    assert "MNIST is not on disk and the download failed" in data.source


def test_auto_takes_mnist_where_it_is(mnist_root: Path) -> None:
    data = load_dataset("auto", "test", mnist_root)
    assert (data.name, len(data)) == ("mnist", 5)


def test_a_folder_that_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "home").write_text("a file where a folder should be")
    assert "name another root" in error_of(lambda: load_dataset("mnist"))
