"""Put twenty bugs into a copy of genlab, one at a time, and see whether its tests notice.

    python -m trials.deliberate_bugs

Each bug is one that somebody has really shipped: a sign, an axis, a missing detach, an off-by-one. Prints a
line for each; exit status 1 if one of them is not caught.
"""

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import NamedTuple

REPOSITORY = Path(__file__).resolve().parent.parent


class Bug(NamedTuple):
    """A wrong line in place of a right one.

    Attributes:
        what: the mistake in words.
        file: below ``genlab/``.
        right, wrong: text that stands there once, and what is put in its place.
        tests: a file or folder below ``tests/`` that should notice.
    """

    what: str
    file: str
    right: str
    wrong: str
    tests: str


BUGS: list[Bug] = []


def caught_by(bug: Bug, copy: Path) -> str | None:
    """The first test that fails with the bug in place; None if all pass."""
    file = copy / "genlab" / bug.file
    text = file.read_text("utf-8")
    if text.count(bug.right) != 1:
        raise SystemExit(f"{bug.file} has {bug.right!r} {text.count(bug.right)} times, not once")
    file.write_text(text.replace(bug.right, bug.wrong), "utf-8")
    words = ["-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", f"tests/{bug.tests}"]
    environment = {**os.environ, "PYTHONPATH": str(copy), "OMP_NUM_THREADS": "1"}
    run = subprocess.run([sys.executable, *words], cwd=copy, env=environment, capture_output=True, text=True)
    file.write_text(text, "utf-8")
    failed = [line for line in run.stdout.splitlines() if line.startswith(("FAILED", "ERROR"))]
    return failed[0].split("::")[-1].split(" - ")[0] if failed else None


def main() -> int:
    """Every bug once; the exit status."""
    missed = 0
    with tempfile.TemporaryDirectory() as place:
        copy = Path(place) / "genlab"
        for folder in ("genlab", "tests", "trials", "notebooks"):
            shutil.copytree(REPOSITORY / folder, copy / folder)
        shutil.copy(REPOSITORY / "pyproject.toml", copy)
        for bug in BUGS:
            test = caught_by(bug, copy)
            missed += test is None
            print(f"{bug.file}: {bug.what}: {f'caught by {test}' if test else 'NOT CAUGHT'}", flush=True)
    print(f"{len(BUGS)} bugs, {len(BUGS) - missed} caught")
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
