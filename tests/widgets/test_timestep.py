import numpy as np
import pytest
import torch

from genlab.data import to_unit
from genlab.diffusion.samplers import SamplerStep
from genlab.errors import GenlabError
from genlab.plots import to_png
from genlab.widgets import TimestepExplorer
from genlab.widgets.panel import SCALE


def states(n: int = 5, images: int = 4) -> list[SamplerStep]:
    generator = torch.Generator().manual_seed(0)
    return [
        SamplerStep(t, *torch.randn(2, images, 1, 28, 28, generator=generator))
        for t in [*range(n - 2, -1, -1), -1]
    ]


def rows_of(explorer: TimestepExplorer, index: int) -> bool:
    """Whether the picture holds x_t above and the prediction below, first and last image of each."""
    state, picture = explorer.states[index], explorer.still()
    x_t, x_0 = (
        (to_unit(t)[:, 0] * 255).round().byte().numpy() for t in (state.x, state.pred_original_sample)
    )
    seen = np.stack([picture[:28, :28], picture[:28, -28:], picture[-28:, :28], picture[-28:, -28:]])
    return np.array_equal(seen, np.stack([x_t[0], x_t[-1], x_0[0], x_0[-1]]))


def test_it_starts_with_the_finished_images() -> None:
    explorer = TimestepExplorer(states())
    assert explorer.step.value == 4
    assert rows_of(explorer, 4)
    assert ">finished" in explorer.caption.value


def test_moving_the_slider_shows_that_state() -> None:
    explorer = TimestepExplorer(iter(states()))
    pictures = set()
    for step in range(5):
        explorer.step.value = step
        assert rows_of(explorer, step)
        assert explorer.picture.value == to_png(explorer.still(), SCALE)
        pictures.add(explorer.picture.value)
        expected = f"t = {explorer.states[step].t}" if step < 4 else "finished"
        assert f">{expected}" in explorer.caption.value
    assert len(pictures) == 5
    assert explorer.message.value == ""


def test_the_player_moves_the_slider() -> None:
    explorer = TimestepExplorer(states())
    explorer.play.interval = 0.001
    explorer.step.value = 1
    explorer.play.click()
    assert explorer.play.background.wait(10)
    assert explorer.step.value == 4
    assert rows_of(explorer, 4)


def test_nothing_to_show_is_refused() -> None:
    with pytest.raises(GenlabError, match="at least one state"):
        TimestepExplorer([])
