from torch import Tensor

from genlab.data import to_unit
from genlab.diffusion.schedule import make_schedule
from genlab.plots import grid, to_png
from genlab.widgets import NoiseExplorer
from genlab.widgets.panel import SCALE


def test_moving_the_slider_drowns_the_images_in_the_same_noise(images: Tensor) -> None:
    schedule = make_schedule("cosine", 50)
    explorer = NoiseExplorer(images, schedule.add_noise, num_train_timesteps=50)
    assert (explorer.t.slider.min, explorer.t.slider.max) == (0, 49)
    noise, pictures = explorer.noise.clone(), set()
    for t in (0, 1, 25, 49):
        explorer.t.value = t
        x_t = schedule.add_noise(images, noise, t)
        assert explorer.picture.value == to_png(grid(to_unit(x_t)), SCALE)
        pictures.add(explorer.picture.value)
    assert len(pictures) == 4
    assert explorer.message.value == ""


def test_the_seed_decides_the_noise(images: Tensor) -> None:
    schedule = make_schedule("cosine", 50)
    first, again, other = (
        NoiseExplorer(images, schedule.add_noise, 50, seed=seed).picture.value for seed in (1, 1, 2)
    )
    assert first == again
    assert first != other
