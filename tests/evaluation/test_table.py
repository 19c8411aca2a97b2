"""Means and errors over seeds, the order of models where there is one, and well-formed tables."""

import re
from collections.abc import Sequence

import numpy as np
import pytest
from scipy.stats import ttest_ind

from genlab.evaluation.judges.networks import Kind
from genlab.evaluation.report import KNOWN_METRICS, Metric, Report, by_key
from genlab.evaluation.table import (
    COST,
    HONESTY,
    QUALITY,
    Row,
    explained,
    markdown,
    plain_text,
    ranking,
    trained_once,
)

KINDS: tuple[Kind, ...] = ("plain", "residual")


def row(
    name: str,
    plain: Sequence[float],
    residual: Sequence[float] | None = None,
    *,
    figure: str = "kernel",
    error: float | None = 0.01,
) -> Row:
    """A model with one value per seed and judge; the same for both judges if one is left out."""
    reports: list[Report] = []
    for values in zip(plain, plain if residual is None else residual, strict=True):
        figures = by_key(Metric(figure, v, error, kind) for v, kind in zip(values, KINDS, strict=True))
        reports.append(Report(name, "digits", 100, len(reports), figures, {}))
    return Row(name, reports)


def order(*rows: Row, figure: str = "kernel") -> str:
    return ranking(rows, figure, KINDS)


# --- over seeds -------------------------------------------------------------------------------


def test_mean_and_standard_error_are_numpys() -> None:
    values = [1.0, 4.0, 2.5, 7.25]
    figure = row("a", values, [9.0] * 4).figure(("kernel", "plain"))
    assert figure is not None
    assert figure.value == pytest.approx(np.mean(values))
    assert figure.error == pytest.approx(np.std(values, ddof=1) / 2)
    assert (figure.name, figure.judge) == ("kernel", "plain")


def test_of_one_seed_it_is_the_figure_as_measured() -> None:
    one = row("a", [3.0], error=0.125)
    assert one.figure(("kernel", "plain")) == Metric("kernel", 3.0, 0.125, "plain")
    assert one.figure(("recall", "plain")) is None
    assert Row("a", [], ["NaN"]).figure(("kernel", "plain")) is None


# --- the order --------------------------------------------------------------------------------


def test_a_clear_order() -> None:
    good, fair, bad = row("good", [1, 1.1, 0.9]), row("fair", [5, 5.1, 4.9]), row("bad", [9, 9.1, 8.9])
    assert order(bad, good, fair) == "good, then fair, then bad"


def test_of_precision_more_is_better() -> None:
    rows = [row(name, [v, v + 0.01], figure="precision") for name, v in (("a", 0.3), ("b", 0.9))]
    assert order(*rows, figure="precision") == "b, then a"


def test_within_chance() -> None:
    assert order(row("a", [1, 5, 3]), row("b", [2, 6, 4])) == (
        "a and b (no result: within chance for the plain judge)"
    )
    assert order(row("a", [1, 1.1, 0.9], [1, 5, 3]), row("b", [5, 5.1, 4.9], [2, 6, 4])) == (
        "a and b (no result: within chance for the residual judge)"
    )


def test_the_judges_disagree() -> None:
    a, b = row("a", [1, 1.1, 0.9], [5, 5.1, 4.9]), row("b", [5, 5.1, 4.9], [1, 1.1, 0.9])
    assert order(a, b) == "a and b (no result: the judges disagree)"


def test_no_order_is_implied_of_a_pair_that_the_judges_disagree_about() -> None:
    """By neighbours alone it would read a, and b, then c: and so a before c, which the judges dispute."""
    a, b = row("a", [1, 1.1, 0.9], [8, 8.1, 7.9]), row("b", [3, 3.1, 2.9], [4, 4.1, 3.9])
    c = row("c", [5, 5.1, 4.9], [6, 6.1, 5.9])
    assert order(a, b, c) == "a, b and c (only b before c; else no result: the judges disagree)"
    far = row("far", [99, 99.1, 98.9])
    assert order(a, far, b, c).endswith("the judges disagree), then far")


def test_a_chain_within_chance_keeps_the_pair_that_is_a_result() -> None:
    a, b, c = (row(name, [v], error=0.5) for name, v in (("a", 1), ("b", 2), ("c", 3)))
    assert order(c, a, b) == (
        "a, b and c (only a before c; else no result: within chance for the plain judge)"
    )


@pytest.mark.parametrize("seed", range(30))
def test_every_order_that_is_stated_holds_for_its_pair_alone(seed: int) -> None:
    """Whatever "then" and "only" say of two among five models, their own ranking says too, and no less."""
    random = np.random.default_rng(seed)
    rows = []
    for name in "abcde":
        means = random.normal(0, 1, 2) + random.normal(0, 2)
        values = [random.normal(mean, 0.3, random.integers(2, 5)).tolist() for mean in means]
        rows.append(row(name, values[0][:2], values[1][:2]))
    text = order(*rows)
    groups = [re.split(", | and ", part.split(" (")[0]) for part in text.split(", then ")]
    stated = {
        (a, b) for i, group in enumerate(groups) for a in group for rest in groups[i + 1 :] for b in rest
    }
    for better, worse in re.findall(r"(\w) before ((?:\w, )*(?:\w and )?\w)\b", text):
        stated |= {(better, name) for name in re.split(", | and ", worse)}
    assert sorted(name for group in groups for name in group) == list("abcde")
    alone = {
        (a.name, b.name) for a in rows for b in rows if a != b and order(a, b) == f"{a.name}, then {b.name}"
    }
    assert stated == alone


def test_models_trained_once_are_named() -> None:
    one, two = row("one", [1]), row("two", [1, 2])
    assert trained_once([two, Row("refused", [], ["NaN"])]) is None
    text = trained_once([one, two, row("other", [3])])
    assert text is not None
    assert text.startswith("Trained once: one and other. Where they stand in an order holds for these runs")


@pytest.mark.parametrize("gap", np.linspace(0.05, 2, 14).tolist())
def test_a_result_is_what_students_t_test_calls_one(gap: float) -> None:
    """Against scipy's test with the same number of seeds, at 95 %."""
    random = np.random.default_rng(0)
    a, b = random.normal(0, 0.4, 4), random.normal(gap, 0.4, 4)
    if a.mean() > b.mean():
        a, b = b, a
    clear = ttest_ind(a, b).pvalue < 0.05
    words = order(row("a", a.tolist()), row("b", b.tolist()))
    assert words == ("a, then b" if clear else "a and b (no result: within chance for the plain judge)")


def test_single_seeds_go_by_the_error_of_the_images() -> None:
    assert order(row("a", [1], error=0.1), row("b", [2], error=0.1)) == "a, then b"
    assert "within chance" in order(row("a", [1], error=0.5), row("b", [2], error=0.5))


def test_without_a_known_error_there_is_no_result_and_no_blame_on_the_judges() -> None:
    """Density of one seed each: both judges agree, and nobody knows by how much chance moves it."""
    words = order(
        *(row(name, [v], figure="density", error=None) for name, v in (("a", 1), ("b", 0.5))),
        figure="density",
    )
    assert words == "a and b (no result: how far chance moves it is known only from several seeds)"


def test_equal_values_are_no_result_and_no_disagreement() -> None:
    for a, b in (([1, 2, 3], [3, 1, 2]), ([1, 1, 1], [1, 1, 1])):
        words = order(row("a", [float(v) for v in a]), row("b", [float(v) for v in b]))
        assert words == "a and b (no result: equal for the plain judge)"


def test_several_seeds_with_one_value_are_not_told_to_take_several_seeds() -> None:
    words = order(row("a", [1, 1, 1]), row("b", [2, 2.1, 1.9]))
    assert words == (
        "a and b (no result: all seeds of a gave one number, which does not show how far chance moves it)"
    )


def test_seeds_that_all_agree_state_no_error() -> None:
    assert row("a", [7.0, 7.0, 7.0]).figure(("kernel", "plain")) == Metric("kernel", 7.0, None, "plain")


def test_one_model_or_none() -> None:
    assert order() == order(row("a", [1])) == order(row("a", [1]), Row("b", [], ["NaN"])) == "nothing to rank"


def test_refused_rows_are_left_out() -> None:
    rows = [row("a", [1, 1.1]), Row("b", [], ["NaN"]), row("c", [9, 9.1])]
    assert order(*rows) == "a, then c"


# --- the table --------------------------------------------------------------------------------


def cells(text: str) -> list[list[str]]:
    """A Markdown table, which is checked to be one."""
    lines = text.split("\n")
    assert all(line.startswith("| ") and line.endswith(" |") for line in lines)
    table = [[cell.strip() for cell in line[1:-1].split("|")] for line in lines]
    assert len({len(line) for line in table}) == 1
    assert len(table[0]) >= 2
    assert set(table[1]) == {"---"}
    return [table[0], *table[2:]]


def test_markdown() -> None:
    rows = [
        row("a", [0.001, 0.003], [1, 1]),
        row("b", [0.5], figure="recall"),
        Row("c", [], ["all constant"]),
    ]
    assert cells(markdown(rows, "plain", QUALITY)) == [
        ["model", "kernel distance x1000", "recall"],
        ["a", "2.0 ± 1.0", ""],
        ["b", "", "0.500 ± 0.010"],
        ["c", "refused: all constant", ""],
    ]


def test_a_seed_whose_images_were_refused_is_not_hidden() -> None:
    some = Row("a", row("a", [0.001, 0.003]).reports, ["NaN"])
    assert cells(markdown([some], "plain", ["kernel"]))[1] == ["a", "2.0 ± 1.0 (1 more refused: NaN)"]


def test_plain_text_is_straight_and_leaves_reasons_out() -> None:
    rows = [row("a", [0.5], figure="recall"), Row("a longer name", [], ["a reason of many words"])]
    assert plain_text(rows, "plain", ["recall"]).split("\n") == [
        "model          recall",
        "a              0.500 ± 0.010",
        "a longer name  refused",
    ]


def test_markdown_where_every_model_is_refused() -> None:
    table = cells(markdown([Row("a", [], ["NaN"]), Row("b", [], ["constant"])], "plain", COST))
    assert [line[:2] for line in table[1:]] == [["a", "refused: NaN"], ["b", "refused: constant"]]


def test_every_figure_is_explained() -> None:
    lines = explained([*QUALITY, *COST]).split("\n")
    assert len(lines) == len(QUALITY) + len(COST)
    for name, line in zip([*QUALITY, *COST], lines, strict=True):
        assert line.startswith(f"- {KNOWN_METRICS[name].title}: ")
    assert "(higher is better)" in explained(["recall"])
    assert "(lower is better)" in explained(["kernel"])
    assert "(best as real)" in explained(["copied_pixels"])


def test_no_explanation_leans_on_another() -> None:
    """Which may come later, or not at all."""
    assert " as for " not in explained([*QUALITY, *HONESTY, *COST])
