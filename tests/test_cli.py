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
import typer
from accelerate.commands.launch import launch_command_parser
from numpy.typing import NDArray
from PIL import Image
from torch.distributed.run import get_args_parser

import genlab.cli
from genlab.commands.train import fit
from genlab.data import Dataset
from genlab.evaluation.judges.networks import JUDGES
from genlab.runs.folder import SHEET, read_metrics
from genlab.zoo import config_names, load_config
from tests.cases.bad_folders import good_folder
from tests.commands.conftest import NARROW, after_step, contents
from tests.evaluation.conftest import glances

SMALL = ["--dataset", "digits", "--set", "model.network.hidden_dim=16", "--set", "train.max_steps=2"]


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


def one_line(done: Result) -> str:
    """What it refuses something with."""
    assert done.code == 2, done
    assert "Traceback" not in done.out + done.err
    [line] = [line for line in done.err.split("\n") if line and "\r" not in line]  # a bar has returns
    assert line.startswith("genlab: ")
    return line


@pytest.fixture
def run(dataset: Dataset, tmp_path: Path) -> Path:
    """The folder of a tiny unconditional model."""
    fit(load_config("vae", NARROW | {"train.max_steps": 1}), dataset, tmp_path / "run")
    return tmp_path / "run"


@pytest.fixture
def conditional(dataset: Dataset, tmp_path: Path) -> Path:
    """The folder of a tiny class-conditional model."""
    config = load_config("gan", NARROW | {"model.num_classes": 10, "train.max_steps": 1})
    fit(config, dataset, tmp_path / "conditional")
    return tmp_path / "conditional"


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The test's folder is the current one."""
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def quick_judges(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("genlab.evaluation.measure.judges_for", lambda *_, **__: glances())


# --- what it does -----------------------------------------------------------------------------


def test_train_leaves_a_run_that_sample_draws_from(genlab_: Genlab, tmp_path: Path) -> None:
    folder = tmp_path / "runs" / "mine"
    done = genlab_("train", "--config", "vae", "--run", folder, *SMALL)
    assert done.code == 0, done.err
    assert "digits (train): 1,437 images" in done.out
    assert f"Done: {folder / SHEET}" in done.out
    assert "2/2" in done.err  # the progress bar
    assert (folder / SHEET).is_file()
    assert load_config(folder / "config.yaml").train.dataset == "digits"

    done = genlab_("sample", folder, "--n", 3, "--out", tmp_path / "x.npy")
    assert done.code == 0, done.err
    assert np.load(tmp_path / "x.npy").shape == (3, 28, 28)


def test_train_takes_a_path_and_the_datas_folder(genlab_: Genlab, mnist_root: Path, here: None) -> None:
    Path("my.yaml").write_text("model: {family: gan}\ntrain: {dataset: mnist, batch_size: 4, epochs: 1}\n")
    done = genlab_("train", "--config", "my.yaml", "--run", "run", "--data-root", mnist_root)
    assert done.code == 0, done.err
    assert "mnist (train): 12 images" in done.out
    assert len(list(read_metrics(Path("run")))) == 3


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
    assert 0 <= first.min() <= first.max() <= 1
    drawn("b.npy", "--n", 501, "--seed", 3)
    assert (tmp_path / "a.npy").read_bytes() == (tmp_path / "b.npy").read_bytes()
    assert not np.array_equal(first, drawn("c.npy", "--n", 501, "--seed", 4))
    assert np.array_equal(drawn("d.npy"), drawn("e.npy", "--n", 100, "--seed", 0))


def test_set_changes_how_a_diffusion_model_is_sampled(
    genlab_: Genlab, dataset: Dataset, tmp_path: Path, quick_judges: None
) -> None:
    folder = tmp_path / "run"
    fit(load_config("diffusion-mlp", NARROW | {"train.max_steps": 1}), dataset, folder)
    few = ("--n", 80, "--set", "model.num_inference_steps=1", "--set", "model.sampler=dpm_solver_pp")
    done = genlab_("sample", folder, "--out", tmp_path / "x.npy", *few)
    assert done.out == f"Wrote 80 images to {tmp_path / 'x.npy'}.\n"
    done = genlab_("evaluate", folder, *few)
    assert "run, num_inference_steps 1, sampler dpm_solver_pp" in done.out
    line = one_line(genlab_("sample", folder, "--out", tmp_path / "y.npy", "--set", "train.lr=1"))
    assert "train.lr is no setting of sampling: choose from model.sampler, " in line


def test_one_class_for_all_on_a_sheet(genlab_: Genlab, conditional: Path, tmp_path: Path) -> None:
    files = [tmp_path / f"{label}.png" for label in (3, 4)]
    for file in files:
        assert genlab_("sample", conditional, "--label", file.stem, "--n", 16, "--out", file).code == 0
    assert Image.open(files[0]).size == (596, 116)
    assert files[0].read_bytes() != files[1].read_bytes()


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
    shown = genlab_("config", "show", "vae", "--set", "train.epochs=7").out
    assert re.search(r"^  epochs: 7 +# passes over the training images", shown, re.M)
    assert re.search(r"^  seed: 0 +# decides", shown, re.M)  # not in the file


def test_ctrl_c_saves_and_resume_goes_on(genlab_: Genlab, tmp_path: Path) -> None:
    folder = tmp_path / "run"
    with after_step(1, lambda: os.kill(os.getpid(), signal.SIGINT)):
        done = genlab_("train", "--config", "vae", "--run", folder, *SMALL, "--set", "train.max_steps=3")
    assert done.code == 130
    assert f"step 2 is saved: genlab resume {folder} goes on" in done.out
    assert "Traceback" not in done.err
    done = genlab_("resume", folder, "--set", "train.max_steps=4")
    assert done.code == 0, done.err
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
    line = r"k = {} +-?\d+\.\d\d \+- \d+\.\d\d nats per image, 20 test images\n"
    assert re.fullmatch(line.format(1) + line.format(7), done.out)
    assert [text.split()[2] for text in genlab_("nats", run, "--n", 2).out.splitlines()] == ["1", "50"]
    assert "only a VAE can" in one_line(genlab_("nats", conditional))
    assert "--k" in one_line(genlab_("nats", run, "--k", 0))
    assert "prior_components" in one_line(genlab_("nats", run, "--set", "model.prior=fitted"))


def test_judge_trains_all_for_own_data_and_keeps_them(genlab_: Genlab, tmp_path: Path) -> None:
    data, out = good_folder(tmp_path / "shapes"), tmp_path / "judges"
    done = genlab_("judge", data, "--steps", 3, "--out", out)
    assert done.code == 0, done.err
    assert "plain judge: 100%" in done.err
    cards = json.loads((out / "judges.json").read_text())
    kinds = {card["kind"]: (card["steps"], card["num_classes"]) for card in cards}
    assert kinds == dict.fromkeys(JUDGES, (3, 3))
    before = contents(out)
    assert set(before) == {"judges.json", *(card["file"] for card in cards)}
    for card in cards:  # three steps teach nothing, and that is said
        told = rf"{card['file']}: right on {card['accuracy']:.2%} of the \d+ test images"
        assert re.search(rf"^{told}\nWarning: the {card['kind']} judge is right on ", done.out, re.MULTILINE)
    assert genlab_("judge", data, "--steps", 3, "--out", out, "--kind", "residual").code == 0
    assert contents(out) == before  # the seed decides all


def test_compare_takes_finished_runs(
    genlab_: Genlab, run: Path, conditional: Path, tmp_path: Path, quick_judges: None
) -> None:
    out = tmp_path / "out"
    done = genlab_("compare", run, conditional, "--n", 80, "--out", out)
    assert done.code == 0, done.err
    text, _, last = done.out.rstrip("\n").rpartition("\n")
    assert last == f"Wrote comparison.md, comparison.json and comparison.png to {out}."
    assert "\nQuality, by the plain judge\nmodel " in text
    assert {"comparison.md", "comparison.json", "comparison.png"} == set(contents(out))


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
    assert (done.code, done.out, done.err.count("\n")) == (130, "", 1)
    assert re.match(f"genlab: stopped; .* kept in {out}: the same command goes on", done.err)
    done = genlab_("compare", "--seconds", 1, "--out", tmp_path / "nothing")
    assert (done.code, done.err) == (130, "genlab: stopped\n")


# --- what a user can mend: one line, status 2 -------------------------------------------------


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        ("--config vea", "unknown config 'vea': did you mean 'vae'"),
        ("--config nowhere.yaml", "nowhere.yaml cannot be read: No such file"),
        ("--config my.yaml", "my.yaml, line 2: model stands twice"),
        ("--config vae --dataset mnits", "unknown data set 'mnits': did you mean 'mnist'?"),
        ("--config vae --dataset=", "unknown data set ''"),
        ("--config vae --data-root nowhere", "root names the folder nowhere, which does not exist"),
        ("--config vae --set train.epoch=5", "unknown key 'train.epoch', did you mean 'epochs'?"),
        ("--config vae --set train.epochs", "write it as NAME=VALUE"),
        ("--config diffusion --set model.network.kind=mpl", "did you mean 'mlp'?"),
    ],
)
def test_wrong_settings(options: str, complaint: str, genlab_: Genlab, here: None) -> None:
    Path("my.yaml").write_text("model: {family: vae}\nmodel: {family: gan}\n")
    assert complaint in one_line(genlab_("train", "--run", "run", *options.split()))
    assert not Path("run").exists()


def test_data_that_is_damaged_unknown_or_out_of_reach(
    genlab_: Genlab, mnist_root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = mnist_root / "MNIST" / "raw" / "train-images-idx3-ubyte"
    file.write_bytes(file.read_bytes()[:-1])
    damaged = ("--data-root", mnist_root, "--dataset", "auto", "--config", "vae", "--run", tmp_path / "r")
    assert "is not the published file" in one_line(genlab_("data", "mnist", "--root", mnist_root))
    assert "is not the published file" in one_line(genlab_("train", *damaged))
    assert genlab_("data", "digits", "--root", "nowhere").code == 0  # they come with scikit-learn
    assert "unknown data set 'cifar'" in one_line(genlab_("data", "cifar"))
    monkeypatch.setenv("GENLAB_DATA", str(tmp_path))
    monkeypatch.setattr("genlab.data.published._run_download", lambda *_: "the download failed (no network?)")
    assert "or use the data set 'digits'" in one_line(genlab_("data", "mnist"))
    done = genlab_("data")
    assert done.code == 0
    assert "MNIST is not on disk and the download failed" in done.out


def test_what_sample_refuses(genlab_: Genlab, run: Path, conditional: Path, here: None) -> None:
    Path("folder.npy").mkdir()
    for call, complaint in {
        "nowhere --out x.npy": "there is no run",
        ". --out x.npy": "is not a run folder",
        "run --out x.jpg": "should end in .npy or .png",
        "run --out nowhere/x.npy": "there is no folder",
        "run --out folder.npy": "cannot write",
        "run --out x.npy --label 3": "this model is unconditional",
        "conditional --out x.npy --label 10 --n 1000": "labels should be in 0..9, got 10",
        "run --out x.npy --best": "has no best checkpoint",
    }.items():
        assert complaint in one_line(genlab_("sample", *call.split()))
    assert not Path("x.npy").exists()


def test_what_compare_and_judge_refuse(genlab_: Genlab, run: Path, here: None) -> None:
    for call, complaint in {
        "compare --out out": "name finished runs, or say how long to train each family: --seconds 600",
        "compare run --config vae --out out": "--config is trained with --seconds",
        "compare nowhere --out out": "there is no run",
        "compare --seconds 1 --dataset digist --out out": "did you mean 'digits'?",
        "compare --seconds 1 --dataset digits --config vea --out out": "did you mean 'vae'",
        "judge digits --kind plane": "did you mean 'plain'?",
        "judge digist": "unknown data set 'digist'",
    }.items():
        assert complaint in one_line(genlab_(*call.split()))
    assert not Path("out").exists()


@pytest.mark.parametrize(
    ("call", "complaint", "command"),
    [
        ("evaluate", "target", "evaluate"),
        ("compare run", "--out", "compare"),
        ("compare --out x --seconds 0", "--seconds", "compare"),
        ("train --config vae", "--run", "train"),
        ("train --config vae --run", "--run", None),  # click forgets whose option lacks its value
        ("train --config vae --rnu x", "--rnu", "train"),
        ("sample run", "--out", "sample"),
        ("sample --out x.npy", "run", "sample"),
        ("sample run --out x.npy --n 0", "--n", "sample"),
        ("sample run --out x.npy --n many", "--n", "sample"),
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
    call: str, complaint: str, command: str | None, genlab_: Genlab
) -> None:
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


def test_a_message_is_one_line_that_a_person_can_read(genlab_: Genlab, tmp_path: Path) -> None:
    (tmp_path / "my\n.yaml").write_text("5")
    assert "/my\\n.yaml should hold" in one_line(genlab_("config", "show", tmp_path / "my\n.yaml"))
    line = one_line(genlab_("config", "show", "x" * 5000))
    assert len(line) < 400
    assert re.match(r"genlab: unknown config 'xxx.* \(or name a \.yaml file\)$", line)


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


def test_the_program_says_what_is_wrong_in_one_line(tmp_path: Path) -> None:
    words = [sys.executable, "-m", "genlab", "data", "mnist"]
    variables = os.environ | {"GENLAB_DATA": str(tmp_path / "nowhere")}
    done = subprocess.run(words, env=variables, capture_output=True, text=True, timeout=120)
    assert done.stdout == ""
    assert "$GENLAB_DATA names the folder" in one_line(Result(done.returncode, done.stdout, done.stderr))


def test_a_reader_who_has_seen_enough_gets_no_traceback() -> None:
    read, write = os.pipe()
    os.close(read)
    words = [sys.executable, "-m", "genlab", "config", "show", "vae"]
    done = subprocess.run(words, stdout=write, stderr=subprocess.PIPE, text=True, timeout=120)
    os.close(write)
    assert done.stderr == ""


def test_help_needs_no_torch() -> None:
    """Asking what there is must not cost the seconds that importing torch takes."""
    code = (
        "import sys; sys.argv = ['genlab', '--help']; import genlab.cli\n"
        "try: genlab.cli.main()\n"
        "finally: assert 'torch' not in sys.modules"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    assert "train" in done.stdout


def test_every_option_has_a_name_that_launchers_leave_alone() -> None:
    """They complain of a word that begins two of their own, though it comes after the program's name."""
    theirs = [
        option
        for parser in (get_args_parser(), launch_command_parser())
        if parser.allow_abbrev
        for action in parser._actions
        for option in action.option_strings
    ]
    for name, command in typer.main.get_group(genlab.cli.app).commands.items():
        for option in getattr(command, "params", ()):
            names = [word for word in option.opts if word.startswith("-")]
            clashes = [sum(other.startswith(word) for other in theirs) for word in names]
            assert not names or min(clashes) < 2, f"{name} {names}"
