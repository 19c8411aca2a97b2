"""The detective of a GAN. The forger is ``genlab.nn.mlp.MLPDecoder``, the VAE's decoder."""

from math import prod

from torch import Tensor, nn

from genlab.family import IMAGE_SHAPE
from genlab.nn.mlp import Activation, join_labels, mlp


class Discriminator(nn.Module):
    """An image to one logit, positive for "real": 784 -> hidden -> 1 (Goodfellow et al. 2014)."""

    def __init__(
        self, hidden_dim: int, num_classes: int | None = None, hidden: Activation = "leaky_relu"
    ) -> None:
        super().__init__()
        self.num_classes = num_classes
        self.layers = mlp([prod(IMAGE_SHAPE) + (num_classes or 0), hidden_dim, 1], hidden)

    def forward(self, images: Tensor, labels: Tensor | None = None) -> Tensor:
        """(N, 1, 28, 28) in [-1, 1] to logits (N,)."""
        logits: Tensor = self.layers(join_labels(images.flatten(1), labels, self.num_classes))
        return logits.squeeze(1)
