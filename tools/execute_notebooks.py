"""Run the series and keep its outputs: what ``make notebooks`` does.

For each notebook: write the set-up cell (the same in all), execute on a clean kernel, and store the
outputs in the form in which they are committed: no widget state, small pictures, progress bars as
their last line, no machine's paths or kernel names. Cell ids stay as they are.

    python tools/execute_notebooks.py                 the whole series, in place
    python tools/execute_notebooks.py 01 03           some of it
    python tools/execute_notebooks.py --set-up-only   write the set-up cell, tidy, run nothing
    python tools/execute_notebooks.py --sources       write the code anew that show_source shows, run nothing
"""

import ast
import base64
import io
import re
import sys
import time
import tomllib
from pathlib import Path
from typing import Annotated, Any

import nbformat
import typer
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError
from nbformat import NotebookNode
from PIL import Image

from genlab.teach.source import source_of

FOLDER = Path(__file__).resolve().parent.parent / "notebooks"
SET_UP_TAG = "genlab-set-up"
WIDGET_VIEW = "application/vnd.jupyter.widget-view+json"

SET_UP = """# On Colab this installs genlab. Anywhere else it does nothing.
import glob
import subprocess
import sys

if "google.colab" in sys.modules:
    repository = "{repository}"
    source = glob.glob("genlab-*.whl") or ([f"git+{{repository}}"] if repository else [])
    if not source:
        raise SystemExit("Upload genlab-*.whl (`make wheel` makes it) in the Files panel and run this again.")
    subprocess.check_call([sys.executable, "-m", "pip", "install", "-q", source[0]])"""


def set_up_cell() -> str:
    """The first code cell, with the repository's address from pyproject.toml filled in."""
    project = tomllib.loads((FOLDER.parent / "pyproject.toml").read_text("utf-8"))
    return SET_UP.format(repository=project["tool"]["genlab"]["repository"])


def write_set_up(notebook: NotebookNode) -> None:
    """Fill in the cell that is tagged as the set-up cell."""
    tagged = [c for c in notebook.cells if SET_UP_TAG in c.metadata.get("tags", [])]
    if len(tagged) != 1:
        raise SystemExit(f"expected one cell tagged {SET_UP_TAG}, found {len(tagged)}")
    tagged[0].source = set_up_cell()


def tidy(notebook: NotebookNode) -> None:
    """Leave in the notebook only what should be committed."""
    notebook.metadata = {
        "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
        "language_info": {"name": "python"},
    }
    for cell in notebook.cells:
        cell.metadata = kept_metadata(cell.metadata.get("tags", []))
        if cell.cell_type != "code":
            continue
        cell.outputs = [tidy_output(output) for output in joined(cell.outputs)]


def kept_metadata(tags: list[str]) -> dict[str, Any]:
    """The tags alone; a solution is folded as well, in JupyterLab and on Colab."""
    folded = {"cellView": "form", "jupyter": {"source_hidden": True}} if "solution" in tags else {}
    return {"tags": tags, **folded} if tags else {}


def joined(outputs: list[NotebookNode]) -> list[NotebookNode]:
    """Pieces of the same stream as one: a progress bar arrives in hundreds."""
    whole: list[NotebookNode] = []
    for output in outputs:
        before = whole[-1] if whole else None
        if before and output.output_type == "stream" and before.get("name") == output.name:
            before.text += output.text
        else:
            whole.append(output)
    return whole


def tidy_output(output: NotebookNode) -> NotebookNode:
    """One output without widget views, redrawn lines and machine paths."""
    if output.output_type == "stream":
        output.text = without_paths(last_redraws(output.text))
    elif "data" in output:
        output.data.pop(WIDGET_VIEW, None)
        if "image/png" in output.data:
            output.data["image/png"] = small_png(output.data["image/png"])
        for kind in ("text/plain", "text/markdown", "text/html"):
            if kind in output.data:
                output.data[kind] = without_paths(output.data[kind])
    return output


def small_png(encoded: str) -> str:
    """A picture in 256 colours: a third of the size, and no difference that one could see."""
    picture = Image.open(io.BytesIO(base64.b64decode(encoded)))
    buffer = io.BytesIO()
    picture.convert("RGB").quantize(256).save(buffer, format="png", optimize=True)
    smaller = base64.b64encode(buffer.getvalue()).decode()
    return smaller if len(smaller) < len(encoded) else encoded


def last_redraws(text: str) -> str:
    """A progress bar redraws its line after a carriage return: keep what is visible at the end."""
    return "\n".join(line.rstrip("\r").rsplit("\r", 1)[-1] for line in text.split("\n"))


def without_paths(text: str) -> str:
    """Paths of the machine that ran the notebook, shortened to their last two parts."""
    return re.sub(r"(?<![\w.:/])/(?:[\w.+-]+/)+([\w.+-]+/[\w.+-]+)", r".../\1", text)


def refresh_sources(notebook: NotebookNode) -> None:
    """Put the code of today under each cell that does nothing but ``teach.show_source(...)``."""
    for cell, texts in shown_sources(notebook):
        cell.outputs = [
            nbformat.v4.new_output(
                "display_data",
                {"text/markdown": text, "text/plain": "<IPython.core.display.Markdown object>"},
            )
            for text in texts
        ]


def shown_sources(notebook: NotebookNode) -> list[tuple[NotebookNode, list[str]]]:
    """The cells that show code, with what they show today."""
    names: dict[str, Any] = {}
    shown = []
    for cell in notebook.cells:
        if cell.cell_type != "code" or SET_UP_TAG in cell.metadata.get("tags", []):
            continue
        try:
            tree = ast.parse(cell.source)
        except SyntaxError:  # a magic of IPython
            continue
        imports: list[ast.stmt] = [
            line for line in tree.body if isinstance(line, (ast.Import, ast.ImportFrom))
        ]
        exec(compile(ast.Module(imports, []), cell.id, "exec"), names)
        if cell.source.startswith("teach.show_source("):
            call = ast.parse(cell.source, mode="eval").body
            assert isinstance(call, ast.Call)
            shown.append((cell, [source_of(eval(ast.unparse(thing), names)) for thing in call.args]))
    return shown


def execute(path: Path) -> None:
    """Run one notebook in place; an error in a cell leaves the file as it was."""
    notebook = nbformat.read(path, as_version=4)
    write_set_up(notebook)
    client = NotebookClient(
        notebook, timeout=3600, kernel_name="python3", store_widget_state=False,
        resources={"metadata": {"path": str(FOLDER)}},
    )  # fmt: skip
    total = sum(cell.cell_type == "code" for cell in notebook.cells)
    started = time.monotonic()

    def announce(cell: NotebookNode, cell_index: int) -> None:
        done = sum(c.cell_type == "code" for c in notebook.cells[: cell_index + 1])
        seconds = time.monotonic() - started
        print(f"\r{path.name}: cell {done} of {total}, {seconds:.0f} s ", end="", flush=True)

    client.on_cell_start = announce
    try:
        client.execute()
    except CellExecutionError as error:
        print(f"\n{path.name} stopped, nothing written:\n{error}", file=sys.stderr)
        raise typer.Exit(1) from None
    tidy(notebook)
    nbformat.write(notebook, path)
    print(f"\r{path.name}: {total} cells in {time.monotonic() - started:.0f} s          ", flush=True)


def main(
    names: Annotated[list[str] | None, typer.Argument(help="Beginnings of names, such as 01.")] = None,
    set_up_only: Annotated[bool, typer.Option(help="Write the set-up cell and run nothing.")] = False,
    sources: Annotated[bool, typer.Option(help="Write the shown code anew and run nothing.")] = False,
) -> None:
    """Execute the series in place and keep its outputs."""
    every = sorted(FOLDER.glob("[0-9][0-9]_*.ipynb"))
    chosen = [p for p in every if not names or p.name.startswith(tuple(names))]
    if not chosen:
        print(f"no notebook begins with {' or '.join(names or [])}", file=sys.stderr)
        raise typer.Exit(2)
    for path in chosen:
        if set_up_only or sources:
            notebook = nbformat.read(path, as_version=4)
            if sources:
                refresh_sources(notebook)
            else:
                write_set_up(notebook)
                tidy(notebook)
            nbformat.write(notebook, path)
        else:
            execute(path)


if __name__ == "__main__":
    typer.run(main)
