"""Whether a figure notices a disease, and from which level on."""

from math import inf, sqrt

import pytest
import torch

from genlab.evaluation.corruptions import DISEASES, Healthy
from genlab.evaluation.measure import Yardstick
from genlab.evaluation.report import Key, Metric, by_key
from genlab.evaluation.sensitivity import Figures, alarm, curves_of, healthy, notices, spoilt, threshold
from tests.evaluation.conftest import seeded

LOW, HIGH, REAL = "frechet", "precision", "copied_pixels"  # a figure of each kind by what is best
KEY: Key = (LOW, "plain")


def figures(value: float) -> Figures:
    """One figure, which notices from a difference of sqrt(8) on."""
    return by_key([Metric(LOW, value, 1, "plain")])


# --- alarm ------------------------------------------------------------------------------------


@pytest.mark.parametrize(("name", "up", "down"), [(LOW, 1, -1), (HIGH, -1, 1), (REAL, 1, 1)])
def test_what_is_worse_depends_on_what_is_best(name: str, up: int, down: int) -> None:
    """3 and 4 make an error of 5."""
    floor = Metric(name, 10, 4)
    assert alarm(Metric(name, 25, 3), floor) == pytest.approx(3 * up)
    assert alarm(Metric(name, -5, 3), floor) == pytest.approx(3 * down)
    assert alarm(floor, floor) == 0


@pytest.mark.parametrize(("error", "of_floor", "expected"), [(2, None, 3), (None, 2, 3), (2, 0, 3)])
def test_an_error_that_is_not_known_counts_for_none(
    error: float | None, of_floor: float | None, expected: float
) -> None:
    assert alarm(Metric(LOW, 7, error), Metric(LOW, 1, of_floor)) == expected


def test_without_any_error_every_difference_is_beyond_all_bounds() -> None:
    assert alarm(Metric(LOW, 7), Metric(LOW, 1)) == inf
    assert alarm(Metric(LOW, 1), Metric(LOW, 7)) == -inf
    assert alarm(Metric(LOW, 7), Metric(LOW, 7)) == 0


def test_one_set_of_healthy_images_in_44_is_taken_for_sick() -> None:
    """The one-sided tail of the normal distribution beyond 2 is 0.0228: errors are those of a difference."""
    values = torch.randn(2, 20_000, generator=seeded(), dtype=torch.float64) * torch.tensor([[1.0], [3.0]])
    false = [notices(Metric(LOW, a, 1), Metric(LOW, b, 3)) for a, b in values.T.tolist()]
    expected = float(torch.special.erfc(torch.tensor(sqrt(2)))) / 2
    assert sum(false) / len(false) == pytest.approx(expected, abs=4 * sqrt(expected / len(false)))


# --- threshold --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("noticed", "expected"),
    [
        ([0, 0, 0], None),
        ([0, 0, 1], 4),
        ([0, 1, 1], 2),
        ([1, 1, 1], 1),
        ([1, 0, 1], 4),  # what is noticed once and then no more was luck
        ([1, 1, 0], None),
        ([], None),
    ],
)
def test_from_the_threshold_on_every_level_is_noticed(noticed: list[int], expected: float | None) -> None:
    levels = {level: figures(9 if seen else 0) for level, seen in zip((1, 2, 4), noticed, strict=False)}
    assert threshold({0.0: figures(0)} | levels, KEY) == expected
    assert threshold(dict(reversed((levels | {0.0: figures(0)}).items())), KEY) == expected  # in any order


def test_a_figure_that_a_level_lacks_is_not_noticed_there() -> None:
    assert threshold({0.0: figures(0), 1.0: figures(9), 2.0: {}, 4.0: figures(9)}, KEY) == 4
    assert threshold({0.0: figures(0), 1.0: figures(9), 2.0: {}}, KEY) is None


# --- real images ------------------------------------------------------------------------------


def test_the_patients_are_the_images_of_the_floor(yardstick: Yardstick) -> None:
    reference, patients = yardstick.reference, healthy(yardstick)
    assert torch.equal((patients.images * 255).round().byte(), reference.test.images[reference.held_out])
    assert torch.equal(patients.labels, reference.test.labels[reference.held_out])
    assert patients.training is reference.train.images


@pytest.mark.parametrize("name", DISEASES)
def test_a_disease_is_the_same_every_time_and_starts_at_none(name: str, yardstick: Yardstick) -> None:
    patients = healthy(yardstick)
    level = DISEASES[name].levels[-1]
    sick = spoilt(patients, name, level)
    assert torch.equal(sick, spoilt(patients, name, level))
    assert not torch.equal(sick, patients.images)
    assert torch.equal(spoilt(patients, name, 0), patients.images)


def test_every_level_has_the_same_noise() -> None:
    grey = Healthy(torch.full((5, 1, 28, 28), 0.5), torch.zeros(5, dtype=torch.int64), torch.zeros(0))
    little, much = (spoilt(grey, "noise", level) - 0.5 for level in (0.01, 0.05))
    torch.testing.assert_close(5 * little, much, atol=1e-6, rtol=0)


def test_curves_begin_at_the_floor_and_know_what_each_disease_does(yardstick: Yardstick) -> None:
    """Noise moves images away from the real ones; copies do not, but are found among the training images."""
    curves = curves_of(yardstick, {"noise": [0.2], "memorised": [0.9]})
    assert {name: list(curve) for name, curve in curves.items()} == {
        "noise": [0.0, 0.2],
        "memorised": [0.0, 0.9],
    }
    assert all(curve[0.0] is yardstick.floor for curve in curves.values())
    noisy, copies = curves["noise"], curves["memorised"]
    assert threshold(noisy, ("precision", "plain")) == 0.2
    assert threshold(noisy, ("copied_pixels", None)) is None
    assert threshold(copies, ("precision", "plain")) is None
    assert threshold(copies, ("copied_pixels", None)) == 0.9
    assert copies[0.9]["copied_pixels", None].value == pytest.approx(0.9, abs=0.05)
