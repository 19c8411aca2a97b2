r"""The student copies, run as two students would: one answers every exercise, one answers none.

    python -m trials.students           all six, smoke profile: some minutes
    python -m trials.students 01

Prints for each notebook how many checks said ``Right.`` and how many asked for an answer, and stops if any
other cell breaks.
"""

import os
from pathlib import Path
from typing import Annotated

import nbformat
import typer
from nbclient import NotebookClient
from nbformat import NotebookNode

from tools.exercises import exercises_of, tags
from tools.student import SERIES, student_copy


def main(
    names: Annotated[list[str] | None, typer.Argument(help="Beginnings of names, such as 01.")] = None,
) -> None:
    """Run them."""
    os.environ.setdefault("GENLAB_PROFILE", "smoke")
    print("| notebook | exercises | right, with the solutions put back | asks for an answer, empty |")
    print("| --- | --- | --- | --- |")
    for path in SERIES:
        if names and not path.name.startswith(tuple(names)):
            continue
        notebook = nbformat.read(path, as_version=4)
        solutions = {one.stub.id: one.solution.source for one in exercises_of(notebook)}
        diligent, idle = student_copy(notebook), student_copy(nbformat.read(path, as_version=4))
        for cell in diligent.cells:
            if cell.id in solutions:
                cell.source += "\n\n\n" + solutions[cell.id]
        right = sum(text.endswith("Right.\n") for text in said(run(diligent, path.parent)))
        asked = sum("three dots" in text for text in said(run(idle, path.parent)))
        print(f"| {path.stem} | {len(solutions)} | {right} | {asked} |", flush=True)
        assert right == asked == len(solutions)


def run(notebook: NotebookNode, folder: Path) -> NotebookNode:
    """Execute every cell; a cell that breaks stops it."""
    NotebookClient(notebook, timeout=600, resources={"metadata": {"path": str(folder)}}).execute()
    return notebook


def said(notebook: NotebookNode) -> list[str]:
    """What the exercises printed."""
    return [
        "".join(output.get("text", "") for output in cell.outputs)
        for cell in notebook.cells
        if "exercise" in tags(cell)
    ]


if __name__ == "__main__":
    typer.run(main)
