"""The short form of trials/kill_and_resume.py: the command line, SIGKILL, and equality to the bit."""

import pytest

from trials.kill_and_resume import main


def test_a_killed_run_ends_like_one_that_was_never_killed(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stop:
        main(kills=3, steps=150, seed=0, only=["gan-small"])
    out = capsys.readouterr().out
    assert stop.value.code == 0, out
    assert "gan-small: killed 3 times" in out
    assert "equal to the bit" in out
    assert "3 kills in all, no run lost" in out
