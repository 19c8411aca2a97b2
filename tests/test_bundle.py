"""The stick: what goes on it for each system, and an installation that spares what a student wrote.

A whole bundle is made, and installed without a network, by ``python -m trials.bundle``.
"""

from pathlib import Path

import pytest

from tools import bundle, install

LOCK = (bundle.FOLDER / "requirements.lock").read_text("utf-8")
OF_WINDOWS = {"colorama", "pywinpty"}


@pytest.mark.parametrize("python", bundle.PYTHONS)
@pytest.mark.parametrize("system", bundle.SYSTEMS)
def test_a_system_gets_what_the_notebooks_need_and_no_more(system: str, python: str) -> None:
    needed = bundle.closure(system, python)
    assert {"torch", "torchvision", "jupyterlab", "ipywidgets", "jupyterlab-rise", "numpy"} <= set(needed)
    assert not {"pytest", "mypy", "diffusers", "playwright", "genlab"} & set(needed)
    assert OF_WINDOWS & set(needed) == (OF_WINDOWS if system == "windows" else set())
    unpinned = {name for name, pin in needed.items() if f"{name}=={pin}" not in LOCK}
    assert all(name.startswith(("nvidia-", "cuda-", "triton")) for name in unpinned)
    assert not unpinned or system == "linux"


def test_what_there_is_not_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SystemExit, match="solaris"):
        bundle.main(out=tmp_path, system=["linux", "solaris"])
    with pytest.raises(SystemExit, match=r"2\.7"):
        bundle.main(out=tmp_path, python=["2.7"])
    assert not list(tmp_path.iterdir())


def test_the_data_are_packed_as_they_are_published(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Made from any copy, zipped or not; read again from there."""
    source = tmp_path / "here"
    for folder in ("MNIST", "FashionMNIST"):
        raw = source / folder / "raw"
        raw.mkdir(parents=True)
        (raw / "t10k-labels-idx1-ubyte").write_bytes(b"labels")
        (raw / "train-labels-idx1-ubyte.gz").write_bytes(b"zipped")
    monkeypatch.setattr(bundle, "load_dataset", lambda name, split: None)
    monkeypatch.setattr(bundle, "search_roots", lambda: [tmp_path / "nothing", source])
    bundle.copy_data(tmp_path / "stick")
    names = ["t10k-labels-idx1-ubyte.gz", "train-labels-idx1-ubyte.gz"]
    for folder in ("MNIST", "FashionMNIST"):
        assert sorted(path.name for path in (tmp_path / "stick" / folder / "raw").iterdir()) == names


def test_what_a_student_changed_stays(tmp_path: Path) -> None:
    stick, home = tmp_path / "stick", tmp_path / "home"
    (stick / "student").mkdir(parents=True)
    (stick / "student" / "01.ipynb").write_text("new")
    (stick / "student" / "02.ipynb").write_text("new")
    (home / "student").mkdir(parents=True)
    (home / "student" / "01.ipynb").write_text("mine")
    install.copy_new(stick, home)
    assert (home / "student" / "01.ipynb").read_text() == "mine"
    assert (home / "student" / "02.ipynb").read_text() == "new"
