"""Slides: an explorer is run on its slide and answers to the keyboard, with no network but this machine."""

from pathlib import Path

import nbformat
from playwright.sync_api import Browser, expect

from tests.browser.server import (
    EXPLORER,
    MINUTES,
    kernel_is_ready,
    moved_by_keyboard,
    wait_until,
    write_notebook,
)
from tools.slides import STYLE, arrange


def test_an_explorer_lives_on_its_slide(
    lab: str, lab_folder: Path, browser: Browser, artifacts: Path
) -> None:
    path = lab_folder / "talk.ipynb"
    write_notebook(path, EXPLORER)
    notebook = nbformat.read(path, as_version=4)
    arrange(notebook.cells)
    notebook.cells[0].metadata["slideshow"] = {"slide_type": "slide"}  # it has imports, and no output yet
    nbformat.write(notebook, path)
    (lab_folder / "rise.css").write_text(STYLE)
    page = browser.new_page(viewport={"width": 1600, "height": 900})
    page.goto(f"{lab}/rise/talk.ipynb")
    page.locator(".jp-Cell .cm-content").wait_for(timeout=MINUTES)
    wait_until(lambda: kernel_is_ready(lab, path.name), page, 60)  # a key pressed earlier runs nothing
    page.locator(".jp-Cell .cm-content").click()
    page.keyboard.press("Shift+Enter")
    expect(page.locator("img.widget-image")).to_be_visible(timeout=2 * MINUTES)
    page.screenshot(path=artifacts / "slides.png")
    assert moved_by_keyboard(page)
    page.close()
