r"""Slides of the notebooks, in slides/: for `make slides`, which opens them in JupyterLab with live sliders.

    python tools/slides.py                 all six
    python tools/slides.py 01 --out talk   one of them, elsewhere

A slide begins at each heading, and at each cell that no longer fits. A figure stands large, without its code,
above the sentence that reads it. Set-up, imports and solutions are run but not shown. The slides are
notebooks: run all cells, then press Alt+R. On a slide with sliders, click into its line of code and press
Shift+Enter: they come to life.
"""

import re
import shutil
from pathlib import Path
from typing import Annotated

import nbformat
import typer
from nbformat import NotebookNode

FOLDER = Path(__file__).resolve().parent.parent
SERIES = sorted((FOLDER / "notebooks").glob("[0-9][0-9]_*.ipynb"))
LINES = 22  # on a slide
WIDTH = 80  # characters of a line on a slide
FIGURE = 12  # lines that a figure takes
STYLE = """.reveal .jp-RenderedHTMLCommon { font-size: 26px; line-height: 1.35; max-width: 1600px; }
.reveal .cm-editor, .reveal .jp-OutputArea-output pre { font-size: 22px; line-height: 1.35; }
.reveal .jp-OutputArea-output img { zoom: 1.6; max-width: 100%; }
.reveal .jp-InputPrompt, .reveal .jp-OutputPrompt, .reveal .jp-Placeholder { display: none; }
"""  # large enough for the last row


def main(
    names: Annotated[list[str] | None, typer.Argument(help="Beginnings of names, such as 01.")] = None,
    out: Annotated[Path, typer.Option(help="The folder for the slides.")] = FOLDER / "slides",
) -> None:
    """Write the copies."""
    chosen = [path for path in SERIES if not names or path.name.startswith(tuple(names))]
    if not chosen:
        raise SystemExit(f"no notebook begins with {' or '.join(names or [])}")
    out.mkdir(parents=True, exist_ok=True)
    (out / "rise.css").write_text(STYLE)
    shutil.copy(FOLDER / "notebooks" / "glossary.md", out)
    for path in chosen:
        notebook = nbformat.read(path, as_version=4)
        arrange(notebook.cells)
        notebook.metadata["rise"] = {"scroll": True}  # what is too long after all can be reached
        nbformat.write(notebook, out / path.name)
        print(out / path.name)


def arrange(cells: list[NotebookNode]) -> None:
    """Give every cell its place in the talk: a new slide (across, or down), the same one, or none."""
    used = 0
    for before, cell in zip([None, *cells], cells, strict=False):
        size, reads_a_figure = lines(cell), cell.cell_type == "markdown" and shows_figure(before)
        if hidden(cell):
            place = "skip"
        elif re.match("##? ", cell.source):
            place, used = "slide", size
        elif shows_figure(cell) or (used + size > LINES and not reads_a_figure):
            place, used = "subslide", size
        else:
            place, used = "-", used + size
        cell.metadata["slideshow"] = {"slide_type": place}
        if shows_figure(cell) and "plots.show(" in cell.source:  # an explorer has to be run on its slide
            cell.metadata["jupyter"] = {"source_hidden": True}


def hidden(cell: NotebookNode) -> bool:
    """Whether the audience is spared it: set-up, imports, solutions."""
    tags = cell.metadata.get("tags", [])
    silent = cell.cell_type == "code" and not cell.outputs
    imports = silent and re.match(r"(from \S+ )?import ", cell.source)
    return "genlab-set-up" in tags or "solution" in tags or bool(imports)


def shows_figure(cell: NotebookNode | None) -> bool:
    """Whether it ends in a picture or a widget."""
    outputs = cell.get("outputs", []) if cell else []
    return any("image/png" in output.get("data", {}) for output in outputs)


def lines(cell: NotebookNode) -> int:
    """How many lines of a slide it takes, about."""
    if shows_figure(cell):
        return FIGURE
    printed = "".join(output.get("text", "") for output in cell.get("outputs", []))
    return sum(1 + len(line) // WIDTH for line in (cell.source + printed).splitlines())


if __name__ == "__main__":
    typer.run(main)
