"""Where bars are drawn, and that they may be hidden."""

import sys
from types import ModuleType

import pytest

from genlab.progress import bar, in_notebook


def draw(capsys: pytest.CaptureFixture[str], *, hidden: bool = False, what: str = "") -> tuple[str, str]:
    """What a bar from 1 to 3 of 4 writes on standard output and on standard error."""
    with bar(4, "images", what=what, done=1, hidden=hidden) as progress:
        progress.update(2)
    shown = capsys.readouterr()
    return shown.out, shown.err


def test_on_standard_error(capsys: pytest.CaptureFixture[str]) -> None:
    out, err = draw(capsys, what="samples")
    assert out == ""
    last = err.split("\r")[-1]
    assert last.startswith("samples:  75%|")
    assert "3/4" in last
    assert "images" in last


def test_in_a_notebook_on_standard_output(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert not in_notebook()
    monkeypatch.setitem(sys.modules, "ipykernel", ModuleType("ipykernel"))
    assert in_notebook()
    out, err = draw(capsys)
    assert err == ""
    assert out.split("\r")[-1].strip().startswith("75%|")


def test_hidden(capsys: pytest.CaptureFixture[str]) -> None:
    assert draw(capsys, hidden=True, what="samples") == ("", "")
