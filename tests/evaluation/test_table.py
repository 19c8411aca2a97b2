"""Means and errors over seeds, the order of models where there is one, and well-formed tables."""

from collections.abc import Sequence

import numpy as np
import pytest
from scipy.stats import ttest_ind

from genlab.evaluation.figures import FIGURES, Figure
from genlab.evaluation.judges import Kind
from genlab.evaluation.report import Report, by_key
from genlab.evaluation.table import COST, QUALITY, Row, explained, markdown, ranking

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
        figures = by_key(Figure(figure, v, error, kind) for v, kind in zip(values, KINDS, strict=True))
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
    assert one.figure(("kernel", "plain")) == Figure("kernel", 3.0, 0.125, "plain")
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
        "a, and b (no result: within chance for the plain judge)"
    )
    assert order(row("a", [1, 1.1, 0.9], [1, 5, 3]), row("b", [5, 5.1, 4.9], [2, 6, 4])) == (
        "a, and b (no result: within chance for the residual judge)"
    )


def test_the_judges_disagree() -> None:
    a, b = row("a", [1, 1.1, 0.9], [5, 5.1, 4.9]), row("b", [5, 5.1, 4.9], [1, 1.1, 0.9])
    assert order(a, b) == "a, and b (no result: the judges disagree)"


@pytest.mark.parametrize("gap", np.linspace(0.05, 2, 14).tolist())
def test_a_result_is_what_students_t_test_calls_one(gap: float) -> None:
    """Against scipy's test with the same number of seeds, at 95 %."""
    random = np.random.default_rng(0)
    a, b = random.normal(0, 0.4, 4), random.normal(gap, 0.4, 4)
    if a.mean() > b.mean():
        a, b = b, a
    clear = ttest_ind(a, b).pvalue < 0.05
    words = order(row("a", a.tolist()), row("b", b.tolist()))
    assert words == ("a, then b" if clear else "a, and b (no result: within chance for the plain judge)")


def test_single_seeds_go_by_the_error_of_the_images() -> None:
    assert order(row("a", [1], error=0.1), row("b", [2], error=0.1)) == "a, then b"
    assert "within chance" in order(row("a", [1], error=0.5), row("b", [2], error=0.5))


def test_without_a_known_error_there_is_no_result_and_no_blame_on_the_judges() -> None:
    """Density of one seed each: both judges agree, and nobody knows by how much chance moves it."""
    words = order(
        *(row(name, [v], figure="density", error=None) for name, v in (("a", 1), ("b", 0.5))),
        figure="density",
    )
    assert words.startswith("a, and b (no result: ")
    assert "disagree" not in words


def test_equal_values_are_no_result_and_no_disagreement() -> None:
    words = order(row("a", [1, 2, 3]), row("b", [3, 1, 2]))
    assert words == "a, and b (no result: within chance for the plain judge)"
    words = order(row("a", [1, 1, 1]), row("b", [1, 1, 1]))
    assert words.startswith("a, and b (no result: ")
    assert "disagree" not in words


def test_seeds_that_all_agree_state_no_error() -> None:
    assert row("a", [7.0, 7.0, 7.0]).figure(("kernel", "plain")) == Figure("kernel", 7.0, None, "plain")


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
        ["a", "2.00 ± 1.00", ""],
        ["b", "", "0.500 ± 0.010"],
        ["c", "refused: all constant", ""],
    ]


def test_a_seed_whose_images_were_refused_is_not_hidden() -> None:
    some = Row("a", row("a", [0.001, 0.003]).reports, ["NaN"])
    assert cells(markdown([some], "plain", ["kernel"]))[1] == ["a", "2.00 ± 1.00 (1 more refused: NaN)"]


def test_markdown_where_every_model_is_refused() -> None:
    table = cells(markdown([Row("a", [], ["NaN"]), Row("b", [], ["constant"])], "plain", COST))
    assert [line[:2] for line in table[1:]] == [["a", "refused: NaN"], ["b", "refused: constant"]]


def test_every_figure_is_explained() -> None:
    lines = explained([*QUALITY, *COST]).split("\n")
    assert len(lines) == len(QUALITY) + len(COST)
    for name, line in zip([*QUALITY, *COST], lines, strict=True):
        assert line.startswith(f"- {FIGURES[name].title}: ")
    assert "(higher is better)" in explained(["recall"])
    assert "(lower is better)" in explained(["kernel"])
    assert "(best as real)" in explained(["copied_pixels"])
