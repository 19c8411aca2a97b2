"""The log of the speedrun: what counts is the worst judge, and nothing over ten minutes counts."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from benchmarks import speedrun
from benchmarks.speedrun import Attempt, summary, table
from genlab.commands.train import fit_or_load
from genlab.data import Dataset
from genlab.zoo import load_config

TWO = [Attempt(0, 10, 590.0, {"plain": 2.0, "residual": 3.0}), Attempt(1, 10, 595.0, {"plain": 5.0})]


def test_the_worst_judge_counts_and_the_error_is_that_of_the_mean_over_seeds() -> None:
    assert [attempt.worst for attempt in TWO] == [3.0, 5.0]
    assert summary(TWO) == (4.0, 1.0)  # the deviation of 3 and 5 is the root of 2, and there are 2
    assert summary(TWO[:1]) == (3.0, 0.0)


def test_the_table_holds_every_entry() -> None:
    attempts = [{"seed": a.seed, "steps": a.steps, "seconds": a.seconds, "ratios": a.ratios} for a in TWO]
    entry = {"change": "the first", "processor": "a slow one", "attempts": attempts}
    *_, last = table([entry, entry | {"change": "another"}]).splitlines()
    assert last == "| 2 | another | 4.00 ± 1.00 | 3.00, 5.00 | 595 | a slow one |"


FIVE = [Attempt(seed, 10, 590.0, {"plain": 2.0 + 0.1 * seed}) for seed in range(5)]


@pytest.fixture
def log(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty log."""
    monkeypatch.setattr(speedrun, "LOG", tmp_path)
    monkeypatch.setattr(speedrun, "RECORDS", tmp_path / "records.json")
    monkeypatch.setattr(speedrun, "TABLE", tmp_path / "README.md")
    return tmp_path


def enter(attempts: list[Attempt], change: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(speedrun, "attempted", lambda *_: attempts)
    speedrun.record("vae-small", change)


@pytest.mark.parametrize(
    ("attempts", "key"),
    [
        ([*FIVE[:4], replace(FIVE[4], seconds=601.0)], "601"),
        (FIVE[:4], "--seeds: .* 5, not 4"),
        ([replace(one, ratios={"plain": 1.95 + 0.1 * one.seed}) for one in FIVE], "does not beat"),
    ],
)
def test_what_is_no_record(
    attempts: list[Attempt], key: str, log: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    enter(FIVE, "the first", monkeypatch)
    with pytest.raises(SystemExit, match=key):
        enter(attempts, "another", monkeypatch)
    assert len(json.loads((log / "records.json").read_text())) == 1


def test_a_record_is_entered_below_the_last(log: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    enter(FIVE, "the first", monkeypatch)
    enter([replace(one, ratios={"plain": 1.0}) for one in FIVE], "a better one", monkeypatch)
    assert [entry["change"] for entry in json.loads((log / "records.json").read_text())] == [
        "the first", "a better one"
    ]  # fmt: skip
    assert "| 2 | a better one | 1.00 ± 0.00 |" in (log / "README.md").read_text("utf-8")


def test_a_run_of_other_settings_is_not_taken_for_this_one(dataset: Dataset, tmp_path: Path) -> None:
    small = {"model.network.hidden_dim": 8, "train.max_steps": 2}
    fit_or_load(load_config("vae-small", small), dataset, tmp_path / "run")
    with pytest.raises(SystemExit, match="other settings"):
        speedrun.one(load_config("vae-small", small | {"train.max_steps": 3}), dataset, tmp_path / "run")


def test_a_trained_teacher_is_no_random_start(tmp_path: Path) -> None:
    with pytest.raises(SystemExit, match=r"model\.teacher"):
        speedrun.attempted("diffusion-1step", 5, tmp_path)


def test_the_configs_of_the_log_are_read() -> None:
    files = sorted(speedrun.LOG.glob("*.yaml"))
    assert len(files) >= 2
    assert all(load_config(file).train.max_seconds is None for file in files)
