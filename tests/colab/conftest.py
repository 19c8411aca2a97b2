"""Tests that make sense only with the packages of Colab: `make test-colab` installs and uses them."""

import os
import sys
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[2]
PINS = REPOSITORY / "requirements-colab.txt"
# As it was before any test, without the backend that tests draw with: a kernel has its own.
ENVIRONMENT = {name: value for name, value in os.environ.items() if name != "MPLBACKEND"}


@pytest.fixture(scope="session", autouse=True)
def on_colab() -> None:
    """Nothing here runs with other packages by accident."""
    if Path(sys.prefix).resolve() != REPOSITORY / ".venv-colab":
        pytest.fail("tests/colab needs the packages of Colab: run `make test-colab`", pytrace=False)


@pytest.fixture(scope="session")
def pins() -> dict[str, str]:
    """Which version of which package Colab has."""
    lines = (line.partition("==") for line in PINS.read_text().splitlines())
    return {name: version for name, equals, version in lines if equals}
