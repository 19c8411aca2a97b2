import numpy as np
import pytest
import torch
from torch import Tensor, nn

from genlab.config import Settings
from genlab.errors import GenlabError
from genlab.plots import grid, to_png
from genlab.vae import VAE, VAEConfig
from genlab.vae.family import MLPConfig
from genlab.widgets import LatentExplorer
from genlab.widgets.latent import leading_directions
from genlab.widgets.panel import SCALE


def model(num_classes: int | None = None) -> VAE:
    torch.manual_seed(0)
    family = VAE(VAEConfig(network=MLPConfig(hidden_dim=16), latent_dim=6, num_classes=num_classes))
    with torch.no_grad():
        for parameter in family.networks.parameters():
            parameter.mul_(3)  # an untrained decoder is all but flat
    return family


class Linear:
    """Decodes z to 0.5 + z @ matrix: the directions of its largest effect are known."""

    def __init__(self, matrix: Tensor) -> None:
        self.matrix, self.latent_dim = matrix, len(matrix)
        self.config, self.networks, self.num_classes = Settings(), nn.ModuleDict(), None

    def losses(self, images: Tensor, labels: Tensor) -> None: ...

    def sample(self, n: int, **_: object) -> None: ...

    def decode(self, z: Tensor, labels: Tensor | None = None) -> Tensor:
        return (0.5 + z @ self.matrix).reshape(-1, 1, 28, 28)


def test_leading_directions_are_those_of_the_largest_effect() -> None:
    generator = torch.Generator().manual_seed(0)
    codes, _ = torch.linalg.qr(torch.randn(5, 5, generator=generator))
    pixels, _ = torch.linalg.qr(torch.randn(784, 5, generator=generator))
    pixels = pixels * torch.sign(pixels.sum(0))  # each adds ink
    matrix = codes @ torch.diag(torch.tensor([8.0, 4.0, 0.2, 0.1, 0.1])) @ pixels.T
    directions = leading_directions(Linear(matrix), 2, samples=4000)  # type: ignore[arg-type]
    assert directions.shape == (2, 5)
    torch.testing.assert_close(directions.norm(dim=1), torch.ones(2))
    assert torch.cosine_similarity(directions[0], codes[:, 0], dim=0) > 0.98
    assert torch.cosine_similarity(directions[1], codes[:, 1], dim=0) > 0.95


def test_moving_right_means_more_ink() -> None:
    family = model()
    z = torch.randn(200, 6, generator=torch.Generator().manual_seed(1))
    for direction in leading_directions(family, 3):
        more, less = family.decode(z + 0.5 * direction).mean(), family.decode(z - 0.5 * direction).mean()
        assert more > less


@pytest.mark.parametrize("num_classes", [None, 10])
def test_moving_a_slider_decodes_the_moved_codes(num_classes: int | None) -> None:
    family = model(num_classes)
    explorer = LatentExplorer(family, seed=3)
    assert [control.box.description for control in explorer.controls] == ["direction 1", "direction 2"]
    labels = None if num_classes is None else torch.arange(10)
    base = torch.randn(10, 6, generator=torch.Generator().manual_seed(3))

    def expected(*offsets: float) -> bytes:
        z = base + torch.tensor(offsets) @ explorer.directions
        return to_png(grid(family.decode(z, labels), columns=10), SCALE)

    assert explorer.picture.value == expected(0.0, 0.0)
    explorer.controls[0].value = 2.0
    assert explorer.picture.value == expected(2.0, 0.0)
    explorer.controls[1].box.value = -1.5
    assert explorer.picture.value == expected(2.0, -1.5)
    assert explorer.picture.value != expected(0.0, 0.0)
    assert explorer.message.value == ""


def test_it_starts_where_it_is_told() -> None:
    family = model()
    origin = LatentExplorer(family, seed=None, directions=torch.eye(6)[:3], names=["a", "b", "c"])
    assert len(origin.base) == 1
    assert not origin.base.any()
    assert [control.box.description for control in origin.controls] == ["a", "b", "c"]
    origin.controls[2].value = 1.0
    assert np.array_equal(origin.still(), grid(family.decode(torch.tensor([[0.0, 0, 1, 0, 0, 0]]))))


def test_one_image_per_label() -> None:
    family = model(num_classes=10)
    explorer = LatentExplorer(family, labels=torch.tensor([7, 7, 3]))
    assert explorer.message.value == ""
    assert np.array_equal(explorer.still(), grid(family.decode(explorer.base, torch.tensor([7, 7, 3]))))


def test_fewer_classes_than_images_repeat() -> None:
    explorer = LatentExplorer(model(num_classes=3))
    assert explorer.labels is not None
    assert explorer.labels.tolist() == [0, 1, 2, 0, 1, 2, 0, 1, 2, 0]
    assert explorer.message.value == ""


def test_a_code_of_one_number_has_one_slider() -> None:
    assert len(LatentExplorer(VAE(VAEConfig(network=MLPConfig(hidden_dim=4), latent_dim=1))).controls) == 1


def test_what_does_not_decode_is_refused() -> None:
    with pytest.raises(GenlabError, match="needs a model with a latent_dim and a decode method"):
        LatentExplorer(nn.Linear(1, 1))  # type: ignore[arg-type]
