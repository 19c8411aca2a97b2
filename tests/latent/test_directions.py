"""Directions that are known beforehand: linear decoders, and pictures that are drawn to order."""

import pytest
import torch
from torch import Tensor, nn

from genlab.config import Settings
from genlab.errors import GenlabError
from genlab.latent.directions import draw_codes, leading_directions


class Model:
    """Decodes by a function."""

    def __init__(self, latent_dim: int, num_classes: int | None = None) -> None:
        self.latent_dim, self.num_classes = latent_dim, num_classes
        self.config, self.networks = Settings(), nn.ModuleDict()

    def losses(self, images: Tensor, labels: Tensor) -> None: ...

    def sample(self, n: int, **_: object) -> None: ...


class Linear(Model):
    """0.5 + z @ matrix: the directions of the largest effect are its singular vectors."""

    def __init__(self, matrix: Tensor, num_classes: int | None = None) -> None:
        super().__init__(len(matrix), num_classes)
        self.matrix = matrix

    def decode(self, z: Tensor, labels: Tensor | None = None) -> Tensor:
        images = (0.5 + z @ self.matrix).reshape(-1, 1, 28, 28)
        return images if labels is None else images + 50.0 * labels[:, None, None, None]


class Blob(Model):
    """A bright ellipse whose slant, width, height, place and strength are five numbers of the code."""

    def __init__(self, what: list[str]) -> None:
        super().__init__(len(what))
        self.what = what

    def decode(self, z: Tensor, labels: Tensor | None = None) -> Tensor:
        of = {name: z[:, i, None, None] for i, name in enumerate(self.what)}
        zero = torch.zeros(len(z), 1, 1)
        y, x = torch.meshgrid(13.5 - torch.arange(28.0), torch.arange(28.0) - 13.5, indexing="ij")
        y = y - 1.0 * of.get("up", zero)
        x = x - 0.2 * of.get("slant", zero) * y
        far = (x / (4 + of.get("wide", zero).clamp(-3, 3))) ** 2 + (
            y / (4 + of.get("tall", zero).clamp(-3, 3))
        ) ** 2
        return ((1 + 0.2 * of.get("ink", zero)) * torch.exp(-far))[:, None]


def random_matrix(strengths: list[float]) -> tuple[Tensor, Tensor]:
    """A matrix with these singular values, and its left singular vectors."""
    generator = torch.Generator().manual_seed(0)
    codes, _ = torch.linalg.qr(torch.randn(5, 5, generator=generator))
    pixels, _ = torch.linalg.qr(torch.randn(784, 5, generator=generator))
    return codes @ torch.diag(torch.tensor(strengths)) @ pixels.T, codes


@pytest.mark.parametrize("num_classes", [None, 3])
def test_leading_directions_are_those_of_the_largest_effect(num_classes: int | None) -> None:
    """And what the class changes, here far more than any code, does not mislead them."""
    matrix, codes = random_matrix([8.0, 4.0, 0.2, 0.1, 0.1])
    found = leading_directions(Linear(matrix, num_classes), 2, samples=4000)  # type: ignore[arg-type]
    assert found.vectors.shape == (2, 5)
    assert len(found.names) == 2
    for vector, true in zip(found.vectors, codes.T, strict=False):
        assert torch.cosine_similarity(vector, true, dim=0).abs() > 0.95
    # N(0, I) spreads by 1 in every direction, and so far goes one unit of a slider.
    torch.testing.assert_close(found.vectors.norm(dim=1), torch.ones(2), rtol=0.05, atol=0)


def test_a_unit_is_as_far_as_the_codes_spread() -> None:
    class Narrow(Linear):
        def draw_codes(
            self, n: int, *, labels: Tensor | None = None, generator: torch.Generator | None = None
        ) -> Tensor:
            return 0.1 * torch.randn(n, 5, generator=generator) + 7

    found = leading_directions(Narrow(random_matrix([8.0, 4, 2, 1, 1])[0]), 3, samples=4000)  # type: ignore[arg-type]
    torch.testing.assert_close(found.vectors.norm(dim=1), torch.full((3,), 0.1), rtol=0.1, atol=0)


@pytest.mark.parametrize(
    ("what", "word"), [("ink", "bolder"), ("slant", "leaning right"), ("wide", "wider"), ("tall", "taller")]
)
def test_a_direction_is_named_by_what_it_does(what: str, word: str) -> None:
    found = leading_directions(Blob([what]), 1)  # type: ignore[arg-type]
    assert word in found.names[0].split(", ")
    assert found.vectors[0, 0] > 0  # to the right is more of it


def test_up_is_not_heavier_below() -> None:
    found = leading_directions(Blob(["up"]), 1)  # type: ignore[arg-type]
    assert (found.names[0], bool(found.vectors[0, 0] < 0)) == ("heavier below", True)


@pytest.mark.parametrize("count", [0, 3])
def test_more_directions_than_dimensions_are_refused(count: int) -> None:
    with pytest.raises(GenlabError, match="1 to 2 directions"):
        leading_directions(Blob(["ink", "tall"]), count)  # type: ignore[arg-type]


def test_codes_are_from_a_normal_where_nobody_says_otherwise() -> None:
    generator = torch.Generator().manual_seed(3)
    codes = draw_codes(Blob(["ink", "tall"]), 4, generator=generator)  # type: ignore[arg-type]
    assert torch.equal(codes, torch.randn(4, 2, generator=torch.Generator().manual_seed(3)))
