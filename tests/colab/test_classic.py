"""An explorer in the classic notebook, the front end that ipywidgets 7 was made for."""

from pathlib import Path

from playwright.sync_api import Browser

from tests.browser.conftest import artifacts, browser
from tests.browser.server import EXPLORER, MINUTES, moved_by_keyboard, serving, write_notebook

__all__ = ["artifacts", "browser"]  # fixtures


def test_an_explorer_follows_the_keyboard(browser: Browser, tmp_path: Path, artifacts: Path) -> None:
    write_notebook(tmp_path / "explorer.ipynb", EXPLORER)
    page = browser.new_page(viewport={"width": 1200, "height": 800})
    page.set_default_timeout(20_000)
    with serving("notebook", tmp_path, "--NotebookApp.token=") as address:
        page.goto(f"{address}/notebooks/explorer.ipynb")
        page.locator(".kernel_idle_icon").wait_for(timeout=MINUTES)
        page.locator(".code_cell").click()
        page.keyboard.press("Shift+Enter")
        try:
            page.locator("img.widget-image").wait_for(timeout=2 * MINUTES)
            assert moved_by_keyboard(page)
            assert page.locator(".output_error").count() == 0
        finally:
            page.screenshot(path=artifacts / "classic.png")
            page.close()
