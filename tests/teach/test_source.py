import inspect
import textwrap
from pathlib import Path
from typing import Any

import pytest

import genlab.vae.loss
from genlab.data import Dataset
from genlab.diffusion.samplers import ddim
from genlab.files import project_dir
from genlab.teach import show_source

Displayed = list[tuple[Any, dict[str, Any]]]


def test_it_shows_the_source_that_runs(displayed: Displayed) -> None:
    show_source(genlab.vae.loss.kl_divergence)
    [(shown, _)] = displayed
    head, fence, *code, end = shown.data.split("\n")
    assert (fence, end) == ("```python", "```")
    assert "\n".join(code) == inspect.getsource(genlab.vae.loss.kl_divergence).rstrip()
    path, line = head.split(", line ")
    lines = (project_dir() / path.strip("`")).read_text().splitlines()
    assert lines[int(line) - 1] == code[0]


def test_a_method_is_shown_without_its_indentation(displayed: Displayed) -> None:
    show_source(Dataset.batches, Dataset)
    assert len(displayed) == 2
    method = displayed[0][0].data.split("```python\n")[1]
    assert method.startswith("def batches(\n    self")
    assert method.removesuffix("\n```") == textwrap.dedent(inspect.getsource(Dataset.batches)).rstrip()
    assert displayed[1][0].data.split("```python\n")[1].startswith("@dataclass(frozen=True")


def test_what_a_decorator_wraps_is_shown_where_it_stands(displayed: Displayed) -> None:
    show_source(ddim)
    assert displayed[0][0].data.startswith("`genlab/diffusion/samplers.py`, line ")


def test_code_of_another_package_is_named_by_its_file(displayed: Displayed) -> None:
    show_source(textwrap.dedent)
    assert displayed[0][0].data.startswith("`textwrap.py`, line ")


def test_installed_elsewhere_the_path_stays_short(
    displayed: Displayed, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("genlab.teach.source.project_dir", lambda: tmp_path)
    show_source(genlab.vae.loss.kl_divergence)
    assert displayed[0][0].data.startswith("`loss.py`, line ")
