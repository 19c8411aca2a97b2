"""What every metric of features refuses, by its one check; and how many rows each needs."""

from collections.abc import Callable

import pytest
import torch

from genlab.errors import GenlabError
from genlab.evaluation.metrics import (
    frechet_distance,
    frechet_without_bias,
    kernel_distance,
    manifold,
    two_sample_test,
)

Compare = Callable[[torch.Tensor, torch.Tensor], object]
LEAST: dict[Compare, int] = {
    frechet_distance: 9,
    frechet_without_bias: 32,
    lambda a, b: kernel_distance(a, b, subset_size=20): 20,
    manifold: 6,
    two_sample_test: 40,
}


def normal(n: int, d: int = 8) -> torch.Tensor:
    return torch.randn(n, d, generator=torch.Generator().manual_seed(n))


@pytest.mark.parametrize("compare", LEAST)
def test_the_fewest_rows_and_one_fewer(compare: Compare) -> None:
    least = LEAST[compare]
    compare(normal(least), normal(least + 5))
    for few in ((normal(least - 1), normal(99)), (normal(99), normal(least - 1))):
        with pytest.raises(GenlabError, match=rf"at least {least}"):
            compare(*few)


@pytest.mark.parametrize("compare", LEAST)
@pytest.mark.parametrize("value", [torch.nan, torch.inf])
def test_shapes_and_values(compare: Compare, value: float) -> None:
    broken = normal(99)
    broken[3, 5] = value
    for pair in ((broken, normal(99)), (normal(99), broken)):
        with pytest.raises(GenlabError, match="finite"):
            compare(*pair)
    for other in (normal(99, 7), torch.zeros(99)):
        with pytest.raises(GenlabError, match="features"):
            compare(normal(99), other)
