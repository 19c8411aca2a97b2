"""How long a notebook trains: a smoke test, a lesson, or until it is good."""

import os
import tempfile
from pathlib import Path

from genlab.errors import GenlabError, did_you_mean
from genlab.files import project_dir

PROFILES = ("smoke", "classroom", "full")


def profile(name: str | None = None) -> str:
    """The profile to run in: ``smoke``, ``classroom`` or ``full``.

    Args:
        name: your choice; ``$GENLAB_PROFILE`` decides if left out, and ``classroom`` if that is unset.

    Raises:
        GenlabError: there is no such profile.
    """
    name = name or os.environ.get("GENLAB_PROFILE") or "classroom"
    if name not in PROFILES:
        raise GenlabError(f"unknown profile {name!r}: {did_you_mean(name, PROFILES)}")
    return name


def run_folder(profile: str, name: str) -> Path:
    """Where a notebook keeps a training run: ``runs/NAME``, or a passing folder for a smoke test."""
    if profile == "smoke":
        return Path(tempfile.mkdtemp(prefix="genlab-")) / name
    return project_dir() / "runs" / name
