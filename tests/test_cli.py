import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

import genlab.cli
from genlab.commands.train import fit
from genlab.data import Dataset
from genlab.runs.checkpoint import NETWORKS
from genlab.runs.folder import CHECKPOINTS, SHEET, SUMMARY, RunFolder, read_metrics
from genlab.training.loop import Step
from genlab.zoo import config_names, load_config
from tests.cases.bad_folders import good_folder
from tests.evaluation.conftest import glances

SMALL = ["--set", "model.network.hidden_dim=16", "--set", "train.max_steps=2", "--set", "train.batch_size=8"]


@dataclass
class Result:
    code: int
    out: str
    err: str


Genlab = Callable[..., Result]


@pytest.fixture
def genlab_(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Genlab:
    """The command line, called in this process: ``genlab_("train", ...)``."""

    def call(*arguments: object) -> Result:
        monkeypatch.setattr(sys, "argv", ["genlab", *map(str, arguments)])
        capsys.readouterr()
        code = 0
        try:
            genlab.cli.main()
        except SystemExit as stop:
            code = int(stop.code or 0)
        captured = capsys.readouterr()
        return Result(code, captured.out, captured.err)

    return call


@pytest.fixture
def run(dataset: Dataset, tmp_path: Path) -> Path:
    """The folder of a tiny unconditional model."""
    config = load_config("vae", {"model.network.hidden_dim": 16, "train.max_steps": 1})
    fit(config, dataset, tmp_path / "run")
    return tmp_path / "run"


@pytest.fixture
def conditional(dataset: Dataset, tmp_path: Path) -> Path:
    """The folder of a tiny class-conditional model."""
    overrides = {"model.network.hidden_dim": 16, "model.num_classes": 10, "train.max_steps": 1}
    fit(load_config("gan", overrides), dataset, tmp_path / "conditional")
    return tmp_path / "conditional"


# --- what it does -----------------------------------------------------------------------------


def test_train_leaves_a_run_that_sample_draws_from(genlab_: Genlab, tmp_path: Path) -> None:
    folder = tmp_path / "runs" / "mine"
    done = genlab_("train", "--config", "vae", "--dataset", "digits", "--run", folder, *SMALL)
    assert done.code == 0, done.err
    assert "digits (train): 1,437 images" in done.out
    assert f"Done: {folder / SHEET}" in done.out
    assert "2/2" in done.err  # the progress bar
    assert (folder / SHEET).is_file()
    summary = json.loads((folder / SUMMARY).read_text())
    assert summary["steps"] == 2
    assert load_config(folder / "config.yaml").train.dataset == "digits"

    done = genlab_("sample", folder, "--n", 3, "--out", tmp_path / "x.npy")
    assert done.code == 0, done.err
    assert np.load(tmp_path / "x.npy").shape == (3, 28, 28)


def test_train_takes_a_path_and_the_datas_folder(genlab_: Genlab, mnist_root: Path, tmp_path: Path) -> None:
    (tmp_path / "my.yaml").write_text(
        "model: {family: gan, network: {kind: mlp, hidden_dim: 8}}\n"
        "train: {dataset: mnist, batch_size: 4, epochs: 1}\n"
    )
    done = genlab_(
        "train", "--config", tmp_path / "my.yaml", "--run", tmp_path / "run", "--data-root", mnist_root
    )
    assert done.code == 0, done.err
    assert "mnist (train): 12 images" in done.out
    assert json.loads((tmp_path / "run" / SUMMARY).read_text())["steps"] == 3


def test_samples_are_float32_in_0_to_1_and_the_seed_decides(
    genlab_: Genlab, run: Path, tmp_path: Path
) -> None:
    def drawn(name: str, *options: object) -> NDArray[np.float32]:
        assert genlab_("sample", run, "--out", tmp_path / name, *options).code == 0
        array: NDArray[np.float32] = np.load(tmp_path / name, allow_pickle=False)
        return array

    first = drawn("a.npy", "--n", 501, "--seed", 3)
    assert first.dtype == np.float32
    assert first.shape == (501, 28, 28)
    assert first.min() >= 0
    assert first.max() <= 1
    assert np.array_equal(first, drawn("b.npy", "--n", 501, "--seed", 3))
    assert (tmp_path / "a.npy").read_bytes() == (tmp_path / "b.npy").read_bytes()
    assert not np.array_equal(first, drawn("c.npy", "--n", 501, "--seed", 4))
    assert np.array_equal(drawn("d.npy"), drawn("e.npy", "--n", 100, "--seed", 0))


def test_set_changes_how_a_diffusion_model_is_sampled(genlab_: Genlab, tmp_path: Path) -> None:
    folder = tmp_path / "run"
    small = (
        "--set",
        "model.network.channels=[4]",
        "--set",
        "train.max_steps=1",
        "--set",
        "train.batch_size=4",
    )
    assert genlab_("train", "--config", "diffusion", "--dataset", "digits", "--run", folder, *small).code == 0
    few = ("--n", 80, "--set", "model.num_inference_steps=1", "--set", "model.sampler=dpm_solver_pp")
    done = genlab_("sample", folder, "--out", tmp_path / "x.npy", *few)
    assert done.out == f"Wrote 80 images to {tmp_path / 'x.npy'}.\n"
    done = genlab_("evaluate", folder, *few)
    assert "run, num_inference_steps 1, sampler dpm_solver_pp" in done.out
    line = one_line(genlab_("sample", folder, "--out", tmp_path / "y.npy", "--set", "train.lr=1"))
    assert line.startswith("genlab: train.lr is no setting of sampling: choose from model.sampler, ")
    line = one_line(genlab_("evaluate", tmp_path / "x.npy", "--set", "model.eta=1"))
    assert line == f"genlab: {tmp_path / 'x.npy'} holds images and no model: leave --set out"


def test_a_sheet_where_the_name_ends_in_png(genlab_: Genlab, run: Path, tmp_path: Path) -> None:
    done = genlab_("sample", run, "--n", 16, "--out", tmp_path / "x.png")
    assert done.out == f"Wrote 16 images to {tmp_path / 'x.png'}.\n"
    assert Image.open(tmp_path / "x.png").size == (596, 116)


def test_one_class_for_all(genlab_: Genlab, conditional: Path, tmp_path: Path) -> None:
    for label in (3, 4):
        assert (
            genlab_(
                "sample", conditional, "--label", label, "--n", 4, "--out", tmp_path / f"{label}.npy"
            ).code
            == 0
        )
    assert not np.array_equal(np.load(tmp_path / "3.npy"), np.load(tmp_path / "4.npy"))


def test_data_says_where_both_splits_lie(genlab_: Genlab, mnist_root: Path) -> None:
    done = genlab_("data", "mnist", "--root", mnist_root)
    train, test = done.out.splitlines()
    assert train.startswith("mnist (train): 12 images of 1x28x28. Found in")
    assert test.startswith("mnist (test): 5 images")
    assert str(mnist_root) in test


def test_configs_are_listed_and_shown(genlab_: Genlab, tmp_path: Path) -> None:
    assert genlab_("config", "list").out.split() == config_names()
    for name in config_names():
        (tmp_path / "shown.yaml").write_text(genlab_("config", "show", name).out)
        assert load_config(tmp_path / "shown.yaml") == load_config(name)


def test_ctrl_c_saves_and_resume_goes_on(
    genlab_: Genlab, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = RunFolder.log

    def log(self: RunFolder, step: Step) -> None:
        real(self, step)
        if step.step == 1:
            os.kill(os.getpid(), signal.SIGINT)

    folder = tmp_path / "run"
    with monkeypatch.context() as patch:
        patch.setattr(RunFolder, "log", log)
        settings = [*SMALL, "--set", "train.max_steps=3"]
        done = genlab_("train", "--config", "vae", "--dataset", "digits", "--run", folder, *settings)
    assert done.code == 130
    assert f"step 2 is saved: genlab resume {folder} goes on" in done.out
    assert "Traceback" not in done.err
    done = genlab_("resume", folder, "--set", "train.max_steps=4")
    assert done.code == 0, done.err
    assert "Going on after step 2 of 4." in done.out
    assert [step.step for step in read_metrics(folder)] == [1, 2, 3, 4]


def test_runs_are_listed(genlab_: Genlab, run: Path, conditional: Path, tmp_path: Path) -> None:
    done = genlab_("runs", tmp_path)
    first, second = done.out.splitlines()
    assert first.split()[:6] == ["conditional", "gan", "digits", "1", "of", "1"]
    assert second.split()[:7] == ["run", "vae", "digits", "1", "of", "1", "finished"]
    assert "reconstruction" in second
    (tmp_path / "empty").mkdir()
    assert "No runs yet" in genlab_("runs", tmp_path / "empty").out


def test_nats_prints_a_bound_for_every_k(genlab_: Genlab, run: Path, conditional: Path) -> None:
    done = genlab_("nats", run, "--k", 1, "--k", 7, "--n", 20)
    assert done.code == 0, done.err
    line = r"k = {} +-?\d+\.\d\d \+- \d+\.\d\d nats per image, 20 test images"
    assert [
        bool(re.fullmatch(line.format(k), text))
        for k, text in zip((1, 7), done.out.splitlines(), strict=True)
    ]
    assert [text.split()[2] for text in genlab_("nats", run, "--n", 2).out.splitlines()] == ["1", "50"]
    for arguments, what in {
        (conditional,): "cannot say how probable an image is: only a VAE can",
        (run, "--k", 0): "--k",
        (run, "--n", 361): "n should be in 2..360, the test images of digits, got 361",
        (run, "--set", "model.prior=fitted"): "prior 'fitted' needs prior_components",
        (run, "--set", "model.beta=2"): "model.beta",
    }.items():
        done = genlab_("nats", *arguments)
        assert done.code == 2
        assert what in done.err
        assert len(done.err.splitlines()) == 1


def test_judge_trains_both_for_own_data_and_keeps_them(genlab_: Genlab, tmp_path: Path) -> None:
    data, out = good_folder(tmp_path / "shapes"), tmp_path / "judges"
    done = genlab_("judge", data, "--steps", 3, "--out", out)
    assert done.code == 0, done.err
    assert "plain judge: 100%" in done.err
    cards = json.loads((out / "judges.json").read_text())
    assert [(card["kind"], card["steps"], card["num_classes"]) for card in cards] == [
        ("plain", 3, 3),
        ("residual", 3, 3),
    ]
    files = {card["file"] for card in cards}
    assert {path.name for path in out.iterdir()} == {"judges.json", *files}
    lines = done.out.splitlines()[-4:]  # three steps teach nothing, and that is said
    assert [line.startswith("Warning: the ") for line in lines] == [False, True, False, True]
    for card, line in zip(cards, lines[::2], strict=True):
        assert re.fullmatch(rf"{card['file']}: right on {card['accuracy']:.2%} of the \d+ test images", line)
    before = {path: path.read_bytes() for path in out.iterdir()}
    assert genlab_("judge", data, "--steps", 3, "--out", out, "--kind", "residual").code == 0
    assert {path: path.read_bytes() for path in out.iterdir()} == before  # the seed decides all


def test_compare_takes_finished_runs(
    genlab_: Genlab, run: Path, conditional: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("genlab.evaluation.measure.judges_for", lambda *_, **__: glances())
    done = genlab_("compare", run, conditional, "--n", 80, "--out", tmp_path / "out")
    assert done.code == 0, done.err
    last = f"Wrote comparison.md, comparison.json and comparison.png to {tmp_path / 'out'}."
    assert done.out.splitlines()[-1] == last
    assert "\nQuality, by the plain judge\nmodel " in done.out
    assert "\nOrder, best first\n" in done.out
    text = (tmp_path / "out" / "comparison.md").read_text("utf-8")
    assert "| run | " in text
    assert "| conditional | " in text


def test_ctrl_c_in_a_bench_says_what_is_kept_and_how_to_go_on(
    genlab_: Genlab, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stop(out: Path, **_: object) -> None:
        if out.name == "begun":
            out.mkdir()
            (out / "bench.json").write_text("{}")
        raise KeyboardInterrupt

    monkeypatch.setattr("genlab.commands.fair.train_and_compare", stop)
    out = tmp_path / "begun"
    done = genlab_("compare", "--seconds", 1, "--out", out)
    assert (done.code, done.out) == (130, "")
    line = f"genlab: stopped; all that was trained and measured is kept in {out}: the same command goes on\n"
    assert done.err == line
    done = genlab_("compare", "--seconds", 1, "--out", tmp_path / "nothing")
    assert (done.code, done.err) == (130, "genlab: stopped\n")


# --- what a user can mend: one line, status 2 -------------------------------------------------


def one_line(done: Result) -> str:
    assert done.code == 2, done
    assert "Traceback" not in done.out + done.err
    [line] = [line for line in done.err.split("\n") if line and "\r" not in line]  # a bar has returns
    assert line.startswith("genlab: ")
    return line


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        (["--config", "vea"], "unknown config 'vea': did you mean 'vae'"),
        (["--config", "nowhere.yaml"], "nowhere.yaml cannot be read: No such file"),
        (["--config", "vae", "--dataset", "mnits"], "unknown data set 'mnits': did you mean 'mnist'?"),
        (
            ["--config", "vae", "--data-root", "nowhere"],
            "root names the folder nowhere, which does not exist",
        ),
        (["--config", "vae", "--set", "train.epoch=5"], "unknown key 'train.epoch', did you mean 'epochs'?"),
        (["--config", "vae", "--set", "train.epochs=x"], "train.epochs should be a valid integer"),
        (["--config", "vae", "--set", "train.lr=.nan"], "train.lr should be a finite number"),
        (["--config", "vae", "--set", "train.epochs"], "write it as NAME=VALUE"),
        (["--config", "vae", "--set", "train.epochs=[1"], "not valid YAML"),
        (["--config", "vae", "--set", "model.family=vea"], "did you mean 'vae'?"),
        (["--config", "diffusion", "--set", "model.network.kind=mpl"], "did you mean 'mlp'?"),
        (["--config", "vae", "--dataset", ""], "unknown data set ''"),
    ],
)
def test_wrong_settings(
    options: list[str], complaint: str, genlab_: Genlab, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert complaint in one_line(genlab_("train", "--run", "run", *options))
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        ("model:\n  family: vae\n  latent_dims: 20\n", "my.yaml, line 3: unknown key 'model.latent_dims'"),
        ("model: {family: vae}\nmodel: {family: gan}\n", "my.yaml, line 2: model stands twice"),
        ("", "should hold the sections"),
        ("model: [\n", "not valid YAML"),
        ("\0\1", "does not belong in text"),
        ("model:\n  family: transformer\n", "line 2: unknown 'family' 'transformer'"),
    ],
)
def test_wrong_config_files(content: str, complaint: str, genlab_: Genlab, tmp_path: Path) -> None:
    (tmp_path / "my.yaml").write_text(content)
    for command in (
        ["train", "--run", tmp_path / "run", "--config", tmp_path / "my.yaml"],
        ["config", "show", tmp_path / "my.yaml"],
    ):
        assert complaint in one_line(genlab_(*command))


def test_a_run_folder_that_is_taken(genlab_: Genlab, run: Path) -> None:
    before = {path: path.read_bytes() for path in run.rglob("*") if path.is_file()}
    line = one_line(genlab_("train", "--config", "vae", "--dataset", "digits", "--run", run, *SMALL))
    assert "exists already: name another folder" in line
    assert {path: path.read_bytes() for path in run.rglob("*") if path.is_file()} == before


def test_a_loss_that_is_not_finite(genlab_: Genlab, tmp_path: Path) -> None:
    options = [
        "--dataset",
        "digits",
        "--set",
        "train.lr=1e30",
        "--set",
        "train.epochs=1",
        "--set",
        "model.network.hidden_dim=16",
    ]
    done = genlab_("train", "--config", "vae", "--run", tmp_path / "run", *options)
    assert done.code == 2
    assert re.search(
        r"^genlab: the loss of the autoencoder became (nan|inf) in step \d+: lower train\.lr", done.err, re.M
    )
    assert "Traceback" not in done.err


def test_damaged_data(genlab_: Genlab, mnist_root: Path, tmp_path: Path) -> None:
    file = mnist_root / "MNIST" / "raw" / "train-images-idx3-ubyte"
    file.write_bytes(file.read_bytes()[:-1])
    assert "is not the published file" in one_line(genlab_("data", "mnist", "--root", mnist_root))
    assert "is not the published file" in one_line(
        genlab_(
            "train",
            "--config",
            "vae",
            "--dataset",
            "auto",
            "--data-root",
            mnist_root,
            "--run",
            tmp_path / "r",
        )
    )
    file.unlink()
    assert "is missing" in one_line(genlab_("data", "mnist", "--root", mnist_root))


def test_unknown_and_unreachable_data(
    genlab_: Genlab, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert genlab_("data", "digits", "--root", "nowhere").code == 0  # they come with scikit-learn
    assert "unknown data set 'cifar'" in one_line(genlab_("data", "cifar"))
    monkeypatch.setenv("GENLAB_DATA", str(tmp_path / "nowhere"))
    assert "$GENLAB_DATA names the folder" in one_line(genlab_("data", "mnist"))
    monkeypatch.setenv("GENLAB_DATA", str(tmp_path))
    monkeypatch.setattr("genlab.data.published._run_download", lambda *_: "the download failed (no network?)")
    assert "or use the data set 'digits'" in one_line(genlab_("data", "mnist"))
    done = genlab_("data")
    assert done.code == 0
    assert "MNIST is not on disk and the download failed" in done.out


def test_what_sample_refuses(genlab_: Genlab, run: Path, conditional: Path, tmp_path: Path) -> None:
    out = tmp_path / "x.npy"
    assert "there is no run" in one_line(genlab_("sample", tmp_path / "nowhere", "--out", out))
    assert "is not a run folder" in one_line(genlab_("sample", tmp_path, "--out", out))
    assert "should end in .npy or .png" in one_line(genlab_("sample", run, "--out", tmp_path / "x.jpg"))
    assert "there is no folder" in one_line(genlab_("sample", run, "--out", tmp_path / "nowhere" / "x.npy"))
    (tmp_path / "folder.npy").mkdir()
    assert "cannot write" in one_line(genlab_("sample", run, "--out", tmp_path / "folder.npy"))
    assert "this model is unconditional" in one_line(genlab_("sample", run, "--label", 3, "--out", out))
    line = one_line(genlab_("sample", conditional, "--label", 10, "--n", 1000, "--out", out))
    assert line == "genlab: labels should be in 0..9, got 10"
    assert "has no best checkpoint" in one_line(genlab_("sample", run, "--best", "--out", out))
    [weights] = (run / CHECKPOINTS).glob(f"*/{NETWORKS}")
    weights.write_bytes(weights.read_bytes()[:100])
    assert "is damaged" in one_line(genlab_("sample", run, "--out", out))
    weights.unlink()
    assert "cannot be read" in one_line(genlab_("sample", run, "--out", out))
    (run / "config.yaml").write_text("model: 5\n")
    assert "model should be a section" in one_line(genlab_("sample", run, "--out", out))
    assert not out.exists()


def test_what_compare_and_judge_refuse(genlab_: Genlab, run: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    line = one_line(genlab_("compare", "--out", out))
    assert line == "genlab: name finished runs, or say how long to train each family: --seconds 120"
    line = one_line(genlab_("compare", run, "--config", "vae", "--out", out))
    assert line.startswith("genlab: --config is trained with --seconds")
    assert "there is no run" in one_line(genlab_("compare", tmp_path / "nowhere", "--out", out))
    line = one_line(genlab_("compare", "--seconds", 1, "--dataset", "digist", "--out", out))
    assert "did you mean 'digits'?" in line
    line = one_line(
        genlab_("compare", "--seconds", 1, "--dataset", "digits", "--config", "vea", "--out", out)
    )
    assert "unknown config 'vea': did you mean 'vae'" in line
    assert "did you mean 'plain'?" in one_line(genlab_("judge", "digits", "--kind", "plane"))
    assert "unknown data set 'digist'" in one_line(genlab_("judge", "digist"))
    assert not out.exists()


@pytest.mark.parametrize(
    ("call", "complaint", "command"),
    [
        ("evaluate", "target", "evaluate"),
        ("evaluate run --n 0", "--n", "evaluate"),
        ("compare run", "--out", "compare"),
        ("compare --out x --seconds 0", "--seconds", "compare"),
        ("compare --out x --seeds 0", "--seeds", "compare"),
        ("judge", "dataset", "judge"),
        ("judge digits --steps 0", "--steps", "judge"),
        ("train --config vae", "--run", "train"),
        ("train --config vae --run", "--run", None),  # click forgets whose option lacks its value
        ("train --config vae --rnu x", "--rnu", "train"),
        ("sample run", "--out", "sample"),
        ("sample --out x.npy", "run", "sample"),
        ("sample run --out x.npy --n 0", "--n", "sample"),
        ("sample run --out x.npy --n many", "--n", "sample"),
        ("sample run --out x.npy --seed -1", "--seed", "sample"),
        ("sample run --out x.npy --seed 18446744073709551616", "--seed", "sample"),
        ("sample run --out x.npy --label 18446744073709551616", "--label", "sample"),
        ("data mnist extra", "extra", "data"),
        ("trian", "trian", ""),
        ("--nope", "--nope", ""),
        ("config shwo vae", "shwo", "config"),
        ("config show", "name", "config show"),
        ("config show vae --st train.epochs=5", "--st", "config show"),
    ],
)
def test_a_wrong_call_gets_one_line_and_a_hint(
    call: str,
    complaint: str,
    command: str | None,
    genlab_: Genlab,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    line = one_line(genlab_(*call.split()))
    assert complaint in line.lower()
    if command is not None:
        assert line.endswith(f"(see {f'genlab {command}'.strip()} --help)")


@pytest.mark.parametrize("call", ["", "config", "--help", "config --help"])
def test_help_has_an_example(call: str, genlab_: Genlab) -> None:
    done = genlab_(*call.split())
    assert (done.code, done.err) == (0, "")
    assert done.out.startswith("Usage: genlab ")
    assert "Example: genlab " in done.out


def test_every_command_has_an_example(genlab_: Genlab) -> None:
    listed = genlab_("--help").out.split("Commands:\n")[1]
    words = re.findall(r"^  ([a-z]+)  ", listed, re.M)
    assert {"train", "sample", "data", "config", "evaluate", "compare", "judge"} <= set(words)
    for word in words:
        assert f"Example: genlab {word}" in genlab_(word, "--help").out
    for word in ("list", "show"):
        assert f"Example: genlab config {word}" in genlab_("config", word, "--help").out


def test_arguments_may_be_given_to_main(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stop:
        genlab.cli.main(["config", "list"])
    assert stop.value.code == 0
    assert capsys.readouterr().out.split() == config_names()


def test_config_show_explains_every_setting(genlab_: Genlab, tmp_path: Path) -> None:
    done = genlab_("config", "show", "vae")
    assert re.search(r"^  lr: 0\.0005 +# Adam's learning rate \(> 0\)$", done.out, re.M)
    assert re.search(r"^  family: vae +# vae, gan or diffusion$", done.out, re.M)
    assert re.search(r"^  seed: 0 +# decides", done.out, re.M)  # not in the file


def test_config_show_takes_overrides(genlab_: Genlab, tmp_path: Path) -> None:
    done = genlab_(
        "config", "show", "diffusion", "--set", "train.epochs=7", "--set", "train.mixed_precision=no"
    )
    assert re.search(r"^  epochs: 7 +# passes over the training images", done.out, re.M)
    (tmp_path / "shown.yaml").write_text(done.out)
    assert load_config(tmp_path / "shown.yaml") == load_config("diffusion", {"train.epochs": 7})
    line = one_line(genlab_("config", "show", "vae", "--set", "train.epoch=7"))
    assert "unknown key 'train.epoch', did you mean 'epochs'?" in line


def test_a_message_is_one_line_that_a_person_can_read(
    genlab_: Genlab, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "my\n.yaml").write_text("5")
    assert "/my\\n.yaml should hold" in one_line(genlab_("config", "show", tmp_path / "my\n.yaml"))
    line = one_line(genlab_("config", "show", "x" * 5000))
    assert len(line) < 400
    assert line.startswith("genlab: unknown config 'xxx")
    assert line.endswith("(or name a .yaml file)")


def test_ctrl_c_anywhere_is_one_line(genlab_: Genlab, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt() -> list[str]:
        raise KeyboardInterrupt

    monkeypatch.setattr("genlab.zoo.config_names", interrupt)
    done = genlab_("config", "list")
    assert (done.code, done.out, done.err) == (130, "", "genlab: stopped\n")


def test_the_package_shows_its_verbs() -> None:
    assert {"fit", "sample", "load_pretrained"} <= set(dir(genlab))
    assert all(callable(getattr(genlab, name)) for name in dir(genlab))


# --- as a program -----------------------------------------------------------------------------


def program(*arguments: str, cwd: Path, **variables: str) -> Result:
    environment = {k: v for k, v in os.environ.items() if not k.startswith("GENLAB_")} | variables
    done = subprocess.run(
        [sys.executable, "-m", "genlab", *arguments],
        cwd=cwd,
        env=environment,
        capture_output=True,
        text=True,
        timeout=120,
    )
    return Result(done.returncode, done.stdout, done.stderr)


def test_the_program_samples(run: Path) -> None:
    done = program("sample", ".", "--n", "2", "--out", "x.npy", cwd=run)
    assert done.code == 0, done.err
    assert np.load(run / "x.npy").shape == (2, 28, 28)


def test_the_program_says_what_is_wrong_in_one_line(tmp_path: Path) -> None:
    done = program("data", "mnist", cwd=tmp_path, GENLAB_DATA=str(tmp_path / "nowhere"))
    assert one_line(done).startswith("genlab: $GENLAB_DATA names the folder")
    assert done.out == ""


def test_a_reader_who_has_seen_enough_gets_no_traceback(tmp_path: Path) -> None:
    read, write = os.pipe()
    os.close(read)
    done = subprocess.run(
        [sys.executable, "-m", "genlab", "config", "show", "vae"],
        cwd=tmp_path,
        stdout=write,
        stderr=subprocess.PIPE,
        text=True,
        timeout=120,
    )
    os.close(write)
    assert done.stderr == ""


def test_help_needs_no_torch(tmp_path: Path) -> None:
    """Asking what there is must not cost the seconds that importing torch takes."""
    code = (
        "import sys; sys.argv = ['genlab', '--help']; import genlab.cli\n"
        "try: genlab.cli.main()\n"
        "finally: assert 'torch' not in sys.modules"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    for command in ("train", "sample", "data", "config"):
        assert command in done.stdout
