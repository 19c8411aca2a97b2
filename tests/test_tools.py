"""The script that runs the series and tidies what it leaves."""

import base64
import importlib.util
import io
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import nbformat
import numpy as np
import pytest
import torch
import typer
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output
from numpy.typing import NDArray
from PIL import Image

from genlab.files import project_dir
from tools import pretrained

FOLDER = project_dir() / "notebooks"
VIEW = "application/vnd.jupyter.widget-view+json"


@pytest.fixture(scope="module")
def script() -> Iterator[ModuleType]:
    spec = importlib.util.spec_from_file_location(
        "execute_notebooks", project_dir() / "tools" / "execute_notebooks.py"
    )
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    yield module
    del sys.modules[spec.name]


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("plain\nlines\n", "plain\nlines\n"),
        ("\r 0%\r 50%\r100%\n", "100%\n"),
        ("before\n\r 0%\r100%\nafter\n", "before\n100%\nafter\n"),
        ("\r 0%\r 50%\r", " 50%"),  # a bar that was cleared by nothing still shows
        ("dos line\r\nnext\r\n\n", "dos line\nnext\n\n"),
    ],
)
def test_a_redrawn_line_is_kept_as_last_seen(script: ModuleType, text: str, kept: str) -> None:
    assert script.last_redraws(text) == kept
    assert script.last_redraws(kept) == kept


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("Found in /home/ada/data/MNIST/raw, verified", "Found in .../MNIST/raw, verified"),
        ("/srv/class/runs/01-vae", ".../runs/01-vae"),
        ("two: /a/b/c/d and /e/f/g/h", "two: .../c/d and .../g/h"),
        ("https://arxiv.org/abs/1312.6114", "https://arxiv.org/abs/1312.6114"),
        ("genlab/vae/loss.py, line 3", "genlab/vae/loss.py, line 3"),
        ("/short/path", "/short/path"),
        ("12.5 img/s at 3/4/5/6", "12.5 img/s at 3/4/5/6"),
    ],
)
def test_a_machines_paths_are_shortened(script: ModuleType, text: str, kept: str) -> None:
    assert script.without_paths(text) == kept
    assert script.without_paths(kept) == kept


def test_an_output_keeps_no_widget_view_and_no_path(script: ModuleType) -> None:
    output = new_output(
        "display_data",
        {
            "text/plain": "in /a/b/c/d",
            "text/x": "/a/b/c/d",
            "text/html": "/a/b/c/d",
            VIEW: {"id": "x"},
        },
        metadata={"image/png": {"alt": "A digit."}},
    )
    tidied = script.tidy_output(output)
    assert tidied.data == {"text/plain": "in .../c/d", "text/html": ".../c/d", "text/x": "/a/b/c/d"}
    assert tidied.metadata == {"image/png": {"alt": "A digit."}}
    stream = script.tidy_output(new_output("stream", name="stderr", text="\r 0%\r100% /a/b/c/d\n"))
    assert stream.text == "100% .../c/d\n"


def decoded(encoded: str) -> NDArray[np.uint8]:
    return np.asarray(Image.open(io.BytesIO(base64.b64decode(encoded))).convert("RGB"))


def encoded(picture: NDArray[np.uint8], mode: str | None = None) -> str:
    buffer = io.BytesIO()
    image = Image.fromarray(picture)
    (image.convert(mode) if mode else image).save(buffer, format="png", compress_level=0)
    return base64.b64encode(buffer.getvalue()).decode()


def test_pictures_become_smaller_and_look_the_same(script: ModuleType) -> None:
    ramp = np.linspace(0, 255, 200, dtype=np.uint8)
    colours = np.stack(np.broadcast_arrays(ramp[:, None], ramp[None, :], 255 - ramp[:, None]), axis=-1)
    before = encoded(colours)
    after = script.small_png(before)
    assert len(after) < len(before) / 2
    difference = np.abs(decoded(after).astype(int) - colours.astype(int))
    assert difference.mean() < 8
    assert script.small_png(after) == after  # done twice, it stays as it is
    grey = np.broadcast_to(ramp, (50, 200))
    assert np.array_equal(decoded(script.small_png(encoded(grey)))[..., 0], grey)  # greys are kept exactly
    tiny = encoded(np.zeros((1, 1), np.uint8))
    assert decoded(script.small_png(tiny)).shape == (1, 1, 3)
    output = script.tidy_output(new_output("display_data", {"image/png": before}))
    assert output.data["image/png"] == after


def a_notebook(script: ModuleType) -> Any:
    set_up = new_code_cell("old", metadata={"tags": [script.SET_UP_TAG], "collapsed": True})
    code = new_code_cell(
        "1 + 1",
        execution_count=7,
        metadata={"execution": {"iopub": "2026"}, "tags": ["nbval-check-output"]},
        outputs=[new_output("execute_result", {"text/plain": "2"}, execution_count=7)],
    )
    notebook = new_notebook(cells=[new_markdown_cell("# Title", metadata={"x": 1}), set_up, code])
    notebook.metadata = {"widgets": {"state": {}}, "kernelspec": {"name": "mine", "display_name": "Mine"}}
    return nbformat.from_dict(notebook)


def test_a_tidied_notebook_keeps_tags_outputs_and_ids_alone(script: ModuleType) -> None:
    notebook = a_notebook(script)
    ids = [cell.id for cell in notebook.cells]
    script.tidy(notebook)
    assert set(notebook.metadata) == {"kernelspec", "language_info"}
    assert notebook.metadata["kernelspec"]["name"] == "python3"
    assert [dict(cell.metadata) for cell in notebook.cells] == [
        {},
        {"tags": [script.SET_UP_TAG]},
        {"tags": ["nbval-check-output"]},
    ]
    assert [cell.id for cell in notebook.cells] == ids
    assert notebook.cells[2].execution_count == 7
    assert notebook.cells[2].outputs[0].data == {"text/plain": "2"}


def test_the_set_up_cell_is_written_where_it_is_tagged(script: ModuleType) -> None:
    notebook = a_notebook(script)
    script.write_set_up(notebook)
    assert notebook.cells[1].source == script.set_up_cell()
    assert notebook.cells[2].source == "1 + 1"
    for wrong in (notebook.cells[:1], [*notebook.cells, notebook.cells[1]]):
        notebook.cells = wrong
        with pytest.raises(SystemExit, match="expected one cell tagged"):
            script.write_set_up(notebook)


def test_the_set_up_cell_holds_the_projects_address_and_is_python(
    script: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "pyproject.toml").write_text('[tool.genlab]\nrepository = "https://example.org/genlab"\n')
    compile(script.set_up_cell(), "set-up", "exec")
    monkeypatch.setattr(script, "FOLDER", tmp_path / "notebooks")
    cell = script.set_up_cell()
    assert 'repository = "https://example.org/genlab"' in cell
    compile(cell, "set-up", "exec")


def run_set_up(cell: str, folder: Path, monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    """Run the set-up cell in a folder, with pip replaced: what it would have installed."""
    import subprocess

    calls: list[list[str]] = []
    monkeypatch.chdir(folder)
    monkeypatch.setattr(subprocess, "check_call", lambda command: calls.append(command[1:]))
    exec(compile(cell, "set-up", "exec"), {})
    return calls


@pytest.mark.parametrize("wheel", [True, False])
@pytest.mark.parametrize("repository", ["", "https://example.org/genlab"])
def test_on_colab_it_installs_an_uploaded_wheel_or_the_repository_or_says_how(
    wheel: bool, repository: str, script: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cell = script.SET_UP.format(repository=repository)
    if wheel:
        (tmp_path / "genlab-0.1.0-py3-none-any.whl").write_text("")
    assert run_set_up(cell, tmp_path, monkeypatch) == []  # not on Colab
    monkeypatch.setitem(sys.modules, "google.colab", ModuleType("google.colab"))
    if not wheel and not repository:
        with pytest.raises(SystemExit, match=r"Upload genlab-\*\.whl"):
            run_set_up(cell, tmp_path, monkeypatch)
        return
    source = "genlab-0.1.0-py3-none-any.whl" if wheel else f"git+{repository}"
    assert run_set_up(cell, tmp_path, monkeypatch) == [["-m", "pip", "install", "-q", source]]


def write(path: Path, *sources: str, tag: str) -> None:
    cells = [new_code_cell("", metadata={"tags": [tag]}), *(new_code_cell(source) for source in sources)]
    nbformat.write(new_notebook(cells=cells), path)


def test_only_the_named_ones_are_written(
    script: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(script, "FOLDER", tmp_path)
    monkeypatch.setattr(script, "set_up_cell", lambda: "written = True")
    for name in ("00_a", "01_b"):
        write(tmp_path / f"{name}.ipynb", "1", tag=script.SET_UP_TAG)
    (tmp_path / "notes.ipynb").write_text("not numbered: left alone")
    script.main(["01"], set_up_only=True)
    assert "written" not in (tmp_path / "00_a.ipynb").read_text()
    assert "written" in (tmp_path / "01_b.ipynb").read_text()
    script.main(None, set_up_only=True)
    assert "written" in (tmp_path / "00_a.ipynb").read_text()
    with pytest.raises(typer.Exit) as stop:
        script.main(["07"], set_up_only=True)
    assert stop.value.exit_code == 2
    assert "no notebook begins with 07" in capsys.readouterr().err


def test_an_error_in_a_cell_leaves_the_file_as_it_was(
    script: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(script, "FOLDER", tmp_path)
    monkeypatch.setattr(script, "set_up_cell", lambda: "pass")
    good, bad = tmp_path / "00_good.ipynb", tmp_path / "01_bad.ipynb"
    write(good, "print('a', end='\\r'); print('b')", tag=script.SET_UP_TAG)
    write(bad, "1 / 0", tag=script.SET_UP_TAG)
    before = bad.read_bytes()
    with pytest.raises(typer.Exit) as stop:
        script.main(None)
    assert stop.value.exit_code == 1
    assert "ZeroDivisionError" in capsys.readouterr().err
    assert bad.read_bytes() == before
    cell = nbformat.read(good, as_version=4).cells[1]
    assert cell.outputs[0].text == "b\n"
    assert cell.execution_count == 2


def test_pieces_of_a_stream_become_one_and_other_outputs_stay_apart(script: ModuleType) -> None:
    def stream(name: str, text: str) -> Any:
        return new_output("stream", name=name, text=text)

    picture = new_output("display_data", data={"text/plain": "x"})
    bar = [stream("stdout", "\r1/2"), stream("stdout", "\r2/2\n")]
    whole = script.joined([*bar, picture, stream("stdout", "a"), stream("stderr", "b")])
    assert [output.get("text") for output in whole] == ["\r1/2\r2/2\n", None, "a", "b"]


def test_the_tables_of_the_models_that_ship_are_those_of_their_reports() -> None:
    text = pretrained.README.read_text("utf-8")
    assert pretrained.with_short_table(text) == text
    assert (pretrained.FOLDER / "README.md").read_text("utf-8") == pretrained.whole_table()


def test_a_veil_is_what_is_nearly_black() -> None:
    levels = torch.tensor([0, 1, 10, 11, 255], dtype=torch.uint8)
    assert pretrained.veil(levels) == pretrained.veil(levels.float() / 255) == pytest.approx(2 / 5)
