import json
from pathlib import Path

import pytest
import torch
from safetensors import safe_open
from torch import nn

from genlab.errors import GenlabError
from genlab.training.ema import EMA
from genlab.training.loop import Step
from genlab.training.run import (
    AVERAGED,
    METRICS,
    SUMMARY,
    WEIGHTS,
    RunFolder,
    load_weights,
    read_metrics,
    read_summary,
)


def networks(seed: int = 0, width: int = 4) -> nn.ModuleDict:
    torch.manual_seed(seed)
    return nn.ModuleDict({"one": nn.Linear(3, width), "two": nn.BatchNorm1d(width)})


def equal(a: nn.Module, b: nn.Module) -> bool:
    left, right = a.state_dict(), b.state_dict()
    return left.keys() == right.keys() and all(torch.equal(left[name], right[name]) for name in left)


@pytest.fixture
def folder(tmp_path: Path) -> RunFolder:
    return RunFolder(tmp_path / "runs" / "mine")


# --- nothing is written over ------------------------------------------------------------------


def test_a_run_makes_its_folder_or_takes_an_empty_one(tmp_path: Path) -> None:
    assert RunFolder(tmp_path / "a" / "b").path.is_dir()
    (tmp_path / "empty").mkdir()
    RunFolder(tmp_path / "empty")


def test_a_folder_that_holds_anything_is_refused(tmp_path: Path) -> None:
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "notes.txt").write_text("mine")
    (tmp_path / "file").write_text("mine")
    for name in ("full", "file"):
        with pytest.raises(GenlabError) as caught:
            RunFolder(tmp_path / name)
        text = str(caught.value)
        assert text == f"{tmp_path / name} exists already: name another folder for the run, or delete it"
    assert (tmp_path / "full" / "notes.txt").read_text() == (tmp_path / "file").read_text() == "mine"


def test_a_folder_that_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("mine")
    with pytest.raises(GenlabError, match="cannot make the folder"):
        RunFolder(tmp_path / "file" / "run")


# --- weights ----------------------------------------------------------------------------------


def test_weights_come_back_to_the_bit(folder: RunFolder) -> None:
    saved, loaded = networks(0), networks(1)
    saved["two"].running_mean.fill_(0.1)  # type: ignore[operator]
    saved["two"].num_batches_tracked.fill_(7)  # type: ignore[operator]
    folder.save(saved)
    assert not equal(saved, loaded)
    load_weights(folder.path / WEIGHTS, loaded)
    assert equal(saved, loaded)
    assert [path.name for path in folder.path.iterdir()] == [WEIGHTS]  # no .part is left


def test_odd_layouts_are_saved(folder: RunFolder) -> None:
    torch.manual_seed(0)
    saved = nn.ModuleDict({"conv": nn.Conv2d(4, 4, 3).to(memory_format=torch.channels_last)})
    loaded = nn.ModuleDict({"conv": nn.Conv2d(4, 4, 3)})
    folder.save(saved)
    load_weights(folder.path / WEIGHTS, loaded)
    assert equal(saved, loaded)


def test_the_average_has_a_file_of_its_own(folder: RunFolder) -> None:
    nets = networks()
    ema = EMA(nets, 0.9)
    nets["one"].weight.data.add_(1)  # type: ignore[operator]
    ema.update()
    folder.save(nets, ema)
    for file, expected in ((WEIGHTS, nets), (AVERAGED, ema.averaged.module)):
        loaded = networks(5)
        load_weights(folder.path / file, loaded)
        assert equal(loaded, expected)
    assert not equal(nets, ema.averaged.module)


def test_the_file_is_plain_safetensors(folder: RunFolder) -> None:
    nets = networks()
    folder.save(nets)
    with safe_open(folder.path / WEIGHTS, framework="pt") as file:
        assert set(file.keys()) == set(nets.state_dict())


def test_a_crash_while_saving_leaves_the_old_file_whole(
    folder: RunFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    old, loaded = networks(0), networks(2)
    folder.save(old)

    def crash(tensors: object, path: Path) -> None:
        Path(path).write_bytes(b"half")
        raise OSError("disk full")

    monkeypatch.setattr("genlab.training.run.save_file", crash)
    with pytest.raises(OSError, match="disk full"):
        folder.save(networks(1))
    load_weights(folder.path / WEIGHTS, loaded)
    assert equal(old, loaded)


def error_of_loading(path: Path, nets: nn.ModuleDict | None = None) -> str:
    with pytest.raises(GenlabError) as caught:
        load_weights(path, networks() if nets is None else nets)
    text = str(caught.value)
    assert text.startswith(str(path))
    assert "\n" not in text
    return text


def test_a_missing_file(folder: RunFolder) -> None:
    assert "is missing: was the run stopped before its first save?" in error_of_loading(folder.path / WEIGHTS)


def test_a_file_truncated_anywhere(folder: RunFolder) -> None:
    folder.save(networks())
    path = folder.path / WEIGHTS
    content = path.read_bytes()
    for length in [*range(0, 64, 4), *range(64, len(content) - 1, 37), len(content) - 1]:
        path.write_bytes(content[:length])
        assert "is damaged" in error_of_loading(path), length


@pytest.mark.parametrize(
    "content",
    [b"", b"\x80\x04\x95pickle", b"PK\x03\x04", b"\xff" * 100, b"\0" * 100, b"not weights at all\n" * 9],
)
def test_a_file_of_something_else(content: bytes, folder: RunFolder) -> None:
    path = folder.path / WEIGHTS
    path.write_bytes(content)
    assert "is damaged" in error_of_loading(path)


def test_a_folder_in_the_files_place(folder: RunFolder) -> None:
    (folder.path / WEIGHTS).mkdir()
    assert "is damaged" in error_of_loading(folder.path / WEIGHTS)


def test_the_weights_of_another_model(folder: RunFolder) -> None:
    folder.save(networks(width=5))
    text = error_of_loading(folder.path / WEIGHTS)
    assert "does not fit the model that config.yaml beside it describes" in text
    assert "fit" in error_of_loading(folder.path / WEIGHTS, nn.ModuleDict({"other": nn.Linear(3, 5)}))


# --- the text files ---------------------------------------------------------------------------


def test_the_loss_history_is_one_line_of_json_a_step(folder: RunFolder) -> None:
    steps = [Step(1, 0.5, {"kl": 0.25, "reconstruction": 7.0}, 0.1), Step(2, 1.0, {"kl": 0.5}, 0.25)]
    for step in steps:
        folder.log(step)
    lines = (folder.path / METRICS).read_text().splitlines()
    assert [json.loads(line) for line in lines] == [
        {"step": 1, "epoch": 0.5, "seconds": 0.1, "kl": 0.25, "reconstruction": 7.0},
        {"step": 2, "epoch": 1.0, "seconds": 0.25, "kl": 0.5},
    ]
    assert list(read_metrics(folder.path)) == steps


def test_losses_are_kept_to_the_last_digit(folder: RunFolder) -> None:
    value = float(torch.tensor(1 / 3))
    folder.log(Step(1, 1 / 3, {"mse": value}, 0.0))
    [step] = read_metrics(folder.path)
    assert step.losses["mse"] == value
    assert step.epoch == 1 / 3


def test_the_summary_comes_back(folder: RunFolder) -> None:
    assert read_summary(folder.path) == {}
    folder.summarise(finished=True, parameters={"a": 3}, source="é")
    assert read_summary(folder.path) == {"finished": True, "parameters": {"a": 3}, "source": "é"}


def test_a_folder_that_is_none_has_no_summary(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    assert read_summary(tmp_path / "file") == read_summary(tmp_path / "nowhere") == {}


@pytest.mark.parametrize("content", ["{", "", "\x00", "[]", "5"])
def test_a_damaged_summary_is_named(content: str, folder: RunFolder) -> None:
    (folder.path / SUMMARY).write_text(content)
    with pytest.raises(GenlabError, match=r"run\.json is damaged"):
        read_summary(folder.path)
