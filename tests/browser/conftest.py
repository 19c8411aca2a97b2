"""A Jupyter server on a copy of the series, and a headless Chromium that looks at it."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, sync_playwright

from tests.browser.server import BROWSERS, FLAGS, REPOSITORY, find_browser, serving_series


@pytest.fixture(scope="session")
def artifacts() -> Path:
    """Where screenshots go, for people to look at."""
    folder = REPOSITORY / "artifacts"
    folder.mkdir(exist_ok=True)
    return folder


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    executable = find_browser()
    if executable is None:
        pytest.skip(f"NO BROWSER TESTS: none of {', '.join(BROWSERS)} is on the PATH; install Chromium")
    with sync_playwright() as playwright:
        yield playwright.chromium.launch(executable_path=executable, args=FLAGS)


@pytest.fixture(scope="session")
def lab_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder that the JupyterLab shows."""
    return tmp_path_factory.mktemp("lab")


@pytest.fixture(scope="session")
def lab(lab_folder: Path) -> Iterator[str]:
    """The address of a JupyterLab over a copy of the series, in the smoke profile."""
    with serving_series(lab_folder) as address:
        yield address
