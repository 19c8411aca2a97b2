r"""How long each section of a notebook computes here, beside the minutes that it tells the reader.

    python -m trials.minutes                 all six, in the profile that $GENLAB_PROFILE names
    python -m trials.minutes 00 05           two of them

The minutes of the text are for reading, running and the section's exercises together. Models that are kept
in runs/ are loaded and not trained: delete runs/0* for the time of a first reading.
"""

import re
from datetime import datetime
from typing import Annotated

import nbformat
import typer
from nbclient import NotebookClient
from nbformat import NotebookNode

from tools.student import SERIES

ENDS = "iopub.status.busy", "shell.execute_reply"  # of a cell's run, as nbclient notes them


def main(
    names: Annotated[list[str] | None, typer.Argument(help="Beginnings of names, such as 01.")] = None,
) -> None:
    """Execute them, and print a table."""
    print("| notebook | section | says | computes |\n| --- | --- | --- | --- |")
    for path in SERIES:
        if not names or path.name.startswith(tuple(names)):
            notebook = nbformat.read(path, as_version=4)
            client = NotebookClient(
                notebook, timeout=3600, resources={"metadata": {"path": str(path.parent)}}
            )
            client.record_timing = True
            client.execute()
            for section, said, took in sections(notebook):
                print(f"| {path.stem} | {section} | {said} | {took / 60:.1f} min |", flush=True)


def sections(notebook: NotebookNode) -> list[tuple[str, str, float]]:
    """Title, the minutes that it says, and the seconds that its cells took."""
    found = [("set-up", "", 0.0)]
    for cell in notebook.cells:
        for heading in re.finditer(r"^## (.*)\n+(?:\*(.*)\.\*)?", cell.source, flags=re.MULTILINE):
            found.append((heading[1], heading[2] or "", 0.0))
        title, said, so_far = found[-1]
        found[-1] = (title, said, so_far + seconds(cell))
    return found


def seconds(cell: NotebookNode) -> float:
    """From the moment a cell was sent until its answer."""
    times = cell.metadata.get("execution", {})
    if ENDS[1] not in times:
        return 0.0
    began, ended = (
        datetime.fromisoformat(times[key]) for key in ("iopub.status.busy", "shell.execute_reply")
    )
    return (ended - began).total_seconds()


if __name__ == "__main__":
    typer.run(main)
