from pathlib import Path
from typing import Any

import pytest
import torch
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from genlab.commands.train import fit, resume
from genlab.data import Dataset
from genlab.errors import GenlabError
from genlab.files import delete_folder
from genlab.runs.checkpoint import best, read_checkpoint, saved_steps
from genlab.runs.folder import CHECKPOINTS, SHEETS, read_metrics
from genlab.training.validation import hold_out, validation_losses
from genlab.zoo import Config, build, load_config


def config_for(**train: object) -> Config:
    settings = {"batch_size": 8, "epochs": 2} | train
    return load_config(
        "vae", {"model.network.hidden_dim": 16} | {f"train.{k}": v for k, v in settings.items()}
    )


def test_checkpoints_and_sheets_at_their_own_steps(dataset: Dataset, tmp_path: Path) -> None:
    fit(config_for(checkpoint_every=3, sample_every=4, keep_checkpoints=9), dataset, tmp_path / "run")
    assert saved_steps(tmp_path / "run" / CHECKPOINTS) == [3, 6, 9, 10]
    sheets = sorted(path.name for path in (tmp_path / "run" / SHEETS).iterdir())
    assert sheets == [f"step-{step:08d}.png" for step in (4, 8, 10)]


def test_validation_is_logged_beside_the_losses_at_each_checkpoint(dataset: Dataset, tmp_path: Path) -> None:
    config = config_for(validation_images=8, checkpoint_every=2, monitor="validation/kl", keep_checkpoints=9)
    fit(config, dataset, tmp_path / "run")
    history = list(read_metrics(tmp_path / "run"))
    assert len(history) == 8  # 32 images are left to train on
    for step in history:
        assert ("validation/kl" in step.losses) is (step.step % 2 == 0)
    # Independently: the model of each checkpoint on the images kept out.
    _, held_out = hold_out(dataset, 8)
    values = {}
    for step in history[1::2]:
        family, folder = build(config), tmp_path / "run" / CHECKPOINTS
        family.networks.load_state_dict(read_checkpoint(folder, step.step).tensors["networks.safetensors"])
        values[step.step] = validation_losses(family, held_out, 8)["validation/kl"]
        assert step.losses["validation/kl"] == pytest.approx(values[step.step], rel=1e-6)
    assert best(tmp_path / "run" / CHECKPOINTS).step == min(values, key=values.__getitem__)


def test_without_a_folder_the_same_is_measured_and_checked(dataset: Dataset, tmp_path: Path) -> None:
    config = config_for(validation_images=8, checkpoint_every=3, ema_decay=0.5, monitor="validation/kl")
    _, alone = fit(config, dataset)
    _, kept = fit(config, dataset, tmp_path / "run")
    assert [step.losses for step in alone] == [step.losses for step in kept]
    assert [step.step for step in alone if "validation/kl" in step.losses] == [3, 6, 8]
    with pytest.raises(GenlabError, match="monitor"):
        fit(config_for(monitor="kll"), dataset)


def test_a_training_loss_is_averaged_since_the_last_checkpoint(dataset: Dataset, tmp_path: Path) -> None:
    fit(config_for(checkpoint_every=5, monitor="reconstruction"), dataset, tmp_path / "run")
    losses = [step.losses["reconstruction"] for step in read_metrics(tmp_path / "run")]
    for step in (5, 10):
        saved = read_checkpoint(tmp_path / "run" / CHECKPOINTS, step).monitored or ("", 0)
        assert saved[0] == "reconstruction"
        assert saved[1] == pytest.approx(sum(losses[step - 5 : step]) / 5)


def test_an_unknown_value_to_monitor_names_the_near_ones(dataset: Dataset, tmp_path: Path) -> None:
    complaint = r"train\.monitor 'kll' is not logged: did you mean 'kl'"
    with pytest.raises(GenlabError, match=complaint):
        fit(config_for(monitor="kll"), dataset, tmp_path / "run")
    assert list(read_metrics(tmp_path / "run")) == []  # said at the first step
    with pytest.raises(GenlabError, match=r"needs train\.validation_images"):
        fit(config_for(monitor="validation/kl"), dataset, tmp_path / "held-out")
    fit(config_for(), dataset, tmp_path / "whole")
    with pytest.raises(GenlabError, match=complaint):
        resume(tmp_path / "whole", {"train.monitor": "kll", "train.max_steps": 12}, dataset=dataset)


def test_sheets_come_from_the_averaged_weights(dataset: Dataset, tmp_path: Path) -> None:
    seen: list[torch.Tensor] = []

    def sheet(family: Any) -> torch.Tensor:
        assert not family.networks.training
        seen.append(next(family.networks.parameters()).clone())
        return torch.zeros(1, 1, 28, 28)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("genlab.commands.train.sample_sheet", sheet)
        fit(config_for(ema_decay=0.5, sample_every=5, checkpoint_every=5), dataset, tmp_path / "run")
    for weight, step in zip(seen, (5, 10), strict=True):
        tensors = read_checkpoint(tmp_path / "run" / CHECKPOINTS, step).tensors
        name = next(iter(dict(build(config_for()).networks.named_parameters())))
        assert torch.equal(weight, tensors["averaged.safetensors"][name])
        assert not torch.equal(weight, tensors["networks.safetensors"][name])


def test_tensorboard_gets_every_step_and_forgets_those_that_are_made_again(
    dataset: Dataset, tmp_path: Path
) -> None:
    fit(config_for(tracker="tensorboard", checkpoint_every=4), dataset, tmp_path / "run")
    delete_folder(tmp_path / "run" / CHECKPOINTS / "step-00000010")
    resume(tmp_path / "run", dataset=dataset)
    events = EventAccumulator(str(tmp_path / "run" / "tensorboard")).Reload().Scalars("kl")
    history = list(read_metrics(tmp_path / "run"))
    assert [event.step for event in events] == [step.step for step in history] == list(range(1, 11))
    assert [event.value for event in events] == pytest.approx([step.losses["kl"] for step in history])


def test_a_tracker_that_is_not_installed(
    dataset: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("accelerate.utils.is_tensorboard_available", lambda: False)
    with pytest.raises(GenlabError, match="install it first, pip install tensorboard"):
        fit(config_for(tracker="tensorboard"), dataset, tmp_path / "run")
