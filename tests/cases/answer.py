"""Hand one bad thing to the command line and see whether the answer is good.

A good answer is one line that a student understands and exit status 2, and nothing on disk has changed.
"""

import io
import os
import stat
from collections.abc import Callable
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from pathlib import Path

from genlab.cli import main as genlab
from tests.cases import bad_checkpoints, bad_configs, bad_folders, bad_images

Case = Callable[[Path], list[str]]  # makes something bad in an empty folder; the genlab arguments to try

KINDS: dict[str, dict[str, Case]] = {
    "malformed configs": bad_configs.CASES,
    "bad image folders": bad_folders.CASES,
    "damaged checkpoints": bad_checkpoints.CASES,
    "images that cannot be evaluated": bad_images.CASES,
}
MAX_CHARACTERS = 400


@dataclass(frozen=True)
class Answer:
    """What genlab said to a case, and what is wrong with that: nothing, if it is a good answer."""

    line: str
    faults: tuple[str, ...]


def answer(case: Case, folder: Path) -> Answer:
    """Run one case in an empty folder, in this process."""
    arguments = case(folder)
    before = snapshot(folder)
    said = io.StringIO()
    status: object = None
    with redirect_stderr(said), redirect_stdout(io.StringIO()):
        try:
            genlab(arguments)
        except SystemExit as stop:
            status = stop.code
        except Exception as error:
            said.write(f"{type(error).__name__}: {error}")
            status = "an exception"
    text = said.getvalue()
    line = text.removesuffix("\n")
    faults = {
        f"exit status {status}": status != 2,
        "not one line": not text.endswith("\n") or len(text.splitlines()) != 1,
        "does not begin with 'genlab: '": not text.startswith("genlab: "),
        "a traceback": "Traceback" in text,
        f"{len(text):,} characters": len(text) > MAX_CHARACTERS,
        "characters that cannot be printed": not line.isprintable(),
        "something changed on disk": snapshot(folder) != before,
    }
    return Answer(line, tuple(fault for fault, found in faults.items() if found))


def snapshot(folder: Path) -> dict[str, bytes]:
    """Everything below a folder by relative path: contents of files, targets of links."""
    return {str(path.relative_to(folder)): _content(path) for path in sorted(folder.rglob("*"))}


def _content(path: Path) -> bytes:
    mode = path.lstat().st_mode
    if stat.S_ISLNK(mode):
        return b"link to " + os.fsencode(path.readlink())
    if not stat.S_ISREG(mode):
        return b"folder" if stat.S_ISDIR(mode) else b"pipe or device"
    return path.read_bytes() if os.access(path, os.R_OK) else b"unreadable"
