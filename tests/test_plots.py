import base64
import io
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import pytest
import torch
from PIL import Image

from genlab import plots
from genlab.errors import GenlabError


@pytest.fixture(autouse=True)
def own_style() -> Iterator[None]:
    with plt.rc_context():
        yield
    plt.close("all")


@pytest.mark.parametrize(
    ("n", "columns", "rows", "across"), [(1, 10, 1, 1), (10, 10, 1, 10), (11, 10, 2, 10), (6, 4, 2, 4)]
)
def test_a_grid_holds_every_image_in_reading_order(n: int, columns: int, rows: int, across: int) -> None:
    generator = torch.Generator().manual_seed(n)
    images = torch.randint(0, 256, (n, 1, 5, 7), generator=generator, dtype=torch.uint8)
    sheet = plots.grid(images, columns=columns, gap=2)
    assert sheet.dtype == np.uint8
    assert sheet.shape == (rows * 5 + (rows - 1) * 2, across * 7 + (across - 1) * 2)
    covered = np.zeros_like(sheet, dtype=bool)
    for i in range(n):
        top, left = i // across * 7, i % across * 9
        assert np.array_equal(sheet[top : top + 5, left : left + 7], images[i, 0].numpy())
        covered[top : top + 5, left : left + 7] = True
    assert len(np.unique(sheet[~covered])) <= 1  # all the rest is ground, of one grey


@pytest.mark.parametrize("gap", [0, 2])
def test_the_ground_is_the_same_grey_everywhere(gap: int) -> None:
    sheet = plots.grid(torch.zeros(11, 1, 5, 7), columns=10, gap=gap)
    assert np.count_nonzero(sheet == plots.GROUND) == sheet.size - 11 * 5 * 7


def test_a_grid_of_floats_is_rounded_and_clipped() -> None:
    values = torch.tensor([-1.0, 0.0, 0.5, 1.0, 2.0, 100 / 255]).reshape(6, 1, 1, 1)
    assert plots.grid(values, gap=0).ravel().tolist() == [0, 0, 128, 255, 255, 100]
    assert plots.grid(values.double().requires_grad_(), gap=0).ravel().tolist() == [0, 0, 128, 255, 255, 100]


@pytest.mark.parametrize("shape", [(0, 1, 28, 28), (28, 28), (3, 28, 28), (2, 3, 28, 28)])
def test_a_grid_of_something_else_is_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(GenlabError, match="shape"):
        plots.grid(torch.zeros(shape))


@pytest.mark.parametrize("scale", [1, 3])
def test_a_png_holds_the_same_pixels(scale: int, tmp_path: Path) -> None:
    picture = np.arange(48, dtype=np.uint8).reshape(6, 8)
    expected = np.kron(picture, np.ones((scale, scale), np.uint8))
    assert np.array_equal(np.asarray(Image.open(io.BytesIO(plots.to_png(picture, scale)))), expected)
    plots.save_image(picture, tmp_path / "x.png", scale)
    assert np.array_equal(np.asarray(Image.open(tmp_path / "x.png")), expected)


def test_a_shown_figure_has_a_text_and_is_closed(displayed: list[tuple[Any, dict[str, Any]]]) -> None:
    figure = plots.image_row({"a": torch.rand(3, 1, 28, 28)})
    plots.show(figure, "Three images.")
    [(bundle, options)] = displayed
    assert options == {"raw": True, "metadata": {"image/png": {"alt": "Three images."}}}
    assert bundle["text/plain"] == "Three images."
    assert Image.open(io.BytesIO(base64.b64decode(bundle["image/png"]))).width == 1000
    assert not plt.get_fignums()


def test_an_image_row_draws_each_image_under_its_title() -> None:
    rows = {"real": torch.rand(4, 1, 28, 28), "fake": torch.rand(2, 1, 28, 28)}
    figure = plots.image_row(rows, columns=3, titles=["x", "y", "z"])
    shown = [[image.get_array() for image in axis.get_images()] for axis in figure.axes]
    assert [len(images) for images in shown] == [1, 1, 1, 1, 1, 0]
    for index, images in enumerate(shown[:5]):
        row = rows["real"] if index < 3 else rows["fake"]
        assert np.array_equal(np.asarray(images[0]), row[index % 3, 0].numpy())
    assert [axis.get_title() for axis in figure.axes] == ["x", "y", "z", "", "", ""]
    assert [text.get_text() for axis in figure.axes for text in axis.texts] == ["real", "fake"]
    assert all(image.get_clim() == (0, 1) for axis in figure.axes for image in axis.get_images())


@dataclass
class Record:
    step: int
    losses: dict[str, float]


def test_loss_curves_show_the_values_and_their_running_mean() -> None:
    history = [Record(step, {"kl": float(step**2), "mse": 1.0}) for step in range(1, 21)]
    figure = plots.loss_curves(history, smooth=5)
    assert [axis.get_title() for axis in figure.axes] == ["kl", "mse"]
    raw, mean = figure.axes[0].lines
    assert np.asarray(raw.get_xydata()).tolist() == [[step, step**2] for step in range(1, 21)]
    for x, y in np.asarray(mean.get_xydata()).tolist():  # each mean stands in the middle of its five values
        assert y == pytest.approx(np.mean([(x + k) ** 2 for k in range(-2, 3)]))
    assert np.asarray(mean.get_xdata()).tolist() == list(range(3, 19))
    [axis] = plots.loss_curves(history[:1], names=["mse"]).axes
    assert axis.get_title() == "mse"


def test_four_losses_are_two_rows_of_two_and_dots_are_held_out_images() -> None:
    names = ["a", "b", "c", "d"]
    history = [Record(step, dict.fromkeys(names, float(step))) for step in range(1, 11)]
    for step in (5, 10):
        history[step - 1] = Record(step, {**history[step - 1].losses, "validation/b": 2.0 * step})
    figure = plots.loss_curves(history)
    assert [axis.get_title() for axis in figure.axes] == names
    places = [axis.get_subplotspec() for axis in figure.axes]
    assert [place.num1 for place in places if place] == [0, 1, 2, 3]
    assert [len(axis.lines) for axis in figure.axes] == [2, 3, 2, 2]
    assert np.asarray(figure.axes[1].lines[2].get_xydata()).tolist() == [[5, 10], [10, 20]]
    assert figure.get_figheight() > 5


def test_the_style_is_for_light_and_dark_notebooks() -> None:
    plots.use_style()
    assert plt.rcParams["figure.facecolor"] == "white"
    assert plt.rcParams["axes.prop_cycle"].by_key()["color"][0] == plots.BLUE
    assert plt.rcParams["image.cmap"] == "gray"
