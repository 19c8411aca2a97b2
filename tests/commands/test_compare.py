"""Finished runs side by side: one row per model, seeds joined, and what is not fit is a row that says so."""

import json
import re
from collections.abc import Sequence
from pathlib import Path

import pytest
import torch
from PIL import Image

from genlab.commands.compare import (
    STEP_COUNTS,
    Measured,
    ModelComparison,
    as_json,
    as_markdown,
    compare,
    comparison_text,
    measured_as_json,
    measured_from_json,
    row_names,
    write_comparison,
)
from genlab.commands.train import fit
from genlab.data import load_dataset
from genlab.errors import GenlabError
from genlab.evaluation.curves import Point
from genlab.evaluation.measure import Yardstick
from genlab.evaluation.report import KNOWN_METRICS
from genlab.evaluation.table import PIXELS, SHORT
from genlab.runs.folder import SUMMARY
from genlab.zoo import load_config
from tests.evaluation.conftest import KINDS, NAMING

DIFFUSION = {"model.network.hidden_dim": 8, "model.num_train_timesteps": 50, "model.num_inference_steps": 2}


@pytest.fixture(autouse=True)
def one_yardstick(yardstick: Yardstick, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("genlab.commands.compare.yardstick_for", lambda *_, **__: yardstick)


def train(folder: Path, config: str = "vae", **settings: object) -> Path:
    """A tiny run on the digits."""
    narrow = DIFFUSION if config == "diffusion-mlp" else {"model.network.hidden_dim": 8}
    overrides = narrow | {"train.max_steps": 1} | {k.replace("__", "."): v for k, v in settings.items()}
    fit(load_config(config, overrides), load_dataset("digits", "train"), folder)
    return folder


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """A VAE with two seeds, a diffusion model."""
    folder = tmp_path_factory.mktemp("runs")
    return [
        train(folder / "vae-0"),
        train(folder / "vae-1", train__seed=1),
        train(folder / "walk", "diffusion-mlp"),
    ]


@pytest.fixture(scope="module")
def comparison(runs: Sequence[Path], yardstick: Yardstick) -> ModelComparison:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("genlab.commands.compare.yardstick_for", lambda *_, **__: yardstick)
        return compare(runs, n=100)


# --- what comes out ---------------------------------------------------------------------------


def test_seeds_are_one_row_with_a_standard_error(comparison: ModelComparison) -> None:
    real, vae, walk = comparison.rows
    assert [real.name, vae.name, walk.name] == ["real test images", "vae", "walk"]
    assert [len(row.reports) for row in (real, vae, walk)] == [1, 2, 1]
    a, b = (report.figures["frechet", "plain"].value for report in vae.reports)
    joined = vae.figure(("frechet", "plain"))
    assert joined is not None
    assert a != b
    assert joined.value == pytest.approx((a + b) / 2)
    assert joined.error == pytest.approx(abs(a - b) / 2)  # of two values: half of their difference
    assert real.reports[0].figures["frechet_ratio", "plain"].value == 1


def test_points_of_the_curves(comparison: ModelComparison) -> None:
    vae, _, walk = comparison.measured
    assert [point.label for point in vae.sampling] == [""]
    assert [point.label for point in walk.sampling] == [f"{n} steps" for n in STEP_COUNTS]
    assert all(len(each.training) == 1 for each in comparison.measured)
    assert all(p.seconds > 0 and p.ratio > 1 for each in comparison.measured for p in each.sampling)


def test_files(comparison: ModelComparison, tmp_path: Path) -> None:
    write_comparison(comparison, tmp_path / "new" / "out")
    out = tmp_path / "new" / "out"
    assert {path.name for path in out.iterdir()} == {f"comparison.{end}" for end in ("md", "json", "png")}
    assert Image.open(out / "comparison.png").size == (1575, 540)
    assert json.loads((out / "comparison.json").read_text()) == as_json(comparison)
    text = (out / "comparison.md").read_text("utf-8")
    assert text == as_markdown(comparison)
    assert text.startswith("# digits: 100 images of each model against 100 real ones\n")
    of_judges = [f"Quality, by the {kind} judge" for kind in KINDS]
    titles = [*of_judges, "Pixels, by no judge", "Order, best first", "Cost"]
    assert {f"## {title}" for title in titles} <= set(text.split("\n"))
    for table in text.split("\n\n"):
        if table.startswith("|"):
            assert len({row.count(" | ") for row in table.rstrip("\n").split("\n")}) == 1
            assert "| vae | " in table
            assert "| walk | " in table


def test_the_terminal_gets_a_narrow_table_per_judge_and_the_order(comparison: ModelComparison) -> None:
    parts = comparison_text(comparison).split("\n\n")
    tables = [part.split("\n") for part in parts if part.startswith("Quality, by the ")]
    assert [table[0] for table in tables] == [f"Quality, by the {kind} judge" for kind in KINDS]
    for table in tables:
        assert table[1].split() == ["model", "Fréchet", "/", "floor", "precision", "recall", "coverage"]
        assert [line.split("  ")[0] for line in table[2:]] == ["real test images", "vae", "walk"]
        assert max(map(len, table)) <= 90
    [order] = [part for part in parts if part.startswith("Order, best first\n")]
    assert set(order.split("\n")[1:]) <= {line[2:] for line in as_markdown(comparison).split("\n")}
    assert len(order.split("\n")) == 1 + len([*SHORT, *PIXELS])
    [pixels] = [part.split("\n") for part in parts if part.startswith("Pixels, by no judge\n")]
    assert re.split("  +", pixels[1])[1:] == [KNOWN_METRICS[name].title for name in PIXELS]


def test_what_a_reader_should_know_besides(comparison: ModelComparison) -> None:
    for text in (as_markdown(comparison), comparison_text(comparison)):
        assert "Trained once: walk. Where they stand" in text
        for kind in KINDS:  # their features are random projections; the third names no classes
            assert (f"Warning: the {kind} judge is right on " in text) is (kind in NAMING)
    several = ModelComparison(comparison.yardstick, comparison.measured[:2])
    assert "Trained once" not in as_markdown(several) + comparison_text(several)


def test_json_reads_back_equal(comparison: ModelComparison) -> None:
    every = [*comparison.measured, Measured("x", refused="NaN", training=[Point("x", "half", 1.5, 9.0)])]
    for measured in every:
        text = json.dumps(measured_as_json(measured), allow_nan=False)
        assert measured_from_json(json.loads(text)) == measured


# --- names of rows ----------------------------------------------------------------------------


@pytest.mark.parametrize("names", [("a-0", "a-1"), ("a.s0", "a.s1"), ("a_seed0", "a_seed1"), ("a", "a-2")])
def test_a_row_is_named_without_the_seed(names: tuple[str, str], tmp_path: Path) -> None:
    paths = [train(tmp_path / name, train__seed=seed) for seed, name in enumerate(names)]
    assert set(row_names(paths).values()) == {"a"}


def test_runs_that_differ_in_more_than_the_seed_are_never_one_row(tmp_path: Path) -> None:
    """Whatever their folders are called."""
    one, other = train(tmp_path / "x" / "run"), train(tmp_path / "y" / "run", train__lr=0.01)
    assert len(set(row_names([one, other]).values())) == 2
    rates = enumerate((0.01, 0.01, 0.02, 0.02))
    numbered = [train(tmp_path / f"run{seed}", train__lr=lr, train__seed=seed) for seed, lr in rates]
    a, b, c, d = row_names(numbered).values()
    assert a == b != c == d
    assert row_names(numbered[3:]) == {numbered[3]: "run3"}  # a number is no seed where there is one run


def test_the_same_run_twice_is_measured_once(runs: Sequence[Path]) -> None:
    """Two equal values have no spread: a standard error of 0 that nothing has earned."""
    [_, row] = compare([runs[0], runs[0]], n=100).rows
    assert len(row.reports) == 1


# --- what is refused, and what is not ---------------------------------------------------------


@pytest.mark.parametrize(("value", "says"), [(torch.nan, "not finite numbers"), (0.0, "are constant")])
def test_images_that_nothing_can_be_computed_from_are_a_row(
    value: float, says: str, runs: Sequence[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("genlab.vae.vae.VAE.sample", lambda self, n, **_: torch.full((n, 1, 28, 28), value))
    comparison = compare(runs[:2], n=100)
    _, row = comparison.rows
    assert not row.reports
    assert [says in reason for reason in row.refused] == [True, True]
    text = as_markdown(comparison)
    assert text.count("| vae | refused: ") == len(KINDS) + 3  # pixels, honesty and cost
    assert "nothing to rank" in text
    assert as_json(comparison)["measured"][0]["report"] is None


def test_a_sampler_that_cannot_make_so_many_steps_is_no_reason_to_refuse(tmp_path: Path) -> None:
    """A model trained with 15 noise levels has a curve up to 10 steps, and all its figures."""
    run = train(tmp_path / "walk", "diffusion-mlp", model__num_train_timesteps=15)
    [measured] = compare([run], n=100).measured
    assert measured.report is not None
    assert [point.label for point in measured.sampling] == [f"{n} steps" for n in (2, 5, 10)]


def test_runs_of_different_data(runs: Sequence[Path], tmp_path: Path) -> None:
    other = train(tmp_path / "other")
    (other / SUMMARY).write_text((other / SUMMARY).read_text().replace("digits", "mnist"))
    with pytest.raises(GenlabError, match=r"vae-0 was trained on digits and .*other on mnist: .*--dataset"):
        compare([runs[0], other], n=100)
    assert len(compare([runs[0], other], n=100, dataset="digits").rows) == 3


def test_no_such_run_and_no_such_folder(
    runs: Sequence[Path], comparison: ModelComparison, tmp_path: Path
) -> None:
    with pytest.raises(GenlabError, match="there is no run"):
        compare([runs[0], tmp_path / "nowhere"], n=100)
    (tmp_path / "file").write_text("")
    with pytest.raises(GenlabError, match=r"/file \(File exists\)"):
        write_comparison(comparison, tmp_path / "file")


@pytest.mark.parametrize("runs", [[], "my-vae", Path("my-vae")])
def test_runs_are_a_list_of_at_least_one(runs: list[str]) -> None:
    with pytest.raises(GenlabError, match="runs should be a list"):
        compare(runs)
