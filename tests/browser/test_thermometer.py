"""The thermometer in JupyterLab: by keyboard alone, in a light and in a dark page."""

from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page

from tests.browser.server import (
    CONTENT,
    MINUTES,
    SETTINGS,
    errors,
    open_notebook,
    run_all,
    serving,
    wait_until,
    write_notebook,
)

THERMOMETER = """import torch
from genlab.evaluation.corruptions import Healthy
from genlab.evaluation.report import Metric, by_key
from genlab.widgets import Thermometer

images = torch.rand(40, 1, 28, 28)
def recall(value):
    return by_key([Metric("recall", value, 0.01, "plain"), Metric("copied_pixels", 0.01, 0.01)])
curves = {name: {0.0: recall(0.9), 0.5: recall(0.9), 0.8: recall(0.2)} for name in ("blur", "memorised")}
Thermometer(curves, Healthy(images, torch.arange(40) % 10, (255 * images).byte()))"""


def said(page: Page) -> str:
    return page.locator("[role=status]:visible", has_text="notice").inner_text()


@pytest.mark.parametrize("theme", ["Light", "Dark"])
def test_disease_and_level_follow_the_keyboard(
    theme: str, browser: Browser, tmp_path: Path, artifacts: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(SETTINGS, "apputils-extension/themes", {"theme": f"JupyterLab {theme}"})
    write_notebook(tmp_path / "thermometer.ipynb", THERMOMETER)
    with serving("jupyterlab", tmp_path, "--IdentityProvider.token=") as address:
        page = open_notebook(browser, address, "thermometer.ipynb")
        run_all(page)
        picture = page.locator("img.widget-image")
        picture.wait_for(timeout=2 * MINUTES)
        assert said(page) == "blur 0.5 pixels: 0 of 2 figures notice it"
        before = picture.evaluate(CONTENT)
        page.locator(".noUi-handle:visible").focus()
        page.keyboard.press("ArrowRight")
        wait_until(lambda: said(page) == "blur 0.8 pixels: 1 of 2 figures notice it", page, 20)
        wait_until(lambda: picture.evaluate(CONTENT) != before, page, 20)
        page.get_by_label("disease", exact=True).focus()
        for key in ("Space", "ArrowDown", "Enter"):
            page.keyboard.press(key)
        wait_until(lambda: said(page) == "memorised 0.5 of all: 0 of 2 figures notice it", page, 20)
        row = page.get_by_role("row", name="recall").inner_text()
        assert row.split() == ["recall", "(plain", "judge)", "0.900", "±", "0.010", "0.0"]
        page.screenshot(path=artifacts / f"thermometer-{theme.lower()}.png")
        assert errors(page) == 0
        page.close()
