"""Notebook 05 in a real browser: run all cells, move the controls, watch the pictures."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Locator, Page

MINUTES = 60_000  # Playwright counts milliseconds


@pytest.fixture(scope="module")
def page(browser: Browser, lab: str, artifacts: Path) -> Iterator[Page]:
    """Notebook 05, all cells run, the comparison in view."""
    page = browser.new_page(viewport={"width": 1500, "height": 1000})
    page.set_default_timeout(20_000)
    page.goto(f"{lab}/lab/tree/05_comparison.ipynb")
    page.locator(".jp-Notebook .jp-Cell").first.wait_for(timeout=MINUTES)
    page.get_by_text("Python 3 (ipykernel) | Idle").wait_for(timeout=MINUTES)
    page.get_by_role("menuitem", name="Run", exact=True).click()
    page.get_by_role("menuitem", name="Run All Cells", exact=True).click()
    last = page.locator(".jp-CodeCell .jp-InputPrompt").last
    count = page.locator(".jp-CodeCell").count()
    wait_until(lambda: last.inner_text() == f"[{count}]:", page, 240)
    page.get_by_label("direction 1").first.wait_for()
    yield page
    page.get_by_label("seed").scroll_into_view_if_needed()
    page.screenshot(path=artifacts / "comparison.png")


def wait_until(true: Callable[[], bool], page: Page, seconds: float) -> None:
    for _ in range(int(seconds * 10)):
        if true():
            return
        page.wait_for_timeout(100)
    page.screenshot(path="artifacts/waited-in-vain.png")
    pytest.fail("waited in vain: see artifacts/waited-in-vain.png")


def pictures(page: Page) -> list[str]:
    """What each of the three panels shows now, as data."""
    images: Locator = page.locator("img.jupyter-widgets.widget-image")
    assert images.count() == 3
    script = """async image => {
      const bytes = new Uint8Array(await (await fetch(image.src)).arrayBuffer());
      return bytes.reduce((text, byte) => text + String.fromCharCode(byte), "");
    }"""
    return [images.nth(i).evaluate(script) for i in range(3)]


def changed(page: Page, before: list[str]) -> list[bool]:
    """Which panels show something else now; waits until the kernel has answered."""
    wait_until(lambda: pictures(page) != before, page, 30)
    page.wait_for_timeout(500)
    return [a != b for a, b in zip(before, pictures(page), strict=True)]


def test_all_cells_run_without_an_error(page: Page) -> None:
    assert page.locator(".jp-CodeCell").count() > 5
    assert page.locator("[data-mime-type='application/vnd.jupyter.error']").count() == 0


@pytest.mark.parametrize("panel", [0, 1])
def test_a_latent_slider_changes_its_own_panel(page: Page, panel: int) -> None:
    before = pictures(page)
    page.get_by_label("direction 1").nth(panel).focus()
    for _ in range(8):
        page.keyboard.press("ArrowUp")
    assert changed(page, before) == [panel == i for i in range(3)]


def test_the_slider_handle_moves_too(page: Page) -> None:
    before = pictures(page)
    page.locator(".widget-slider .noUi-handle").first.focus()
    page.keyboard.press("ArrowLeft")
    assert changed(page, before) == [True, False, False]


def test_the_timestep_slider_changes_the_diffusion_panel(page: Page) -> None:
    before = pictures(page)
    box = page.get_by_label("step", exact=True)
    box.fill("10")
    box.press("Enter")
    assert changed(page, before) == [False, False, True]


def all_changed(page: Page, before: list[str]) -> None:
    wait_until(lambda: all(a != b for a, b in zip(before, pictures(page), strict=True)), page, 60)


def test_another_seed_changes_all_three(page: Page) -> None:
    before = pictures(page)
    seed = page.get_by_label("seed", exact=True)
    seed.fill("7")
    seed.press("Enter")
    all_changed(page, before)


def test_another_class_changes_all_three(page: Page) -> None:
    before = pictures(page)
    page.get_by_label("class", exact=True).select_option("4")
    all_changed(page, before)


def test_a_seed_out_of_range_is_brought_back(page: Page) -> None:
    box = page.get_by_label("seed", exact=True)
    box.fill("-5")
    box.press("Enter")
    wait_until(lambda: box.input_value() == "0", page, 10)
