import json
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
import yaml
from PIL import Image

from genlab import plots
from genlab.data import Dataset
from genlab.errors import GenlabError
from genlab.family import Family, count_parameters
from genlab.training.loop import Step, TrainingDiverged, train
from genlab.training.run import (
    AVERAGED,
    CONFIG,
    METRICS,
    SHEET,
    SUMMARY,
    WEIGHTS,
    RunFolder,
    load_weights,
    read_metrics,
)
from genlab.zoo import Config, build, config_names, fit, fit_or_load, load, load_config, sample_sheet

ALL = ["diffusion", "diffusion-mlp", "diffusion-naive", "gan", "gan-small", "vae", "vae-small"]
FAST: dict[str, dict[str, object]] = {  # the same models, narrower
    "vae": {"model.hidden_dim": 16},
    "gan": {"model.hidden_dim": 16},
    "diffusion": {
        "model.network.channels": [4, 8],
        "model.num_train_timesteps": 20,
        "model.num_inference_steps": 2,
    },
    "diffusion-mlp": {"model.network.hidden_dim": 16, "model.num_inference_steps": 2},
}


def config_for(name: str, **train: object) -> Config:
    settings = {"batch_size": 8, "epochs": 1} | train
    return load_config(name, FAST[name] | {f"train.{key}": value for key, value in settings.items()})


def drawn(family: Family) -> torch.Tensor:
    return family.sample(4, generator=torch.Generator().manual_seed(0))


# --- configs ----------------------------------------------------------------------------------


def test_the_configs_are_these() -> None:
    assert config_names() == ALL


@pytest.mark.parametrize("name", ALL)
def test_every_config_builds_trains_and_samples(name: str, dataset: Dataset) -> None:
    overrides: dict[str, object] = {"train.max_steps": 2, "train.batch_size": 16}
    if "diffusion" in name:
        overrides["model.num_inference_steps"] = 2
    config = load_config(name, overrides)
    assert config.model.family == name.split("-")[0]
    before = [p.detach().clone() for p in build(config).networks.parameters()]
    family, history = fit(config, dataset)
    assert [step.step for step in history] == [1, 2]
    assert any(not torch.equal(a, b) for a, b in zip(before, family.networks.parameters(), strict=True))
    assert not family.networks.training
    assert drawn(family).isfinite().all()


def test_the_reference_designs() -> None:
    def settings(name: str) -> tuple[int, float]:
        train = load_config(name).train
        return train.epochs, train.lr

    assert settings("vae") == (150, 5e-4)
    assert settings("vae-small") == (5, 1e-3)
    assert settings("gan-small")[1] == 2e-4
    assert settings("diffusion") == (10, 2e-4)
    assert all(load_config(name).train.batch_size == 128 for name in ALL)
    small = load_config("vae-small").model.model_dump()
    assert (small["hidden_dim"], small["latent_dim"], small["output"], small["beta"]) == (400, 20, "tanh", 1)
    diffusion = load_config("diffusion").model.model_dump()
    assert (diffusion["num_train_timesteps"], diffusion["schedule"]) == (1000, "cosine")
    assert (diffusion["num_inference_steps"], diffusion["eta"]) == (50, 0)


def test_a_path_is_a_config_too(tmp_path: Path) -> None:
    (tmp_path / "my.yml").write_text("model: {family: gan, latent_dim: 3}\n")
    assert load_config(tmp_path / "my.yml").model.model_dump()["latent_dim"] == 3
    assert load_config(str(tmp_path / "my.yml")) == load_config(tmp_path / "my.yml")


@pytest.mark.parametrize("name", list(FAST))
def test_the_seed_decides_the_initial_weights(name: str) -> None:
    def weights(seed: int) -> list[torch.Tensor]:
        return list(build(config_for(name, seed=seed)).networks.state_dict().values())

    assert all(torch.equal(a, b) for a, b in zip(weights(1), weights(1), strict=True))
    assert not all(torch.equal(a, b) for a, b in zip(weights(1), weights(2), strict=True))


# --- fit and load -----------------------------------------------------------------------------


@pytest.mark.parametrize("name", list(FAST))
def test_a_loaded_run_draws_the_same_images_to_the_bit(name: str, dataset: Dataset, tmp_path: Path) -> None:
    family, history = fit(config_for(name), dataset, tmp_path / "run")
    loaded = load(tmp_path / "run")
    assert torch.equal(drawn(family), drawn(loaded))
    assert not loaded.networks.training
    assert [(s.step, s.epoch, s.losses) for s in read_metrics(tmp_path / "run")] == [
        (s.step, s.epoch, s.losses) for s in history
    ]


def test_a_run_with_and_without_a_folder_trains_the_same(dataset: Dataset, tmp_path: Path) -> None:
    assert torch.equal(
        drawn(fit(config_for("vae"), dataset)[0]), drawn(fit(config_for("vae"), dataset, tmp_path / "run")[0])
    )


@pytest.mark.parametrize(("name", "averaged"), [("vae", False), ("diffusion-mlp", True)])
def test_what_a_run_leaves_behind(name: str, averaged: bool, dataset: Dataset, tmp_path: Path) -> None:
    folder, config = tmp_path / "run", config_for(name, epochs=2)
    family, _ = fit(config, dataset, folder)
    files = {CONFIG, METRICS, WEIGHTS, SHEET, SUMMARY} | ({AVERAGED} if averaged else set())
    assert {path.name for path in folder.iterdir()} == files
    assert load_config(folder / CONFIG) == config
    assert len((folder / METRICS).read_text().splitlines()) == 10
    summary = json.loads((folder / SUMMARY).read_text())
    assert summary["finished"] is True
    assert summary["steps"] == 10
    assert (summary["dataset"], summary["seed"]) == ("digits", 0)
    assert sum(summary["parameters"].values()) == count_parameters(family.networks)
    assert set(summary["versions"]) == {"genlab", "torch"}
    sheet = Image.open(folder / SHEET)
    assert sheet.size == (2 * (10 * 30 - 2), 2 * (10 * 30 - 2))
    assert (folder / SHEET).read_bytes() == plots.to_png(plots.grid(sample_sheet(family)), 2)


def test_the_averaged_weights_are_what_is_sampled(dataset: Dataset, tmp_path: Path) -> None:
    folder = tmp_path / "run"
    family, _ = fit(config_for("diffusion-mlp", lr=0.01), dataset, folder)
    raw, averaged = build(config_for("diffusion-mlp")), build(config_for("diffusion-mlp"))
    load_weights(folder / WEIGHTS, raw.networks)
    load_weights(folder / AVERAGED, averaged.networks)
    raw.networks.eval(), averaged.networks.eval()
    assert torch.equal(drawn(family), drawn(averaged))
    assert torch.equal(drawn(load(folder)), drawn(averaged))
    assert not torch.equal(drawn(raw), drawn(averaged))


def test_nothing_is_written_over(dataset: Dataset, tmp_path: Path) -> None:
    folder = tmp_path / "run"
    fit(config_for("vae"), dataset, folder)
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    with pytest.raises(GenlabError, match="exists already"):
        fit(config_for("vae", seed=1), dataset, folder)
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before


def interrupt(monkeypatch: pytest.MonkeyPatch, after: int, error: BaseException) -> None:
    """Make training stop with an error after so many steps."""
    real = train

    def stopped(*args: object, **options: object) -> Iterator[Step]:
        for step in real(*args, **options):  # type: ignore[arg-type]
            yield step
            if step.step == after:
                raise error

    monkeypatch.setattr("genlab.zoo.train", stopped)


@pytest.mark.parametrize("name", ["vae", "gan", "diffusion-mlp"])
@pytest.mark.parametrize("error", [KeyboardInterrupt(), TrainingDiverged("the loss became nan")])
def test_an_interrupted_run_keeps_its_weights(
    name: str, error: BaseException, dataset: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    three, _ = fit(config_for(name, max_steps=3), dataset)
    interrupt(monkeypatch, 3, error)
    folder = tmp_path / "run"
    with pytest.raises(type(error)):
        fit(config_for(name), dataset, folder)
    monkeypatch.undo()
    assert torch.equal(drawn(load(folder)), drawn(three))
    summary = json.loads((folder / SUMMARY).read_text())
    assert (summary["finished"], summary["steps"]) == (False, 3)
    assert len((folder / METRICS).read_text().splitlines()) == 3


def test_weights_are_saved_after_every_epoch(dataset: Dataset, tmp_path: Path) -> None:
    """A machine that loses power has what the last whole epoch gave."""
    folder, saves = tmp_path / "run", []
    real = RunFolder.save

    def noted(self: RunFolder, *args: object) -> None:
        saves.append(len(list(read_metrics(self.path))))
        real(self, *args)  # type: ignore[arg-type]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(RunFolder, "save", noted)
        fit(config_for("vae", epochs=3), dataset, folder)
    assert saves == [5, 10, 15, 15]


def test_what_cannot_be_loaded(dataset: Dataset, tmp_path: Path) -> None:
    with pytest.raises(GenlabError, match=r"nowhere is not a run folder \(it has no config\.yaml\)"):
        load(tmp_path / "nowhere")
    folder = tmp_path / "run"
    fit(config_for("vae"), dataset, folder)
    (folder / WEIGHTS).write_bytes((folder / WEIGHTS).read_bytes()[:-5])
    with pytest.raises(GenlabError, match=r"weights\.safetensors is damaged"):
        load(folder)
    (folder / WEIGHTS).unlink()
    with pytest.raises(GenlabError, match=r"weights\.safetensors is missing"):
        load(folder)
    fit(config_for("gan"), dataset, tmp_path / "other")
    (tmp_path / "other" / WEIGHTS).rename(folder / WEIGHTS)
    with pytest.raises(GenlabError, match="does not fit the model"):
        load(folder)
    values = yaml.safe_load((folder / CONFIG).read_text())
    (folder / CONFIG).write_text(yaml.safe_dump(values | {"extra": 1}))
    with pytest.raises(GenlabError, match="unknown key 'extra'"):
        load(folder)


# --- fit_or_load ------------------------------------------------------------------------------


def test_the_second_time_it_loads(
    dataset: Dataset, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "mine"
    first, history = fit_or_load(config_for("vae"), dataset, folder)
    assert "Training mine" in capsys.readouterr().out
    written = (folder / WEIGHTS).stat().st_mtime_ns
    second, again = fit_or_load(config_for("vae"), dataset, folder)
    assert capsys.readouterr().out == f"Loaded {folder}.\n"
    assert (folder / WEIGHTS).stat().st_mtime_ns == written
    assert [path.name for path in tmp_path.iterdir() if path.name != "home"] == ["mine"]
    assert torch.equal(drawn(first), drawn(second))
    assert [(s.step, s.losses) for s in history] == [(s.step, s.losses) for s in again]


def test_other_settings_or_data_use_a_folder_beside_it(dataset: Dataset, tmp_path: Path) -> None:
    folder = tmp_path / "mine"
    fit_or_load(config_for("vae"), dataset, folder)
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    fit_or_load(config_for("vae", seed=1), dataset, folder)
    other = Dataset("mnist", "train", dataset.images, dataset.labels, dataset.class_names, "")
    fit_or_load(config_for("vae"), other, folder)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["mine", "mine-2", "mine-3"]
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before
    for config, data, name in (
        (config_for("vae"), dataset, "mine"),
        (config_for("vae", seed=1), dataset, "mine-2"),
        (config_for("vae"), other, "mine-3"),
    ):
        written = (tmp_path / name / WEIGHTS).stat().st_mtime_ns
        fit_or_load(config, data, folder)
        assert (tmp_path / name / WEIGHTS).stat().st_mtime_ns == written
    assert len(list(tmp_path.iterdir())) == 3


def test_an_unfinished_run_is_not_taken_for_a_finished_one(
    dataset: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "mine"
    with monkeypatch.context() as patch:
        interrupt(patch, 2, KeyboardInterrupt())
        with pytest.raises(KeyboardInterrupt):
            fit_or_load(config_for("vae"), dataset, folder)
    _, history = fit_or_load(config_for("vae"), dataset, folder)
    assert len(history) == 5
    assert (tmp_path / "mine-2" / SHEET).is_file()


# --- the sheet --------------------------------------------------------------------------------


def test_a_sheet_has_ten_of_each_class() -> None:
    family = build(config_for("diffusion"))
    asked: list[torch.Tensor | None] = []
    real = family.sample

    def sample(
        n: int, *, labels: torch.Tensor | None = None, generator: torch.Generator | None = None
    ) -> torch.Tensor:
        asked.append(labels)
        return real(n, labels=labels, generator=generator)

    family.sample = sample  # type: ignore[method-assign]
    assert sample_sheet(family).shape == (100, 1, 28, 28)
    assert asked[0] is not None
    assert asked[0].tolist() == [i // 10 for i in range(100)]
    assert torch.equal(sample_sheet(family, 1), sample_sheet(family, 1))
    assert not torch.equal(sample_sheet(family, 1), sample_sheet(family, 2))


@pytest.mark.parametrize(("num_classes", "n"), [(None, 100), (3, 30), (26, 100)])
def test_a_sheet_with_fewer_or_more_classes(num_classes: int | None, n: int) -> None:
    family = build(load_config("vae", FAST["vae"] | {"model.num_classes": num_classes}))
    assert len(sample_sheet(family)) == n
