"""Copies for a class: what is left out, and what a student wrote stays."""

from pathlib import Path

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell

from tools import student
from tools.exercises import tags

NAMES = [path.name for path in student.SERIES]


@pytest.fixture(scope="module")
def copies(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("class")
    student.main(out=out)
    return out


@pytest.mark.parametrize("name", NAMES)
def test_a_copy_has_no_solution_and_no_output(copies: Path, name: str) -> None:
    copy = nbformat.read(copies / name, as_version=4)
    nbformat.validate(copy)
    for cell in copy.cells:
        assert "solution" not in tags(cell)
        assert "<details>" not in cell.source
        assert not cell.get("outputs")
    ours = nbformat.read(student.FOLDER / "notebooks" / name, as_version=4)
    stubs = [cell.source for cell in ours.cells if "exercise" in tags(cell)]
    assert [cell.source for cell in copy.cells if "exercise" in tags(cell)] == stubs


def test_answers_and_added_cells_survive_an_update(tmp_path: Path) -> None:
    student.main(["01"], tmp_path)
    place = tmp_path / "01_vae.ipynb"
    copy = nbformat.read(place, as_version=4)
    exercise = next(cell for cell in copy.cells if "exercise" in tags(cell))
    exercise.source = "my own answer"
    copy.cells[5].source += "\n# changed by the student"
    index = copy.cells.index(exercise)
    mine = [new_markdown_cell("a note"), new_code_cell("1 + 1")]
    copy.cells[index + 1 : index + 1] = mine
    copy.cells.insert(0, new_markdown_cell("my name"))
    nbformat.write(copy, place)

    student.main(["01"], tmp_path)
    after = nbformat.read(place, as_version=4)
    assert after.cells[0].source == "my name"
    assert [cell.source for cell in after.cells[index + 1 : index + 4]] == [
        "my own answer",
        "a note",
        "1 + 1",
    ]
    assert not any("changed by the student" in cell.source for cell in after.cells)
    before = nbformat.read(tmp_path / "01_vae.before.ipynb", as_version=4)
    assert any("changed by the student" in cell.source for cell in before.cells)

    (tmp_path / "01_vae.before.ipynb").unlink()
    student.main(["01"], tmp_path)
    assert not (tmp_path / "01_vae.before.ipynb").exists()  # nothing was lost this time


def test_a_name_that_is_none() -> None:
    with pytest.raises(SystemExit, match="no notebook begins with 07"):
        student.main(["07"])
