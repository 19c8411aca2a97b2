"""The short form of trials/kill_and_resume.py: the command line, SIGKILL, and equality to the bit."""

import subprocess
import sys


def test_a_killed_run_ends_like_one_that_was_never_killed() -> None:
    words = ["--kills", "3", "--steps", "150", "--only", "gan-small"]
    trial = subprocess.run(
        [sys.executable, "-m", "trials.kill_and_resume", *words], capture_output=True, text=True
    )
    assert trial.returncode == 0, trial.stdout + trial.stderr
    assert "gan-small: killed 3 times" in trial.stdout
    assert "equal to the bit" in trial.stdout
