"""A lesson's plan: sections are core or optional and say their minutes; the optional ones stand last."""

import re
from dataclasses import dataclass
from typing import Any

import nbformat
import pytest

from tests.notebooks.test_notebooks import NOTEBOOKS

MARK = re.compile(r"\*(Core|Optional), (\d+) minutes?\.\*")
TIME = re.compile(r"\*\*Time:\*\* (\d+) minutes for the core, (\d+) more for the optional sections\.")
MARKED = ("Core", "Optional")


@dataclass(frozen=True)
class Section:
    title: str
    kind: str  # "Core", "Optional", or the title of one without a mark
    minutes: int
    text: str


def sections(notebook: Any) -> list[Section]:
    """Everything from one ``##`` to the next."""
    text = "\n".join(cell.source for cell in notebook.cells if cell.cell_type == "markdown")
    found = []
    for part in re.split(r"^## ", text, flags=re.MULTILINE)[1:]:
        title, _, rest = part.partition("\n")
        mark = MARK.match(rest.strip())
        kind, minutes = mark.groups() if mark else (title, "0")
        found.append(Section(title, kind, int(minutes), rest))
    return found


@pytest.fixture(params=NOTEBOOKS, ids=lambda path: path.stem)
def notebook(request: pytest.FixtureRequest) -> Any:
    return nbformat.read(request.param, as_version=4)


def test_every_section_is_core_or_optional_and_the_optional_ones_stand_last(notebook: Any) -> None:
    kinds = [section.kind for section in sections(notebook)]
    assert kinds == sorted(kinds, key=["Core", "Recap", "Optional", "Sources"].index)


def test_the_minutes_of_the_sections_are_those_of_the_title(notebook: Any) -> None:
    said = TIME.search(notebook.cells[0].source)
    assert said is not None
    minutes = {kind: sum(s.minutes for s in sections(notebook) if s.kind == kind) for kind in MARKED}
    assert minutes == dict(zip(MARKED, map(int, said.groups()), strict=True))


def test_exercises_are_numbered_as_they_stand_and_fit_into_their_section(notebook: Any) -> None:
    every = []
    for section in sections(notebook):
        here = re.findall(r"^\*\*Exercise (\d+) · .*?\*\* \(.*?(\d+) minutes?\)", section.text, re.MULTILINE)
        assert sum(int(minutes) for _, minutes in here) <= section.minutes, section.title
        every += [int(number) for number, _ in here]
    assert every == list(range(1, len(every) + 1))


def test_predictions_are_compared(notebook: Any) -> None:
    code = "\n".join(cell.source for cell in notebook.cells if cell.cell_type == "code")
    names = re.findall(r"^(\w+) = teach\.Prediction\(", code, re.MULTILINE)
    assert 3 <= len(names) <= 6
    assert not [name for name in names if f"{name}.compare(" not in code]
    assert "teach.predictions()" in code
