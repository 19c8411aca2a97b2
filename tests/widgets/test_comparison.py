import base64
from typing import Any

import ipywidgets as widgets
import pytest
import torch

from genlab.errors import GenlabError
from genlab.plots import to_png
from genlab.widgets import Comparison, LatentExplorer, WalkExplorer
from genlab.widgets.panel import SCALE

NAMES = tuple("0123456789")
TITLE = 14  # pixels of the line above each block of a still


@pytest.fixture
def comparison(models: dict[str, Any]) -> Comparison:
    with torch.no_grad():
        for parameter in [weights for model in models.values() for weights in model.networks.parameters()]:
            parameter.mul_(2)  # an untrained decoder is all but flat
    return Comparison(models, NAMES)


def broken(*_: Any, **__: Any) -> None:
    raise RuntimeError("out of memory")


def changed(comparison: Comparison, before: dict[str, bytes]) -> list[str]:
    """Whose picture is another now."""
    return [title for title, picture in pictures(comparison).items() if picture != before[title]]


def pictures(comparison: Comparison) -> dict[str, bytes]:
    assert comparison.wait(30)
    assert not [panel.message.value for panel in comparison.panels.values() if panel.message.value]
    return {title: bytes(panel.picture.value) for title, panel in comparison.panels.items()}


def below(widget: widgets.Widget) -> list[widgets.Widget]:
    return [widget, *(w for child in getattr(widget, "children", ()) for w in below(child))]


def latent(comparison: Comparison, title: str) -> LatentExplorer:
    panel = comparison.panels[title]
    assert isinstance(panel, LatentExplorer)
    return panel


def steps(comparison: Comparison) -> WalkExplorer:
    panel = comparison.panels["diffusion"]
    assert isinstance(panel, WalkExplorer)
    return panel


def test_each_model_has_the_panel_that_suits_it(comparison: Comparison) -> None:
    kinds = {title: type(panel) for title, panel in comparison.panels.items()}
    assert kinds == {"VAE": LatentExplorer, "GAN": LatentExplorer, "diffusion": WalkExplorer}
    assert len(steps(comparison).states) == 4
    assert all(picture.startswith(b"\x89PNG") for picture in pictures(comparison).values())


def test_the_still_holds_every_panel(comparison: Comparison) -> None:
    still = comparison.still()
    for panel in comparison.panels.values():
        height, width = panel.still().shape
        assert any(
            (still[TITLE : TITLE + height, x : x + width] == panel.still()).all()
            for x in range(still.shape[1] - width + 1)
        )
    data, metadata = comparison._repr_mimebundle_()
    assert base64.b64decode(data["image/png"]) == to_png(still, SCALE)
    for title in comparison.panels:
        assert title in data["text/plain"]
    assert metadata["image/png"]["alt"] == data["text/plain"]


@pytest.mark.parametrize("n", [1, 16, 20])
def test_the_number_of_images_is_for_all(comparison: Comparison, n: int) -> None:
    comparison.images.value = n
    pictures(comparison)
    assert len(latent(comparison, "VAE").base) == len(latent(comparison, "GAN").base) == n
    assert len(steps(comparison).states[-1].x) == n
    labels = latent(comparison, "GAN").labels
    assert labels is not None
    assert labels.tolist() == [i % 10 for i in range(n)]


def test_a_seed_out_of_range_changes_nothing(comparison: Comparison) -> None:
    before = pictures(comparison)
    comparison.seed.box.value = -5
    comparison.images.box.value = 21
    assert pictures(comparison) == before
    assert comparison.seed.refusal.value
    assert comparison.images.refusal.value


def test_every_control_has_a_name_of_its_own_in_its_place(comparison: Comparison) -> None:
    kinds = (widgets.FloatText, widgets.Dropdown)
    names = [w.description for w in below(comparison) if isinstance(w, kinds)]
    assert all(names)
    shared = ["class", "seed", "images", "guidance", "direction 1", "direction 2", "direction 3"]
    assert sorted(names) == sorted([*shared, "truncation", "sampler", "steps", "step"])


@pytest.mark.parametrize(
    ("turn", "value", "expected"),
    [
        (lambda view: view.sliders[0], 2.0, ["VAE", "GAN"]),
        (lambda view: view.sliders[2], 2.0, ["VAE", "GAN"]),
        (lambda view: view.panels["diffusion"].step, 2, ["diffusion"]),
        (lambda view: view.seed, 7, ["VAE", "GAN", "diffusion"]),
        (lambda view: view.choice, 7, ["GAN", "diffusion"]),  # the VAE cannot be told the class
        (lambda view: view.shared["guidance_scale"], 8.0, ["diffusion"]),
        (lambda view: view.panels["GAN"].dials["truncation"], 0.5, ["GAN"]),
    ],
    ids=["first direction", "last direction", "step", "seed", "class", "guidance", "truncation"],
)
def test_each_control_moves_its_models(
    comparison: Comparison, turn: Any, value: float, expected: list[str]
) -> None:
    before, control = pictures(comparison), turn(comparison)
    rest, control.value = control.value, value
    assert changed(comparison, before) == expected
    control.value = rest
    assert changed(comparison, before) == []


def test_a_new_seed_leaves_the_sliders(comparison: Comparison) -> None:
    comparison.sliders[0].value = 2.0
    steps(comparison).step.value = 2
    comparison.seed.value = 7
    assert comparison.wait(30)
    assert (comparison.sliders[0].value, steps(comparison).step.value) == (2.0, 2)


def test_the_class_goes_to_every_image(comparison: Comparison) -> None:
    assert [label for label, _ in comparison.choice.options] == ["one of each", *NAMES]
    comparison.choice.value = 7
    pictures(comparison)
    labels = latent(comparison, "GAN").labels
    assert labels is not None
    assert labels.tolist() == [7] * 10


def test_shared_dials_stand_above_alone_and_heads_mark_the_untold(comparison: Comparison) -> None:
    assert list(comparison.shared) == ["guidance_scale"]
    assert comparison.shared["guidance_scale"] not in below(steps(comparison))
    heads = [w.value for w in below(comparison) if isinstance(w, widgets.HTML) and w.value.startswith("<b>")]
    assert heads == ["<b>VAE</b> (cannot be told the class)", "<b>GAN</b>", "<b>diffusion</b>"]
    assert all(panel.children[0] is panel.picture for panel in comparison.panels.values())


def test_a_failing_walk_says_so_each_time_and_the_others_go_on(comparison: Comparison) -> None:
    """The walk's thread must not race with a drawing that takes the message away again."""
    before = pictures(comparison)
    comparison.models["diffusion"].trajectory = broken  # type: ignore[attr-defined]
    for seed in range(1, 41):
        comparison.seed.value = seed
        assert comparison.wait(30)
        assert "RuntimeError: out of memory" in comparison.panels["diffusion"].message.value
    for title in ("VAE", "GAN"):
        assert comparison.panels[title].message.value == ""
        assert comparison.panels[title].picture.value != before[title]


@pytest.mark.parametrize(
    ("models", "key"), [({}, "at least one"), ([1], "at least one"), ({"X": 3}, "X lacks .*decode")]
)
def test_what_neither_decodes_nor_walks_is_refused(models: Any, key: str) -> None:
    with pytest.raises(GenlabError, match=key):
        Comparison(models)


def test_a_class_that_one_model_lacks_is_refused_in_its_panel(models: dict[str, Any], few: Any) -> None:
    both = Comparison({"GAN": models["GAN"], "few": few}, NAMES)
    before = {title: panel.picture.value for title, panel in both.panels.items()}
    both.choice.value = 7
    assert "no class 7" in both.panels["few"].message.value
    assert both.panels["few"].picture.value == before["few"]
    assert both.panels["GAN"].message.value == ""
    assert both.panels["GAN"].picture.value != before["GAN"]
