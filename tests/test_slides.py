"""Slides: a heading begins one, a figure and the sentence that reads it share one, solutions are on none."""

from pathlib import Path

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_output

from tools import slides
from tools.exercises import tags

NAMES = [path.name for path in slides.SERIES]


@pytest.fixture(scope="module")
def talk(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("talk")
    slides.main(out=out)
    return out


@pytest.mark.parametrize("name", NAMES)
def test_every_cell_has_its_place(talk: Path, name: str) -> None:
    notebook = nbformat.read(talk / name, as_version=4)
    nbformat.validate(notebook)
    for before, cell in zip([None, *notebook.cells], notebook.cells, strict=False):
        place = cell.metadata["slideshow"]["slide_type"]
        assert (place == "slide") == cell.source.startswith(("# ", "## ")) or place == "skip"
        if set(tags(cell)) & {"solution", "genlab-set-up"}:
            assert place == "skip"
        if "exercise" in tags(cell):
            assert place != "skip"
        if before and slides.shows_figure(before) and cell.cell_type == "markdown" and place != "slide":
            assert place == "-"


def test_a_slide_holds_no_more_than_fits() -> None:
    cells = [new_markdown_cell("## Long"), *(new_code_cell("\n".join(["x = 1"] * 10)) for _ in range(4))]
    slides.arrange(cells)
    assert [cell.metadata["slideshow"]["slide_type"] for cell in cells] == [
        "slide", "-", "-", "subslide", "-",
    ]  # fmt: skip


def test_a_figure_stands_on_a_slide_of_its_own_without_its_code() -> None:
    picture = new_output("display_data", {"image/png": ""})
    figure = new_code_cell("plots.show(figure, alt)", outputs=[picture])
    cells = [new_markdown_cell("## A"), figure, new_markdown_cell("See?")]
    slides.arrange(cells)
    assert [cell.metadata["slideshow"]["slide_type"] for cell in cells] == ["slide", "subslide", "-"]
    assert figure.metadata["jupyter"] == {"source_hidden": True}
    explorer = new_code_cell("LatentExplorer(model)", outputs=[picture])
    slides.arrange([explorer])
    assert "jupyter" not in explorer.metadata  # one clicks into it, and runs it


def test_an_unknown_notebook_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SystemExit, match="09"):
        slides.main(["09"], tmp_path)
