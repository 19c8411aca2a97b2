"""The two MLP denoisers: one without the time as an input, and one with it."""

from math import prod

import torch
from torch import Tensor, nn

from genlab.data import IMAGE_SHAPE
from genlab.diffusion.embedding import TimestepEmbedding
from genlab.nn.mlp import join_labels, mlp


class NaiveDenoiser(nn.Module):
    """x_t to a prediction, 784 -> 512 -> 784, blind to the time: what one tries first, and why it fails.

    Not knowing how noisy its input is, it cannot know how much of it to call noise.
    """

    def __init__(self, hidden_dim: int = 512) -> None:
        super().__init__()
        pixels = prod(IMAGE_SHAPE)
        self.layers = mlp([pixels, hidden_dim, pixels])

    def forward(self, x: Tensor, t: Tensor, labels: Tensor | None = None) -> Tensor:
        """(N, 1, 28, 28) to the same shape; ``t`` and ``labels`` are ignored."""
        return self.layers(x.flatten(1)).view_as(x)


class MLPDenoiser(nn.Module):
    """x_t and t to a prediction: the same idea with the time as a second input.

    Args:
        hidden_dim: width of the hidden layers.
        num_layers: how many hidden layers.
        num_classes: if given, the label joins the input; class id ``num_classes`` means "no class".
    """

    def __init__(self, hidden_dim: int = 1024, num_layers: int = 3, num_classes: int | None = None) -> None:
        super().__init__()
        pixels, time_dim = prod(IMAGE_SHAPE), 128
        self.label_columns = None if num_classes is None else num_classes + 1
        self.embed = TimestepEmbedding(time_dim)
        widths = [pixels + time_dim + (self.label_columns or 0), *[hidden_dim] * num_layers, pixels]
        self.layers = mlp(widths)

    def forward(self, x: Tensor, t: Tensor, labels: Tensor | None = None) -> Tensor:
        """(N, 1, 28, 28), (N,) timesteps and (N,) labels to the prediction, (N, 1, 28, 28)."""
        inputs = torch.cat([x.flatten(1), self.embed(t)], dim=1)
        return self.layers(join_labels(inputs, labels, self.label_columns)).view_as(x)
