r"""The stick, tried: made for this computer, installed without a network, and notebook 05 run from it.

    python -m trials.bundle            some GB and some minutes

On Linux the installation and the notebook run in a network of their own that leads nowhere (``unshare``),
where that is allowed; elsewhere every address that pip could ask is a wrong one.
"""

import os
import platform
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from tools import bundle

SYSTEM = {"Linux": "linux", "Windows": "windows", "Darwin": "macos"}[platform.system()]
PYTHON = ".".join(map(str, sys.version_info[:2]))
CUT_OFF = ["unshare", "--map-root-user", "--net", "sh", "-c", 'ip link set lo up; exec "$@"', "-"]


def main() -> None:
    """Make, install, run; print what each gave."""
    with tempfile.TemporaryDirectory(prefix="a stick ") as folder:
        stick, home = Path(folder) / "stick", Path(folder) / "a class"
        bundle.main(out=stick, system=[SYSTEM], python=[PYTHON])
        cut_off(sys.executable, stick / "install.py", home)
        jupyter = home / ".venv" / ("Scripts" if SYSTEM == "windows" else "bin") / "jupyter"
        for name in ("notebooks/05_comparison.ipynb", "student/00_data.ipynb"):
            arguments = ["nbconvert", "--to", "notebook", "--execute", "--output-dir"]
            cut_off(jupyter, *arguments, Path(folder) / "out", home / name)
            print(f"{name}: ran without a network")


def cut_off(*command: str | Path) -> None:
    """Run a command that cannot reach anything."""
    nowhere = {f"{name}_PROXY": "http://127.0.0.1:9" for name in ("HTTP", "HTTPS", "ALL")}
    ours = ("PIP_", "UV_", "GENLAB_")
    environment = {name: value for name, value in os.environ.items() if not name.startswith(ours)}
    environment |= nowhere | {"PIP_CONFIG_FILE": os.devnull, "GENLAB_PROFILE": "smoke"}
    alone = shutil.which("unshare") and not subprocess.call([*CUT_OFF, "true"], stderr=subprocess.DEVNULL)
    subprocess.run([*(CUT_OFF if alone else []), *map(str, command)], env=environment, check=True)


if __name__ == "__main__":
    main()
