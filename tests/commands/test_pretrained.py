"""Export a run and use the copy; what ships is what its hashes say, whole, small, and drawn from by name."""

import json
import shlex
from pathlib import Path

import pytest
import torch
import yaml
from safetensors.torch import load_file
from typer.testing import CliRunner

from genlab.cli import app
from genlab.commands.evaluate import known_report
from genlab.commands.export import export, thinned
from genlab.commands.find import SHIPPED_MODELS, find_run
from genlab.commands.pretrained import (
    fair_bench,
    fair_measured,
    load_pretrained,
    origin,
    pretrained_names,
)
from genlab.commands.sample import load, sample
from genlab.commands.train import fit, resume
from genlab.data import Dataset, load_dataset
from genlab.errors import GenlabError
from genlab.evaluation.judges.files import SHIPPED as JUDGES
from genlab.evaluation.judges.files import read_cards, read_judge
from genlab.files import size_in_bytes
from genlab.runs.checkpoint import AVERAGED, NETWORKS
from genlab.runs.folder import SUMMARY, read_metrics
from genlab.training.loop import Step
from genlab.zoo import load_config
from tests.commands.conftest import NARROW, contents, drawn

SETTINGS: dict[str, dict[str, object]] = {"vae": NARROW, "gan": NARROW | {"train.ema_decay": 0.9}}
SIX = [f"{family}-{data}" for family in ("diffusion", "gan", "vae") for data in ("fashion_mnist", "mnist")]
NAMES = sorted([*SIX, "diffusion-mnist-1step"])


@pytest.fixture(params=["vae", "gan"])
def run(request: pytest.FixtureRequest, dataset: Dataset, tmp_path: Path) -> Path:
    """A finished run, without and with averaged weights."""
    config = load_config(request.param, SETTINGS[request.param] | {"train.batch_size": 8, "train.epochs": 2})
    fit(config, dataset, tmp_path / "run")
    return tmp_path / "run"


def weights_file(folder: Path) -> Path:
    (file,) = folder.rglob("*.safetensors")
    return file


# --- export ---------------------------------------------------------------------------------------


def test_in_half_the_copy_draws_nearly_the_same_in_single_precision(run: Path, tmp_path: Path) -> None:
    folder = export(run, tmp_path / "copy")
    half = load_file(weights_file(folder))
    assert all(t.dtype == torch.float16 for t in half.values() if t.is_floating_point())
    family = load(folder)
    assert all(p.dtype == torch.float32 for p in family.networks.parameters())
    torch.testing.assert_close(drawn(family), drawn(load(run)), atol=5e-3, rtol=0)
    assert size_in_bytes(folder) < size_in_bytes(run) / 2
    for name, tensor in family.networks.state_dict().items():
        assert torch.equal(tensor, half[name].to(tensor.dtype))


def test_the_copy_has_one_set_of_weights_and_says_so(run: Path, tmp_path: Path) -> None:
    folder = export(run, tmp_path / "copy", command="genlab train ...")
    averaged = any(path.name == AVERAGED for path in run.rglob("*"))
    assert weights_file(folder).name == (AVERAGED if averaged else NETWORKS)
    if averaged:
        with pytest.raises(GenlabError, match="exported with averaged weights alone"):
            load(folder, averaged=False)
    summary = json.loads((folder / SUMMARY).read_text())
    assert summary["command"] == "genlab train ..."
    assert not {"source", "data_root"} & set(summary)


def test_the_copy_has_a_history_and_is_not_resumed(run: Path, tmp_path: Path) -> None:
    folder = export(run, tmp_path / "copy")
    before = contents(folder)
    with pytest.raises(GenlabError, match=r"copy was exported: .* cannot be resumed; train a new run"):
        resume(folder)
    assert contents(folder) == before  # no lock is left there
    assert [step.step for step in read_metrics(folder)] == [step.step for step in read_metrics(run)]


def test_what_cannot_be_exported_is_refused_and_leaves_nothing(run: Path, tmp_path: Path) -> None:
    folder = export(run, tmp_path / "copy")
    with pytest.raises(GenlabError, match=r"copy exists already: name another folder, or delete it$"):
        export(run, folder)
    summary = json.loads((run / SUMMARY).read_text())
    (run / SUMMARY).write_text(json.dumps(summary | {"finished": False}))
    with pytest.raises(GenlabError, match=r"run is not finished: genlab resume"):
        export(run, tmp_path / "other")
    assert not (tmp_path / "other").exists()


def test_a_weight_too_large_for_half_is_refused(dataset: Dataset, tmp_path: Path) -> None:
    config = load_config("vae", NARROW | {"train.batch_size": 8, "train.max_steps": 1, "train.lr": 1e6})
    fit(config, dataset, tmp_path / "run")
    with pytest.raises(GenlabError, match="does not fit into half precision: export it in full"):
        export(tmp_path / "run", tmp_path / "copy")
    assert not (tmp_path / "copy").exists()
    export(tmp_path / "run", tmp_path / "copy", half=False)


@pytest.mark.parametrize(("steps", "most"), [(0, 5), (3, 5), (5, 5), (1000, 7)])
def test_a_thinned_history_keeps_the_mean_and_the_end(steps: int, most: int) -> None:
    history = [Step(i + 1, i / 100, {"loss": float(i % 2)}, i / 10) for i in range(steps)]
    lines = [json.loads(line) for line in thinned(history, most)]
    assert len(lines) == min(steps, most)
    if lines:
        assert (lines[-1]["step"], lines[-1]["seconds"]) == (steps, (steps - 1) / 10)
        means = [line["loss"] for line in lines]
        alone = [float(i % 2) for i in range(steps)]  # where no two steps share a line
        assert means == pytest.approx(alone if steps <= most else [0.5] * most, abs=0.01)


def test_a_thinned_history_keeps_losses_that_are_not_in_every_step() -> None:
    seen = {0: 8.0, 4: 2.0, 5: 4.0, 9: 1.0}  # validation losses are logged at checkpoints
    history = [
        Step(i + 1, 0.0, {"kl": 1.0} | ({"validation/kl": seen[i]} if i in seen else {}), 0.0)
        for i in range(12)
    ]
    lines = [json.loads(line) for line in thinned(history, 3)]  # steps 1 to 4, 5 to 8, 9 to 12
    assert [line["validation/kl"] for line in lines] == [8, 3, 1]
    assert [line["kl"] for line in lines] == [1, 1, 1]
    assert all("validation/kl" not in json.loads(line) for line in thinned(history[1:4], 3))


def test_the_command_line_exports(run: Path, tmp_path: Path) -> None:
    result = CliRunner().invoke(app, ["export", str(run), "--out", str(tmp_path / "copy"), "--full"])
    assert result.exit_code == 0, result.output
    assert f"genlab sample {tmp_path / 'copy'}" in result.output
    assert torch.equal(drawn(load(tmp_path / "copy")), drawn(load(run)))


# --- names ----------------------------------------------------------------------------------------


def test_a_run_of_ones_own_comes_first(run: Path, alone: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shipped = alone / "shipped"
    export(run, shipped / "diffusion-mnist")
    for module in ("find", "pretrained"):
        monkeypatch.setattr(f"genlab.commands.{module}.SHIPPED_MODELS", shipped)
    assert find_run("diffusion-mnist") == shipped / "diffusion-mnist"
    assert origin("diffusion-mnist") == "comes with genlab"
    export(run, alone / "runs" / "diffusion-mnist")
    assert find_run("diffusion-mnist") == Path("runs/diffusion-mnist")
    assert origin("diffusion-mnist") == "a run of your own"
    with pytest.raises(GenlabError, match="there is no run 'difusion-mnist': did you mean 'diffusion-mnist'"):
        find_run("difusion-mnist")


def test_what_does_not_ship_is_refused_with_the_near_one() -> None:
    with pytest.raises(GenlabError, match="no model 'difusion-mnist' comes with genlab: did you mean"):
        load_pretrained("difusion-mnist")
    with pytest.raises(GenlabError, match=r"no fair bench of 'mnits' .*: did you mean 'mnist'"):
        fair_bench("mnits")
    with pytest.raises(GenlabError, match=r"exported.*'best'"):
        load("vae-mnist", "best")


# --- what ships -----------------------------------------------------------------------------------


def test_all_ship_and_take_no_more_than_25_megabytes() -> None:
    assert pretrained_names() == NAMES
    assert size_in_bytes(SHIPPED_MODELS) < 25_000_000


@pytest.mark.parametrize("name", NAMES)
def test_each_draws_every_class_it_is_asked_for(name: str) -> None:
    """Seen through the first judge of its data, which comes with the package too."""
    labels = torch.arange(40) % 10
    images = load_pretrained(name).sample(40, labels=labels, generator=torch.Generator().manual_seed(0))
    (card,) = (c for c in read_cards(JUDGES) if c.kind == "plain" and c.dataset == name.split("-")[1])
    judge = read_judge(JUDGES, card)
    with torch.no_grad():
        answers = judge(2 * images - 1).argmax(1)
    assert (answers == labels).float().mean() > 0.7


@pytest.mark.parametrize("name", NAMES)
def test_each_has_a_report_and_the_command_that_made_it(name: str) -> None:
    """Whoever runs the command trains this model."""
    folder, (family, data, *_) = SHIPPED_MODELS / name, name.split("-")
    report, summary = known_report(folder), json.loads((folder / SUMMARY).read_text())
    assert report is not None
    assert (report.n, report.dataset) == (10_000, data)
    assert (folder / "samples.png").read_bytes().startswith(b"\x89PNG")
    assert not {"source", "data_root"} & set(summary)
    words = shlex.split(summary["command"])
    config = f"pretrained-{family}" if name in SIX else "diffusion-1step"
    assert words[:6] == ["genlab", "train", "--config", config, "--dataset", data]
    settings = [words[i + 1].partition("=") for i, word in enumerate(words) if word == "--set"]
    given = {key: yaml.safe_load(value) for key, _, value in settings}
    assert load_config(folder / "config.yaml") == load_config(words[3], {"train.dataset": data} | given)


def test_the_names_work_as_runs_do(alone: Path) -> None:
    images = sample("gan-mnist", 4, label=3)
    generator = torch.Generator().manual_seed(0)
    expected = load_pretrained("gan-mnist").sample(4, labels=torch.full((4,), 3), generator=generator)
    assert torch.equal(images, expected)
    result = CliRunner().invoke(app, ["pretrained"])
    assert result.exit_code == 0, result.output
    assert [line.split()[0] for line in result.output.splitlines()[1:]] == NAMES


@pytest.mark.parametrize("name", ["mnist", "fashion_mnist"])
def test_what_ships_was_trained_on_the_published_images(name: str, real_data: Path) -> None:
    fingerprint = load_dataset(name, "train", real_data).fingerprint
    for each in (f"{family}-{name}" for family in ("vae", "gan", "diffusion")):
        assert json.loads((SHIPPED_MODELS / each / SUMMARY).read_text())["fingerprint"] == fingerprint


@pytest.mark.parametrize("name", ["mnist", "fashion_mnist"])
def test_the_fair_bench_ships_with_every_family_and_its_seeds(name: str) -> None:
    real, *rows = fair_bench(name)
    assert real.figure(("frechet_ratio", "plain")).value == 1  # type: ignore[union-attr]
    reports = {row.name: row.reports for row in rows}
    for family in ("vae", "gan", "diffusion"):
        assert len(reports[f"fair-{family}"]) == 3
        assert all(report.dataset == name for report in reports[f"fair-{family}"])
    for each in fair_measured(name):  # and the curves are of the same runs
        assert each.report in reports[each.model]
        if each.model in ("fair-vae", "fair-gan", "fair-diffusion"):
            seconds = [point.seconds for point in each.training]
            assert seconds == sorted(seconds)
            assert {point.model for point in [*each.training, *each.sampling]} == {each.model}
