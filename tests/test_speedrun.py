"""The log of the speedrun: what counts is the worst judge, and nothing over ten minutes counts."""

import json
from pathlib import Path

import pytest

from benchmarks import speedrun
from benchmarks.speedrun import Attempt, summary, table
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


def test_what_took_longer_is_no_record(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    late = [Attempt(0, 10, 601.0, {"plain": 2.0})]
    monkeypatch.setattr(speedrun, "attempted", lambda *_: late)
    monkeypatch.setattr(speedrun, "LOG", tmp_path)
    monkeypatch.setattr(speedrun, "RECORDS", tmp_path / "records.json")
    monkeypatch.setattr(speedrun, "TABLE", tmp_path / "README.md")
    with pytest.raises(SystemExit, match="601"):
        speedrun.record("vae-small", "too slow")
    assert not list(tmp_path.iterdir())
    late[:] = TWO
    speedrun.record("vae-small", "in time")
    [entry] = json.loads((tmp_path / "records.json").read_text())
    assert entry["change"] == "in time"


def test_the_configs_of_the_log_are_read() -> None:
    files = sorted(speedrun.LOG.glob("*.yaml"))
    assert len(files) >= 2
    assert all(load_config(file).train.max_seconds is None for file in files)
