"""A tiny run and files of images are evaluated from end to end; what is no image gets one line."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from PIL import Image

import genlab.cli
from genlab.commands.evaluate import (
    EVALUATION,
    REPORT,
    Evaluation,
    closest_pairs_sheet,
    data_of,
    evaluate,
    evaluate_family,
    known_report,
    read_images,
    training_seconds,
    write_evaluation,
)
from genlab.commands.sample import load, sample
from genlab.commands.train import fit
from genlab.data import load_dataset
from genlab.errors import GenlabError
from genlab.evaluation.measure import Yardstick
from genlab.evaluation.report import KNOWN_METRICS, report_from_json, report_text
from genlab.family import count_parameters
from genlab.runs.folder import SUMMARY
from genlab.zoo import build, load_config
from tests.commands.conftest import NARROW
from tests.evaluation.conftest import glances

Array = NDArray[np.generic]
TINY: dict[str, object] = NARROW | {"train.max_steps": 2}


@pytest.fixture(autouse=True)
def quick_judges(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("genlab.evaluation.measure.judges_for", lambda *_, **__: glances())


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two tiny runs on the digits: a VAE, and a GAN that is told the class."""
    path = tmp_path_factory.mktemp("runs")
    fit(load_config("vae", TINY), "digits", path / "vae")
    fit(load_config("gan", TINY | {"model.num_classes": 10}), "digits", path / "gan")
    return path


# --- a run ------------------------------------------------------------------------------------


def test_a_run_from_end_to_end(folder: Path, tmp_path: Path) -> None:
    evaluation = evaluate(folder / "vae", n=100, seed=3)
    report = evaluation.report
    assert (report.name, report.dataset, report.n, report.seed) == ("vae", "digits", 100, 3)
    assert torch.equal(evaluation.images, sample(folder / "vae", 100, seed=3))
    names = {name for name, _ in report.figures}
    assert names == KNOWN_METRICS.keys() - {"class_accuracy", "frechet_unbiased"}  # no classes, few images
    assert report.figures["parameters", None].value == count_parameters(load(folder / "vae").networks)
    assert report.figures["training_seconds", None].value == training_seconds(folder / "vae")
    assert report.figures["sample_milliseconds", None].value > 0
    assert report.figures["nats", None].value > 100

    out = tmp_path / "new" / "out"
    write_evaluation(evaluation, out)
    assert {path.name for path in out.iterdir()} == {"report.json", "report.txt", "closest.png"}
    assert report_from_json(json.loads((out / "report.json").read_text())) == report
    assert (out / "report.txt").read_text("utf-8") == report_text(report) + "\n"
    assert Image.open(out / "closest.png").size == (2 * (12 * 30 - 2), 2 * (6 * 30 - 2))


def test_the_seed_decides_the_images_and_classes_are_as_frequent_as_in_the_data(
    folder: Path, yardstick: Yardstick, monkeypatch: pytest.MonkeyPatch
) -> None:
    gan, seen = load(folder / "gan"), list[torch.Tensor]()

    def draw(family: object, n: int, *, seed: int, labels: torch.Tensor) -> torch.Tensor:
        seen.append(labels)
        return torch.rand(n, 1, 28, 28)

    monkeypatch.setattr("genlab.commands.evaluate.sample_in_batches", draw)
    for seed in (0, 1):
        figures = evaluate_family(gan, yardstick, name="gan", seed=seed).report.figures
        assert ("class_accuracy", "residual") in figures
        assert not {("training_seconds", None), ("nats", None)} & set(figures)  # a GAN has no nats
    assert not torch.equal(seen[0], seen[1])
    assert set(seen[0].tolist()) == set(range(10))


def test_the_same_call_gives_the_same_figures(folder: Path, yardstick: Yardstick) -> None:
    gan = load(folder / "gan")
    one, two = (dict(evaluate_family(gan, yardstick, name="gan").report.figures) for _ in range(2))
    for figures in (one, two):
        del figures["sample_milliseconds", None]
    assert one == two


def test_nats_are_those_of_the_verb_and_an_autoencoder_has_none(folder: Path, yardstick: Yardstick) -> None:
    report = evaluate_family(load(folder / "vae"), yardstick, name="vae", seed=3).report
    [bound] = genlab.nats(folder / "vae", k=1, seed=3)
    assert (report.figures["nats", None].value, report.figures["nats", None].error) == (
        bound.nats,
        bound.error,
    )
    autoencoder = build(load_config("vae", TINY | {"model.beta": 0}))
    assert ("nats", None) not in evaluate_family(autoencoder, yardstick, name="x").report.figures


def test_where_the_data_of_a_run_is(folder: Path, tmp_path: Path) -> None:
    assert data_of(folder / "vae") == ("digits", None)
    config = load_config("vae", TINY)
    fit(config, "digits", tmp_path / "run", data_root=tmp_path)
    assert data_of(tmp_path / "run") == ("digits", str(tmp_path))
    (tmp_path / "run" / SUMMARY).unlink()
    assert data_of(tmp_path / "run") == (config.train.dataset, None)
    assert training_seconds(tmp_path / "run") is None


def test_closest_pairs_are_an_image_and_its_neighbour(yardstick: Yardstick) -> None:
    training = yardstick.reference.train.images
    images = torch.rand(100, 1, 28, 28, generator=torch.Generator().manual_seed(0))
    images[40] = training[77] / 255
    sheet = closest_pairs_sheet(Evaluation(yardstick.real, images, yardstick), 5)
    assert sheet.shape == (10, 1, 28, 28)
    torch.testing.assert_close(sheet[0], sheet[1])
    assert torch.equal(sheet[0], images[40])
    copies = closest_pairs_sheet(Evaluation(yardstick.real, training[:80], yardstick))  # bytes
    assert copies.dtype == torch.uint8
    assert torch.equal(copies[::2], copies[1::2])


# --- a file -----------------------------------------------------------------------------------


def test_bytes_and_floats_in_a_file_get_the_same_figures(tmp_path: Path) -> None:
    real = load_dataset("digits", "test").images[:120, 0].numpy()
    made = {"bytes": real, "floats": (real[:, None] / 255.0).astype(">f8")}
    reports = {}
    for name, array in made.items():
        np.save(tmp_path / f"{name}.npy", array)
        reports[name] = evaluate(tmp_path / f"{name}.npy", n=100, dataset="digits").report
        assert (reports[name].name, reports[name].n) == (f"{name}.npy", 100)
    for key, figure in reports["floats"].figures.items():
        if key[0] != "two_sample":
            expected = reports["bytes"].figures[key].value
            ties = 2e-3 if key[0].startswith("closer") else 1e-6  # rounding breaks them
            assert figure.value == pytest.approx(expected, rel=1e-4, abs=ties), key


def test_a_run_and_its_samples_in_a_file_get_the_same_figures(folder: Path, tmp_path: Path) -> None:
    np.save(tmp_path / "x.npy", sample(folder / "gan", 100, seed=0)[:, 0].numpy())
    of_file = evaluate(tmp_path / "x.npy", dataset="digits")
    write_evaluation(of_file, tmp_path / "out")
    assert of_file.images.shape == (100, 1, 28, 28)
    assert ("parameters", None) not in of_file.report.figures
    assert of_file.report.floor == evaluate(folder / "gan", n=100).report.floor


def test_read_images_keeps_the_numbers(tmp_path: Path) -> None:
    for array in (np.arange(3 * 784).reshape(3, 28, 28).astype(np.uint8), np.random.rand(3, 1, 28, 28)):
        np.save(tmp_path / "x.npy", array)
        images = read_images(tmp_path / "x.npy", 2)
        assert images.shape == (2, 1, 28, 28)
        assert images.dtype == (torch.uint8 if array.dtype == np.uint8 else torch.float32)
        np.testing.assert_allclose(images.numpy().ravel(), array[:2].ravel(), rtol=1e-6)


# --- one line and status 2 --------------------------------------------------------------------


def refused(capsys: pytest.CaptureFixture[str], *arguments: object) -> str:
    """The one line that ``genlab evaluate`` refuses these with, before any judge looks."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("genlab.evaluation.measure.judges_for", None)
        capsys.readouterr()
        with pytest.raises(SystemExit) as stop:
            genlab.cli.main(["evaluate", *map(str, arguments)])
    said = capsys.readouterr().err
    assert stop.value.code == 2
    assert said.startswith("genlab: ")
    assert len(said.splitlines()) == 1
    assert len(said) < 400
    return said.rstrip("\n")


GOOD = np.random.default_rng(0).random((100, 28, 28), np.float32)


@pytest.mark.parametrize(
    ("array", "says"),
    [
        (GOOD.astype(np.int64), "holds int64 numbers: images are uint8, or float in [0, 1]"),
        (GOOD > 0.5, "holds bool numbers"),
        (np.array(["a", "b"]), "holds <U1 numbers"),
        (np.array([None]), "is not a .npy file of numbers"),
        (np.zeros(3, [("a", "f4")]), "numbers: images are uint8"),
        (GOOD.reshape(100, 784), "is of shape (100, 784): images are (N, 28, 28)"),
        (GOOD[..., None], "is of shape (100, 28, 28, 1)"),
        (np.float32(1), "is of shape ()"),
        (GOOD[:0], "got (0, 1, 28, 28)"),
        (np.where(GOOD > 0.5, np.nan, GOOD), "not finite numbers"),
        (GOOD.astype(np.float64) * 1e300, "100 of 100 images hold values that are not finite numbers"),
        (GOOD * 2 - 1, "images should be in [0, 1], these reach from -1 to 1"),
        (GOOD * 0, "all 100 images are constant"),
        (GOOD[:1].repeat(100, 0), "all 100 images are the same one"),
        (GOOD[:64], "64 images are too few"),
        (np.concatenate([GOOD] * 4), "400 images cannot be held against a floor"),
    ],
)
def test_arrays(array: Array, says: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    np.save(tmp_path / "x.npy", array)
    line = refused(capsys, tmp_path / "x.npy", "--dataset", "digits")
    assert says in line
    if "few" not in says and "floor" not in says:  # those are about a number
        assert line.startswith(f"genlab: {tmp_path / 'x.npy'}")


def test_targets_and_options(folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    np.save(tmp_path / "x.npy", GOOD)
    for name in ("pic.png", "z.npz"):
        (tmp_path / name).write_bytes(b"anything")
    for words, says in {
        "nowhere": "there is no run",
        ".": "is not a run folder",
        "y.npy --dataset digits": "there is no file",
        "x.npy": "--dataset mnist",
        "x.npy --n 101 --dataset digits": "holds 100 images, 101 were asked for",
        "x.npy --dataset digit": "unknown data set 'digit': did you mean 'digits'?",
        "x.npy --best --dataset digits": "x.npy holds images and no model: leave --best out",
        "x.npy --set model.eta=1 --dataset digits": "x.npy holds images and no model: leave --set out",
        "pic.png": "pic.png is neither a run folder nor a .npy of images",
        "z.npz": "z.npz is neither a run folder nor a .npy of images",
        f"{folder}/vae --n 64": "64 images are too few",
        f"{folder}/vae --n 361": "evaluate at most 360",
        f"{folder}/vae --best": "has no best checkpoint",
        f"{folder}/vae --n 0": "--n",
    }.items():
        target, *options = words.split()
        assert says in refused(capsys, tmp_path / target, *options)


def test_a_model_that_has_diverged(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    broken = load(folder / "vae")
    for parameter in broken.networks.parameters():
        torch.nn.init.constant_(parameter, torch.nan)
    monkeypatch.setattr("genlab.commands.evaluate.load", lambda *_, **__: broken)
    with pytest.raises(GenlabError, match="go back to an earlier checkpoint"):
        evaluate(folder / "vae", n=100)


def test_a_folder_that_cannot_be_written_to(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    evaluation = evaluate(folder / "gan", n=73)
    with pytest.raises(GenlabError, match=r"/file \(File exists\)"):
        write_evaluation(evaluation, tmp_path / "file")


def test_what_is_kept_in_a_runs_folder_is_known_of_it(folder: Path) -> None:
    assert known_report(folder / "gan") is None
    evaluation = evaluate(folder / "gan", n=73)
    write_evaluation(evaluation, folder / "gan" / EVALUATION)
    assert known_report(folder / "gan") == evaluation.report
    for damaged in ("", "[]", "{}", '{"name": 3}'):
        (folder / "gan" / EVALUATION / REPORT).write_text(damaged)
        with pytest.raises(GenlabError, match=r"report\.json is damaged: delete it, and evaluate"):
            known_report(folder / "gan")
    (folder / "gan" / EVALUATION / REPORT).unlink()
    with pytest.raises(GenlabError, match="there is no run"):
        known_report("nowhere")


def test_the_command_prints_and_writes(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as stop:
        genlab.cli.main(["evaluate", str(folder / "gan"), "--n", "80", "--out", str(tmp_path / "out")])
    assert stop.value.code == 0
    out = capsys.readouterr().out
    assert out.startswith("gan: 80 images, seed 0, against 80 of digits\n")
    text, last = out.rstrip("\n").rsplit("\n", 1)
    assert last == f"Wrote report.json, report.txt and closest.png to {tmp_path / 'out'}."
    assert (tmp_path / "out" / "report.txt").read_text("utf-8") == text + "\n"
