r"""Copies of the notebooks for a class, in student/: no solutions, no outputs. What ``make student`` does.

    python tools/student.py                 all six
    python tools/student.py 01 --out class  one of them, elsewhere

Run it again after an update of the series: what a student wrote into an exercise stays, and so do cells that
a student added. The copy of before is kept beside the new one, as 01_vae.before.ipynb, where they differ.
"""

import re
import shutil
from pathlib import Path
from typing import Annotated

import nbformat
import typer
from nbconvert.preprocessors import ClearOutputPreprocessor, TagRemovePreprocessor
from nbformat import NotebookNode

FOLDER = Path(__file__).resolve().parent.parent
SERIES = sorted((FOLDER / "notebooks").glob("[0-9][0-9]_*.ipynb"))
GIVEN = "genlab"  # in the metadata of every cell that came from us: the others are the student's own
SOLUTION = re.compile(r"<details>.*?</details>\n*", flags=re.DOTALL)  # of exercises without a check


def main(
    names: Annotated[list[str] | None, typer.Argument(help="Beginnings of names, such as 01.")] = None,
    out: Annotated[Path, typer.Option(help="The folder for the copies.")] = FOLDER / "student",
) -> None:
    """Write the copies, and keep what students wrote into those of before."""
    chosen = [path for path in SERIES if not names or path.name.startswith(tuple(names))]
    if not chosen:
        raise SystemExit(f"no notebook begins with {' or '.join(names or [])}")
    out.mkdir(parents=True, exist_ok=True)
    shutil.copy(FOLDER / "notebooks" / "glossary.md", out)
    for path in chosen:
        place = out / path.name
        copy = student_copy(nbformat.read(path, as_version=4))
        if place.exists():
            before = nbformat.read(place, as_version=4)
            copy.cells = with_answers(copy.cells, before.cells)
            if [cell.source for cell in before.cells] != [cell.source for cell in copy.cells]:
                place.rename(place.with_suffix(".before.ipynb"))
        nbformat.write(copy, place)
        print(place)


def student_copy(notebook: NotebookNode) -> NotebookNode:
    """The notebook without solutions and outputs."""
    notebook, _ = TagRemovePreprocessor(remove_cell_tags={"solution"}).preprocess(notebook, {})
    notebook, _ = ClearOutputPreprocessor().preprocess(notebook, {})
    for cell in notebook.cells:
        cell.metadata[GIVEN] = True
        if cell.cell_type == "markdown":
            cell.source = SOLUTION.sub("", cell.source).rstrip()
    return notebook


def with_answers(cells: list[NotebookNode], before: list[NotebookNode]) -> list[NotebookNode]:
    """The new cells, with the answers of a copy of before, and with the cells that its student added."""
    old = {cell.id: cell for cell in before}
    for cell in cells:
        if "exercise" in cell.metadata.get("tags", []) and cell.id in old:
            cell.source = old[cell.id].source
    last = None  # the cell of ours behind which a student's cell stands
    added: dict[str | None, list[NotebookNode]] = {}
    places = {cell.id for cell in cells}
    for cell in before:
        if cell.metadata.get(GIVEN):
            last = cell.id if cell.id in places else last
        else:
            added.setdefault(last, []).append(cell)
    whole = added.get(None, [])
    for cell in cells:
        whole += [cell, *added.get(cell.id, [])]
    return whole


if __name__ == "__main__":
    typer.run(main)
