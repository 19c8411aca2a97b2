"""The exponential moving average of the weights: what GANs and diffusion models are sampled from.

The weights of a network in training jitter about a good place; their average sits in it.
"""

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel

Tensors = tuple[Tensor, ...] | list[Tensor]


def warmed_up(decay: float, num_updates: int) -> float:
    """The decay after so many updates: ``min(decay, (1 + n) / (10 + n))``.

    A decay of 0.9999 from the start would still hold 61 % of the random initial weights after 5,000
    steps.
    """
    return min(decay, (1 + num_updates) / (10 + num_updates))


class EMA:
    """Averages of a family's networks. Buffers are copied, not averaged.

    Args:
        networks: the networks in training.
        decay: share of the old average kept at each update, in (0, 1), reached by a warm-up.
    """

    def __init__(self, networks: nn.ModuleDict, decay: float) -> None:
        self.networks = networks
        self.num_updates = 0

        def average(averaged: Tensors, current: Tensors, _: Tensor | int) -> None:
            torch._foreach_lerp_(averaged, current, 1 - warmed_up(decay, self.num_updates))

        self.averaged = AveragedModel(networks, multi_avg_fn=average)
        self.averaged.update_parameters(networks)  # its first update only copies

    @torch.no_grad()
    def update(self) -> None:
        """Take the networks' weights of now into the average: once after every step."""
        self.num_updates += 1
        self.averaged.update_parameters(self.networks)

    @torch.no_grad()
    def copy_to_networks(self) -> None:
        """Give the networks the averaged weights: what is done at the end of training."""
        self.networks.load_state_dict(self.averaged.module.state_dict())

    @torch.no_grad()
    def take_buffers(self) -> None:
        """Copy the networks' buffers of now: once after something else than a step has changed them."""
        self.averaged.module.load_state_dict(dict(self.networks.named_buffers()), strict=False)

    @contextmanager
    def applied(self) -> Iterator[None]:
        """The networks hold the averaged weights inside the ``with`` block, their own after it.

        Buffers, which are the same in both, stay: what changes them inside, changes them for good.
        """
        own = {name: value.clone() for name, value in self.networks.named_parameters()}
        self.copy_to_networks()
        try:
            yield
        finally:
            self.networks.load_state_dict(own, strict=False)
