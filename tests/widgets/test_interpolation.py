from threading import Event
from typing import Any

import numpy as np
import pytest
import torch
from scipy.spatial import geometric_slerp
from torch import Tensor

from genlab.data import to_unit
from genlab.errors import GenlabError
from genlab.plots import to_png
from genlab.widgets import Interpolation
from genlab.widgets.interpolation import FRAMES
from genlab.widgets.panel import SCALE

NAMES = tuple("0123456789")


def seeded(seed: int, *shape: int) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def test_both_ends_are_the_images_of_their_seeds_and_classes(models: dict[str, Any]) -> None:
    explorer = Interpolation(models, NAMES, seeds=(3, 8))
    for number, (seed, label) in enumerate([(3, 0), (8, 1)]):
        frame = -number  # the first, or the last
        labels, generator = torch.tensor([label]), torch.Generator().manual_seed(seed)
        code = seeded(seed, 1, models["VAE"].latent_dim)
        torch.testing.assert_close(explorer.strips["VAE"][frame], models["VAE"].decode(code)[0])
        drawn = models["GAN"].sample(1, labels=labels, generator=generator)
        torch.testing.assert_close(explorer.strips["GAN"][frame], drawn[0])
        *_, last = models["diffusion"].trajectory(1, labels=labels, noise=seeded(seed, 1, 1, 28, 28))
        torch.testing.assert_close(
            explorer.strips["diffusion"][frame], to_unit(last.x)[0], atol=1e-5, rtol=1e-4
        )


@pytest.mark.parametrize("frame", [1, 9, 16])
def test_in_between_codes_turn_and_classes_blend(models: dict[str, Any], frame: int) -> None:
    explorer = Interpolation(models, NAMES, seeds=(3, 8))
    gan, weight = models["GAN"], frame / (FRAMES - 1)
    start, end = (seeded(seed, 1, gan.latent_dim)[0].double() for seed in (3, 8))
    turned = geometric_slerp((start / start.norm()).numpy(), (end / end.norm()).numpy(), [weight])
    code = torch.from_numpy(turned) * ((1 - weight) * start.norm() + weight * end.norm())
    blend = torch.tensor([[1 - weight, weight] + [0.0] * 8])
    expected = gan.decode(code, blend)[0]
    torch.testing.assert_close(explorer.strips["GAN"][frame], expected, atol=1e-5, rtol=1e-4)


def test_the_slider_shows_what_is_there_already(models: dict[str, Any]) -> None:
    explorer = Interpolation(models, NAMES)
    assert explorer.position.value == FRAMES // 2
    pictures = set()
    for position in (0, 5, FRAMES - 1):
        explorer.position.value = position
        assert explorer.picture.value == to_png(explorer.still(), SCALE)
        first = (explorer.strips["VAE"][position, 0].clamp(0, 1) * 255).round().byte().numpy()
        assert np.array_equal(explorer.still()[14 : 14 + 56 : 2, :56:2], first)  # twice as large
        pictures.add(explorer.picture.value)
    assert len(pictures) == 3


def test_other_seeds_and_classes_are_another_way(models: dict[str, Any]) -> None:
    explorer = Interpolation(models, NAMES)
    before = dict(explorer.strips)
    explorer.classes[1].value = 7
    assert explorer.progress.background.wait(30)
    changed = [t for t in models if not torch.equal(before[t], explorer.strips[t])]
    assert changed == ["GAN", "diffusion"]  # the VAE cannot be told
    explorer.seeds[0].value = 99
    assert explorer.progress.background.wait(30)
    assert all(not torch.equal(before[t], explorer.strips[t]) for t in models)
    assert explorer.message.value == ""
    assert explorer.progress.layout.visibility == "hidden"


def test_one_class_at_both_ends_needs_no_blend(
    models: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """So it works with a learner's model that knows class ids alone."""
    gan, asked = models["GAN"], []

    def decode(z: Tensor, labels: Tensor) -> Tensor:
        asked.append(labels)
        return torch.zeros(len(z), 1, 28, 28)

    monkeypatch.setattr(gan, "decode", decode)
    explorer = Interpolation({"GAN": gan}, NAMES)
    explorer.classes[0].value = 1
    assert explorer.progress.background.wait(30)
    assert asked[-1].tolist() == [1] * FRAMES


def test_an_error_is_said_and_the_old_way_stays(
    models: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    explorer = Interpolation(models, NAMES)
    before = explorer.picture.value

    def broken(*_: Any, **__: Any) -> None:
        raise RuntimeError("no")

    monkeypatch.setattr(models["GAN"], "decode", broken)
    explorer.seeds[0].value = 5
    assert explorer.progress.background.wait(30)
    assert "RuntimeError: no" in explorer.message.value
    assert explorer.picture.value == before


def test_the_bar_counts_the_whole_way_also_when_another_is_asked_for_on_it(
    models: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    explorer = Interpolation(models, NAMES)
    decode, reached, go_on = models["GAN"].decode, Event(), Event()

    def slow(z: Tensor, labels: Tensor | None = None) -> Tensor:
        reached.set()
        go_on.wait(10)
        images: Tensor = decode(z, labels)
        return images

    monkeypatch.setattr(models["GAN"], "decode", slow)
    for seed in (5, 6):
        explorer.seeds[0].value = seed
        assert reached.wait(10)
        reached.clear()
        assert explorer.progress.max == 1 + 1 + 4  # two that decode, four states of the walk
        assert explorer.progress.value == 1
    go_on.set()
    assert explorer.progress.background.wait(30)
    assert explorer.progress.value == 6


def test_a_class_that_one_of_the_models_lacks_is_said(models: dict[str, Any], few: Any) -> None:
    explorer = Interpolation({**models, "few": few}, NAMES)
    explorer.classes[1].value = 7
    assert explorer.progress.background.wait(30)
    assert "few has no class 7" in explorer.message.value


@pytest.mark.parametrize("models", [{}, {"X": object()}])
def test_what_cannot_be_interpolated_is_refused(models: Any) -> None:
    with pytest.raises(GenlabError, match="needs"):
        Interpolation(models)
