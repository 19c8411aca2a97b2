"""`jupyter nbconvert --to html`: every picture, an explorer's still among them, is on the page."""

from pathlib import Path
from typing import Any

import nbformat
import pytest
from bs4 import BeautifulSoup
from nbconvert import HTMLExporter
from nbformat.v4 import new_code_cell, new_notebook, new_output

from genlab.files import project_dir

NOTEBOOKS = sorted((project_dir() / "notebooks").glob("0*.ipynb"))
VIEW = "application/vnd.jupyter.widget-view+json"
DOT = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAAAAAA6fptVAAAACklEQVR4nGNgAAAAAgABSK+kcQAAAABJRU5ErkJggg=="


def to_html(notebook: Any, template: str) -> BeautifulSoup:
    page, _ = HTMLExporter(template_name=template).from_notebook_node(notebook)
    return BeautifulSoup(page, "html.parser")


def pictures(page: BeautifulSoup) -> list[tuple[str, str]]:
    """What is shown and what is said of it."""
    start = "data:image/png;base64,"
    every = [(str(image["src"]), str(image.get("alt", ""))) for image in page.select("img[src]")]
    return [(source.removeprefix(start), alt) for source, alt in every if source.startswith(start)]


def committed(notebook: Any) -> list[tuple[str, str]]:
    outputs = [output for cell in notebook.cells for output in cell.get("outputs", [])]
    return [
        (one.data["image/png"], one.metadata["image/png"]["alt"])
        for one in outputs
        if "image/png" in one.get("data", {})
    ]


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_every_committed_picture_is_on_the_page(path: Path) -> None:
    notebook = nbformat.read(path, as_version=4)
    page = to_html(notebook, "lab")  # what nbconvert takes unless told otherwise
    assert [png for png, _ in pictures(page)] == [png for png, _ in committed(notebook)]
    assert all(alt.strip() for _, alt in pictures(page))
    assert not page.select(f"script[type='{VIEW}']")


def test_the_classic_template_says_what_they_show() -> None:
    notebook = nbformat.read(NOTEBOOKS[-1], as_version=4)
    assert committed(notebook)
    assert pictures(to_html(notebook, "classic")) == committed(notebook)


@pytest.mark.parametrize("template", ["lab", "classic"])
def test_a_live_view_without_its_state_shows_its_still(template: str) -> None:
    """So is an explorer in a notebook that was run and saved by hand."""
    live = {"version_major": 2, "version_minor": 0, "model_id": "0123"}
    bundle = {"text/plain": "A dot.", "image/png": DOT, VIEW: live}
    output = new_output("display_data", bundle, metadata={"image/png": {"alt": "A dot."}})
    notebook = new_notebook(cells=[new_code_cell("explorer", outputs=[output])])
    page = to_html(notebook, template)
    assert [png for png, _ in pictures(page)] == [DOT]
    assert not page.select(f"script[type='{VIEW}']")


def test_the_default_template_has_still_no_place_for_our_texts() -> None:
    """When this fails, nbconvert has learnt it: ask for the texts above, and drop this."""
    output = new_output("display_data", {"image/png": DOT}, metadata={"image/png": {"alt": "A dot."}})
    page = to_html(new_notebook(cells=[new_code_cell("", outputs=[output])]), "lab")
    assert pictures(page) == [(DOT, "No description has been provided for this image")]
