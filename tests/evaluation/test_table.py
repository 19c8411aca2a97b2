"""Means and errors over seeds, the order of models where there is one, and well-formed tables."""

import re
from collections.abc import Sequence
from itertools import combinations

import numpy as np
import pytest
from scipy.stats import ttest_ind

from genlab.evaluation.report import KNOWN_METRICS, Metric, Report, by_key
from genlab.evaluation.table import (
    COST,
    HONESTY,
    PIXELS,
    QUALITY,
    UNDECIDED,
    Row,
    explained,
    markdown,
    plain_text,
    ranking,
    tied_groups,
    trained_once,
    unbeaten,
    verdict,
)
from tests.evaluation.conftest import KINDS, NAMING

ALL = [*QUALITY, *HONESTY, *PIXELS, *COST]
REFUSED = Row("refused", [], ["all constant"])


def row(
    name: str,
    plain: Sequence[float],
    residual: Sequence[float] | None = None,
    contrastive: Sequence[float] | None = None,
    *,
    figure: str = "kernel",
    error: float | None = 0.01,
) -> Row:
    """A model with one value per seed and judge; those of the first for judges that are left out."""
    reports: list[Report] = []
    others = (plain if values is None else values for values in (residual, contrastive))
    for values in zip(plain, *others, strict=True):
        figures = by_key(Metric(figure, v, error, kind) for v, kind in zip(values, KINDS, strict=True))
        reports.append(Report(name, "digits", 100, len(reports), figures, {}))
    return Row(name, reports)


def around(mean: float) -> list[float]:
    """Three seeds that hardly differ."""
    return [mean, mean + 0.1, mean - 0.1]


def order(*rows: Row, figure: str = "kernel") -> str:
    return ranking(rows, figure, KINDS)


# --- over seeds -------------------------------------------------------------------------------


def test_mean_and_standard_error_are_numpys() -> None:
    values = [1.0, 4.0, 2.5, 7.25]
    figure = row("a", values, [9.0] * 4).figure(("kernel", "plain"))
    expected = Metric("kernel", float(np.mean(values)), float(np.std(values, ddof=1)) / 2, "plain")
    assert figure == expected


def test_of_one_seed_it_is_the_figure_as_measured() -> None:
    one = row("a", [3.0], error=0.125)
    assert one.figure(("kernel", "plain")) == Metric("kernel", 3.0, 0.125, "plain")
    assert one.figure(("recall", "plain")) is None
    assert REFUSED.figure(("kernel", "plain")) is None


def test_seeds_that_all_agree_state_no_error() -> None:
    assert row("a", [7.0, 7.0, 7.0]).figure(("kernel", "plain")) == Metric("kernel", 7.0, None, "plain")


# --- the order --------------------------------------------------------------------------------


def test_a_clear_order_leaves_out_who_was_refused() -> None:
    good, fair, bad = row("good", around(1)), row("fair", around(5)), row("bad", around(9))
    assert order(bad, good, REFUSED, fair) == "good, then fair, then bad"
    assert order() == order(good) == order(good, REFUSED) == "nothing to rank"


def test_of_precision_more_is_better() -> None:
    rows = [row(name, [v, v + 0.01], figure="precision") for name, v in (("a", 0.3), ("b", 0.9))]
    assert order(*rows, figure="precision") == "b, then a"


@pytest.mark.parametrize(
    ("a", "b", "why"),
    [
        (row("a", [1, 5, 3]), row("b", [2, 6, 4]), "within chance for the plain judge"),
        (
            row("a", around(1), [1, 5, 3]),
            row("b", around(5), [2, 6, 4]),
            "within chance for the residual judge",
        ),
        (
            row("a", around(1), around(1), [1, 5, 3]),
            row("b", around(5), around(5), [2, 6, 4]),
            "within chance for the contrastive judge",
        ),
        (row("a", around(1), around(5)), row("b", around(5), around(1)), "the judges disagree"),
        (
            row("a", around(1), around(1), around(5)),
            row("b", around(5), around(5), around(1)),
            "the judges disagree",
        ),
        (row("a", [1], error=0.5), row("b", [2], error=0.5), "within chance for the plain judge"),
        (row("a", [1], error=None), row("b", [2], error=None), "known only from several seeds"),
        (row("a", [1, 1, 1]), row("b", around(2)), "all seeds of a gave one number"),
        (row("a", [1, 2, 3]), row("b", [3, 1, 2]), "equal for the plain judge"),
        (row("a", [1, 1, 1]), row("b", [1, 1, 1]), "equal for the plain judge"),
    ],
)
def test_no_result(a: Row, b: Row, why: str) -> None:
    words = order(a, b)
    assert words.startswith("a and b (no result: ")
    assert why in words


def test_single_seeds_go_by_the_error_of_the_images() -> None:
    assert order(row("a", [1], error=0.1), row("b", [2], error=0.1)) == "a, then b"


def test_no_order_is_implied_of_a_pair_that_the_judges_disagree_about() -> None:
    """By neighbours alone it would read a, and b, then c: and so a before c, which the judges dispute."""
    a, b, c = row("a", around(1), around(8)), row("b", around(3), around(4)), row("c", around(5), around(6))
    assert order(a, b, c) == "a, b and c (only b before c; else no result: the judges disagree)"
    assert order(a, row("far", around(99)), b, c).endswith("the judges disagree), then far")


def test_a_chain_within_chance_keeps_the_pair_that_is_a_result() -> None:
    a, b, c = (row(name, [v], error=0.5) for name, v in (("a", 1), ("b", 2), ("c", 3)))
    assert order(c, a, b).startswith("a, b and c (only a before c; else no result: within chance")


@pytest.mark.parametrize("seed", range(30))
def test_every_order_that_is_stated_holds_for_its_pair_alone(seed: int) -> None:
    """Whatever "then" and "only" say of two among five models, their own ranking says too, and no less."""
    random = np.random.default_rng(seed)
    rows = []
    for name in "abcde":
        means = random.normal(0, 1, 3) + random.normal(0, 2)
        rows.append(row(name, *(random.normal(mean, 0.3, 2).tolist() for mean in means)))
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


@pytest.mark.parametrize("gap", np.linspace(0.05, 2, 60).tolist())
def test_a_result_is_what_students_t_test_calls_one(gap: float) -> None:
    """Against scipy's test with the same number of seeds, at 95 %."""
    random = np.random.default_rng(0)
    a, b = sorted((random.normal(0, 0.4, 4), random.normal(gap, 0.4, 4)), key=np.mean)
    words = order(row("a", a.tolist()), row("b", b.tolist()))
    assert (words == "a, then b") is bool(ttest_ind(a, b).pvalue < 0.05)


def five(seed: int) -> list[Row]:
    """Five models with three seeds each, of which some can be told apart and some cannot."""
    random = np.random.default_rng(seed)
    rows = []
    for name in "abcde":
        means = random.normal(0, 1, 3) + random.normal(0, 2)
        rows.append(row(name, *(random.normal(mean, 0.3, 3).tolist() for mean in means)))
    return rows


def names(rows: Sequence[Row]) -> list[str]:
    return [row.name for row in rows]


@pytest.mark.parametrize("seed", range(30))
def test_groups_are_those_of_the_sentence_and_every_model_beats_all_of_later_groups(seed: int) -> None:
    rows = five(seed)
    groups = tied_groups(rows, "kernel", KINDS)
    sentence = [re.split(", | and ", part.split(" (")[0]) for part in order(*rows).split(", then ")]
    assert [names(group) for group in groups] == sentence
    for earlier, later in combinations(groups, 2):
        assert all(order(b, a) == f"{a.name}, then {b.name}" for a in earlier for b in later)
    for group in groups:  # nor could one be cut in two
        for cut in range(1, len(group)):
            pairs = [(a, b) for a in group[:cut] for b in group[cut:]]
            assert any("no result" in order(a, b) for a, b in pairs)


@pytest.mark.parametrize("seed", range(30))
def test_unbeaten_is_who_loses_to_nobody_alone(seed: int) -> None:
    rows = five(seed)
    losers = {b.name for a in rows for b in rows if a != b and order(a, b) == f"{a.name}, then {b.name}"}
    assert set(names(unbeaten(rows, "kernel", KINDS))) == set("abcde") - losers
    assert set("abcde") - losers <= set(names(tied_groups(rows, "kernel", KINDS)[0]))


def test_of_a_first_group_who_is_beaten_is_not_the_best() -> None:
    a, b, c = (row(name, [v], error=0.5) for name, v in (("a", 1), ("b", 2), ("c", 3)))
    assert [names(group) for group in tied_groups([c, a, b], "kernel", KINDS)] == [["a", "b", "c"]]
    assert names(unbeaten([c, a, b], "kernel", KINDS)) == ["a", "b"]


# --- who is asked -----------------------------------------------------------------------------


def of(name: str, figures: Sequence[Metric], floor: Sequence[Metric] = ()) -> Row:
    return Row(name, [Report(name, "digits", 100, 0, by_key(figures), by_key(floor))])


def test_a_judge_that_does_not_have_the_figure_is_not_asked() -> None:
    """As one that knows no classes has no class accuracy: the order is the other's."""
    rows = [of(name, [Metric("class_accuracy", v, 0.01, "plain")]) for name, v in (("a", 0.5), ("b", 0.9))]
    assert ranking(rows, "class_accuracy", KINDS) == "b, then a"
    both = of(
        "c", [Metric("class_accuracy", v, 0.01, kind) for v, kind in zip((0.7, 0.1), NAMING, strict=True)]
    )
    assert ranking([*rows, both], "class_accuracy", KINDS) == "b, then c, then a"


def test_a_model_without_the_figure_is_left_out_and_without_a_judge_in_common_all_are() -> None:
    plain, residual = (of(kind, [Metric("recall", 0.5, 0.01, kind)]) for kind in NAMING)
    assert ranking([plain, row("a", [1]), row("b", [9])], "kernel", KINDS) == "a, then b"
    assert tied_groups([plain, residual], "recall", KINDS) == []
    assert ranking([plain, residual], "recall", KINDS) == "nothing to rank"


def test_a_figure_of_no_judge_speaks_for_itself() -> None:
    quick, slow, alike = (
        of(name, [Metric("sample_milliseconds", v, 0.1)])
        for name, v in (("quick", 1), ("slow", 9), ("alike", 1.1))
    )
    assert ranking([slow, quick], "sample_milliseconds", KINDS) == "quick, then slow"
    words = ranking([slow, alike, quick], "sample_milliseconds", KINDS)
    assert words == "quick and alike (no result: within chance), then slow"
    assert ranking([quick, quick], "sample_milliseconds", KINDS).endswith("(no result: equal)")


# --- best as real -----------------------------------------------------------------------------


def near(values: Sequence[float], real: float, *, error: float = 0.01, of_real: float = 0.01) -> list[Row]:
    floor = [Metric("closer_pixels", real, of_real)]
    return [of(str(i), [Metric("closer_pixels", value, error)], floor) for i, value in enumerate(values)]


@pytest.mark.parametrize("seed", range(30))
def test_of_a_figure_that_is_best_as_real_the_nearest_to_real_is_first(seed: int) -> None:
    """On either side; and all values may be mirrored at the real one without a change of the order."""
    random = np.random.default_rng(seed)
    real, values = 0.5, random.uniform(0, 1, 5)
    rows = near(values.tolist(), real)
    by_distance = np.abs(values - real).argsort()
    assert names([row for group in tied_groups(rows, "closer_pixels", ()) for row in group]) == [
        str(i) for i in by_distance
    ]
    mirrored = near((2 * real - values).tolist(), real)
    assert ranking(mirrored, "closer_pixels", KINDS) == ranking(rows, "closer_pixels", KINDS)


@pytest.mark.parametrize("side", [1, -1])
@pytest.mark.parametrize("seed", range(5))
def test_the_error_of_real_images_counts_only_where_they_lie_between(seed: int, side: int) -> None:
    """Against the spread of |a - real| - |b - real| over 200,000 draws of all three."""
    random = np.random.default_rng(seed)
    of_a, of_b, of_real = random.uniform(0.001, 0.01, 3)
    a, b, real = (
        random.normal(mean, error, 200_000)
        for mean, error in ((0.7, of_a), (0.5 + 0.2 * side, of_b), (0.5, of_real))
    )
    spread = float((abs(a - real) - abs(b - real)).std())
    for times, is_result in ((1.9, False), (2.02, True)):
        floor = [Metric("closer_pixels", 0.5, of_real)]
        good = of("good", [Metric("closer_pixels", 0.7, of_a)], floor)
        bad = of("bad", [Metric("closer_pixels", 0.5 + side * (0.2 + times * spread), of_b)], floor)
        assert (ranking([bad, good], "closer_pixels", KINDS) == "good, then bad") is is_result


# --- a reader's answer ------------------------------------------------------------------------


def test_any_of_those_that_may_be_the_best_is_agreed_to_and_so_is_cannot_be_told() -> None:
    a, b, c, d = (row(name, [v], error=0.5) for name, v in (("a", 1), ("b", 2), ("c", 3), ("d", 9)))
    for answer in ("a", "b", "a or b", "b or a", UNDECIDED):
        assert verdict(answer, [d, c, b, a], "kernel", KINDS) == "agreed: " + order(a, b, c, d)
    for answer in ("c", "d", "a or d"):
        assert verdict(answer, [d, c, b, a], "kernel", KINDS) == "not by these figures: " + order(a, b, c, d)


def test_where_one_is_best_undecided_is_wrong() -> None:
    a, b = row("a", around(1)), row("b", around(5))
    assert verdict("a", [b, a], "kernel", KINDS) == "agreed: a, then b"
    assert verdict("b", [b, a], "kernel", KINDS) == "not by these figures: a, then b"
    assert verdict(UNDECIDED, [b, a], "kernel", KINDS) == "not by these figures: a, then b"


def test_who_has_not_answered_is_told_nothing_and_who_cannot_spell_what_may_be_written() -> None:
    a, b = row("a", around(1)), row("b", around(5))
    assert verdict("?", [a, b], "kernel", KINDS) == "say first"
    for answer in ("A", "", "a or c", "gan"):
        assert (
            verdict(answer, [b, a], "kernel", KINDS) == f"{answer!r} is none of b and a, nor 'cannot be told'"
        )


def test_models_trained_once_are_named() -> None:
    one, two = row("one", [1]), row("two", [1, 2])
    assert trained_once([two, REFUSED]) is None
    assert str(trained_once([one, two, row("other", [3])])).startswith("Trained once: one and other. ")


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
    two_seeds = row("a", [0.001, 0.003], [1, 1])
    a_third_refused = Row("c", two_seeds.reports, ["NaN"])
    rows = [two_seeds, row("b", [0.5], figure="recall"), a_third_refused, REFUSED]
    assert cells(markdown(rows, "plain", QUALITY)) == [
        ["model", "kernel distance x1000", "recall"],
        ["a", "2.0 ± 1.0", ""],
        ["b", "", "0.500 ± 0.010"],
        ["c", "2.0 ± 1.0 (1 more refused: NaN)", ""],
        ["refused", "refused: all constant", ""],
    ]
    assert cells(markdown([REFUSED], "plain", COST))[1] == ["refused", "refused: all constant"]


def test_plain_text_is_straight_and_leaves_reasons_out() -> None:
    rows = [row("a longer name", [0.5], figure="recall"), REFUSED]
    assert plain_text(rows, "plain", ["recall"]).split("\n") == [
        "model          recall",
        "a longer name  0.500 ± 0.010",
        "refused        refused",
    ]


def test_every_figure_but_the_plain_distance_is_in_one_table_and_explained() -> None:
    assert len({about.title for about in KNOWN_METRICS.values()}) == len(KNOWN_METRICS)
    assert sorted(ALL) == sorted(KNOWN_METRICS.keys() - {"frechet"})
    for name, line in zip(ALL, explained(ALL).split("\n"), strict=True):
        assert line.startswith(f"- {KNOWN_METRICS[name].title}: ")
        assert " as for " not in line  # another, which may come later or not at all
    for name, way in (("recall", "higher is"), ("kernel", "lower is"), ("copied_pixels", "best as real")):
        assert f"({way}" in explained([name])
