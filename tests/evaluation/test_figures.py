"""Every figure says what it is, and is printed with its scale, digits and unit."""

import pytest

from genlab.evaluation.report import FIGURES, Figure, printed
from genlab.evaluation.table import COST, HONESTY, QUALITY


@pytest.mark.parametrize(
    ("figure", "text"),
    [
        (Figure("frechet_ratio", 4.94, 0.21), "4.9 ± 0.2"),
        (Figure("frechet", 1234.5678), "1,234.568"),
        (Figure("frechet", 10.818, 0.429), "10.82 ± 0.43"),
        (Figure("kernel", 0.84791, 0.12177), "848 ± 122"),
        (Figure("kernel", 0.11398, 0.00884), "114.0 ± 8.8"),
        (Figure("precision", 0.0, 0.0), "0.000 ± 0.000"),
        (Figure("kernel", 1.0, float("nan")), "1,000.00 ± nan"),
        (Figure("kernel", -0.00123, 0.0001), "-1.23 ± 0.10"),
        (Figure("classes", 10), "10"),
        (Figure("parameters", 1234567), "1,234,567"),
        (Figure("training_seconds", 119.6), "120 s"),
        (Figure("sample_milliseconds", 1.234, 0.1), "1.23 ± 0.10 ms"),
    ],
)
def test_printed(figure: Figure, text: str) -> None:
    assert printed(figure) == text


def test_titles_tell_the_figures_apart_and_every_one_but_the_plain_distance_is_in_a_table() -> None:
    assert len({about.title for about in FIGURES.values()}) == len(FIGURES)
    tables = [*QUALITY, *HONESTY, *COST]
    assert sorted(tables) == sorted(FIGURES.keys() - {"frechet"})
