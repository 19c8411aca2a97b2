r"""The exercises of the notebooks: run their cells, and list them.

    python tools/exercises.py fill 01    run the cells of exercises and solutions alone, keep their outputs
    python tools/exercises.py table      all exercises, with the mistakes that each of them knows

A cell tagged ``exercise`` holds a stub and calls its check; the cell after it, tagged ``solution``, holds an
answer. Neither needs another cell of its notebook, nor is needed by one.
"""

import io
from collections.abc import Iterator
from contextlib import redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import nbformat
import typer
from nbformat import NotebookNode

from genlab.teach.check import Check

FOLDER = Path(__file__).resolve().parent.parent / "notebooks"
SERIES = sorted(FOLDER.glob("[0-9][0-9]_*.ipynb"))

app = typer.Typer(help=__doc__, no_args_is_help=True, rich_markup_mode=None)


@dataclass(frozen=True)
class Exercise:
    """An exercise as it stands in a notebook.

    Attributes:
        text: what it asks for, Markdown.
        stub, solution: the cells.
        name: of its check.
        check: the check itself.
    """

    text: str
    stub: NotebookNode
    solution: NotebookNode
    name: str
    check: Check


def exercises_of(notebook: NotebookNode) -> Iterator[Exercise]:
    """All of a notebook, in order; three cells each."""
    cells = notebook.cells
    for index, cell in enumerate(cells):
        if "exercise" in tags(cell):
            names = run(cell)[0]
            name, check = next((n, value) for n, value in names.items() if isinstance(value, Check))
            yield Exercise(cells[index - 1].source, cell, cells[index + 1], name, check)


def tags(cell: NotebookNode) -> list[str]:
    """The tags of a cell."""
    return list(cell.metadata.get("tags", []))


def run(*cells: NotebookNode) -> tuple[dict[str, Any], str]:
    """Run cells one after the other: the names they leave, and what they print."""
    names: dict[str, Any] = {}
    with redirect_stdout(io.StringIO()) as out:
        for cell in cells:
            exec(compile(cell.source, cell.id, "exec"), names)
    return names, out.getvalue()


@app.command()
def fill(
    names: Annotated[list[str] | None, typer.Argument(help="Beginnings of names, such as 01.")] = None,
) -> None:
    """Put under every stub and solution what it prints."""
    for path in (path for path in SERIES if not names or path.name.startswith(tuple(names))):
        notebook = nbformat.read(path, as_version=4)
        for exercise in exercises_of(notebook):
            asked = run(exercise.stub)[1]
            answered = run(exercise.stub, exercise.solution)[1].removeprefix(asked)
            for cell, text in ((exercise.stub, asked), (exercise.solution, answered)):
                cell.outputs = [nbformat.v4.new_output("stream", name="stdout", text=text)]
                cell.execution_count = None
        nbformat.write(notebook, path)


@app.command()
def table() -> None:
    """Print all exercises with their hints, as Markdown."""
    for path in SERIES:
        exercises = list(exercises_of(nbformat.read(path, as_version=4)))
        print(f"## {path.stem}: {len(exercises)} exercises\n")
        for exercise in exercises:
            title = exercise.text.partition(").")[0].replace("**", "")
            print(f"- {title}), `{exercise.name}`")
            for _, hint in exercise.check.mistakes:
                print(f"    - {hint}")
        print()


if __name__ == "__main__":
    app()
