from pathlib import Path

import pytest

from genlab.files import delete_folder, rename_folder, write_aside


def test_a_file_is_written_whole(tmp_path: Path) -> None:
    write_aside(tmp_path / "a", "é")
    write_aside(tmp_path / "b", b"\0\1")
    write_aside(tmp_path / "a", "new")
    assert (tmp_path / "a").read_text("utf-8") == "new"
    assert (tmp_path / "b").read_bytes() == b"\0\1"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a", "b"]


@pytest.mark.parametrize("broken", ["os.fsync", "os.replace"])
def test_a_failure_leaves_the_old_file(broken: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_aside(tmp_path / "a", "old")

    def fail(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(f"genlab.files.{broken}", fail)
    with pytest.raises(OSError, match="No space"):
        write_aside(tmp_path / "a", "new")
    assert (tmp_path / "a").read_text() == "old"
    assert [path.name for path in tmp_path.iterdir()] == ["a"]


def test_folders_change_place_whole(tmp_path: Path) -> None:
    for name, content in (("one", "1"), ("two", "2")):
        (tmp_path / name).mkdir()
        (tmp_path / name / "file").write_text(content)
    rename_folder(tmp_path / "two", tmp_path / "one")
    assert (tmp_path / "one" / "file").read_text() == "2"
    assert [path.name for path in tmp_path.iterdir()] == ["one"]
    delete_folder(tmp_path / "one")
    assert list(tmp_path.iterdir()) == []
