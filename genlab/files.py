"""Files that a crash cannot leave half written: made aside, flushed to the disk, then renamed.

A rename is the one step that a file system takes as a whole, so a reader finds either what was there
before or all of the new.
"""

import hashlib
import os
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from genlab.errors import GenlabError

if TYPE_CHECKING:
    from torch import Tensor

HOME = ".genlab"  # a file that marks the folder of a course, where the package is installed elsewhere


def write_aside(path: Path, content: bytes | str) -> None:
    """Write a file whole or not at all; text is UTF-8.

    Raises:
        OSError: the folder is missing, read-only or full; the file is then as it was.
    """
    aside = path.with_name(f".{path.name}.part")
    try:
        write_through(aside, content.encode() if isinstance(content, str) else content)
        os.replace(aside, path)
    except OSError:
        aside.unlink(missing_ok=True)
        raise
    flush_folder(path.parent)


def make_writable(folder: Path) -> None:
    """Make a folder, and prove that files can be written into it.

    Raises:
        OSError: they cannot.
    """
    folder.mkdir(parents=True, exist_ok=True)
    write_aside(folder / ".writable", "")
    (folder / ".writable").unlink()


def write_through(path: Path, content: bytes) -> None:
    """Write a file and wait until the disk has it."""
    with path.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def rename_folder(aside: Path, path: Path) -> None:
    """Give a finished folder its name; what had the name before is deleted."""
    flush_folder(aside)
    if path.exists():
        delete_folder(path)
    os.rename(aside, path)
    flush_folder(path.parent)


def delete_folder(path: Path) -> None:
    """Delete a folder so that no reader ever finds half of it: it loses its name first."""
    doomed = path.with_name(f".{path.name}.deleted")
    shutil.rmtree(doomed, ignore_errors=True)
    os.rename(path, doomed)
    shutil.rmtree(doomed, ignore_errors=True)


def flush_folder(path: Path) -> None:
    """Wait until the disk knows the names in a folder; Windows has no way to ask for that."""
    if os.name == "posix":
        descriptor = os.open(path, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def project_dir() -> Path:
    """Home of ``data/`` and ``runs/``: the clone that this package runs from, else the nearest marked folder.

    That is the current one, or one above it, with a file ``.genlab`` in it; without any, the current one.
    """
    clone = Path(__file__).resolve().parent.parent
    if (clone / "pyproject.toml").is_file():
        return clone
    here = Path.cwd()
    return next((folder for folder in (here, *here.parents) if (folder / HOME).is_file()), here)


def size_in_bytes(folder: Path) -> int:
    """What all files in a folder take together."""
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


@contextmanager
def writing(path: Path, remedy: str = "make room, or name another place") -> Iterator[None]:
    """Inside the ``with`` block a full or read-only disk is refused in one line.

    Args:
        path: what is written, for the message.
        remedy: what to do.

    Raises:
        GenlabError: a write has failed.
    """
    try:
        yield
    except OSError as error:
        raise GenlabError(f"cannot write {path} ({error.strerror}): {remedy}") from None


class DamagedFile(GenlabError):
    """A file that cannot be read, or whose bytes are others than those that were written."""


def tensors_to_bytes(tensors: Mapping[str, "Tensor"]) -> bytes:
    """Tensors as the bytes of a safetensors file."""
    from safetensors.torch import save  # with torch, which takes seconds, and only here

    return bytes(save({name: tensor.detach().contiguous() for name, tensor in tensors.items()}))


def read_tensors(path: Path, sha256: str) -> dict[str, "Tensor"]:
    """The tensors of a safetensors file whose bytes have this SHA-256: nothing is unpickled.

    Raises:
        DamagedFile: the file cannot be read, or has other bytes.
    """
    from safetensors import SafetensorError
    from safetensors.torch import load

    try:
        content = path.read_bytes()
    except OSError as error:
        raise DamagedFile(f"{path} cannot be read ({error.strerror})") from None
    if hashlib.sha256(content).hexdigest() != sha256:
        raise DamagedFile(f"{path} is damaged ({len(content):,} bytes, SHA-256 differs)")
    try:
        return load(content)
    except SafetensorError as error:
        raise DamagedFile(f"{path} is damaged ({error})") from None
