"""An explorer in Notebook 7: the same widgets as JupyterLab's in another shell."""

from pathlib import Path

from playwright.sync_api import Browser

from tests.browser.server import EXPLORER, MINUTES, errors, moved_by_keyboard, serving, write_notebook


def test_an_explorer_follows_the_keyboard(browser: Browser, tmp_path: Path, artifacts: Path) -> None:
    write_notebook(tmp_path / "explorer.ipynb", EXPLORER)
    page = browser.new_page(viewport={"width": 1200, "height": 800})
    page.set_default_timeout(20_000)
    with serving("notebook", tmp_path, "--IdentityProvider.token=") as address:
        page.goto(f"{address}/notebooks/explorer.ipynb")
        page.locator(".jp-CodeCell .cm-content").first.click(timeout=MINUTES)
        page.locator(".jp-Notebook-ExecutionIndicator[data-status='idle']").wait_for(timeout=MINUTES)
        page.keyboard.press("Shift+Enter")
        try:
            page.locator("img.widget-image").wait_for(timeout=2 * MINUTES)
            assert moved_by_keyboard(page)
            assert errors(page) == 0
        finally:
            page.screenshot(path=artifacts / "notebook7.png")
            page.close()
