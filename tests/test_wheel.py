"""What is installed from a wheel, on Colab say, is all that a clone has in ``genlab``."""

import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

import genlab

PACKAGE = Path(genlab.__file__).parent
BUILD = "from setuptools import build_meta; build_meta.build_wheel('dist')"
USE = """
import genlab
assert genlab.__file__.startswith({where!r}), genlab.__file__
print(tuple(genlab.load_pretrained("gan-mnist").sample(2).shape), len(genlab.load_config("vae").model_dump()))
"""


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the contents of a freshly built wheel."""
    source = tmp_path_factory.mktemp("source")
    shutil.copytree(PACKAGE, source / "genlab", ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(PACKAGE.parent / name, source)
    subprocess.run([sys.executable, "-c", BUILD], cwd=source, check=True, capture_output=True)
    (wheel,) = (source / "dist").glob("genlab-*.whl")
    folder = tmp_path_factory.mktemp("installed")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(folder)
    return folder


def test_no_file_is_left_behind(installed: Path) -> None:
    def files(package: Path) -> set[str]:
        paths = (path for path in package.rglob("*") if path.is_file() and "__pycache__" not in path.parts)
        return {str(path.relative_to(package)) for path in paths}

    assert files(installed / "genlab") == files(PACKAGE)


def test_models_and_configs_are_found_away_from_the_clone(installed: Path, tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", USE.format(where=str(installed))],
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": str(installed)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout == "(2, 1, 28, 28) 2\n"
