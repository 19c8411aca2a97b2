"""What is committed in the notebooks: outputs, no widget state, short cells, texts for pictures."""

import importlib.util
import re
from pathlib import Path
from typing import Any

import nbformat
import pytest

from genlab.files import project_dir

FOLDER = project_dir() / "notebooks"
SERIES = ["00_data", "01_vae", "02_gan", "03_diffusion", "04_evaluation", "05_comparison"]
NOTEBOOKS = sorted(FOLDER.glob("0*.ipynb"))
SET_UP_TAG = "genlab-set-up"
CHECKED_TAG = "nbval-check-output"
LONGEST = 12  # lines of a code cell


@pytest.fixture(scope="module", params=NOTEBOOKS, ids=lambda path: path.stem)
def notebook(request: pytest.FixtureRequest) -> Any:
    path: Path = request.param
    return nbformat.read(path, as_version=4)


@pytest.fixture(scope="module")
def script() -> Any:
    """``tools/execute_notebooks.py``, which is no module of a package."""
    path = project_dir() / "tools" / "execute_notebooks.py"
    spec = importlib.util.spec_from_file_location("execute_notebooks", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def code_cells(notebook: Any) -> list[Any]:
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def tags(cell: Any) -> list[str]:
    return list(cell.metadata.get("tags", []))


def outputs(notebook: Any) -> list[Any]:
    return [output for cell in code_cells(notebook) for output in cell.outputs]


def head(cell: Any) -> str:
    """A cell in a failing test's message."""
    return f"{cell.id}: {cell.source[:60]!r}"


def test_the_series_is_complete_and_something_is_compared() -> None:
    """nbval compares outputs only in cells that carry its tag."""
    assert [path.stem for path in NOTEBOOKS] == SERIES
    notebooks = [nbformat.read(path, as_version=4) for path in NOTEBOOKS]
    assert [cell for notebook in notebooks for cell in code_cells(notebook) if CHECKED_TAG in tags(cell)]


def test_it_is_valid_and_its_ids_are_its_own(notebook: Any) -> None:
    nbformat.validate(notebook)
    ids = [cell.id for cell in notebook.cells]
    assert len(set(ids)) == len(ids)


def test_cells_whose_output_is_checked_have_one(notebook: Any) -> None:
    """nbval passes silently where there is nothing to compare with."""
    checked = [cell for cell in code_cells(notebook) if CHECKED_TAG in tags(cell)]
    empty = [head(cell) for cell in checked if not cell.outputs or cell.execution_count is None]
    assert not empty
    assert not [
        head(cell) for cell in notebook.cells if cell.cell_type != "code" and CHECKED_TAG in tags(cell)
    ]


def test_every_cell_was_run_in_order(notebook: Any) -> None:
    cells = [cell for cell in code_cells(notebook) if cell.source.strip()]
    assert [cell.execution_count for cell in cells] == list(range(1, len(cells) + 1))


def test_no_widget_state_and_no_machines_metadata(notebook: Any) -> None:
    """GitHub refuses to render a notebook whose widget metadata has no state."""
    assert set(notebook.metadata) == {"kernelspec", "language_info"}
    folded = {"cellView", "jupyter"}  # of solutions
    assert not [
        head(cell)
        for cell in notebook.cells
        if set(cell.metadata) - {"tags"} != (folded if "solution" in tags(cell) else set())
    ]
    views = [kind for output in outputs(notebook) for kind in output.get("data", {}) if "widget" in kind]
    assert not views


def test_no_errors_and_no_warnings_are_stored(notebook: Any) -> None:
    assert not [output.ename for output in outputs(notebook) if output.output_type == "error"]
    texts = [output.text for output in outputs(notebook) if output.output_type == "stream"]
    assert not [text for text in texts if re.search(r"Warning:|Traceback", text)]


def test_cells_are_short(notebook: Any) -> None:
    long = [
        f"{head(cell)}: {len(cell.source.splitlines())} lines"
        for cell in code_cells(notebook)
        if SET_UP_TAG not in tags(cell) and len(cell.source.splitlines()) > LONGEST
    ]
    assert not long


def test_the_set_up_cell_comes_first_and_is_the_scripts(notebook: Any, script: Any) -> None:
    assert script.SET_UP_TAG == SET_UP_TAG
    first, *others = code_cells(notebook)
    assert SET_UP_TAG in tags(first)
    assert first.source == script.set_up_cell()
    assert not [head(cell) for cell in others if SET_UP_TAG in tags(cell)]


def test_no_text_is_still_to_be_written(notebook: Any) -> None:
    texts = [cell.source for cell in notebook.cells if cell.cell_type == "markdown"]
    assert not [text for text in texts for line in text.splitlines() if re.fullmatch(r"[A-Z]{5,}", line)]


def test_every_picture_has_a_text(notebook: Any) -> None:
    silent = [
        head(cell)
        for cell in code_cells(notebook)
        for output in cell.outputs
        if "image/png" in output.get("data", {})
        and not output.metadata.get("image/png", {}).get("alt", "").strip()
    ]
    assert not silent


def test_the_code_that_is_shown_is_the_code_that_runs(notebook: Any, script: Any) -> None:
    """Stale? ``python tools/execute_notebooks.py --sources``."""
    for cell, texts in script.shown_sources(notebook):
        assert [output.data["text/markdown"] for output in cell.outputs] == texts, head(cell)


def test_outputs_are_tidy(notebook: Any) -> None:
    for output in outputs(notebook):
        data = output.get("data", {})
        texts = [output.get("text", ""), *(data[kind] for kind in data if kind.startswith("text/"))]
        for text in texts:
            assert "\r" not in text
            assert not [place for place in ("/root/", "/home/", "/tmp/", "/Users/") if place in text]
