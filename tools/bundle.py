r"""A folder for a stick, from which a laptop without a network installs the course: ``make bundle``.

    python tools/bundle.py                                            Linux, Windows, macOS; Python 3.12
    python tools/bundle.py --system windows --python 3.11 --python 3.13
    python tools/bundle.py --run 01-vae --run 03-diffusion            with models that notebooks trained here

It holds the wheels of everything that the notebooks need, MNIST and Fashion-MNIST, the notebooks and their
copies without solutions, the weights that come with the package, the plan for the teacher, and a script that
installs it all: ``python install.py``. Python itself is not in it: a laptop brings 3.11 to 3.13 along.
"""

import gzip
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, requires, version
from pathlib import Path
from typing import Annotated

import typer
from packaging.requirements import Requirement
from packaging.tags import mac_platforms
from packaging.utils import canonicalize_name

from genlab.data import load_dataset
from genlab.data.published import search_roots
from genlab.files import HOME

FOLDER = Path(__file__).resolve().parent.parent
PYTHONS = ("3.11", "3.12", "3.13")
PATCH = 9  # 3.11.9, say: some packages want more than the first release of a Python
CONDITIONS = ("sys_platform", "platform_system", "platform_machine", "os_name")  # of requirements
SYSTEMS = {
    "linux": ("linux", "Linux", "x86_64", "posix"),
    "windows": ("win32", "Windows", "AMD64", "nt"),
    "macos": ("darwin", "Darwin", "arm64", "posix"),
}
TAGS = {  # names of platforms that wheels may carry, and that run there
    "linux": ["linux_x86_64", "manylinux2014_x86_64", *(f"manylinux_2_{n}_x86_64" for n in range(5, 36))],
    "windows": ["win_amd64"],
    "macos": list(mac_platforms((14, 0), "arm64")),
}


def main(
    out: Annotated[Path, typer.Option(help="The folder to write.")] = FOLDER / "bundle",
    system: Annotated[
        list[str] | None, typer.Option(help="linux, windows, macos; all three if left out.")
    ] = None,
    python: Annotated[list[str] | None, typer.Option(help="3.11, 3.12, 3.13; left out: 3.12.")] = None,
    run: Annotated[
        list[str] | None, typer.Option(help="Runs, by their names in runs/, that go along.")
    ] = None,
) -> None:
    """Write the folder. What is there already is not downloaded again."""
    systems, pythons = one_of(system or list(SYSTEMS), list(SYSTEMS)), one_of(python or ["3.12"], PYTHONS)
    wheels, course = out / "wheels", out / "course"
    course.mkdir(parents=True, exist_ok=True)
    copy_course(course, run or [])
    copy_data(course / "data")
    pip("wheel", "--no-deps", "--no-build-isolation", "--wheel-dir", str(wheels), str(FOLDER))
    for name in systems:
        for number in pythons:
            print(f"Wheels for {name}, Python {number} ...", flush=True)
            download(name, number, wheels)
    shutil.copy(FOLDER / "tools" / "install.py", out)
    shutil.copytree(FOLDER / "tools" / "jupyter", out / "jupyter", dirs_exist_ok=True)
    size = sum(path.stat().st_size for path in out.rglob("*") if path.is_file())
    print(f"{out}: {size / 1e9:.1f} GB. Copy it to a stick; on a laptop: python install.py")


def one_of(chosen: list[str], known: list[str] | tuple[str, ...]) -> list[str]:
    """What was chosen, if all of it is known."""
    for name in chosen:
        if name not in known:
            raise SystemExit(f"{name!r} is none of {', '.join(known)}")
    return chosen


def copy_course(course: Path, runs: list[str]) -> None:
    """Notebooks, student copies, texts, and the trained models that go along."""
    subprocess.check_call(
        [sys.executable, str(FOLDER / "tools" / "student.py"), "--out", str(course / "student")]
    )
    (course / "notebooks").mkdir(exist_ok=True)
    for path in (FOLDER / "notebooks").glob("*.*"):
        shutil.copy(path, course / "notebooks")
    for name in ("TEACHING.md", "LICENSE"):
        shutil.copy(FOLDER / name, course)
    (course / HOME).touch()
    for name in runs:
        if not (FOLDER / "runs" / name).is_dir():
            raise SystemExit(f"runs/{name} does not exist: run the notebook first, or leave --run {name} out")
        shutil.copytree(FOLDER / "runs" / name, course / "runs" / name, dirs_exist_ok=True)


def copy_data(place: Path) -> None:
    """MNIST and Fashion-MNIST, verified, in gzipped files as they are published."""
    for name, folder in (("mnist", "MNIST"), ("fashion_mnist", "FashionMNIST")):
        load_dataset(name, "train"), load_dataset(name, "test")  # fetches what is missing
        source = next(root / folder / "raw" for root in search_roots() if (root / folder / "raw").is_dir())
        target = place / folder / "raw"
        target.mkdir(parents=True, exist_ok=True)
        for path in source.glob("*-ubyte*"):
            if path.suffix == ".gz":
                shutil.copy(path, target)
            else:
                (target / f"{path.name}.gz").write_bytes(gzip.compress(path.read_bytes(), mtime=0))


def download(system: str, python: str, wheels: Path) -> None:
    """Fetch the wheels of everything that is needed there."""
    platforms = [part for tag in TAGS[system] for part in ("--platform", tag)]
    needed = sorted(f"{name}=={pin}" for name, pin in closure(system, python).items())
    pip("download", "--quiet", "--no-deps", "--only-binary", ":all:", "--python-version", f"{python}.{PATCH}",
        "--dest", str(wheels), "--find-links", str(wheels), *platforms, *needed)  # fmt: skip


def closure(system: str, python: str) -> dict[str, str]:
    """What ``genlab[lab]`` needs on a system: packages, and their versions in ``requirements.lock``."""
    place = dict(zip(CONDITIONS, SYSTEMS[system], strict=True)) | {
        "python_version": python,
        "python_full_version": f"{python}.{PATCH}",
        "implementation_name": "cpython",
        "platform_python_implementation": "CPython",
    }
    pins = dict(pinned(place))
    project = tomllib.loads((FOLDER / "pyproject.toml").read_text("utf-8"))["project"]
    asked = [*project["dependencies"], *project["optional-dependencies"]["lab"]]
    seen: set[tuple[str, str]] = set()  # name and extra
    while asked:
        one = Requirement(asked.pop())
        for extra in ("", *one.extras):
            name = canonicalize_name(one.name)
            if (name, extra) not in seen:
                seen.add((name, extra))
                asked += [text for text in requirements_of(name) if holds(text, place | {"extra": extra})]
    return {name: pins.get(name) or version(name) for name, _ in seen}  # CUDA's are pinned by torch alone


def holds(text: str, place: dict[str, str]) -> bool:
    """Whether a requirement is one in a place."""
    marker = Requirement(text).marker
    return not marker or marker.evaluate(place)


def requirements_of(name: str) -> list[str]:
    """What a package says that it needs; one that is for other systems is not here, and needs nothing."""
    try:
        return requires(name) or []
    except PackageNotFoundError:
        return []


def pinned(place: dict[str, str]) -> Iterator[tuple[str, str]]:
    """Names and versions of ``requirements.lock`` that hold in a place."""
    for line in (FOLDER / "requirements.lock").read_text("utf-8").splitlines():
        if holds(line, place):
            one = Requirement(line)
            yield canonicalize_name(one.name), next(iter(one.specifier)).version


def pip(*arguments: str) -> None:
    """Run pip, which says itself what it could not get."""
    if subprocess.call([sys.executable, "-m", "pip", *arguments]):
        raise SystemExit("pip has failed; what it has fetched is kept")


if __name__ == "__main__":
    typer.run(main)
