import base64
from typing import Any

import ipywidgets as widgets
import pytest
import torch
from torch import nn

from genlab.config import Settings
from genlab.errors import GenlabError
from genlab.plots import to_png
from genlab.widgets import Comparison, LatentExplorer, WalkExplorer
from genlab.widgets.panel import SCALE, Panel
from genlab.zoo import build, load_config

NAMES = tuple("0123456789")
TITLE = 14  # pixels of the line above each block of a still


@pytest.fixture
def comparison() -> Comparison:
    small: dict[str, object] = {"model.network.hidden_dim": 16}
    mlp: dict[str, object] = {"model.network.hidden_dim": 16, "model.num_train_timesteps": 20}
    told: dict[str, object] = {"model.num_classes": 10}
    models = {
        "VAE": build(load_config("vae", small)),
        "GAN": build(load_config("gan", small | told)),
        "Diffusion": build(load_config("diffusion-mlp", mlp | told | {"model.num_inference_steps": 3})),
    }
    for model in models.values():
        model.networks.eval()
        with torch.no_grad():
            for parameter in model.networks.parameters():
                parameter.mul_(2)
    return Comparison(models, NAMES)


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
    panel = comparison.panels["Diffusion"]
    assert isinstance(panel, WalkExplorer)
    return panel


def test_each_model_has_the_panel_that_suits_it(comparison: Comparison) -> None:
    kinds = {title: type(panel) for title, panel in comparison.panels.items()}
    assert kinds == {"VAE": LatentExplorer, "GAN": LatentExplorer, "Diffusion": WalkExplorer}
    assert len(steps(comparison).states) == 4
    assert all(picture.startswith(b"\x89PNG") for picture in pictures(comparison).values())


def test_latent_sliders_move_all_that_decode_and_the_timestep_what_walks(comparison: Comparison) -> None:
    before = pictures(comparison)
    assert [slider.box.description for slider in comparison.sliders] == [f"direction {i}" for i in (1, 2, 3)]
    for slider in comparison.sliders:
        slider.value = 2.0
        after = pictures(comparison)
        assert [title for title in after if after[title] != before[title]] == ["VAE", "GAN"]
        slider.value = 0.0
        assert pictures(comparison) == before
    after = before
    steps(comparison).step.value = 2
    assert [title for title, picture in pictures(comparison).items() if picture != after[title]] == [
        "Diffusion"
    ]


def test_one_seed_for_all(comparison: Comparison) -> None:
    before = pictures(comparison)
    comparison.seed.value = 7
    after = pictures(comparison)
    assert all(after[title] != before[title] for title in before)
    comparison.seed.value = 0
    assert pictures(comparison) == before


def test_one_class_for_all_that_can_be_told(comparison: Comparison) -> None:
    before = pictures(comparison)
    assert [label for label, _ in comparison.choice.menu.options] == ["one of each", *NAMES]
    comparison.choice.value = 7
    after = pictures(comparison)
    assert [title for title in before if after[title] != before[title]] == ["GAN", "Diffusion"]
    labels = latent(comparison, "GAN").labels
    assert labels is not None
    assert labels.tolist() == [7] * 10
    comparison.choice.value = -1
    assert pictures(comparison) == before


def test_sliders_stay_where_they_are(comparison: Comparison) -> None:
    comparison.sliders[0].value = 2.0
    steps(comparison).step.value = 2
    comparison.seed.value = 7
    assert comparison.wait(30)
    assert comparison.sliders[0].value == 2.0
    assert steps(comparison).step.value == 2


def test_a_model_that_fails_says_so_and_the_others_go_on(comparison: Comparison) -> None:
    before = pictures(comparison)

    def broken(*_: Any, **__: Any) -> None:
        raise RuntimeError("out of memory")

    comparison.models["Diffusion"].trajectory = broken  # type: ignore[attr-defined]
    comparison.seed.value = 7
    assert comparison.wait(30)
    assert "RuntimeError: out of memory" in comparison.panels["Diffusion"].message.value
    for title in ("VAE", "GAN"):
        assert comparison.panels[title].message.value == ""
        assert comparison.panels[title].picture.value != before[title]


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


def test_the_pictures_stand_side_by_side(comparison: Comparison) -> None:
    assert all(panel.children[0] is panel.picture for panel in comparison.panels.values())


def test_who_cannot_be_told_the_class_is_marked(comparison: Comparison) -> None:
    heads = [w.value for w in below(comparison) if isinstance(w, widgets.HTML) and w.value.startswith("<b>")]
    assert heads == ["<b>VAE</b> (cannot be told the class)", "<b>GAN</b>", "<b>Diffusion</b>"]
    assert all(panel in below(comparison) for panel in comparison.panels.values())
    assert all(isinstance(panel, Panel) for panel in comparison.panels.values())


def test_what_neither_decodes_nor_walks_is_refused() -> None:
    class Neither:
        config, networks, num_classes = Settings(), nn.ModuleDict(), None

    lacks = "X can be neither decoded nor walked: for the one it lacks decode, latent_dim, losses, sample"
    with pytest.raises(GenlabError, match=lacks):
        Comparison({"X": Neither()})  # type: ignore[dict-item]
    for nonsense in ({"X": 3}, [1]):
        with pytest.raises(GenlabError, match=r"X can be neither|at least one model and its title"):
            Comparison(nonsense)  # type: ignore[arg-type]


def test_a_class_that_one_model_has_not_is_said_in_its_panel(comparison: Comparison) -> None:
    few: dict[str, object] = {"model.num_classes": 3, "model.network.hidden_dim": 16}
    both = Comparison({"GAN": comparison.models["GAN"], "few": build(load_config("gan", few))}, NAMES)
    before = {title: panel.picture.value for title, panel in both.panels.items()}
    both.choice.value = 7
    assert both.panels["few"].message.value == (
        "<span role='status'>GenlabError: no class 7 here: the last one is 2</span>"
    )
    assert both.panels["few"].picture.value == before["few"]
    assert both.panels["GAN"].message.value == ""
    assert both.panels["GAN"].picture.value != before["GAN"]


def test_a_comparison_of_nothing_is_refused() -> None:
    with pytest.raises(GenlabError, match="at least one model"):
        Comparison({})


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


def test_guidance_is_shared_and_moves_what_has_it(comparison: Comparison) -> None:
    before = pictures(comparison)
    assert list(comparison.shared) == ["guidance_scale"]
    assert "guidance_scale" in steps(comparison).dials
    assert comparison.shared["guidance_scale"] not in below(steps(comparison))
    comparison.shared["guidance_scale"].value = 8.0
    after = pictures(comparison)
    assert [title for title in after if after[title] != before[title]] == ["Diffusion"]


def test_a_models_own_dials_move_it_alone(comparison: Comparison) -> None:
    before = pictures(comparison)
    latent(comparison, "GAN").dials["truncation"].value = 0.5
    after = pictures(comparison)
    assert [title for title in after if after[title] != before[title]] == ["GAN"]
    steps(comparison).dials["sampler"].value = "ddim"
    steps(comparison).dials["num_inference_steps"].value = 7
    pictures(comparison)
    assert len(steps(comparison).states) == 8


def test_every_control_has_a_name_of_its_own_in_its_place(comparison: Comparison) -> None:
    kinds = (widgets.FloatText, widgets.Dropdown)
    names = [w.description for w in below(comparison) if isinstance(w, kinds)]
    assert all(names)
    shared = ["class", "seed", "images", "guidance", "direction 1", "direction 2", "direction 3"]
    assert sorted(names) == sorted([*shared, "truncation", "sampler", "steps", "step"])


def test_an_error_of_the_walk_stays_in_the_view_however_fast_it_comes(comparison: Comparison) -> None:
    """The walk's thread must not race with a drawing that takes the message away again."""

    def broken(*_: Any, **__: Any) -> None:
        raise RuntimeError("no")

    comparison.models["Diffusion"].trajectory = broken  # type: ignore[attr-defined]
    for seed in range(1, 41):
        comparison.seed.value = seed
        assert comparison.wait(30)
        assert "RuntimeError: no" in comparison.panels["Diffusion"].message.value
