from itertools import combinations

import pytest
import torch
from torch import nn

from genlab.diffusion.mlp import MLPDenoiser, NaiveDenoiser

X = torch.randn(4, 1, 28, 28, generator=torch.Generator().manual_seed(0))
EARLY, LATE = torch.tensor([0, 1, 2, 3]), torch.tensor([999, 998, 500, 3])


def test_the_naive_one_is_blind_to_the_time() -> None:
    network = NaiveDenoiser(16)
    assert network(X, EARLY).shape == X.shape
    assert torch.equal(network(X, EARLY), network(X, LATE))
    layers = [layer for layer in NaiveDenoiser().layers if isinstance(layer, nn.Linear)]
    widths = [(layer.in_features, layer.out_features) for layer in layers]
    assert widths == [(784, 512), (512, 784)]


def test_the_other_is_told_the_time_of_each_image() -> None:
    network = MLPDenoiser(16, 2)
    same = torch.isclose(network(X, EARLY), network(X, LATE), atol=1e-6).flatten(1).all(1)
    assert same.tolist() == [False, False, False, True]


@pytest.mark.parametrize("num_layers", [1, 3])
def test_it_has_as_many_hidden_layers_as_asked(num_layers: int) -> None:
    network = MLPDenoiser(16, num_layers)
    assert sum(isinstance(layer, nn.Linear) for layer in network.layers) == num_layers + 1


def test_classes_and_no_class_differ() -> None:
    network = MLPDenoiser(16, 2, num_classes=10)
    answers = [network(X, EARLY, torch.full((4,), label)) for label in range(11)]  # 10 is "none"
    assert not any(torch.equal(one, other) for one, other in combinations(answers, 2))
    with pytest.raises(ValueError, match="needs labels"):
        network(X, EARLY)
