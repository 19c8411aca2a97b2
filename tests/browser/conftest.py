"""Jupyter servers, one on a copy of the series, and a headless Chromium that looks at them."""

import json
import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import nbformat
import pytest
from playwright.sync_api import Browser, Page, sync_playwright

REPOSITORY = Path(__file__).resolve().parents[2]
BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
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


@pytest.fixture(scope="session")
def artifacts() -> Path:
    """Where screenshots go, for people to look at."""
    folder = REPOSITORY / "artifacts"
    folder.mkdir(exist_ok=True)
    return folder


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    executable = next(filter(None, map(shutil.which, BROWSERS)), None)
    if executable is None:
        pytest.skip(f"NO BROWSER TESTS: none of {', '.join(BROWSERS)} is on the PATH; install Chromium")
    with sync_playwright() as playwright:
        yield playwright.chromium.launch(
            executable_path=executable,
            args=["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--no-first-run"],
        )


@pytest.fixture(scope="session")
def lab_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder that the JupyterLab shows."""
    return tmp_path_factory.mktemp("lab")


@pytest.fixture(scope="session")
def lab(lab_folder: Path) -> Iterator[str]:
    """The address of a JupyterLab over a copy of the series, in the smoke profile."""
    for notebook in (REPOSITORY / "notebooks").glob("*.ipynb"):
        shutil.copy(notebook, lab_folder)
    with serving("jupyterlab", lab_folder, "--IdentityProvider.token=") as address:
        yield address


@contextmanager
def serving(module: str, folder: Path, *options: str) -> Iterator[str]:
    """The address of a server (``python -m MODULE``) over a folder, which ends with the block."""
    for name, value in SETTINGS.items():
        path = folder / ".settings" / "@jupyterlab" / f"{name}.jupyterlab-settings"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(value))
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
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
            wait_for(f"{address}/api/status", server, folder / "server.log")
            yield address
        finally:
            server.terminate()
            server.wait(20)


def write_explorer(path: Path) -> None:
    """A notebook of one cell that shows an explorer over an untrained model."""
    kernel = {"kernelspec": {"name": "python3", "display_name": "Python 3 (ipykernel)"}}
    cells = [nbformat.v4.new_code_cell(EXPLORER)]
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


def wait_for(address: str, server: subprocess.Popen[bytes], log: Path, seconds: float = 60) -> None:
    """Return when the server answers; fail with its log when it has ended or takes too long."""
    end = time.monotonic() + seconds
    while time.monotonic() < end and server.poll() is None:
        try:
            urllib.request.urlopen(address, timeout=2)
            return
        except OSError:
            time.sleep(0.3)
    pytest.fail(f"the server did not start:\n{log.read_text()}")
