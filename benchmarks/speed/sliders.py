"""One move of a slider in the kernel, without a browser, against the 100 ms that a hand does not notice."""

from collections.abc import Iterator
from functools import partial
from itertools import cycle
from statistics import median
from typing import Any

from benchmarks.speed.table import Row
from benchmarks.speed.turns import alternately
from genlab.commands.pretrained import load_pretrained
from genlab.data import load_dataset, to_signed
from genlab.widgets import (
    Comparison,
    Interpolation,
    LatentExplorer,
    NoiseExplorer,
    TimestepExplorer,
    WalkExplorer,
)
from genlab.widgets.controls import Control
from genlab.widgets.panel import Panel

BUDGET = 0.1  # seconds

Moves = dict[str, tuple[Control, list[Panel]]]


def explorers() -> Moves:
    """A slider of each explorer that has one, and what it redraws."""
    models: dict[str, Any] = {
        title: load_pretrained(f"{title.lower()}-mnist") for title in ("VAE", "GAN", "diffusion")
    }
    vae, gan, diffusion = models.values()
    digits = to_signed(load_dataset("mnist", "test").images[:10])
    of_vae, of_gan = LatentExplorer(vae), LatentExplorer(gan)
    timesteps = TimestepExplorer(diffusion.trajectory(10), noise_level=diffusion.noise_level)
    walk, noise = WalkExplorer(diffusion), NoiseExplorer(digits, diffusion.schedule.add_noise)
    comparison, between = Comparison(models), Interpolation(models)
    latent_panels = [comparison.panels[title] for title in ("VAE", "GAN")]
    compared = comparison.panels["diffusion"]
    assert isinstance(compared, WalkExplorer)
    return {
        "latent slider, LatentExplorer of a VAE": (of_vae.controls[0], [of_vae]),
        "latent slider, LatentExplorer of a GAN": (of_gan.controls[0], [of_gan]),
        "latent slider, Comparison of VAE and GAN": (comparison.sliders[0], latent_panels),
        "timestep slider, TimestepExplorer": (timesteps.step, [timesteps]),
        "timestep slider, WalkExplorer": (walk.step, [walk]),
        "timestep slider, Comparison": (compared.step, [compared]),
        "time slider, NoiseExplorer": (noise.t, [noise]),
        "position slider, Interpolation": (between.position, [between]),
    }


def move(control: Control, values: Iterator[float], panels: list[Panel]) -> None:
    """To another place: every picture must follow, and none complain."""
    before = [panel.picture.value for panel in panels]
    control.value = next(values)
    for panel, picture in zip(panels, before, strict=True):
        assert panel.picture.value != picture, panel.message.value


def rows(rounds: int) -> Iterator[Row]:
    """A row a slider; a round is one move."""
    moves = explorers()
    actions = {
        name: partial(move, control, cycle([control.low + 1, control.low]), panels)
        for name, (control, panels) in moves.items()
    }
    for name, seconds in alternately(actions, rounds).items():
        against = f"100 ms, of which it takes {median(seconds) / BUDGET:.0%}"
        yield Row(name, against, seconds, [BUDGET] * rounds, 1)
