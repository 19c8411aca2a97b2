"""The plan for teachers and the glossary: what they name stands in the notebooks."""

import re
from pathlib import Path
from urllib.parse import unquote

import nbformat
import pytest

from genlab.files import project_dir

NOTEBOOKS = project_dir() / "notebooks"
TEACHING, GLOSSARY = project_dir() / "TEACHING.md", NOTEBOOKS / "glossary.md"
LINK = re.compile(r"\[([^\]]+)\]\(([^)\s]+)\)")
EXERCISE = re.compile(r"\b(0\d) · \*(.+?)\*(?!\*)")
ANCHOR = re.compile(r'<a id="([a-z-]+)"></a>')
MOST_LINES = 300


def written(notebook: Path) -> str:
    """All of a notebook's Markdown."""
    cells = nbformat.read(notebook, as_version=4).cells
    return "\n".join(cell.source for cell in cells if cell.cell_type == "markdown")


def headings(notebook: Path) -> list[str]:
    return re.findall(r"^#{2,3} (.+?) *$", written(notebook), re.MULTILINE)


def exercises(number: str) -> list[str]:
    (notebook,) = NOTEBOOKS.glob(f"{number}_*.ipynb")
    return re.findall(r"^\*\*Exercise \d+ · (.+?)\*\* \(", written(notebook), re.MULTILINE)


@pytest.mark.parametrize("page", [TEACHING, GLOSSARY], ids=["teaching", "glossary"])
def test_every_link_leads_to_a_section_of_that_name(page: Path) -> None:
    links = LINK.findall(page.read_text("utf-8"))
    assert links
    for text, target in links:
        name, _, place = target.partition("#")
        notebook = page.parent / name
        assert notebook.is_file(), target
        assert text in headings(notebook), f"{name} has no section {text!r}"
        assert unquote(place) == text.replace(" ", "-")  # as JupyterLab names it


def test_every_exercise_that_is_named_exists() -> None:
    named = EXERCISE.findall(TEACHING.read_text("utf-8"))
    assert {number for number, _ in named} == {"00", "01", "02", "03", "04", "05"}
    assert not [(number, title) for number, title in named if title not in exercises(number)]


def test_every_plan_fills_ninety_minutes() -> None:
    plans = TEACHING.read_text("utf-8").split("| minutes |")[1:]
    assert len(plans) == 7  # six notebooks, and a lecture on all of them
    for plan in plans:
        rows = [(int(a), int(b)) for a, b in re.findall(r"^\| (\d+)-(\d+) \|", plan, re.MULTILINE)]
        assert rows[0][0] == 0
        assert rows[-1][1] == 90
        assert [end for _, end in rows[:-1]] == [start for start, _ in rows[1:]]


def test_the_plan_is_short() -> None:
    assert len(TEACHING.read_text("utf-8").splitlines()) <= MOST_LINES


def test_the_glossary_has_twenty_five_words_in_order_each_with_an_anchor_and_a_section() -> None:
    text = GLOSSARY.read_text("utf-8")
    entries = text.split("\n\n<a id=")[1:]
    words = re.findall(r"^\*\*(.+?)\.\*\* ", text, re.MULTILINE)
    assert len(entries) == len(words) == 25
    assert words == sorted(words, key=str.casefold)
    assert all(len(LINK.findall(entry)) == 1 for entry in entries)
    anchors = ANCHOR.findall(text)
    assert len(set(anchors)) == len(anchors)


def test_links_to_the_glossary_lead_to_a_word() -> None:
    """``glossary.md#logit``, from any notebook."""
    anchors = ANCHOR.findall(GLOSSARY.read_text("utf-8"))
    pages = {path.name: written(path) for path in NOTEBOOKS.glob("0*.ipynb")}
    assert "(glossary.md)" in pages["05_comparison.ipynb"]
    used = [word for page in pages.values() for word in re.findall(r"\(glossary\.md#([^)]+)\)", page)]
    assert set(used) <= set(anchors)
