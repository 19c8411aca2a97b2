import json
import os
import re
import signal
from collections.abc import Iterator
from dataclasses import replace
from itertools import count
from pathlib import Path
from typing import Any

import pytest
import torch

import genlab
from genlab import plots
from genlab.commands.find import find_run, list_runs
from genlab.commands.sample import load, sample, sample_sheet
from genlab.commands.train import fit, fit_or_load, resume
from genlab.config import write_settings
from genlab.data import Dataset
from genlab.errors import GenlabError
from genlab.family import Walks, count_parameters
from genlab.files import writing
from genlab.runs.checkpoint import AVERAGED, NETWORKS, best, read_checkpoint, saved_steps
from genlab.runs.folder import (
    CHECKPOINTS,
    CONFIG,
    METRICS,
    SHEET,
    SHEETS,
    SUMMARY,
    RunFolder,
    read_metrics,
    read_summary,
)
from genlab.training.loop import Step, TrainingDiverged, train
from genlab.vae.loss import free_bits_kl
from genlab.zoo import Config, build, load_config
from tests.commands.conftest import FAST, after_step, contents, drawn


def config_for(name: str, **train_settings: object) -> Config:
    settings = {"batch_size": 8, "epochs": 1} | train_settings
    config, model = name.split(",")[0], FAST[name] if name in FAST else VARIANTS[name]
    return load_config(config, model | {f"train.{key}": value for key, value in settings.items()})


def change(run: Path, **entries: object) -> None:
    """Write something else into ``run.json``."""
    (run / SUMMARY).write_text(json.dumps(read_summary(run) | entries, indent=2) + "\n")


def losses(history: list[Step]) -> list[tuple[int, float, dict[str, float]]]:
    return [(s.step, s.epoch, dict(s.losses)) for s in history]


def refusal(run: Path, dataset: Dataset, overrides: dict[str, object] | None = None) -> str:
    """What resuming says; the folder must be as it was."""
    before = contents(run)
    with pytest.raises(GenlabError) as caught:
        resume(run, overrides, dataset=dataset)
    assert contents(run) == before
    return str(caught.value)


def broken_off(config: Config, dataset: Dataset, folder: Path, after: int) -> None:
    """A run whose process died after so many steps."""

    def dying(*args: Any, **options: Any) -> Iterator[Step]:
        for step in train(*args, **options):
            yield step
            if step.step == after:
                raise RuntimeError("power cut")

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("genlab.runs.record.train", dying)
        with pytest.raises(RuntimeError, match="power cut"):
            fit(config, dataset, folder)


@pytest.fixture
def finished(dataset: Dataset, tmp_path: Path) -> Path:
    """A small VAE, trained to its end of 5 steps."""
    fit(config_for("vae"), dataset, tmp_path / "run")
    return tmp_path / "run"


@pytest.fixture
def half(dataset: Dataset, tmp_path: Path) -> Path:
    """A run that died after step 4 of 5, with checkpoints 2 and 4."""
    broken_off(config_for("vae", checkpoint_every=2), dataset, tmp_path / "run", 4)
    return tmp_path / "run"


# --- fit and load -----------------------------------------------------------------------------


@pytest.mark.parametrize("name", list(FAST))
def test_a_folder_changes_nothing_and_gives_the_model_back(
    name: str, dataset: Dataset, tmp_path: Path
) -> None:
    """To the bit, with checkpoints, sheets and validation between the steps."""
    plain = config_for(name, validation_images=8)
    busy = config_for(name, validation_images=8, checkpoint_every=1, sample_every=1)
    (one, _), (other, history) = fit(plain, dataset), fit(busy, dataset, tmp_path / "run")
    loaded = load(tmp_path / "run")
    assert torch.equal(drawn(one), drawn(other))
    assert torch.equal(drawn(one), drawn(loaded))
    assert not loaded.networks.training
    assert losses(list(read_metrics(tmp_path / "run"))) == losses(history)


@pytest.mark.parametrize(("name", "averaged"), [("vae", False), ("diffusion-mlp", True)])
def test_what_a_run_leaves_behind(name: str, averaged: bool, dataset: Dataset, tmp_path: Path) -> None:
    folder, config = tmp_path / "run", config_for(name, epochs=3, checkpoint_every=5, sample_every=5)
    family, _ = fit(config, dataset, folder)
    files = {CONFIG, METRICS, SHEET, SHEETS, SUMMARY, CHECKPOINTS}
    assert {path.name for path in folder.iterdir() if not path.name.startswith(".")} == files
    assert load_config(folder / CONFIG) == config
    assert len((folder / METRICS).read_text().splitlines()) == 15
    assert saved_steps(folder / CHECKPOINTS) == [10, 15]  # the newest two
    assert (AVERAGED in read_checkpoint(folder / CHECKPOINTS, 15).tensors) is averaged
    sheets = sorted(path.name for path in (folder / SHEETS).iterdir())
    assert sheets == [f"step-{step:08d}.png" for step in (5, 10, 15)]
    assert (folder / SHEET).read_bytes() == plots.to_png(plots.grid(sample_sheet(family)), 2)


def test_the_summary_says_what_it_was_made_with(dataset: Dataset, tmp_path: Path) -> None:
    family, _ = fit(config_for("vae"), dataset, tmp_path / "run", data_root=tmp_path)
    summary = read_summary(tmp_path / "run")
    assert (summary["finished"], summary["steps"], summary["total_steps"]) == (True, 5, 5)
    assert (summary["dataset"], summary["seed"]) == ("digits", 0)
    assert summary["fingerprint"] == dataset.fingerprint
    assert summary["data_root"] == str(tmp_path)
    assert sum(summary["parameters"].values()) == count_parameters(family.networks)
    [session] = summary["sessions"]
    assert session["torch"] == torch.__version__
    assert (session["from_step"], session["device"], session["processes"]) == (0, "cpu", 1)


def test_the_averaged_weights_are_what_is_sampled(dataset: Dataset, tmp_path: Path) -> None:
    folder = tmp_path / "run"
    family, _ = fit(config_for("diffusion-mlp", lr=0.01), dataset, folder)
    tensors = read_checkpoint(folder / CHECKPOINTS, 5).tensors
    raw, averaged = build(config_for("diffusion-mlp")), build(config_for("diffusion-mlp"))
    raw.networks.load_state_dict(tensors[NETWORKS])
    averaged.networks.load_state_dict(tensors[AVERAGED])
    raw.networks.eval(), averaged.networks.eval()
    assert torch.equal(drawn(family), drawn(averaged))
    assert torch.equal(drawn(load(folder)), drawn(averaged))
    assert torch.equal(drawn(load(folder, averaged=False)), drawn(raw))
    assert not torch.equal(drawn(raw), drawn(averaged))


def test_nothing_is_written_over(dataset: Dataset, finished: Path) -> None:
    before = contents(finished)
    with pytest.raises(GenlabError, match=r"exists already: .* go on with it \(genlab resume"):
        fit(config_for("vae", seed=1), dataset, finished)
    assert contents(finished) == before


def test_names_will_do_for_config_and_data(
    monkeypatch: pytest.MonkeyPatch, dataset: Dataset, alone: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The verbs of the command line, in one call each."""
    monkeypatch.setattr("genlab.commands.train.load_dataset", lambda *_: dataset)
    write_settings(config_for("vae", batch_size=64), alone / "small.yaml")
    genlab.fit(alone / "small.yaml", "digits", "runs/mine")
    assert repr(dataset) in capsys.readouterr().out
    assert genlab.resume("mine")[1][-1].step == 1
    assert genlab.load("mine").config == config_for("vae").model
    assert genlab.sample("mine", 3, seed=1).shape == (3, 1, 28, 28)
    assert [run.path.name for run in genlab.list_runs()] == ["mine"]
    assert genlab.load_config("vae") == load_config("vae")
    with pytest.raises(AttributeError, match="no attribute 'trian'"):
        genlab.trian  # noqa: B018


# --- resume -----------------------------------------------------------------------------------

VARIANTS: dict[str, dict[str, object]] = {
    "vae, fitted prior": FAST["vae"] | {"model.latent_dim": 3, "model.prior_components": 2},
    "gan, spectral norm": {
        "model.network": {"kind": "dcgan", "channels": [3, 4]},
        "model.spectral_norm": True,
        "model.num_classes": 10,
        "model.loss": "relativistic",
        "model.penalty_every": 3,
        "train.lr_factors.discriminator": 2,
    },
    "gan, batch norm": {
        "model.network": {"kind": "dcgan", "channels": [3, 4], "discriminator_norm": "batch"}
    },
}

RESUMED: list[tuple[str, dict[str, object]]] = [
    ("vae, fitted prior", {"ema_decay": 0.9}),
    ("gan, spectral norm", {"ema_decay": 0.9}),
    ("gan, batch norm", {"validation_images": 8}),
    ("vae", {}),
    ("vae", {"lr_schedule": "cosine", "lr_warmup_steps": 3, "validation_images": 8, "monitor": "kl"}),
    ("gan", {"gradient_accumulation_steps": 2, "ema_decay": 0.9}),
    ("diffusion", {"half_size_steps": 4, "clip_grad_norm": 0.1}),
    ("diffusion", {"mixed_precision": "bf16"}),
    ("diffusion-mlp", {}),
]


@pytest.mark.parametrize(("name", "settings"), RESUMED)
@pytest.mark.parametrize("died_after", [1, 4, 7])
def test_a_resumed_run_equals_the_uninterrupted_one_to_the_bit(
    name: str, settings: dict[str, object], died_after: int, dataset: Dataset, tmp_path: Path
) -> None:
    config = config_for(name, **({"max_steps": 8, "checkpoint_every": 3, "lr": 0.01} | settings))
    whole, history = fit(config, dataset, tmp_path / "whole")
    broken_off(config, dataset, tmp_path / "broken", died_after)
    torch.manual_seed(99)  # another process has other random states
    again, resumed = resume(tmp_path / "broken", dataset=dataset)
    assert losses(resumed) == losses(history)
    last = saved_steps(tmp_path / "whole" / CHECKPOINTS)[-1]
    one, other = (read_checkpoint(tmp_path / run / CHECKPOINTS, last) for run in ("whole", "broken"))
    for file, tensors in one.tensors.items():
        for tensor, value in tensors.items():
            assert torch.equal(value, other.tensors[file][tensor]), (file, tensor)
    assert one.monitored == other.monitored
    assert one.record["random"] == other.record["random"]
    assert torch.equal(drawn(whole), drawn(again))


def test_a_run_that_died_before_its_first_checkpoint_starts_again(dataset: Dataset, tmp_path: Path) -> None:
    config = config_for("vae")
    broken_off(config, dataset, tmp_path / "run", 3)
    assert saved_steps(tmp_path / "run" / CHECKPOINTS) == []
    again, history = resume(tmp_path / "run", dataset=dataset)
    assert torch.equal(drawn(again), drawn(fit(config, dataset)[0]))
    assert len(history) == 5


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_stop_saves_the_step_and_says_how_to_go_on(
    number: int, dataset: Dataset, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config, folder = config_for("gan", epochs=2, checkpoint_every=50), tmp_path / "run"
    whole, history = fit(config, dataset)
    with after_step(4, lambda: os.kill(os.getpid(), number)), pytest.raises(KeyboardInterrupt):
        fit(config, dataset, folder)
    said = capsys.readouterr()
    assert "Stopping after this step" in said.err
    assert "step 5 is saved: genlab resume" in said.out
    assert len(list(read_metrics(folder))) == 5
    assert (folder / SHEET).is_file()
    assert read_summary(folder)["finished"] is False
    again, resumed = resume(folder, dataset=dataset)
    assert losses(resumed) == losses(history)
    assert torch.equal(drawn(whole), drawn(again))


def test_a_finished_run_can_be_trained_longer(
    dataset: Dataset, finished: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = contents(finished)
    family, history = resume(finished, dataset=dataset)
    assert "made 5 of 5 steps: to train longer, --set train.epochs=N" in capsys.readouterr().out
    assert contents(finished) == before
    assert len(history) == 5
    assert not family.networks.training
    longer, history = resume(finished, {"train.epochs": 3}, dataset=dataset)
    assert len(history) == 15
    assert torch.equal(drawn(longer), drawn(fit(config_for("vae", epochs=3), dataset)[0]))
    assert load_config(finished / CONFIG) == config_for("vae", epochs=3)
    assert [session["from_step"] for session in read_summary(finished)["sessions"]] == [0, 5]


def test_a_run_that_has_used_its_seconds_is_finished_and_can_have_more(
    dataset: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """By a clock on which every step takes half a second."""
    monkeypatch.setattr("genlab.training.loop.perf_counter", count(100, 0.5).__next__)
    folder = tmp_path / "run"
    fit(config_for("gan", epochs=4, max_seconds=3.1, checkpoint_every=50), dataset, folder)
    assert "7/7" in capsys.readouterr().err
    assert saved_steps(folder / CHECKPOINTS) == [7]
    assert [path.name for path in (folder / SHEETS).iterdir()] == ["step-00000007.png"]
    told = read_summary(folder)
    assert (told["finished"], told["steps"], told["seconds"]) == (True, 7, 3.5)
    [info] = list_runs(tmp_path)
    assert (info.status, info.steps, info.total_steps) == ("finished", 7, 20)

    before = contents(folder)
    change(folder, finished=False)  # killed between its last two writes
    assert len(resume(folder, dataset=dataset)[1]) == 7
    said = capsys.readouterr().out
    assert "trained for 3.5 of 3.1 seconds: to train longer, --set train.max_seconds=N" in said
    assert contents(folder) == before

    longer, history = resume(folder, {"train.max_seconds": 6}, dataset=dataset)
    twelve, steps = fit(config_for("gan", epochs=4, max_steps=12), dataset)
    assert losses(history) == losses(steps)
    assert torch.equal(drawn(longer), drawn(twelve))
    assert len(resume(folder, {"train.max_seconds": None}, dataset=dataset)[1]) == 20
    capsys.readouterr()
    resume(folder, {"train.max_seconds": 600}, dataset=dataset)
    assert "has made 20 of 20 steps: to train longer, --set train.epochs=N" in capsys.readouterr().out


def test_what_cannot_change_within_a_run(dataset: Dataset, finished: Path) -> None:
    for name in ("train.batch_size", "train.seed", "model.beta", "train.epoch"):
        assert f"{name} cannot change within a run" in refusal(finished, dataset, {name: 1})
    other = replace(dataset, images=dataset.images.flip(0))
    assert "has other images or labels than those that" in refusal(finished, other)


def test_two_processes_cannot_train_one_run(dataset: Dataset, finished: Path) -> None:
    more: dict[str, object] = {"train.epochs": 2}
    with RunFolder(finished):
        assert "is being trained by another process" in refusal(finished, dataset, more)
        assert [run.status for run in list_runs(finished.parent)] == ["running"]
    resume(finished, more, dataset=dataset)


def test_another_environment_is_said(
    dataset: Dataset, half: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("genlab.runs.environment.torch.__version__", "9.9")
    resume(half, dataset=dataset)
    assert re.search("is 9.9.*not to the bit.*Going on after step 4 of 5", capsys.readouterr().out, re.DOTALL)


# --- what people do to a run folder -----------------------------------------------------------


def test_a_run_moved_while_it_trains_is_not_built_anew_in_its_old_place(
    dataset: Dataset, tmp_path: Path
) -> None:
    moving = after_step(3, lambda: (tmp_path / "run").rename(tmp_path / "moved"))
    with moving, pytest.raises(GenlabError, match="was moved or deleted while it trained"):
        fit(config_for("vae", checkpoint_every=2), dataset, tmp_path / "run")
    assert not (tmp_path / "run").exists()
    whole = fit(config_for("vae"), dataset)[0]
    assert torch.equal(drawn(resume(tmp_path / "moved", dataset=dataset)[0]), drawn(whole))


def test_a_renamed_checkpoint_is_not_believed(dataset: Dataset, half: Path) -> None:
    (half / CHECKPOINTS / "step-00000002").rename(half / CHECKPOINTS / "step-00000999")
    assert len(resume(half, dataset=dataset)[1]) == 5
    assert read_checkpoint(half / CHECKPOINTS, 5).step == 5


def test_checkpoints_that_are_gone_are_missed(dataset: Dataset, half: Path) -> None:
    (half / CHECKPOINTS).rename(half.parent / "elsewhere")
    assert "is empty, though 4 steps were saved there" in refusal(half, dataset)
    (half.parent / "elsewhere").rename(half / CHECKPOINTS)
    assert len(resume(half, dataset=dataset)[1]) == 5


def test_a_config_changed_by_hand_is_held_to_the_same_rules(dataset: Dataset, half: Path) -> None:
    text = (half / CONFIG).read_text()
    for old, new, name in (
        ("batch_size: 8", "batch_size: 4", "train.batch_size was 8 when the run began and is 4: put it back"),
        ("beta: 5e-05", "beta: 1.0", "model.beta was 5e-05"),
        ("ema_decay: null", "ema_decay: 0.9", "train.ema_decay was None"),
    ):
        assert old in text
        (half / CONFIG).write_text(text.replace(old, new))
        assert name in refusal(half, dataset)
    (half / CONFIG).write_text(text.replace("max_steps: null", "max_steps: 7"))
    assert len(resume(half, dataset=dataset)[1]) == 7


def test_a_history_with_holes_is_said_and_training_goes_on(
    dataset: Dataset, half: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    lines = (half / METRICS).read_text().splitlines(keepends=True)
    (half / METRICS).write_text("".join([lines[0], *lines[2:]]).rstrip("\n"))  # nor a last line's end
    _, history = resume(half, dataset=dataset)
    said = capsys.readouterr()
    assert "1 of the 4 steps made are missing in metrics.jsonl" in said.out
    assert "5/5" in said.err
    assert [step.step for step in history] == [1, 3, 4, 5]
    assert [step.step for step in read_metrics(half)] == [1, 3, 4, 5]


@pytest.mark.parametrize("entry", ['"sessions": "x"', '"sessions": [5]', '"dataset": 5', '"settings": []'])
def test_a_summary_with_other_things_in_it(entry: str, dataset: Dataset, half: Path) -> None:
    (half / SUMMARY).write_text(f"{{{entry}}}")
    assert "run.json is damaged" in refusal(half, dataset)


@pytest.mark.parametrize("changes", [{"step": "5"}, {"kl": [1]}, {"seconds": None}])
def test_a_history_with_other_things_in_it(changes: dict[str, object], dataset: Dataset, half: Path) -> None:
    lines = (half / METRICS).read_text().splitlines()
    lines[1] = json.dumps(json.loads(lines[1]) | changes)
    (half / METRICS).write_text("\n".join(lines) + "\n")
    assert "metrics.jsonl, line 2 is damaged" in refusal(half, dataset)
    assert "line 2 is damaged" in list_runs(half.parent)[0].status


@pytest.mark.parametrize("method", ["save_sheet", "log", "summarise", "flush_log"])
def test_a_disk_that_fills_up_is_one_line_and_the_run_goes_on_later(
    method: str, dataset: Dataset, tmp_path: Path
) -> None:
    config, real, calls = config_for("vae", checkpoint_every=1, sample_every=1), getattr(RunFolder, method), 0

    def full(self: RunFolder, *args: Any, **options: Any) -> Any:
        nonlocal calls
        calls += 1
        if calls < 3:
            return real(self, *args, **options)
        with writing(self.path):
            raise OSError(28, "No space left on device")

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(RunFolder, method, full)
        with pytest.raises(GenlabError, match="No space left on device"):
            fit(config, dataset, tmp_path / "run")
    assert torch.equal(drawn(resume(tmp_path / "run", dataset=dataset)[0]), drawn(fit(config, dataset)[0]))


@pytest.mark.parametrize("settings", [{"validation_images": 40}, {"gradient_accumulation_steps": 41}])
def test_a_start_that_fails_leaves_no_folder(
    settings: dict[str, object], dataset: Dataset, tmp_path: Path
) -> None:
    with pytest.raises(GenlabError):
        fit(config_for("vae", **settings), dataset, tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_best_is_by_what_is_monitored_now(dataset: Dataset, tmp_path: Path) -> None:
    fit(config_for("vae", checkpoint_every=1, monitor="kl"), dataset, tmp_path / "run")
    resume(tmp_path / "run", {"train.monitor": "reconstruction", "train.max_steps": 9}, dataset=dataset)
    name, _ = best(tmp_path / "run" / CHECKPOINTS).monitored or (None, 0)
    assert name == "reconstruction"


# --- diverging --------------------------------------------------------------------------------


def test_a_loss_that_is_not_finite_keeps_the_last_good_checkpoint(dataset: Dataset, tmp_path: Path) -> None:
    config, folder = config_for("vae", epochs=4, checkpoint_every=2), tmp_path / "run"
    healthy, _ = fit(config_for("vae", max_steps=4), dataset)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("genlab.vae.vae.free_bits_kl", _nan_after(4))
        with pytest.raises(TrainingDiverged) as caught:
            fit(config, dataset, folder)
    assert re.search("became nan in step 5.*step 4 is saved", str(caught.value))
    assert torch.equal(drawn(load(folder)), drawn(healthy))
    assert len(resume(folder, {"train.lr": 1e-4}, dataset=dataset)[1]) == 20


def _nan_after(calls: int) -> Any:
    numbers = count(1)

    def kl(mu: torch.Tensor, log_var: torch.Tensor, free_bits: float) -> torch.Tensor:
        return free_bits_kl(mu, log_var, free_bits) * (float("nan") if next(numbers) > calls else 1)

    return kl


# --- loading what is damaged or something else -------------------------------------------------


def test_what_cannot_be_loaded(dataset: Dataset, alone: Path) -> None:
    with pytest.raises(GenlabError, match="there is no run 'nowhere': choose from"):
        load("nowhere")
    folder = alone / "runs" / "mine"
    fit(config_for("vae"), dataset, folder)
    with pytest.raises(GenlabError, match="there is no run 'mien': did you mean 'mine'"):
        load("mien")
    with pytest.raises(GenlabError, match="is not a run folder"):
        load(folder / CHECKPOINTS)
    with pytest.raises(GenlabError, match="unknown checkpoint 'newestt'"):
        load(folder, "newestt")  # type: ignore[arg-type]
    with pytest.raises(GenlabError, match=r"no best checkpoint: .*train\.monitor"):
        load(folder, "best")
    assert find_run("mine").absolute() == folder == find_run(folder)
    fit(config_for("gan"), dataset, alone / "other")
    (alone / "other" / CONFIG).write_bytes((folder / CONFIG).read_bytes())
    with pytest.raises(GenlabError, match="does not fit the model"):
        load(alone / "other")


def test_a_damaged_newest_checkpoint_is_passed_over_and_said(
    dataset: Dataset, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config, folder = config_for("vae", epochs=2, checkpoint_every=5), tmp_path / "run"
    whole = drawn(fit(config, dataset, folder)[0])
    five = drawn(fit(config_for("vae", epochs=1), dataset)[0])
    damaged = folder / CHECKPOINTS / "step-00000010" / NETWORKS
    damaged.write_bytes(damaged.read_bytes()[:-1])
    assert torch.equal(drawn(load(folder)), five)
    assert re.search(f"{damaged} is damaged.*using the one before", capsys.readouterr().out)
    assert torch.equal(drawn(resume(folder, dataset=dataset)[0]), whole)
    assert "using the one before" in capsys.readouterr().out
    assert torch.equal(drawn(load(folder)), whole)
    assert capsys.readouterr().out == ""


def test_the_best_checkpoint(dataset: Dataset, tmp_path: Path) -> None:
    values = iter([3.0, 1.0, 2.0, 4.0, 5.0])
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("genlab.runs.record._monitored", lambda *_: ("kl", next(values)))
        fit(config_for("vae", checkpoint_every=1, monitor="kl"), dataset, tmp_path / "run")
    assert saved_steps(tmp_path / "run" / CHECKPOINTS) == [2, 4, 5]
    two = drawn(fit(config_for("vae", max_steps=2), dataset)[0])
    assert torch.equal(drawn(load(tmp_path / "run", "best")), two)
    assert not torch.equal(drawn(load(tmp_path / "run")), two)
    assert torch.equal(sample(tmp_path / "run", 4, checkpoint="best"), two)


# --- fit_or_load ------------------------------------------------------------------------------


def test_the_second_time_it_loads(
    dataset: Dataset, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "mine"
    first, history = fit_or_load(config_for("vae"), dataset, folder)
    assert "Training mine" in capsys.readouterr().out
    before = contents(folder)
    second, again = fit_or_load(config_for("vae"), dataset, folder)
    assert capsys.readouterr().out == f"Loaded {folder}.\n"
    assert contents(folder) == before
    assert torch.equal(drawn(first), drawn(second))
    assert losses(history) == losses(again)


def test_other_settings_or_data_use_a_folder_beside_it(dataset: Dataset, tmp_path: Path) -> None:
    folder = tmp_path / "mine"
    fit_or_load(config_for("vae"), dataset, folder)
    other = replace(dataset, images=dataset.images.flip(0))
    used = [(config_for("vae"), dataset), (config_for("vae", seed=1), dataset), (config_for("vae"), other)]
    for config, data in used:
        fit_or_load(config, data, folder)
    names = ["mine", "mine-2", "mine-3"]
    assert sorted(path.name for path in tmp_path.iterdir()) == names
    before = contents(tmp_path)
    for config, data in used:
        fit_or_load(config, data, folder)
    assert contents(tmp_path) == before


def test_the_curious_train_it_anew(dataset: Dataset, tmp_path: Path) -> None:
    folder = tmp_path / "mine"
    fit_or_load(config_for("vae"), dataset, folder)
    fit_or_load(config_for("vae", seed=1), dataset, folder)
    before, beside = (folder / CHECKPOINTS).stat().st_ino, contents(tmp_path / "mine-2")
    fit_or_load(config_for("vae"), dataset, folder, retrain=True)
    assert (folder / CHECKPOINTS).stat().st_ino != before
    assert contents(tmp_path / "mine-2") == beside


def test_a_neighbour_that_cannot_be_read_is_left_alone(dataset: Dataset, tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / SUMMARY).write_text("{")
    fit_or_load(config_for("vae"), dataset, tmp_path / "mine")
    assert (tmp_path / "mine-2" / SHEET).is_file()
    assert (tmp_path / "mine" / SUMMARY).read_text() == "{"


def test_an_interrupted_run_goes_on(
    dataset: Dataset, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    broken_off(config_for("vae", checkpoint_every=2), dataset, tmp_path / "mine", 3)
    family, history = fit_or_load(config_for("vae", checkpoint_every=2), dataset, tmp_path / "mine")
    assert "Going on with" in capsys.readouterr().out
    assert len(history) == 5
    assert torch.equal(drawn(family), drawn(fit(config_for("vae"), dataset)[0]))
    assert [path.name for path in tmp_path.iterdir()] == ["mine"]


# --- the list ---------------------------------------------------------------------------------


def test_runs_are_listed_with_how_far_they_are(dataset: Dataset, tmp_path: Path) -> None:
    fit(config_for("gan"), dataset, tmp_path / "b")
    broken_off(config_for("vae", checkpoint_every=2), dataset, tmp_path / "a", 3)
    fit(config_for("vae"), dataset, tmp_path / "c")
    (tmp_path / "c" / CONFIG).write_text("model: 5\n")
    (tmp_path / "not-a-run").mkdir()
    a, b, c = list_runs(tmp_path)
    assert (a.family, a.steps, a.total_steps, a.status) == ("vae", 3, 5, "stopped")
    assert (b.family, b.dataset, b.status) == ("gan", "digits", "finished")
    assert set(b.losses) == {"discriminator", "generator", "real_accuracy", "fake_accuracy"}
    assert "model should be a section" in c.status
    with pytest.raises(GenlabError, match="there is no folder"):
        list_runs(tmp_path / "nowhere")
    assert list_runs(tmp_path / "not-a-run") == []


def test_a_diffusion_model_is_sampled_otherwise_on_request(dataset: Dataset, tmp_path: Path) -> None:
    folder = tmp_path / "run"
    family, _ = fit(config_for("diffusion", max_steps=1), dataset, folder)
    ours = load(folder, overrides={"model.sampler": "heun", "model.num_inference_steps": 5})
    assert isinstance(family, Walks)
    assert isinstance(ours, Walks)
    assert len(list(family.trajectory(1))) == 3
    assert len(list(ours.trajectory(1))) == 6
    more = {"sampler": "heun", "num_inference_steps": 5}
    assert ours.config.model_dump() == family.config.model_dump() | more
    seven = {"model.num_inference_steps": 7}
    assert not torch.equal(genlab.sample(folder, 2, overrides=seven), genlab.sample(folder, 2))
    with pytest.raises(GenlabError, match=r"num_inference_steps \(21\) should be at most"):
        load(folder, overrides={"model.num_inference_steps": 21})


@pytest.mark.parametrize(
    ("name", "key", "hint"),
    [
        ("vae", "model.beta", "choose from model.prior"),
        ("gan", "model.latent_dim", "choose from model.truncation"),
        ("diffusion", "model.num_classes", "choose from model.sampler"),
        ("diffusion", "train.lr", "choose from model.sampler"),
        ("diffusion", "model.guidance_scal", "did you mean 'model.guidance_scale'"),
    ],
)
def test_what_is_no_setting_of_sampling(
    name: str, key: str, hint: str, dataset: Dataset, tmp_path: Path
) -> None:
    fit(config_for(name, max_steps=1), dataset, tmp_path / "run")
    with pytest.raises(GenlabError, match=f"{key} is no setting of sampling: {hint}"):
        load(tmp_path / "run", overrides={key: 3})


def test_the_two_time_scales_can_change_within_a_run(dataset: Dataset, tmp_path: Path) -> None:
    """As the learning rate can, and whether they stood in the config before or not."""
    folder = tmp_path / "run"
    fit(config_for("gan", max_steps=2), dataset, folder)
    for steps, factors in ((4, {"discriminator": 3.0}), (6, {"discriminator": 3.0, "generator": 0.5})):
        name = max(factors)
        overrides = {"train.max_steps": steps, f"train.lr_factors.{name}": factors[name]}
        assert len(resume(folder, overrides, dataset=dataset)[1]) == steps
        assert load_config(folder / CONFIG).train.lr_factors == factors
    with pytest.raises(GenlabError, match=r"no network 'generato', did you mean 'generator'\?"):
        resume(folder, {"train.max_steps": 8, "train.lr_factors.generato": 2}, dataset=dataset)


# --- starting from another run's weights ------------------------------------------------------


@pytest.mark.parametrize("name", ["vae", "diffusion"])
def test_a_run_starts_with_the_averaged_weights_of_another(
    name: str, dataset: Dataset, tmp_path: Path
) -> None:
    fit(config_for(name, ema_decay=0.9), dataset, tmp_path / "first")
    expected = drawn(load(tmp_path / "first"))
    still = config_for(name, start_from=str(tmp_path / "first"), max_steps=1, lr=1e-30, seed=1)
    family, _ = fit(still, dataset)
    assert torch.equal(drawn(family), expected)
    moved, _ = fit(config_for(name, start_from=str(tmp_path / "first"), max_steps=1, seed=1), dataset)
    assert not torch.equal(drawn(moved), expected)


def test_a_run_goes_on_when_the_one_it_started_from_is_gone(dataset: Dataset, tmp_path: Path) -> None:
    fit(config_for("vae"), dataset, tmp_path / "first")
    config = config_for("vae", start_from=str(tmp_path / "first"), max_steps=4, checkpoint_every=2)
    whole, _ = fit(config, dataset, tmp_path / "whole")
    broken_off(config, dataset, tmp_path / "half", after=2)
    (tmp_path / "first").rename(tmp_path / "gone")
    resumed, _ = resume(tmp_path / "half", dataset=dataset)
    assert torch.equal(drawn(resumed), drawn(whole))


@pytest.mark.parametrize(
    ("start", "said"),
    [("nowhere", r"train\.start_from: .*nowhere"), ("other", r"train\.start_from: .*other.*networks")],
)
def test_a_start_that_does_not_fit_leaves_no_folder(
    start: str, said: str, dataset: Dataset, alone: Path
) -> None:
    fit(config_for("vae", max_steps=1), dataset, alone / "runs" / "other")
    with pytest.raises(GenlabError, match=said):
        fit(config_for("diffusion", start_from=start), dataset, alone / "runs" / "mine")
    assert not (alone / "runs" / "mine").exists()


def test_a_student_is_trained_resumed_and_loaded_like_any_other(dataset: Dataset, tmp_path: Path) -> None:
    """To the bit, though its teacher's images are made again; and without the teacher once it has learned."""
    model = FAST["diffusion"] | {"model.prediction_type": "sample"}
    fit(
        load_config("diffusion", model | {"train.max_steps": 1, "train.batch_size": 8}),
        dataset,
        tmp_path / "old",
    )
    old = str(tmp_path / "old")
    train = {
        "train.batch_size": 8,
        "train.max_steps": 4,
        "train.checkpoint_every": 2,
        "train.start_from": old,
    }
    student = load_config(
        "diffusion",
        model | train | {"model.teacher": old, "model.num_inference_steps": 1, "model.teacher_pairs": 24},
    )
    whole, history = fit(student, dataset, tmp_path / "whole")
    assert [*history[0].losses] == ["mse"]
    broken_off(student, dataset, tmp_path / "half", after=2)
    resumed, _ = resume(tmp_path / "half", dataset=dataset)
    assert torch.equal(drawn(resumed), drawn(whole))
    (tmp_path / "old").rename(tmp_path / "gone")
    assert torch.equal(drawn(load(tmp_path / "whole")), drawn(whole))
    with pytest.raises(GenlabError, match=r"model\.teacher: .*old"):
        resume(tmp_path / "half", {"train.max_steps": 5}, dataset=dataset)
