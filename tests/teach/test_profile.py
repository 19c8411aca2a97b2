import sys
from pathlib import Path

import pytest

from genlab.errors import GenlabError
from genlab.teach import profile, run_folder


def test_the_readers_choice_wins_then_the_variable_then_classroom(monkeypatch: pytest.MonkeyPatch) -> None:
    assert profile() == "classroom"
    monkeypatch.setenv("GENLAB_PROFILE", "smoke")
    assert profile() == "smoke"
    assert profile("full") == "full"
    monkeypatch.setenv("GENLAB_PROFILE", "")
    assert profile() == "classroom"


def test_an_unknown_profile_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(GenlabError, match="smoke"):
        profile("smok")
    monkeypatch.setenv("GENLAB_PROFILE", "fast")
    with pytest.raises(GenlabError, match="classroom"):
        profile()


def test_a_lesson_keeps_its_runs_and_a_smoke_test_does_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    module = sys.modules["genlab.teach.profile"]  # the name itself is the function's
    monkeypatch.setattr(module, "project_dir", lambda: tmp_path / "project")
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    assert run_folder("classroom", "01-vae") == tmp_path / "project" / "runs" / "01-vae"
    first, second = run_folder("smoke", "01-vae"), run_folder("smoke", "01-vae")
    assert first.name == second.name == "01-vae"
    assert first != second
    assert not first.exists()
    assert first.parent.parent == tmp_path
    assert not (tmp_path / "project").exists()  # asking makes nothing
