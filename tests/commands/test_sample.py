from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor, nn

from genlab.commands import sample
from genlab.commands.sample import sample_in_batches, sample_sheet, write_samples
from genlab.config import Settings
from genlab.errors import GenlabError
from genlab.family import Loss
from genlab.zoo import build, load_config

SMALL_WALK = {
    "model.num_train_timesteps": 20, "model.num_inference_steps": 2, "model.num_classes": 3,
    "model.network.hidden_dim": 16, "model.sampler": "ddpm",
}  # fmt: skip


class Noise:
    """A family whose samples are the generator's own noise, and which keeps a list of what was asked."""

    def __init__(self) -> None:
        self.config = Settings()
        self.networks = nn.ModuleDict({"none": nn.Linear(1, 1)})
        self.num_classes = 10
        self.asked: list[tuple[int, list[int] | None]] = []

    def losses(self, images: Tensor, labels: Tensor) -> Iterator[Loss]:
        raise NotImplementedError

    def sample(
        self, n: int, *, labels: Tensor | None = None, generator: torch.Generator | None = None
    ) -> Tensor:
        self.asked.append((n, None if labels is None else labels.tolist()))
        return torch.rand(n, 1, 28, 28, generator=generator)


def test_many_samples_are_drawn_a_batch_at_a_time(capsys: pytest.CaptureFixture[str]) -> None:
    family = Noise()
    images = sample_in_batches(family, 23, seed=3, batch_size=10)
    assert [n for n, _ in family.asked] == [10, 10, 3]
    assert images.shape == (23, 1, 28, 28)
    assert len(images.flatten(1).unique(dim=0)) == 23  # no batch repeats another
    assert "23/23" in capsys.readouterr().err


def test_one_label_for_all(capsys: pytest.CaptureFixture[str]) -> None:
    family = Noise()
    sample_in_batches(family, 5, labels=7, batch_size=5)
    sample_in_batches(family, 2)
    assert family.asked == [(5, [7] * 5), (2, None)]
    assert not capsys.readouterr().err  # no bar for a single batch


@pytest.mark.parametrize("given", [22, 24])
def test_labels_that_are_not_n_are_refused_before_any_is_drawn(given: int) -> None:
    family = Noise()
    with pytest.raises(GenlabError, match=f"labels.*23.*{given}"):
        sample_in_batches(family, 23, labels=torch.zeros(given, dtype=torch.int64), batch_size=10)
    assert family.asked == []


@pytest.mark.parametrize("classes", [3, 10, 26])
def test_the_sheet_shows_every_class(classes: int) -> None:
    family = Noise()
    family.num_classes = classes
    sample_sheet(family)
    [(n, labels)] = family.asked
    each = n // classes
    assert each == {3: 10, 10: 10, 26: 3}[classes]
    assert labels == [c for c in range(classes) for _ in range(each)]


def test_an_array_file_is_float32_without_the_channel(tmp_path: Path) -> None:
    images = torch.rand(5, 1, 28, 28, dtype=torch.float64)
    write_samples(images, tmp_path / "x.npy")
    array = np.load(tmp_path / "x.npy", allow_pickle=False)
    assert array.dtype == np.float32
    assert np.array_equal(array, images[:, 0].float().numpy())


@pytest.mark.parametrize(("n", "columns", "rows"), [(1, 1, 1), (16, 10, 2), (100, 10, 10), (400, 20, 20)])
def test_a_sheet_is_about_square(n: int, columns: int, rows: int, tmp_path: Path) -> None:
    write_samples(torch.zeros(n, 1, 28, 28), tmp_path / "x.png")
    assert Image.open(tmp_path / "x.png").size == (2 * (30 * columns - 2), 2 * (30 * rows - 2))


@pytest.mark.parametrize("name", ["nowhere/x.npy", "nowhere/x.png", "folder.npy"])
def test_a_file_that_cannot_be_written(name: str, tmp_path: Path) -> None:
    (tmp_path / "folder.npy").mkdir()
    with pytest.raises(GenlabError, match=rf"{name} \("):
        write_samples(torch.zeros(1, 1, 28, 28), tmp_path / name)


class Rank:
    """One of several processes, as the code sees it."""

    def __init__(self, index: int, several: int) -> None:
        self.process_index, self.num_processes, self.is_main_process = index, several, index == 0


@pytest.mark.parametrize("several", [2, 3])
def test_processes_share_the_batches_and_get_what_one_would_draw(
    several: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    family = build(load_config("diffusion-mlp", SMALL_WALK))
    family.networks.eval()
    labels = torch.arange(11) % 3
    alone = sample_in_batches(family, 11, seed=4, labels=labels, batch_size=2)
    shares: list[Any] = []

    def gather(drawn: list[Any]) -> list[Any]:
        shares.extend(drawn)
        return list(shares)

    monkeypatch.setattr(sample, "gather_object", gather)
    for index in range(several):
        monkeypatch.setattr(sample, "processes", lambda index=index: Rank(index, several))
        together = sample_in_batches(family, 11, seed=4, labels=labels, batch_size=2)
    assert torch.equal(together, alone)
    assert len(shares) == 6  # no batch was drawn twice


def test_the_first_batch_is_drawn_from_the_seed_itself() -> None:
    family = build(load_config("gan-small"))
    first = family.sample(3, generator=torch.Generator().manual_seed(7))
    assert torch.equal(sample_in_batches(family, 8, seed=7, batch_size=3)[:3], first)


@pytest.mark.parametrize("message", ["CUDA out of memory.", "DefaultCPUAllocator: can't allocate memory"])
def test_no_memory_is_said_in_a_line(message: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: Any, **__: Any) -> None:
        raise RuntimeError(message)

    family = build(load_config("gan-small"))
    monkeypatch.setattr(family, "sample", fail)
    with pytest.raises(GenlabError, match=r"no memory.*batch_size"):
        sample_in_batches(family, 2)
    monkeypatch.setattr(family, "sample", lambda *_, **__: torch.zeros(1) @ torch.zeros(2))
    with pytest.raises(RuntimeError, match="inconsistent"):
        sample_in_batches(family, 2)
