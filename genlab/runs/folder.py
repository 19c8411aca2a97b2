"""The folder that a training run keeps, readable without this package.

    config.yaml           every setting, resolved
    run.json              data set, seed, steps, and the environment of each session
    metrics.jsonl         one line a step: step, epoch, seconds, losses
    checkpoints/          the newest and the best: see genlab.runs.checkpoint
    samples/              sheets of samples over time, step-00000468.png and so on
    samples.png           the latest sheet

The folder appears whole, with its config, before training begins: whatever happens after that,
``genlab resume`` can go on. One process at a time may write to it.
"""

import json
import os
import shlex
import shutil
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, TextIO

from filelock import FileLock, Timeout
from pydantic import BaseModel, ValidationError

from genlab.config import Settings, write_settings
from genlab.errors import GenlabError
from genlab.files import flush_folder, write_aside, writing
from genlab.training.loop import Step

CONFIG, METRICS, SUMMARY, SHEET = "config.yaml", "metrics.jsonl", "run.json", "samples.png"
CHECKPOINTS, SHEETS, LOCK = "checkpoints", "samples", ".lock"
SAFE = "the checkpoints are whole, make room and resume"


def refuse_existing(path: Path) -> None:
    """Raise GenlabError if there is something at the path: no earlier run is written over."""
    if path.name in ("", ".."):
        raise GenlabError(f"{path} is the folder you are in or around: name a new one, runs/mine say")
    try:
        taken = path.exists() and (not path.is_dir() or any(path.iterdir()))
    except OSError as error:
        raise GenlabError(f"cannot make the folder {path}: {error.strerror}") from None
    if taken:
        hint = f", go on with it ({resume_command(path)})" if (path / CONFIG).is_file() else ""
        raise GenlabError(f"{path} exists already: name another folder for the run{hint}, or delete it")


def resume_command(path: Path) -> str:
    """What to type to go on with a run."""
    return f"genlab resume {shlex.quote(str(path))}"


class RunFolder:
    """A run's folder, locked for as long as this object is in a ``with`` block.

    Raises:
        GenlabError: on entering the block, when another process is in one.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._lock = FileLock(path / LOCK)
        self._metrics: TextIO | None = None

    @classmethod
    def create(cls, path: Path, config: Settings, summary: Mapping[str, Any]) -> "RunFolder":
        """Make the folder of a new run, with its config and summary in it.

        Raises:
            GenlabError: it exists and is not empty, or cannot be made.
        """
        refuse_existing(path)
        aside = path.with_name(f".{path.name}.part")
        try:
            shutil.rmtree(aside, ignore_errors=True)
            aside.mkdir(parents=True)
            write_settings(config, aside / CONFIG)
            write_aside(aside / SUMMARY, json.dumps(summary, indent=2) + "\n")
            flush_folder(aside)
            if path.exists():
                path.rmdir()  # an empty folder that somebody has made for us
            os.rename(aside, path)  # fails if another process was quicker
        except OSError as error:
            raise GenlabError(f"cannot make the folder {path}: {error.strerror}") from None
        return cls(path)

    def __enter__(self) -> "RunFolder":
        """Take the lock; the system lets go of it even if the process is killed."""
        try:
            self._lock.acquire(blocking=False)
        except Timeout:
            raise GenlabError(
                f"{self.path} is being trained by another process: wait, or stop that"
            ) from None
        except OSError as error:
            raise GenlabError(f"cannot write to {self.path}: {error.strerror}") from None
        return self

    def __exit__(self, *_: object) -> None:
        """Let go of the lock."""
        self._lock.release()
        if self._metrics is not None:
            with suppress(OSError):  # on a full disk; `log` has said so
                self._metrics.close()

    def rewind(self, step: int) -> list[Step]:
        """Cut the loss history after a step, from which the run goes on, and return what is left.

        Call it before ``log``, with 0 for a new run.
        """
        path, history = self.path / METRICS, list[Step]()
        if path.exists():
            history = [record for record in read_metrics(self.path) if record.step <= step]
            lines = path.read_text("utf-8").splitlines(keepends=True)
            kept = "".join(f"{line.rstrip()}\n" for line in lines[: len(history)])
            with writing(path, SAFE):
                write_aside(path, kept)
        with writing(path, SAFE):
            self._metrics = path.open("a", encoding="utf-8", buffering=1)
        return history

    def log(self, step: Step) -> None:
        """Append one step to the loss history."""
        assert self._metrics is not None
        line = {"step": step.step, "epoch": step.epoch, "seconds": round(step.seconds, 4)}
        with writing(self.path / METRICS, SAFE):
            self._metrics.write(json.dumps({**line, **step.losses}) + "\n")

    def flush_log(self) -> None:
        """Wait until the disk has the loss history: a checkpoint must not be ahead of it."""
        assert self._metrics is not None
        with writing(self.path / METRICS, SAFE):
            self._metrics.flush()
            os.fsync(self._metrics.fileno())

    def summarise(self, **changes: Any) -> None:
        """Change entries of ``run.json``."""
        with writing(self.path / SUMMARY, SAFE):
            write_aside(self.path / SUMMARY, json.dumps(read_summary(self.path) | changes, indent=2) + "\n")

    def save_sheet(self, png: bytes, step: int) -> None:
        """Keep a sheet of samples drawn after a step."""
        with writing(self.path / SHEETS, SAFE):
            (self.path / SHEETS).mkdir(exist_ok=True)
            write_aside(self.path / SHEETS / f"step-{step:08d}.png", png)
            write_aside(self.path / SHEET, png)

    def refuse_if_gone(self) -> None:
        """Raise GenlabError if the folder is no longer where it was: nothing is built in its place."""
        if not (self.path / CONFIG).is_file():
            raise GenlabError(
                f"{self.path} was moved or deleted while it trained: resume it where it lies now, it goes on "
                "from its last checkpoint"
            )


def is_locked(path: Path) -> bool:
    """Whether a process is training this run now."""
    if not (path / LOCK).exists():
        return False  # and listing runs leaves nothing behind
    try:
        with FileLock(path / LOCK).acquire(blocking=False):
            return False
    except OSError as error:  # a folder that is read-only is nobody's to train in
        return isinstance(error, Timeout)


class _Line(BaseModel, extra="allow", strict=True):
    """A line of ``metrics.jsonl``: what it says beside these are losses."""

    step: int
    epoch: float
    seconds: float
    __pydantic_extra__: dict[str, float]


def read_metrics(folder: Path) -> Iterator[Step]:
    """A run's loss history, the first step first; a last line that was cut short is left out.

    Raises:
        GenlabError: there is no history, or a line in it is damaged.
    """
    path = folder / METRICS
    try:
        lines = path.read_text("utf-8").splitlines(keepends=True)
    except (OSError, UnicodeDecodeError):
        raise GenlabError(f"{path} cannot be read: it should be lines of JSON") from None
    for number, line in enumerate(lines, start=1):
        try:
            written = _Line.model_validate_json(line)
        except ValidationError:
            if number == len(lines) and not line.endswith("\n"):
                return  # the process was killed as it wrote
            raise GenlabError(f"{path}, line {number} is damaged: delete that line") from None
        yield Step(written.step, written.epoch, written.__pydantic_extra__, written.seconds)


class _Summary(BaseModel, extra="allow", strict=True):
    """What is relied on in ``run.json``, where it is there."""

    dataset: str = ""
    fingerprint: str = ""
    data_root: str | None = None
    settings: dict[str, Any] = {}
    steps: int = 0
    total_steps: int = 0
    finished: bool = False
    sessions: list[dict[str, Any]] = []


def read_summary(folder: Path) -> dict[str, Any]:
    """What ``run.json`` says; nothing of a folder that has none."""
    try:
        content = (folder / SUMMARY).read_bytes()
        _Summary.model_validate_json(content)
    except (FileNotFoundError, NotADirectoryError):
        return {}
    except (OSError, ValidationError):
        raise GenlabError(f"{folder / SUMMARY} is damaged: delete it, or train the run again") from None
    summary: dict[str, Any] = json.loads(content)
    return summary


def find_runs(folder: Path) -> list[Path]:
    """The run folders inside a folder, by name."""
    if not folder.is_dir():
        return []
    return sorted(p for p in folder.iterdir() if (p / CONFIG).is_file() and not p.name.startswith("."))
