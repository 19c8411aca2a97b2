"""Jupyter servers, and what a reader does with their pages: for tests, trials and benchmarks."""

import json
import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import nbformat
from playwright.sync_api import Browser, Locator, Page

REPOSITORY = Path(__file__).resolve().parents[2]
MINUTES = 60_000  # Playwright counts milliseconds
BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--no-first-run"]
SETTINGS = {
    "apputils-extension/notification": {"fetchNews": "false", "checkForUpdates": False},
    # Without this, cells outside the window are taken out of the page.
    "notebook-extension/tracker": {"windowingMode": "none"},
}
EXPLORER = """from genlab import load_config
from genlab.widgets import LatentExplorer
from genlab.zoo import build

LatentExplorer(build(load_config("vae-small", {"model.network.hidden_dim": 16})))"""
# What a picture shows, as text: its address is another after every redraw, of the same picture too.
CONTENT = """async image => {
  const bytes = new Uint8Array(await (await fetch(image.src)).arrayBuffer());
  return bytes.reduce((text, byte) => text + String.fromCharCode(byte), "");
}"""


def find_browser() -> str | None:
    """The path of a Chromium, if there is one."""
    return next(filter(None, map(shutil.which, BROWSERS)), None)


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def serving_series(folder: Path) -> Iterator[str]:
    """The address of a JupyterLab over a folder, into which the notebooks are copied first."""
    for notebook in (REPOSITORY / "notebooks").glob("*.ipynb"):
        shutil.copy(notebook, folder)
    with serving("jupyterlab", folder, "--IdentityProvider.token=") as address:
        yield address


def open_notebook(browser: Browser, address: str, name: str, width: int = 1500, height: int = 1000) -> Page:
    """A page of JupyterLab with one notebook, its kernel ready."""
    page = browser.new_page(viewport={"width": width, "height": height})
    page.set_default_timeout(20_000)
    # A workspace of its own, else what was open before is open there too.
    page.goto(f"{address}/lab/workspaces/{Path(name).stem}/tree/{name}")
    page.locator(".jp-Notebook .jp-Cell").first.wait_for(timeout=MINUTES)
    page.get_by_text("Python 3 (ipykernel) | Idle").wait_for(timeout=MINUTES)
    return page


def kernel_is_ready(address: str, name: str) -> bool:
    """Whether a notebook's kernel waits for work from a page: for pages that do not say so themselves."""
    with urllib.request.urlopen(f"{address}/api/sessions", timeout=20) as answer:
        kernels = [session["kernel"] for session in json.load(answer) if session["path"].endswith(name)]
    return any(kernel["execution_state"] == "idle" and kernel["connections"] for kernel in kernels)


def run_all(page: Page) -> None:
    """Choose it in the menu; does not wait."""
    page.get_by_role("menuitem", name="Run", exact=True).click()
    page.get_by_role("menuitem", name="Run All Cells", exact=True).click()


def errors(outputs: Page | Locator) -> int:
    """How many outputs are errors; JupyterLab marks them as it marks stderr."""
    return outputs.locator("pre", has_text="Traceback (most recent call last)").count()


def tab_to(page: Page, first: str, name: str) -> None:
    """Go by Tab alone from the control called ``first`` to the one called ``name``."""
    page.get_by_label(first, exact=True).focus()
    for _ in range(40):
        if f'"{name}"' in focused(page).splitlines()[0]:
            return
        page.keyboard.press("Tab")
    raise AssertionError(f"Tab does not lead to {name!r}")


def enter(page: Page, first: str, name: str, text: str) -> None:
    """Type into a box, which is reached by Tab."""
    tab_to(page, first, name)
    page.keyboard.press("Control+a")
    page.keyboard.press("Delete")
    page.keyboard.type(text)
    page.keyboard.press("Enter")


def focused(page: Page) -> str:
    """Role and accessible name of what has the focus, such as ``- spinbutton "seed": "0"``."""
    return page.locator("*:focus").first.aria_snapshot()


def wait_until(true: Callable[[], bool], page: Page, seconds: float) -> None:
    """Return when it is true; fail, and leave a picture of the page, when it does not become so."""
    end = time.monotonic() + seconds
    while not true():
        if time.monotonic() > end:
            page.screenshot(path=REPOSITORY / "artifacts" / "waited-in-vain.png")
            raise TimeoutError("waited in vain: see artifacts/waited-in-vain.png")
        page.wait_for_timeout(50)


@contextmanager
def serving(module: str, folder: Path, *options: str) -> Iterator[str]:
    """The address of a server (``python -m MODULE``) over a folder, which ends with the block."""
    for name, value in SETTINGS.items():
        path = folder / ".settings" / "@jupyterlab" / f"{name}.jupyterlab-settings"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(value))
    port = free_port()
    command = [sys.executable, "-m", module, "--no-browser", "--allow-root", "--port", str(port), *options]
    environment = {
        "GENLAB_PROFILE": "smoke",
        "JUPYTERLAB_SETTINGS_DIR": str(folder / ".settings"),
        "JUPYTERLAB_WORKSPACES_DIR": str(folder / ".workspaces"),
    }
    with (folder / "server.log").open("w") as log:
        server = subprocess.Popen(command, cwd=folder, env=os.environ | environment, stdout=log, stderr=log)
        address = f"http://127.0.0.1:{port}"
        try:
            if not answers(f"{address}/api/status", server):
                raise RuntimeError(f"the server did not start:\n{(folder / 'server.log').read_text()}")
            yield address
        finally:
            server.terminate()
            server.wait(20)


def write_notebook(path: Path, *sources: str) -> None:
    """A notebook of code cells that have not been run."""
    kernel = {"kernelspec": {"name": "python3", "display_name": "Python 3 (ipykernel)"}}
    cells = [nbformat.v4.new_code_cell(source) for source in sources]
    nbformat.write(nbformat.v4.new_notebook(cells=cells, metadata=kernel), path)


def moved_by_keyboard(page: Page) -> bool:
    """Whether the explorer's picture becomes another when its first number grows by arrow keys."""
    picture = page.locator("img.widget-image")
    box = page.get_by_label("direction 1")
    before, number = picture.evaluate(CONTENT), box.input_value()
    box.focus()
    for _ in range(8):
        page.keyboard.press("ArrowUp")
    for _ in range(100):
        if picture.evaluate(CONTENT) != before:
            return box.input_value() != number
        page.wait_for_timeout(100)
    return False


def answers(address: str, server: subprocess.Popen[bytes], seconds: float = 60) -> bool:
    """Wait until the server answers; false when it has ended or takes too long."""
    end = time.monotonic() + seconds
    while time.monotonic() < end and server.poll() is None:
        try:
            urllib.request.urlopen(address, timeout=2)
            return True
        except OSError:
            time.sleep(0.3)
    return False
