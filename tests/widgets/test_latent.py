import ipywidgets as widgets
import numpy as np
import pytest
import torch
from torch import nn

from genlab.errors import GenlabError
from genlab.gan import GAN, GANConfig
from genlab.gan.config import MLPPlayersConfig
from genlab.plots import enlarged, grid, to_png
from genlab.vae import VAE, VAEConfig
from genlab.vae.config import MLPAutoencoderConfig
from genlab.widgets import LatentExplorer
from genlab.widgets.latent import code_tiles, latent_slider
from genlab.widgets.panel import SCALE


def model(num_classes: int | None = None) -> VAE:
    torch.manual_seed(0)
    family = VAE(
        VAEConfig(network=MLPAutoencoderConfig(hidden_dim=16), latent_dim=6, num_classes=num_classes)
    )
    with torch.no_grad():
        for parameter in family.networks.parameters():
            parameter.mul_(3)  # an untrained decoder is all but flat
    return family


@pytest.mark.parametrize("num_classes", [None, 10])
def test_moving_a_slider_decodes_the_moved_codes(num_classes: int | None) -> None:
    family = model(num_classes)
    explorer = LatentExplorer(family, seed=3)
    assert [control.box.description for control in explorer.controls] == [f"direction {i}" for i in (1, 2, 3)]
    labels = None if num_classes is None else torch.arange(10)
    base = torch.randn(10, 6, generator=torch.Generator().manual_seed(3))

    def expected(*offsets: float) -> bytes:
        z = base + torch.tensor(offsets) @ explorer.directions
        return to_png(grid(family.decode(z, labels), columns=10), SCALE)

    assert explorer.picture.value == expected(0.0, 0.0, 0.0)
    explorer.controls[0].value = 2.0
    assert explorer.picture.value == expected(2.0, 0.0, 0.0)
    explorer.controls[2].box.value = -1.5
    assert explorer.picture.value == expected(2.0, 0.0, -1.5)
    assert explorer.picture.value != expected(0.0, 0.0, 0.0)
    assert explorer.message.value == ""


def test_it_starts_where_it_is_told() -> None:
    family = model()
    origin = LatentExplorer(family, seed=None, directions=torch.eye(6)[:3], names=["a", "b", "c"])
    assert len(origin.base) == 1
    assert not origin.base.any()
    assert [control.box.description for control in origin.controls] == ["a", "b", "c"]
    origin.controls[2].value = 1.0
    alone = grid(family.decode(torch.tensor([[0.0, 0, 1, 0, 0, 0]])))
    assert np.array_equal(origin.still(), enlarged(alone, 4))  # large enough for the last row


def test_a_code_of_one_number_has_one_slider() -> None:
    assert (
        len(LatentExplorer(VAE(VAEConfig(network=MLPAutoencoderConfig(hidden_dim=4), latent_dim=1))).controls)
        == 1
    )


def test_what_does_not_decode_is_refused() -> None:
    with pytest.raises(GenlabError, match="lacks config, decode"):
        LatentExplorer(nn.Linear(1, 1))  # type: ignore[arg-type]


def test_a_line_says_what_each_direction_does_unless_they_have_names() -> None:
    def lines(explorer: LatentExplorer) -> list[str]:
        return [w.value for w in explorer.children if isinstance(w, widgets.HTML) and w.value]

    (line,) = lines(LatentExplorer(model()))
    assert all(f"{i}: " in line for i in (1, 2, 3))
    assert lines(LatentExplorer(model(), directions=torch.eye(6)[:2], names=["a", "b"])) == []


def test_the_dials_of_the_model_draw_other_codes() -> None:
    gan = GAN(GANConfig(network=MLPPlayersConfig(hidden_dim=8), latent_dim=6))
    explorer = LatentExplorer(gan, seed=5)
    explorer.dials["truncation"].value = 0.5
    assert explorer.base.abs().max() <= 0.5
    generator = torch.Generator().manual_seed(5)
    assert torch.equal(explorer.base, gan.draw_codes(10, generator=generator, truncation=0.5))
    assert explorer.picture.value == to_png(grid(gan.decode(explorer.base), columns=10), SCALE)


def test_codes_are_shown_as_cells() -> None:
    z = torch.tensor([[-9.0, 0.0, 9.0, 0.0, 9.0]])
    tile = code_tiles(z)
    assert tile.shape == (1, 1, 28, 28)
    corners = [tile[0, 0, 0, 0], tile[0, 0, 0, 14], tile[0, 0, 0, 27], tile[0, 0, 14, 14], tile[0, 0, 27, 27]]
    assert [round(float(c), 3) for c in corners] == [0.0, 0.5, 1.0, 1.0, 0.376]  # the rest is ground
    assert code_tiles(torch.randn(3, 64)).shape == (3, 1, 28, 28)
    assert code_tiles(torch.randn(2, 1000)).shape == (2, 1, 28, 28)  # more numbers than pixels


def test_sliders_that_stand_elsewhere_move_it() -> None:
    sliders = [latent_slider("shared")]
    explorer = LatentExplorer(model(), sliders=sliders, show_codes=True)
    before = explorer.picture.value
    sliders[0].value = 3.0
    assert explorer.picture.value != before
    assert sliders[0] not in explorer.children[0].children
    assert explorer.still().shape == (28 + 8 + 28, 10 * 30 - 2)


def test_a_model_that_only_decodes_is_enough() -> None:
    class Mine:
        """What a learner writes: codes in, images out."""

        latent_dim, num_classes, config, networks = 2, None, None, nn.ModuleDict()

        def losses(self) -> None: ...

        def sample(self) -> None: ...

        def decode(self, z: torch.Tensor, labels: None = None) -> torch.Tensor:
            return z.mean(1).sigmoid()[:, None, None, None].expand(-1, 1, 28, 28)

    explorer = LatentExplorer(Mine())  # type: ignore[arg-type]
    before = explorer.picture.value
    explorer.controls[0].value = 2.0
    assert explorer.picture.value != before
    assert explorer.message.value == ""


@pytest.mark.parametrize(
    ("num_classes", "labels", "expected"),
    [(10, [7, 7, 3], [7, 7, 3]), (3, None, [0, 1, 2] * 3 + [0])],
)
def test_one_image_per_label_or_the_classes_in_turn(
    num_classes: int, labels: list[int] | None, expected: list[int]
) -> None:
    family = model(num_classes)
    explorer = LatentExplorer(family, labels=None if labels is None else torch.tensor(labels))
    assert explorer.message.value == ""
    assert np.array_equal(explorer.still(), grid(family.decode(explorer.base, torch.tensor(expected))))
