"""What `make test-colab` installed: the versions of Colab, nothing missing, the rest from .venv."""

import sys
from importlib.metadata import requires, version
from pathlib import Path

import IPython
import ipywidgets
import torch
from packaging.requirements import Requirement

import genlab


def test_these_are_the_versions_of_colab(pins: dict[str, str]) -> None:
    assert len(pins) > 10
    assert {name: version(name) for name in pins} == pins
    assert ipywidgets.__version__ == "7.7.1"
    assert IPython.__version__ == "7.34.0"
    here = Path(sys.prefix)
    assert Path(ipywidgets.__file__).is_relative_to(here)
    assert Path(IPython.__file__).is_relative_to(here)


def test_the_rest_is_not_installed_twice() -> None:
    assert Path(torch.__file__).is_relative_to(Path(sys.prefix).with_name(".venv"))
    assert Path(genlab.__file__).resolve().parent == Path(sys.prefix).resolve().with_name("genlab")


def test_they_have_what_they_need(pins: dict[str, str]) -> None:
    """They are installed without dependencies; what .venv brings must do."""
    needed = [Requirement(text) for name in pins for text in requires(name) or []]
    unmet = [
        f"{one}: {version(one.name)}"
        for one in needed
        if (one.marker is None or one.marker.evaluate({"extra": ""}))
        and not one.specifier.contains(version(one.name), prereleases=True)
    ]
    assert not unmet
