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
from tests.evaluation.conftest import normal

Compare = Callable[[torch.Tensor, torch.Tensor], object]
LEAST: dict[Compare, int] = {
    frechet_distance: 9,
    frechet_without_bias: 32,
    lambda a, b: kernel_distance(a, b, subset_size=20): 20,
    manifold: 6,
    two_sample_test: 40,
}
MANY = normal(99, 8, 0)
BROKEN = MANY.clone()
BROKEN[3, 5] = torch.inf


@pytest.mark.parametrize("compare", LEAST)
def test_the_fewest_rows_and_one_fewer(compare: Compare) -> None:
    least = LEAST[compare]
    compare(normal(least, 8, 1), MANY[: least + 5])
    for pair in ((MANY[: least - 1], MANY), (MANY, MANY[: least - 1])):
        with pytest.raises(GenlabError, match=f"at least {least}"):
            compare(*pair)


@pytest.mark.parametrize("compare", LEAST)
def test_shapes_and_values(compare: Compare) -> None:
    for pair in ((BROKEN, MANY), (MANY, BROKEN), (MANY * torch.nan, MANY)):
        with pytest.raises(GenlabError, match="finite"):
            compare(*pair)
    for other in (MANY[:, 1:], torch.zeros(99)):
        with pytest.raises(GenlabError, match="features"):
            compare(MANY, other)
