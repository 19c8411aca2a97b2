"""Quality over time: 1 for real images, and a figure that leaves no model out."""

from collections.abc import Iterator, Sequence

import matplotlib.pyplot as plt
import numpy as np
import pytest
import torch
from matplotlib.collections import LineCollection

from genlab.errors import GenlabError
from genlab.evaluation.curves import Point, draw_curves, frechet_ratio
from genlab.evaluation.judges.features import look
from genlab.evaluation.metrics.frechet import frechet_distance
from genlab.evaluation.reference import Reference


@pytest.fixture(autouse=True)
def close_figures() -> Iterator[None]:
    yield
    plt.close("all")


@pytest.mark.parametrize("n", [73, 100])
def test_real_images_have_ratio_1(n: int, reference: Reference) -> None:
    real = reference.test.images[reference.held_out][:n]
    assert frechet_ratio(real, reference) == pytest.approx(1, rel=1e-4)


def test_the_worst_judge_counts(reference: Reference) -> None:
    images = (reference.test.images[reference.held_out] // 4) * 3  # paler, which judges mind unequally
    each = []
    for kind, judge in reference.judges.items():
        real = reference.training[kind].features
        floor = frechet_distance(reference.test_seen[kind], real)
        each.append(frechet_distance(look(judge, images).features, real) / floor)
    assert frechet_ratio(images, reference) == pytest.approx(max(each))
    assert max(each) > 1.01 * min(each)


def test_noise_has_more_and_bad_images_are_refused(reference: Reference) -> None:
    assert frechet_ratio(torch.rand(100, 1, 28, 28), reference) > 2
    with pytest.raises(GenlabError, match="constant"):
        frechet_ratio(torch.zeros(100, 1, 28, 28), reference)
    with pytest.raises(GenlabError, match="too few"):
        frechet_ratio(torch.rand(64, 1, 28, 28), reference)


CURVE = [Point(model, "a", s, 9 / s) for model in ("vae", "gan") for s in (1, 2, 4)]


@pytest.mark.parametrize(
    ("training", "sampling"),
    [
        (CURVE, CURVE),
        (CURVE, []),
        ([], CURVE),
        ([Point(f"model {i}", "", i + 1, i + 1) for i in range(9)], []),
        ([Point("vae", "", 0, 3)], [Point("gan", "", 0.1, 2)]),  # a run's seconds are rounded
        ([], []),
    ],
)
def test_every_model_is_in_the_legend(training: Sequence[Point], sampling: Sequence[Point]) -> None:
    figure = draw_curves(training, sampling, 1500)
    models = list(dict.fromkeys(p.model for p in [*training, *sampling]))
    names = [text.get_text() for text in figure.legends[0].get_texts()]
    assert names == [*models, "real test images"]
    figure.canvas.draw()
    assert figure.axes[0].get_ylabel() == "Fréchet distance / floor\nworst judge, N = 1,500"
    assert [axis.get_yscale() for axis in figure.axes] == ["log", "log"]


def test_seeds_are_dots_and_the_line_goes_through_their_means() -> None:
    first = [Point("vae", "a", 1, 8), Point("vae", "b", 2, 4)]
    second = [Point("vae", "a", 1.5, 9), Point("vae", "b", 2.5, 5)]
    left, right = draw_curves([*first, *second], [*first, *second], 500).axes
    dots, line = (np.asarray(drawn.get_xydata()).tolist() for drawn in left.get_lines()[:2])
    assert dots == [[1, 8], [2, 4], [1.5, 9], [2.5, 5]]
    assert line == [[1.25, 8.5], [2.25, 4.5]]
    assert [text.get_text() for text in right.texts] == ["a", "b"]
    assert not left.texts


def test_means_over_seeds_have_a_standard_error_and_single_seeds_have_none() -> None:
    ratios = [4.0, 8.0, 6.0]
    several = [Point("vae", "a", 1, ratio) for ratio in ratios]
    axis = draw_curves([*several, Point("vae", "b", 2, 3)], [], 500).axes[0]
    [bars] = [lines for lines in axis.collections if isinstance(lines, LineCollection)]
    error = float(np.std(ratios, ddof=1)) / 3**0.5
    np.testing.assert_allclose(np.asarray(bars.get_segments()), [[[1, 6 - error], [1, 6 + error]]])
