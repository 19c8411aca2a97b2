"""What the tests of the verbs share: narrow models, and what is compared of two runs."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import torch

from genlab.evaluation.measure import Yardstick
from genlab.family import Family
from genlab.runs.folder import RunFolder
from genlab.training.loop import Step
from tests.evaluation.conftest import digits_yardstick

NARROW: dict[str, object] = {"model.network.hidden_dim": 16}
FAST: dict[str, dict[str, object]] = {
    "vae": NARROW,
    "gan": NARROW,
    "diffusion": {
        "model.network.channels": [4, 8],
        "model.num_train_timesteps": 20,
        "model.num_inference_steps": 2,
    },
    "diffusion-mlp": NARROW | {"model.num_inference_steps": 2},
}


def drawn(family: Family) -> torch.Tensor:
    """Four images that only the weights decide."""
    return family.sample(4, generator=torch.Generator().manual_seed(0))


def contents(folder: Path) -> dict[str, bytes]:
    """Every file below a folder."""
    return {str(p.relative_to(folder)): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


@contextmanager
def after_step(number: int, act: Callable[[], object]) -> Iterator[None]:
    """Do something each time that this step has been logged."""
    real = RunFolder.log

    def log(self: RunFolder, step: Step) -> None:
        real(self, step)
        if step.step == number:
            act()

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(RunFolder, "log", log)
        yield


@pytest.fixture(scope="session")
def yardstick() -> Yardstick:
    """A hundred digits per set."""
    return digits_yardstick()


@pytest.fixture
def alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A current folder, and a project, of which ``runs/`` is empty."""
    monkeypatch.setattr("genlab.commands.find.project_dir", lambda: tmp_path)
    monkeypatch.chdir(tmp_path)
    return tmp_path
