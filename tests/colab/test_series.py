"""The series in a kernel with the ipywidgets and the IPython of Colab."""

import json
from pathlib import Path
from typing import Any

import nbformat
import pytest
from nbclient import NotebookClient

from tests.colab.conftest import ENVIRONMENT, REPOSITORY

FOLDER = REPOSITORY / "notebooks"
VIEW = "application/vnd.jupyter.widget-view+json"
VERSIONS = """import importlib.metadata, json, IPython, ipywidgets
print(json.dumps({{name: importlib.metadata.version(name) for name in {names}}}))
print(json.dumps([ipywidgets.__version__, IPython.__version__]))"""


def execute(notebook: Any) -> Any:
    """The notebook with its outputs, from a kernel of this environment, in the smoke profile."""
    client = NotebookClient(
        notebook,
        timeout=300,
        kernel_name="python3",
        allow_errors=True,
        store_widget_state=False,
        resources={"metadata": {"path": str(FOLDER)}},
    )
    return client.execute(env=ENVIRONMENT | {"GENLAB_PROFILE": "smoke"})


@pytest.mark.parametrize("path", sorted(FOLDER.glob("0*.ipynb")), ids=lambda path: path.stem)
def test_a_notebook_runs_and_its_explorers_leave_a_still(path: Path, pins: dict[str, str]) -> None:
    notebook = nbformat.read(path, as_version=4)
    notebook.cells.append(nbformat.v4.new_code_cell(VERSIONS.format(names=list(pins))))
    cells = [cell for cell in execute(notebook).cells if cell.cell_type == "code"]
    outputs = [output for cell in cells for output in cell.outputs]

    assert not [f"{one.ename}: {one.evalue}" for one in outputs if one.output_type == "error"]
    assert [json.loads(line) for line in cells[-1].outputs[0].text.splitlines()] == [
        pins,
        [pins["ipywidgets"], pins["ipython"]],
    ]
    views = [output for output in outputs if VIEW in output.get("data", {})]
    assert views
    for view in views:
        assert len(view.data["image/png"]) > 100
        assert view.metadata["image/png"]["alt"].strip()
