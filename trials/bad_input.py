"""Hand genlab every malformed config, image folder, checkpoint and set of images, and see what it answers.

    python -m trials.bad_input

A good answer is one line that a student understands and exit status 2, and nothing on disk has
changed. Prints the line of every case, then the counts; exit status 1 if any answer is another.
"""

import sys
import tempfile
from pathlib import Path

from tests.cases.answer import KINDS, answer


def main() -> int:
    """Every case once; the exit status."""
    counts = []
    bad = 0
    for kind, cases in KINDS.items():
        refused = 0
        for name, case in cases.items():
            with tempfile.TemporaryDirectory() as folder:
                got = answer(case, Path(folder))
            print(f"{name}: {got.line.replace(f'{folder}/', '').replace(folder, 'there')}")
            for fault in got.faults:
                print(f"    WRONG: {fault}")
            refused += not got.faults
        bad += len(cases) - refused
        unchanged = ", nothing changed on disk" if refused == len(cases) else ""
        counts.append(f"{len(cases)} {kind}: {refused} refused in one line with exit status 2{unchanged}")
    print("", *counts, sep="\n")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
