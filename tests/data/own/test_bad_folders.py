"""The bad data of tests/cases/bad_folders.py is refused in one line, and nothing is written."""

import importlib.util
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

import genlab.cli

SPEC = importlib.util.spec_from_file_location(
    "bad_folders", Path(genlab.cli.__file__).parent.parent / "trials" / "bad_folders.py"
)
assert SPEC is not None
assert SPEC.loader is not None
bad_folders = importlib.util.module_from_spec(SPEC)
SPEC.loader.exec_module(bad_folders)
CASES: dict[str, Callable[[Path], list[str]]] = bad_folders.CASES


def everything_in(folder: Path) -> dict[Path, bytes]:
    return {path: path.read_bytes() if path.is_file() else b"" for path in folder.rglob("*")}


@pytest.mark.parametrize("name", CASES)
def test_it_is_refused_in_one_line(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "case").mkdir()
    arguments = CASES[name](tmp_path / "case")
    before = everything_in(tmp_path / "case")
    monkeypatch.setattr(sys, "argv", ["genlab", *arguments])
    with pytest.raises(SystemExit) as stop:
        genlab.cli.main()
    out, err = capfd.readouterr()
    assert stop.value.code == 2
    assert err.startswith("genlab: ")
    assert len(err.splitlines()) == 1
    assert out == ""
    assert everything_in(tmp_path / "case") == before
