"""Install the course from this folder, without a network:  python install.py [FOLDER]

It makes FOLDER (genlab in your home, if left out) with the notebooks, the data and all that they need. Python
3.11 to 3.13 has to be on the computer. Run it again at any time: notebooks that you have changed stay.
"""

import shutil
import subprocess
import sys
import venv
from pathlib import Path

HERE = Path(__file__).resolve().parent
WINDOWS = sys.platform == "win32"


def main() -> None:
    if not (3, 11) <= sys.version_info[:2] <= (3, 13):
        raise SystemExit(f"this is Python {sys.version.split()[0]}, and the course needs 3.11, 3.12 or 3.13")
    folder = Path(sys.argv[1] if len(sys.argv) > 1 else Path.home() / "genlab").resolve()
    programs = folder / ".venv" / ("Scripts" if WINDOWS else "bin")
    print(f"Installing into {folder}, which takes some minutes ...", flush=True)
    venv.create(folder / ".venv", with_pip=True)
    pip = [str(programs / "python"), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    if subprocess.call([*pip, "--no-index", "--find-links", str(HERE / "wheels"), "genlab[lab]"]):
        held = ", ".join(sorted({name.name.split("-")[2] for name in (HERE / "wheels").glob("torch-*.whl")}))
        raise SystemExit(f"pip found no wheel above; this folder has torch for {held}. Take that Python.")
    copy_new(HERE / "course", folder)
    shutil.copytree(HERE / "jupyter", folder / ".venv" / "share" / "jupyter", dirs_exist_ok=True)
    print(f"Done. To begin:\n  cd {folder}\n  {programs / 'jupyter'} lab notebooks/00_data.ipynb")


def copy_new(source: Path, target: Path) -> None:
    """Copy a folder, but nothing over a file that is there."""
    for path in source.rglob("*"):
        place = target / path.relative_to(source)
        if path.is_dir():
            place.mkdir(parents=True, exist_ok=True)
        elif not place.exists():
            place.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(path, place)


if __name__ == "__main__":
    main()
