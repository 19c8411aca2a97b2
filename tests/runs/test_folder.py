import json
import multiprocessing
from pathlib import Path

import pytest
import torch

from genlab.config import Settings
from genlab.errors import GenlabError
from genlab.runs.folder import (
    CONFIG,
    METRICS,
    SHEET,
    SHEETS,
    SUMMARY,
    RunFolder,
    find_runs,
    is_locked,
    read_metrics,
    read_summary,
)
from genlab.training.loop import Step
from genlab.training.settings import TrainConfig

LINE = '{"step": 1, "epoch": 1, "seconds": 2'
STEPS = [Step(1, 0.5, {"kl": 0.25, "reconstruction": 7.0}, 0.1), Step(2, 1.0, {"kl": 0.5}, 0.25)]


@pytest.fixture
def folder(tmp_path: Path) -> RunFolder:
    return RunFolder.create(tmp_path / "runs" / "mine", TrainConfig(), {"seed": 3})


def log(folder: RunFolder, steps: list[Step]) -> None:
    with folder:
        folder.rewind(10**9)
        for step in steps:
            folder.log(step)


# --- nothing is written over ------------------------------------------------------------------


def test_a_run_appears_whole(tmp_path: Path) -> None:
    RunFolder.create(tmp_path / "a" / "b", TrainConfig(seed=7), {"seed": 7})
    assert {path.name for path in (tmp_path / "a" / "b").iterdir()} == {CONFIG, SUMMARY}
    assert "seed: 7" in (tmp_path / "a" / "b" / CONFIG).read_text()
    assert read_summary(tmp_path / "a" / "b") == {"seed": 7}
    (tmp_path / "empty").mkdir()
    RunFolder.create(tmp_path / "empty", Settings(), {})
    assert [path.name for path in (tmp_path / "a").iterdir()] == ["b"]  # nothing is left beside it


def test_a_start_that_was_killed_leaves_no_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def killed(*_: object) -> None:
        raise SystemExit

    with monkeypatch.context() as patch:
        patch.setattr("genlab.runs.folder.os.rename", killed)
        with pytest.raises(SystemExit):
            RunFolder.create(tmp_path / "run", Settings(), {})
    assert not (tmp_path / "run").exists()
    assert find_runs(tmp_path) == []
    RunFolder.create(tmp_path / "run", Settings(), {})
    assert [path.name for path in tmp_path.iterdir() if path.name != "home"] == ["run"]


def test_a_folder_that_holds_anything_is_refused(tmp_path: Path) -> None:
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "notes.txt").write_text("mine")
    (tmp_path / "file").write_text("mine")
    for name, what in (("full", "exists already"), ("file", "exists already"), ("file/run", "cannot make")):
        with pytest.raises(GenlabError, match=what):
            RunFolder.create(tmp_path / name, Settings(), {})
    assert (tmp_path / "full" / "notes.txt").read_text() == (tmp_path / "file").read_text() == "mine"


# --- the lock ---------------------------------------------------------------------------------


def test_one_at_a_time(folder: RunFolder) -> None:
    assert not is_locked(folder.path)
    with folder:
        assert is_locked(folder.path)
        with pytest.raises(GenlabError, match="is being trained by another process"), RunFolder(folder.path):
            pass
    assert not is_locked(folder.path)
    with folder:
        pass


def hold_for_ever(path: Path, held: "multiprocessing.synchronize.Event") -> None:
    with RunFolder(path):
        held.set()
        multiprocessing.Event().wait()


def test_a_killed_process_lets_go(folder: RunFolder) -> None:
    fork = multiprocessing.get_context("fork")
    held = fork.Event()
    process = fork.Process(target=hold_for_ever, args=(folder.path, held))
    process.start()
    assert held.wait(20)
    assert is_locked(folder.path)
    process.kill()
    process.join()
    with folder:
        pass


# --- the text files ---------------------------------------------------------------------------


def test_the_loss_history_is_one_line_of_json_a_step(folder: RunFolder) -> None:
    log(folder, STEPS)
    lines = (folder.path / METRICS).read_text().splitlines()
    assert [json.loads(line) for line in lines] == [
        {"step": 1, "epoch": 0.5, "seconds": 0.1, "kl": 0.25, "reconstruction": 7.0},
        {"step": 2, "epoch": 1.0, "seconds": 0.25, "kl": 0.5},
    ]
    assert list(read_metrics(folder.path)) == STEPS


def test_losses_are_kept_to_the_last_digit(folder: RunFolder) -> None:
    values = [float(torch.tensor(1 / 3)), 0.1 + 0.2, 1e-320, 1e300, float("inf")]
    log(folder, [Step(1, 1 / 3, {f"{i}": value for i, value in enumerate(values)}, 0.0)])
    [step] = read_metrics(folder.path)
    assert list(step.losses.values()) == values
    assert step.epoch == 1 / 3


def test_rewinding_cuts_what_came_after_the_checkpoint(folder: RunFolder) -> None:
    many = [Step(i, i / 10, {"kl": float(i)}, float(i)) for i in range(1, 8)]
    log(folder, many)
    with (folder.path / METRICS).open("a") as file:
        file.write('{"step": 8, "epo')  # the process was killed as it wrote
    assert list(read_metrics(folder.path)) == many
    with folder:
        assert folder.rewind(4) == many[:4]
        folder.log(many[4])
        folder.flush_log()
        assert list(read_metrics(folder.path)) == many[:5]
        assert folder.rewind(0) == []
    assert (folder.path / METRICS).read_text() == ""


@pytest.mark.parametrize(
    "line",
    ["{", "5", "[1, 2]", '{"step": 1}', "null", "[" * 9999, LINE + ', "kl": "x"}', LINE + ', "kl": true}'],
)
def test_a_damaged_line_is_named(line: str, folder: RunFolder) -> None:
    log(folder, STEPS)
    lines = (folder.path / METRICS).read_text().splitlines()
    (folder.path / METRICS).write_text("\n".join([lines[0], line, lines[1]]) + "\n")
    with pytest.raises(GenlabError, match=r"metrics\.jsonl, line 2 is damaged: delete that line"):
        list(read_metrics(folder.path))


def test_no_history_or_a_binary_one(folder: RunFolder) -> None:
    for _ in range(2):
        with pytest.raises(GenlabError, match="cannot be read"):
            list(read_metrics(folder.path))
        (folder.path / METRICS).write_bytes(b"\xff\xfe\n")


def test_the_summary_changes_entry_by_entry(folder: RunFolder, tmp_path: Path) -> None:
    folder.summarise(finished=True, source="é")
    folder.summarise(finished=False)
    assert list(read_summary(folder.path).items()) == [("seed", 3), ("finished", False), ("source", "é")]
    (tmp_path / "file").write_text("")
    assert read_summary(tmp_path / "file") == read_summary(tmp_path / "nowhere") == {}


@pytest.mark.parametrize(
    "content",
    ["{", "", "\x00", "[]", "5", '{"steps": "5"}', '{"data_root": 5}', '{"sessions": [5]}', "[" * 9999],
)
def test_a_damaged_summary_is_named(content: str, folder: RunFolder) -> None:
    (folder.path / SUMMARY).write_text(content)
    with pytest.raises(GenlabError, match=r"run\.json is damaged"):
        read_summary(folder.path)


def test_sheets_are_kept_over_time(folder: RunFolder) -> None:
    folder.save_sheet(b"one", 5)
    folder.save_sheet(b"two", 10)
    assert (folder.path / SHEET).read_bytes() == b"two"
    names = [path.name for path in sorted((folder.path / SHEETS).iterdir())]
    assert names == ["step-00000005.png", "step-00000010.png"]


def test_runs_are_found(tmp_path: Path, folder: RunFolder) -> None:
    (folder.path.parent / "other").mkdir()
    (folder.path.parent / ".mine.part").mkdir()
    (folder.path.parent / ".mine.part" / CONFIG).write_text("")
    assert find_runs(folder.path.parent) == [folder.path]
    assert find_runs(tmp_path / "nowhere") == []
