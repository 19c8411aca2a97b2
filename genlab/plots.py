"""Pictures: grids of images for files and widgets, figures for notebooks.

Colours are Okabe and Ito's, which colour-blind readers can tell apart; figures have a white ground
of their own, so that they read the same in a light and in a dark notebook.
"""

import base64
import io
from collections.abc import Mapping, Sequence
from itertools import cycle
from pathlib import Path
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import torch
from cycler import cycler
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont
from torch import Tensor
from torchvision.utils import make_grid

from genlab.errors import GenlabError

BLUE, ORANGE, GREEN, PURPLE, SKY, RED, BLACK = (
    "#0072B2", "#E69F00", "#009E73", "#CC79A7", "#56B4E9", "#D55E00", "#000000",
)  # fmt: skip


Picture = NDArray[np.uint8]  # grey, (height, width)
GROUND = 96  # the grey between images: visible beside black and beside white


def use_style() -> None:
    """Set matplotlib up for the series: called once at the head of every notebook."""
    plt.rcParams.update(
        {
            "figure.dpi": 100,
            "figure.facecolor": "white",
            "savefig.facecolor": "white",
            "figure.constrained_layout.use": True,
            "axes.prop_cycle": cycler(color=[BLUE, ORANGE, GREEN, PURPLE, SKY, RED, BLACK]),
            "axes.spines.top": False,
            "axes.spines.right": False,
            "axes.titlesize": "medium",
            "image.cmap": "gray",
            "legend.frameon": False,
        }
    )


def show(figure: Figure, alt: str, *, display_id: str | None = None, update: bool = False) -> None:
    """Display a figure with a text for those who cannot see it, and close it.

    Args:
        figure: what ``plt.subplots`` gave.
        alt: what the figure shows, in a sentence.
        display_id: a name under which a later call can replace the picture.
        update: replace the picture of that name.
    """
    from IPython.display import display

    buffer = io.BytesIO()
    figure.savefig(buffer, format="png")
    plt.close(figure)
    encoded = base64.b64encode(buffer.getvalue()).decode()
    bundle = {"image/png": encoded, "text/plain": alt}
    options = {} if display_id is None else {"display_id": display_id, "update": update}
    display(bundle, raw=True, metadata={"image/png": {"alt": alt}}, **options)


def grid(images: Tensor, columns: int = 10, gap: int = 2) -> Picture:
    """Images side by side as one grey picture.

    Args:
        images: float in [0, 1] or uint8, (N, 1, H, W), N at least 1.
        columns: images per row; the last row is filled up with the ground.
        gap: pixels between images.

    Returns:
        uint8, (height, width).
    """
    if images.ndim != 4 or images.shape[1] != 1 or len(images) == 0:
        raise GenlabError(f"images should be of shape (N, 1, H, W), got {tuple(images.shape)}")
    if images.dtype != torch.uint8:
        images = (images.detach().float().cpu().clamp(0, 1) * 255).round().to(torch.uint8)
    if len(images) == 1:
        gap = 0  # make_grid puts no ground around a single image
    sheet: Picture = make_grid(images.cpu(), columns, padding=gap, pad_value=GROUND)[0].numpy()
    return sheet[gap : sheet.shape[0] - gap, gap : sheet.shape[1] - gap]


def enlarged(picture: Picture, times: int) -> Picture:
    """Every pixel as a square of so many by so many."""
    return np.kron(picture, np.ones((times, times), np.uint8))


def beside(*pictures: Picture) -> Picture:
    """Pictures side by side with a gap between, the lower ones filled up with the ground."""
    height = max(picture.shape[0] for picture in pictures)
    padded = [np.pad(p, ((0, height - p.shape[0]), (0, 12)), constant_values=GROUND) for p in pictures]
    return np.hstack(padded)[:, :-12]


def labelled(picture: Picture, text: str) -> Picture:
    """A picture under a line that says what it is, white on the ground, for stills without a page."""
    line = Image.new("L", (picture.shape[1], 14), GROUND)
    ImageDraw.Draw(line).text((2, 1), text, fill=255, font=ImageFont.load_default())
    return np.vstack([np.asarray(line), picture])


def to_png(picture: Picture, scale: int = 1) -> bytes:
    """A grey picture as the bytes of a PNG, every pixel ``scale`` times as large."""
    image = Image.fromarray(picture)
    if scale != 1:
        image = image.resize((image.width * scale, image.height * scale), Image.Resampling.NEAREST)
    buffer = io.BytesIO()
    image.save(buffer, format="png", compress_level=1)  # 6 is three times slower and 10 % smaller
    return buffer.getvalue()


def save_image(picture: Picture, path: Path, scale: int = 2) -> None:
    """Write a grey picture as a PNG file."""
    path.write_bytes(to_png(picture, scale))


def image_row(
    rows: Mapping[str, Tensor], *, columns: int = 10, titles: Sequence[str] = (), width: float = 10
) -> Figure:
    """Named rows of images under each other: the figure that most notebooks need.

    Args:
        rows: a name and its images in [0, 1], (N, 1, H, W); the first ``columns`` are drawn.
        columns: images per row.
        titles: a word above each column.
        width: of the figure, in inches.
    """
    columns = min(columns, max(len(images) for images in rows.values()))
    height = width / (columns + 1.5) * (len(rows) + (0.35 if titles else 0))
    figure, axes = plt.subplots(len(rows), columns, figsize=(width, height), squeeze=False)
    for row, (name, images) in zip(axes, rows.items(), strict=True):
        for axis in row:
            axis.set_axis_off()
        for axis, image in zip(row, images, strict=False):
            draw_image(axis, image)
        row[0].text(-0.15, 0.5, name, ha="right", va="center", transform=row[0].transAxes, fontsize=9)
    for axis, title in zip(axes[0], titles, strict=False):
        axis.set_title(title, fontsize=9)
    return figure


def draw_image(axis: Axes, image: Tensor) -> None:
    """One image in [0, 1], (1, H, W), black to white, without axes."""
    axis.imshow(image[0].detach().cpu().numpy(), vmin=0, vmax=1, interpolation="nearest")
    axis.set_axis_off()


def loss_curves(history: Sequence[Any], *, names: Sequence[str] | None = None, smooth: int = 50) -> Figure:
    """Each logged loss over the steps of training: the raw values pale, a running mean strong.

    Args:
        history: records with ``step`` and ``losses``, as ``genlab.training.loop.train`` yields. Losses
            on held-out images (``validation/...``), known after some steps only, are dots.
        names: which losses, in which order; all if left out.
        smooth: length of the running mean in steps, at most a quarter of them.
    """
    if names is None:
        names = [name for name in history[0].losses if not name.startswith("validation/")]
    columns = len(names) if len(names) <= 3 else 2
    rows = -(-len(names) // columns)
    size = (3.75 * columns, 2.6 * rows)
    figure, axes = plt.subplots(rows, columns, figsize=size, squeeze=False, layout="constrained")
    steps = np.array([record.step for record in history])
    for axis in axes.flat[len(names) :]:
        axis.set_axis_off()
    for axis, name, color in zip(axes.flat, names, cycle((BLUE, ORANGE, GREEN, PURPLE)), strict=False):
        values = np.array([record.losses[name] for record in history])
        axis.plot(steps, values, color=color, alpha=0.25, linewidth=0.8)
        window = min(smooth, max(len(values) // 4, 1))
        mean = np.convolve(values, np.ones(window) / window, mode="valid")
        centres = steps[(window - 1) // 2 :][: len(mean)]  # a mean stands in the middle of what it is of
        axis.plot(centres, mean, color=color, label=f"mean of {window} steps")
        held_out = [(r.step, r.losses[v]) for r in history if (v := f"validation/{name}") in r.losses]
        if held_out:
            axis.plot(*zip(*held_out, strict=True), "o", color=BLACK, markersize=4, label="held-out images")
        axis.set(title=name.replace("_", " "), xlabel="step")
    axes.flat[0].legend(fontsize=8)
    return figure
