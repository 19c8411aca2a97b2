"""Every notebook runs on anybody's own pictures once its one ``load_dataset("auto")`` is changed.

The pictures are few, of three classes named by words and of odd sizes. Only that it runs is tested, in
the smoke profile; ``make notebook-tests`` runs the notebooks as they are.
"""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import nbformat
import pytest
from nbclient import NotebookClient
from PIL import Image
from sklearn.datasets import load_digits

from genlab.data.own.cache import kept_in
from genlab.files import project_dir

FOLDER = project_dir() / "notebooks"
NOTEBOOKS = sorted(FOLDER.glob("0[0-4]*.ipynb"))  # 05 shows models, of whatever data, and reads none
LINE = 'data = load_dataset("auto")\n'
CLASSES = {"null": 0, "drei": 3, "sieben": 7}  # in another order than their digits


@pytest.fixture
def pictures(tmp_path: Path) -> Iterator[Path]:
    """A hundred and twenty scans as PNG and JPEG, 9 to 40 pixels wide and high."""
    scans = load_digits()
    for name, digit in CLASSES.items():
        folder = tmp_path / "my pictures" / name
        folder.mkdir(parents=True)
        for i, scan in enumerate(scans.images[scans.target == digit][:40]):
            size = (9 + i * 7 % 32, 9 + i * 11 % 32)
            image = Image.fromarray((scan * 255 / 16).round().astype("uint8")).resize(size)
            image.save(folder / f"{i}.{'jpg' if i % 3 else 'png'}")
    yield tmp_path / "my pictures"
    # The kernel knows no other home than the project's own.
    (project_dir() / "data" / "own" / kept_in(tmp_path / "my pictures").name).unlink(missing_ok=True)


def code(notebook: Any) -> str:
    return "\n".join(cell.source for cell in notebook.cells if cell.cell_type == "code")


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_it_runs_on_own_pictures(path: Path, pictures: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    notebook = nbformat.read(path, as_version=4)
    assert code(notebook).count('load_dataset("auto"') == 1
    [cell] = [cell for cell in notebook.cells if cell.cell_type == "code" and LINE in f"{cell.source}\n"]
    cell.source = f"{cell.source}\n".replace(LINE, f"data = load_dataset({str(pictures)!r})\n")
    monkeypatch.setenv("GENLAB_PROFILE", "smoke")
    monkeypatch.setenv("OMP_NUM_THREADS", os.environ.get("OMP_NUM_THREADS", "1"))
    client = NotebookClient(
        notebook, timeout=300, kernel_name="python3", resources={"metadata": {"path": str(FOLDER)}}
    )
    client.execute()  # raises what a cell raises
    for cell in notebook.cells:
        for output in cell.get("outputs", []):
            assert output.output_type != "error"
            assert output.get("name") != "stderr" or "Warning" not in output.text
