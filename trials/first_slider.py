"""A new user's path, timed: from ``make lab`` to the first slider that moves a picture.

    python -m trials.first_slider

It does what a newcomer does, in a fresh clone of the last commit: `make lab`, which sets up first, the page
that opens, the link to notebook 05 in it, Run All Cells, and one arrow key in the first latent slider, while
the rest of the notebook is still running. Needs Chromium, and some GB of disk for a while.
"""

import os
import signal
import subprocess
import tempfile
import time
from pathlib import Path

from playwright.sync_api import Page, sync_playwright

from tests.browser.server import MINUTES, answers, find_browser, free_port


class Clock:
    """Prints the time each stage took."""

    def __init__(self) -> None:
        self.began = self.last = time.monotonic()

    def stage(self, what: str) -> None:
        """Say how long it took since the stage before, and since the start."""
        now = time.monotonic()
        print(f"{now - self.last:7.1f} s  {what} ({now - self.began:.1f} s since the start)", flush=True)
        self.last = now


def main() -> None:
    """Walk the path and print the stages."""
    with tempfile.TemporaryDirectory() as folder:
        clone = ["git", "clone", "--quiet", str(Path(__file__).resolve().parents[1]), f"{folder}/genlab"]
        subprocess.run(clone, check=True)
        path_from(Path(folder) / "genlab")


def path_from(folder: Path) -> None:
    """The path in one clone."""
    executable, port = find_browser(), free_port()
    if executable is None:
        raise SystemExit("no Chromium on the PATH")
    address, clock = f"http://127.0.0.1:{port}", Clock()
    arguments = f"LAB_ARGS=--no-browser --port {port} --IdentityProvider.token="
    environment = {name: value for name, value in os.environ.items() if name != "GENLAB_DATA"}
    lab = subprocess.Popen(
        ["make", "lab", arguments],
        cwd=folder,
        env=environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        if not answers(f"{address}/api/status", lab, seconds=1800):
            raise SystemExit("make lab did not start a server")
        clock.stage("make lab: set up where needed, server answers")
        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=executable, args=["--no-sandbox"])
            walk(browser.new_page(viewport={"width": 1500, "height": 1000}), address, clock)
            browser.close()
    finally:
        os.killpg(lab.pid, signal.SIGTERM)
        lab.wait(30)


def walk(page: Page, address: str, clock: Clock) -> None:
    """From the first page to the first changed picture."""
    page.set_default_timeout(5 * MINUTES)
    page.goto(f"{address}/lab/tree/notebooks/00_data.ipynb?reset")
    page.get_by_role("link", name="Notebook 05").click()
    clock.stage("the page is there, and its link to notebook 05 is clicked")
    page.get_by_role("heading", name="05 Three families").wait_for()
    page.get_by_text("Python 3 (ipykernel) | Idle").wait_for()
    page.get_by_role("menuitem", name="Run", exact=True).click()
    page.get_by_role("menuitem", name="Run All Cells", exact=True).click()
    clock.stage("notebook 05 is open, Run All Cells is chosen")
    box = page.get_by_label("direction 1").first
    box.wait_for()
    clock.stage("the explorer is there")
    picture = page.locator("img.jupyter-widgets.widget-image").first
    before = picture.get_attribute("src")
    box.focus()
    page.keyboard.press("ArrowUp")
    page.wait_for_function(
        "before => document.querySelector('img.jupyter-widgets.widget-image').src != before", arg=before
    )
    clock.stage("the first slider has moved a picture")


if __name__ == "__main__":
    main()
