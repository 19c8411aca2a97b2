"""Every figure says what it is, and is printed with its scale, digits and unit."""

import pytest

from genlab.evaluation.report import KNOWN_METRICS, Metric, printed
from genlab.evaluation.table import COST, HONESTY, QUALITY


@pytest.mark.parametrize(
    ("figure", "text"),
    [
        (Metric("frechet_ratio", 4.94, 0.21), "4.9 ± 0.2"),
        (Metric("frechet", 1234.5678), "1,234.568"),
        (Metric("frechet", 10.818, 0.429), "10.82 ± 0.43"),
        (Metric("kernel", 0.84791, 0.12177), "848 ± 122"),
        (Metric("kernel", 0.11398, 0.00884), "114.0 ± 8.8"),
        (Metric("precision", 0.0, 0.0), "0.000 ± 0.000"),
        (Metric("kernel", 1.0, float("nan")), "1,000.00 ± nan"),
        (Metric("kernel", -0.00123, 0.0001), "-1.23 ± 0.10"),
        (Metric("classes", 10), "10"),
        (Metric("parameters", 1234567), "1,234,567"),
        (Metric("training_seconds", 119.6), "120 s"),
        (Metric("sample_milliseconds", 1.234, 0.1), "1.23 ± 0.10 ms"),
    ],
)
def test_printed(figure: Metric, text: str) -> None:
    assert printed(figure) == text


def test_titles_tell_the_figures_apart_and_every_one_but_the_plain_distance_is_in_a_table() -> None:
    assert len({about.title for about in KNOWN_METRICS.values()}) == len(KNOWN_METRICS)
    tables = [*QUALITY, *HONESTY, *COST]
    assert sorted(tables) == sorted(KNOWN_METRICS.keys() - {"frechet"})
