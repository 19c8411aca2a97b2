"""The fair bench: what it writes, that it goes on where it was stopped, and what it does not mix."""

import json
import shutil
from collections.abc import Callable, Sequence
from itertools import count
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml

import genlab.commands.fair
from genlab.commands.compare import ModelComparison, as_json, as_markdown
from genlab.commands.fair import FAIR_CONFIGS, check_parameters, train_and_compare
from genlab.commands.find import list_runs
from genlab.errors import GenlabError
from genlab.evaluation.judges.files import find_card
from genlab.evaluation.measure import Yardstick
from genlab.family import count_parameters
from genlab.runs.folder import read_metrics
from genlab.training.loop import TrainingDiverged
from genlab.zoo import build, load_config

SECONDS = 0.2
LABELS = [f"{share} of the time" for share in ("5%", "10%", "20%", "50%", "100%")]


@pytest.fixture(autouse=True)
def one_yardstick(yardstick: Yardstick, monkeypatch: pytest.MonkeyPatch) -> None:
    quick_yardstick(monkeypatch, yardstick)


def quick_yardstick(monkeypatch: pytest.MonkeyPatch, yardstick: Yardstick) -> None:
    """One that is made already, by judges of which there are no cards."""
    monkeypatch.setattr(genlab.commands.fair, "make_yardstick", lambda *_, **__: yardstick)
    monkeypatch.setattr(genlab.commands.fair, "find_card", lambda *_: None)


@pytest.fixture(scope="module")
def configs(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """Two tiny VAEs of one size."""
    folder = tmp_path_factory.mktemp("configs")
    return [config(folder, "one", beta=1.0), config(folder, "half", beta=0.5)]


def config(folder: Path, name: str, *, width: int = 8, beta: float = 1.0, **train: object) -> str:
    model = {"family": "vae", "network": {"kind": "mlp", "hidden_dim": width}, "latent_dim": 2, "beta": beta}
    settings = {"model": model, "train": {"epochs": 1000, "batch_size": 64, "lr": 1e-3, **train}}
    (folder / f"{name}.yaml").write_text(yaml.safe_dump(settings))
    return str(folder / f"{name}.yaml")


def bench(out: Path, configs: Sequence[str], **options: Any) -> ModelComparison:
    settings: dict[str, Any] = {"dataset": "digits", "seconds": SECONDS, "seeds": 1, "n": 100}
    return train_and_compare(out, configs=configs, **settings | options)


Bench = tuple[Path, ModelComparison]


@pytest.fixture(scope="module")
def finished(configs: list[str], yardstick: Yardstick, tmp_path_factory: pytest.TempPathFactory) -> Bench:
    """Both with two seeds."""
    out = tmp_path_factory.mktemp("bench") / "out"
    with pytest.MonkeyPatch.context() as patch:
        quick_yardstick(patch, yardstick)
        return out, bench(out, configs, seeds=2)


@pytest.fixture
def mine(finished: Bench, tmp_path: Path) -> Path:
    """A copy of that bench, to go on with or to spoil."""
    return Path(shutil.copytree(finished[0], tmp_path / "mine"))


@pytest.fixture
def no_judging(monkeypatch: pytest.MonkeyPatch) -> None:
    def judge(*_: object, **__: object) -> None:
        raise AssertionError("real images were judged")

    monkeypatch.setattr(genlab.commands.fair, "make_yardstick", judge)


@pytest.fixture
def no_training(monkeypatch: pytest.MonkeyPatch) -> None:
    def train(*_: object) -> None:
        raise AssertionError("something was trained")

    monkeypatch.setattr(genlab.commands.fair, "_train_for", train)


# --- what it does -----------------------------------------------------------------------------


def test_what_a_bench_leaves_behind(finished: Bench) -> None:
    out, comparison = finished
    assert {path.name for path in out.iterdir()} == {"bench.json", "runs", "measured"}
    names = ["half-0", "half-1", "one-0", "one-1"]
    assert sorted(path.name for path in (out / "runs").iterdir()) == names
    assert sorted(path.stem for path in (out / "measured").iterdir()) == names
    assert [(row.name, len(row.reports)) for row in comparison.rows[1:]] == [("one", 2), ("half", 2)]
    assert [measured.model for measured in comparison.measured] == ["one", "half", "one", "half"]  # in turn
    assert {run.dataset for run in list_runs(out / "runs")} == {"digits"}


def test_all_are_trained_alike_and_measured_on_the_way(finished: Bench) -> None:
    out, comparison = finished
    for name in ("one-0", "half-1"):
        seconds = [step.seconds for step in read_metrics(out / "runs" / name)]
        assert seconds[-2] <= SECONDS <= seconds[-1]
    for measured in comparison.measured:
        assert [point.label for point in measured.training] == LABELS
        seconds = [point.seconds for point in measured.training]
        assert seconds == sorted(seconds)
    seeds = [measured.report.seed for measured in comparison.measured if measured.report is not None]
    assert seeds == [0, 0, 1, 1]
    assert [load_config(out / "runs" / f"one-{seed}" / "config.yaml").train.seed for seed in (0, 1)] == [0, 1]


def test_a_second_call_trains_nothing_and_says_the_same(
    mine: Path, finished: Bench, configs: list[str], no_training: None
) -> None:
    again = bench(mine, configs, seeds=2)
    assert as_json(again) == as_json(finished[1])
    assert as_markdown(again) == as_markdown(finished[1])


@pytest.mark.parametrize("step", ["measure_finished", "curve_point", "_keep"])
def test_it_goes_on_where_it_was_stopped(
    step: str, configs: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real, calls = getattr(genlab.commands.fair, step), list[object]()

    def stop(*arguments: object, **options: object) -> object:
        calls.append(arguments)
        if step == "measure_finished" or len(calls) == 2:  # of the others, half way
            raise KeyboardInterrupt
        return real(*arguments, **options)

    with monkeypatch.context() as patch:
        patch.setattr(genlab.commands.fair, step, stop)
        with pytest.raises(KeyboardInterrupt):
            bench(tmp_path / "out", configs[:1])
    [run] = (tmp_path / "out" / "runs").iterdir()
    before = [(s.step, dict(s.losses)) for s in read_metrics(run)]
    [measured] = bench(tmp_path / "out", configs[:1]).measured
    after = [(s.step, dict(s.losses)) for s in read_metrics(run)]
    assert before
    assert after[: len(before)] == before
    assert measured.report is not None
    assert [point.label for point in measured.training] == LABELS
    assert (after == before) is (step == "measure_finished")  # all training was done then


def test_one_more_seed_and_one_more_model_are_added(
    mine: Path, finished: Bench, configs: list[str], tmp_path: Path
) -> None:
    third = config(tmp_path, "third", beta=2.0)
    comparison = bench(mine, [third, *configs], seeds=2, also=[mine / "runs" / "one-0"])
    assert [row.name for row in comparison.rows[1:]] == ["third", "one", "half", "one-0"]
    now, before = ([m for m in c.measured if m.model == "half"] for c in (comparison, finished[1]))
    assert now == before


def test_a_finished_run_of_a_benchs_name_has_a_row_of_its_own(
    mine: Path, configs: list[str], tmp_path: Path
) -> None:
    other = Path(shutil.copytree(mine / "runs" / "half-0", tmp_path / "one"))
    rows = bench(mine, configs, seeds=2, also=[other, other]).rows[1:]
    assert [(row.name, len(row.reports)) for row in rows] == [("one", 2), ("half", 2), (str(other), 1)]


# --- what is refused, and what is not ---------------------------------------------------------


@pytest.mark.parametrize(
    ("edit", "says"),
    [
        (lambda text: text.replace('"digits"', '"mnist"'), "holds a bench with another dataset"),
        (lambda text: text.replace('"seconds": 0.2', '"seconds": 0.3'), "holds a bench with another seconds"),
        (lambda text: text.replace('"n": 100', '"n": 99'), "holds a bench with another n"),
        (lambda text: "[]", "holds a bench with another"),
        (lambda text: text[:-3], r"bench\.json is damaged"),
    ],
)
def test_another_bench_or_a_damaged_one(
    edit: Callable[[str], str], says: str, mine: Path, configs: list[str], no_judging: None
) -> None:
    (mine / "bench.json").write_text(edit((mine / "bench.json").read_text()))
    with pytest.raises(GenlabError, match=says):
        bench(mine, configs, seeds=2)


@pytest.mark.parametrize("content", ["", "[]", "5", "{}", "[" * 100_000, '{"model": "one", "report": {}}'])
def test_a_damaged_measurement(content: str, mine: Path, configs: list[str], no_training: None) -> None:
    (mine / "measured" / "one-0.json").write_text(content)
    with pytest.raises(GenlabError, match=r"one-0.json is damaged: delete it"):
        bench(mine, configs, seeds=2)


def test_a_measurement_that_is_gone_is_made_again_without_training(
    mine: Path, finished: Bench, configs: list[str]
) -> None:
    (mine / "measured" / "one-0.json").unlink()
    before = [step.step for step in read_metrics(mine / "runs" / "one-0")]
    again = bench(mine, configs, seeds=2)
    assert [step.step for step in read_metrics(mine / "runs" / "one-0")] == before
    one, other = (each.rows[1].reports[0].figures["frechet", "plain"] for each in (again, finished[1]))
    assert one.value == pytest.approx(other.value, rel=1e-4)


def test_models_of_different_size(configs: list[str], tmp_path: Path) -> None:
    wide = config(tmp_path, "wide", width=16)
    with pytest.raises(GenlabError, match=r"parameters \(.*one.* 1\d,\d{3}, .*wide"):
        bench(tmp_path / "out", [configs[0], wide])
    assert not (tmp_path / "out").exists()
    check_parameters({"a": 100, "b": 110})
    with pytest.raises(GenlabError, match=r"\(a 100, b 111\)"):
        check_parameters({"a": 100, "b": 111})


def test_the_three_families_of_the_package_are_alike() -> None:
    check_parameters({name: count_parameters(build(load_config(name)).networks) for name in FAIR_CONFIGS})


def test_two_configs_of_one_name(configs: list[str], tmp_path: Path) -> None:
    with pytest.raises(GenlabError, match=r"two configs of one name \(.*one.yaml, .*one.yaml\): rename one"):
        bench(tmp_path / "out", [configs[0], config(tmp_path, "one", beta=3.0)])


def test_a_folder_that_cannot_be_written_to(configs: list[str], tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(GenlabError, match=r"/file \(File exists\)"):
        bench(tmp_path / "file", configs)


def test_images_that_are_refused_become_a_row(
    configs: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
) -> None:
    monkeypatch.setattr("genlab.vae.vae.VAE.sample", lambda _, n, **__: torch.full((n, 1, 28, 28), torch.nan))
    comparison = bench(tmp_path / "out", configs[:1])
    [measured] = comparison.measured
    assert measured.report is None
    assert measured.refused is not None
    assert "not finite numbers" in measured.refused
    assert "| one | refused: " in as_markdown(comparison)
    request.getfixturevalue("no_training")
    assert as_json(bench(tmp_path / "out", configs[:1])) == as_json(comparison)


def test_a_model_that_diverges_becomes_a_row(
    configs: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = genlab.commands.fair._train_for

    def train(seconds: float, name: str, *others: Any) -> object:
        if "half" in name and seconds > 0.3 * SECONDS:
            raise TrainingDiverged("the loss became nan")
        return real(seconds, name, *others)

    monkeypatch.setattr(genlab.commands.fair, "_train_for", train)
    comparison = bench(tmp_path / "out", configs)
    rows = [(row.name, len(row.reports), row.refused) for row in comparison.rows[1:]]
    assert rows == [("one", 1, []), ("half", 0, ["the loss became nan"])]
    kept = json.loads((tmp_path / "out" / "measured" / "half-0.json").read_text())
    assert [point["label"] for point in kept["training"]] == [
        "5% of the time",
        "10% of the time",
        "20% of the time",
    ]


def test_a_config_that_was_changed_is_not_taken_for_the_old_one(
    mine: Path, configs: list[str], tmp_path: Path, no_judging: None
) -> None:
    changed = [config(tmp_path, "one", beta=2.0), configs[1]]
    with pytest.raises(GenlabError, match="trained with other settings"):
        bench(mine, changed, seeds=2)


def test_another_judge_is_another_bench(
    mine: Path, configs: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(genlab.commands.fair, "weights_sha256", lambda judge: "another")
    with pytest.raises(GenlabError, match="another judges"):
        bench(mine, configs, seeds=2)


def test_another_judge_that_is_there_is_found_before_it_judges(
    mine: Path, configs: list[str], monkeypatch: pytest.MonkeyPatch, no_judging: None
) -> None:
    """The bench was made with other judges than those of the package, whose cards say so."""
    monkeypatch.setattr(genlab.commands.fair, "find_card", find_card)
    with pytest.raises(GenlabError, match="another judges"):
        bench(mine, configs, seeds=2)


def test_a_finished_run_that_is_not_there_is_missed_before_anything_is_done(
    configs: list[str], tmp_path: Path, no_judging: None
) -> None:
    with pytest.raises(GenlabError, match="there is no run"):
        bench(tmp_path / "out", configs, also=[tmp_path / "nowhere"])
    assert not (tmp_path / "out").exists()


# --- fewer seeds, and what is said on the way -------------------------------------------------


def test_seeds_that_are_measured_stay_in_the_comparison(
    mine: Path, finished: Bench, configs: list[str], no_training: None, capsys: pytest.CaptureFixture[str]
) -> None:
    assert as_json(bench(mine, configs, seeds=1)) == as_json(finished[1])
    assert "half, seed 1: measured before, stays in the comparison\n" in capsys.readouterr().out
    [_, one] = bench(mine, configs[:1], seeds=1).rows
    assert (one.name, len(one.reports)) == ("one", 2)


def test_a_further_seed_that_was_only_begun_does_not(
    mine: Path, configs: list[str], no_training: None
) -> None:
    file = mine / "measured" / "one-1.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | {"report": None}))
    (mine / "measured" / "one-more-7.json").write_text(file.read_text())  # of a config of another name
    rows = bench(mine, configs, seeds=1).rows[1:]
    assert [(row.name, len(row.reports)) for row in rows] == [("one", 1), ("half", 2)]


def test_a_bench_says_times_as_they_are_and_nothing_of_training_longer(
    configs: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Also where one step takes longer than the time between two points, or all steps are made."""
    monkeypatch.setattr("genlab.training.loop.perf_counter", count(0.0).__next__)
    bench(tmp_path / "slow", configs[:1], seconds=0.3)
    out = capsys.readouterr().out
    assert "one, seed 0: training for 0.015 of 0.3 s\n" in out
    assert "one, seed 0: training for 0.3 of 0.3 s\n" in out
    [measured] = bench(tmp_path / "few", [config(tmp_path, "few", max_steps=3)], seconds=9000).measured
    assert measured.report is not None
    assert "to train longer" not in out + capsys.readouterr().out
