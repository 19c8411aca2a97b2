"""Training in a real notebook: the live plot grows, the stop button saves, the next cell goes on."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Locator, Page

from tests.browser.server import MINUTES, errors, open_notebook, write_notebook

CELLS = [
    "import genlab\n"
    'small = {"model.network.hidden_dim": 32, "train.max_steps": 1_000_000}\n'
    'family, history = genlab.fit(genlab.load_config("vae-small", small), "digits", "mine")',
    'made = len(open("mine/metrics.jsonl").readlines())\n'
    'family, history = genlab.resume("mine", {"train.max_steps": made + 50})\n'
    'print("made", len(history), "steps")',
]


@pytest.fixture(scope="module")
def page(browser: Browser, lab: str, lab_folder: Path, artifacts: Path) -> Iterator[Page]:
    """A notebook of two cells that trains and goes on, opened."""
    write_notebook(lab_folder / "training.ipynb", *CELLS)
    page = open_notebook(browser, lab, "training.ipynb", width=1200, height=900)
    yield page
    page.screenshot(path=artifacts / "training.png")


def run(page: Page, cell: int) -> None:
    page.locator(".jp-CodeCell .cm-content").nth(cell).click()
    page.keyboard.press("Escape")
    page.keyboard.press("Shift+Enter")


def outputs(page: Page, cell: int) -> Locator:
    return page.locator(".jp-CodeCell").nth(cell).locator(".jp-OutputArea-output")


def test_the_plot_grows_above_the_bar_and_the_stop_button_saves(page: Page, artifacts: Path) -> None:
    run(page, 0)
    picture = outputs(page, 0).locator("img")
    picture.wait_for(timeout=MINUTES)
    first = picture.get_attribute("src")
    for _ in range(600):
        if picture.get_attribute("src") != first:
            break
        page.wait_for_timeout(100)
    assert picture.get_attribute("src") != first
    assert picture.count() == 1
    page.screenshot(path=artifacts / "training-live.png")
    texts = outputs(page, 0).all_inner_texts()
    assert sum("steps/s" in text for text in texts) == 1  # one bar, not cut in two

    page.keyboard.press("i")  # twice: JupyterLab's key for the stop button
    page.keyboard.press("i")
    page.get_by_text("Stopped; step").wait_for(timeout=MINUTES)
    page.get_by_text("goes on from there").first.wait_for()
    kinds = outputs(page, 0).evaluate_all(
        "all => all.map(one => one.querySelector('img') ? 'picture' : 'text')"
    )
    assert kinds.count("picture") == 1


def test_the_next_cell_goes_on_where_it_stopped(page: Page) -> None:
    # A kernel that has just been stopped throws away what was sent to it before it is idle.
    page.get_by_text("Python 3 (ipykernel) | Idle").wait_for(timeout=MINUTES)
    run(page, 1)
    outputs(page, 1).get_by_text("made ").wait_for(timeout=MINUTES)
    text = "\n".join(outputs(page, 1).all_inner_texts())
    assert "Going on after step" in text
    assert outputs(page, 1).locator("img").count() == 1
    assert errors(outputs(page, 1)) == 0
