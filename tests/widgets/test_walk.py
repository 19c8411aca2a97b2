from collections.abc import Iterator
from threading import Event
from typing import Any

import pytest
import torch

from genlab.diffusion import Diffusion
from genlab.errors import GenlabError
from genlab.plots import to_png
from genlab.widgets import WalkExplorer
from genlab.widgets.controls import Control
from genlab.widgets.panel import SCALE


@pytest.fixture
def model(models: dict[str, Any]) -> Diffusion:
    return models["diffusion"]


def walked(model: Diffusion, n: int = 10, seed: int = 0, **settings: Any) -> list[torch.Tensor]:
    generator = torch.Generator().manual_seed(seed)
    labels = torch.arange(n) % 10
    return [state.x for state in model.trajectory(n, labels=labels, generator=generator, **settings)]


def shows(explorer: WalkExplorer, expected: list[torch.Tensor]) -> bool:
    assert explorer.progress.background.wait(30)
    assert explorer.message.value == ""
    assert explorer.progress.layout.visibility == "hidden"
    assert explorer.picture.value == to_png(explorer.still(), SCALE)
    made = [state.x for state in explorer.states]
    return len(made) == len(expected) and all(map(torch.equal, made, expected))


def test_it_begins_with_a_finished_walk(model: Diffusion) -> None:
    explorer = WalkExplorer(model)
    assert shows(explorer, walked(model))
    assert explorer.step.value == explorer.step.high == 3
    assert explorer.noise.value == 0
    explorer.start(7, None, 4)
    assert shows(explorer, walked(model, 4, seed=7))


@pytest.mark.parametrize(
    ("dial", "value"), [("guidance_scale", 4.0), ("sampler", "ddpm"), ("num_inference_steps", 7)]
)
def test_every_dial_begins_another_walk(model: Diffusion, dial: str, value: Any) -> None:
    explorer = WalkExplorer(model)
    explorer.dials[dial].value = value
    assert shows(explorer, walked(model, **{dial: value}))


def test_a_shorter_and_a_longer_walk_stretch_the_slider(model: Diffusion) -> None:
    explorer = WalkExplorer(model)
    said: list[str] = []  # the slider must never point beyond the states, not even for a moment
    explorer.message.observe(lambda change: said.append(change["new"]), "value")
    for steps in (9, 1, 5):
        explorer.dials["num_inference_steps"].value = steps
        assert shows(explorer, walked(model, num_inference_steps=steps))
        assert explorer.step.value == explorer.step.high == explorer.step.slider.max == steps
    explorer.step.value = 2
    explorer.dials["num_inference_steps"].value = 4
    assert explorer.progress.background.wait(30)
    assert explorer.step.value == 2
    assert said == []


def test_the_noise_level_goes_with_the_slider(model: Diffusion) -> None:
    explorer = WalkExplorer(model)
    levels = []
    for index, state in enumerate(explorer.states):
        explorer.step.value = index
        levels.append(explorer.noise.value)
        assert explorer.noise.value == pytest.approx(model.noise_level(state.t))
        assert f"noise {explorer.noise.value:.2f}" in explorer.caption.value
    assert levels == sorted(levels, reverse=True)


def test_a_control_that_stands_elsewhere_is_heard_and_not_repeated(model: Diffusion) -> None:
    scale = Control("guidance", 2.0, 0.0, 8.0, 0.5)
    other = Control("truncation", 1.0, 0.0, 8.0, 0.5)  # of another family
    explorer = WalkExplorer(model, elsewhere={"guidance_scale": scale, "truncation": other})
    assert list(explorer.dials) == ["sampler", "num_inference_steps", "guidance_scale"]
    assert scale not in explorer.children[0].children
    scale.value = 0.0
    assert shows(explorer, walked(model, guidance_scale=0.0))


def test_while_it_walks_the_old_walk_can_be_scrubbed_and_the_bar_moves(
    model: Diffusion, monkeypatch: pytest.MonkeyPatch
) -> None:
    explorer = WalkExplorer(model)
    before, reached, go_on = explorer.states, Event(), Event()

    def slow(n: int, **_: Any) -> Iterator[Any]:
        yield from before[:2]
        reached.set()
        go_on.wait(10)
        yield from before[2:]

    monkeypatch.setattr(model, "trajectory", slow)
    explorer.restart()
    assert reached.wait(10)
    assert explorer.progress.layout.visibility == "visible"
    assert (explorer.progress.value, explorer.progress.max) == (2, 4)
    explorer.step.value = 1
    assert explorer.picture.value == to_png(explorer.draw_state(before[1]), SCALE)
    go_on.set()
    assert explorer.progress.background.wait(10)
    assert explorer.progress.layout.visibility == "hidden"


def test_what_does_not_walk_is_refused() -> None:
    with pytest.raises(GenlabError, match=r"lacks .*noise_level.*trajectory"):
        WalkExplorer(torch.nn.Linear(1, 1))  # type: ignore[arg-type]


def test_a_noise_level_that_fails_is_said(model: Diffusion, monkeypatch: pytest.MonkeyPatch) -> None:
    explorer = WalkExplorer(model)

    def broken(t: int) -> float:
        raise ValueError(f"none at {t}")

    monkeypatch.setattr(explorer, "noise_level", broken)
    explorer.step.value = 1
    assert f"ValueError: none at {explorer.states[1].t}" in explorer.message.value
    explorer.say("")
    explorer.restart()
    assert explorer.progress.background.wait(10)
    assert "ValueError: none at" in explorer.message.value
    assert explorer.progress.layout.visibility == "hidden"


def test_a_listener_of_the_slider_may_begin_another_walk(model: Diffusion) -> None:
    """The end of a walk stretches the slider, in the walk's thread: that must not wait for itself."""
    explorer = WalkExplorer(model)
    again: list[int] = []

    def once_more(_: Any) -> None:
        if not again:
            again.append(1)
            explorer.start(5)

    explorer.step.on_change(once_more)
    explorer.dials["num_inference_steps"].value = 7
    first = explorer.progress.background._thread
    assert first is not None
    first.join(10)
    assert not first.is_alive()
    assert again
    assert shows(explorer, walked(model, seed=5, num_inference_steps=7))


@pytest.mark.parametrize("states", [0, 1])  # before the error: at the call, or on the way
def test_an_error_is_said_and_the_old_walk_stays(
    model: Diffusion, monkeypatch: pytest.MonkeyPatch, states: int
) -> None:
    explorer = WalkExplorer(model)
    picture = explorer.picture.value

    def broken(n: int, **_: Any) -> Iterator[Any]:
        yield from explorer.states[:states]
        raise GenlabError("out of <memory>")

    monkeypatch.setattr(model, "trajectory", broken)
    explorer.dials["sampler"].value = "ddpm"
    assert explorer.progress.background.wait(10)
    assert "out of &lt;memory&gt;" in explorer.message.value
    assert explorer.picture.value == picture
    assert explorer.progress.layout.visibility == "hidden"
