"""Everything that decides how a run goes on: what training changes and a checkpoint holds."""

from collections.abc import Iterator
from contextlib import contextmanager, nullcontext

import torch
from torch import Tensor

from genlab.errors import GenlabError, did_you_mean
from genlab.family import Family, device_of
from genlab.nn.device import processes
from genlab.training.ema import EMA
from genlab.training.precision import in_precision, precision_of
from genlab.training.settings import TrainConfig


class TrainingState:
    """A family about to be trained, or in the middle of it.

    Its networks are trained on the device they are on. They are not wrapped for several processes: a
    GAN's generator learns through the discriminator without touching it, which the usual wrapper
    (``DistributedDataParallel``) takes for a mistake. The loop averages the gradients itself.

    Args:
        family: the model, trained in place.
        config: precision, optimiser and averaging.

    Attributes:
        device: where the networks are, and with them the training.
        precision: what the networks compute in: bfloat16, float16, or None for float32.
        scaler: scales the losses of float16, lest small gradients become 0.
        optimisers: an Adam per network.
        ema: the averaged weights, or None.
        step: steps made so far.
        seconds: time spent on them, the same on every process.
        random: torch's random states after the last step; None before the first.

    Raises:
        GenlabError: this machine cannot compute in the precision asked for; a network in
            ``config.lr_factors`` that the family has not.
    """

    def __init__(self, family: Family, config: TrainConfig) -> None:
        processes()  # connects them, if there are several
        self.device = device_of(family.networks)
        self.precision = precision_of(config.mixed_precision, self.device)
        self.scaler = torch.amp.GradScaler(self.device.type, enabled=self.precision is torch.float16)
        self.family = family
        unknown = next((name for name in config.lr_factors if name not in family.networks), None)
        if unknown is not None:
            known = did_you_mean(unknown, family.networks)
            raise GenlabError(f"train.lr_factors: this model has no network {unknown!r}, {known}")
        self.optimisers: dict[str, torch.optim.Optimizer] = {}
        fused = self.device.type in ("cpu", "cuda")  # one pass over the weights, where torch 2.4 has it
        for name, network in family.networks.items():
            rate = config.lr * config.lr_factors.get(name, 1.0)
            adam = torch.optim.Adam(network.parameters(), lr=rate, betas=config.adam_betas, fused=fused)
            self.optimisers[name] = adam
        self.ema = None if config.ema_decay is None else EMA(family.networks, config.ema_decay)
        self.step = 0
        self.seconds = 0.0
        self.random: list[Tensor] | None = None

    @contextmanager
    def training(self) -> Iterator[None]:
        """The networks in train mode and in the precision asked for, inside the ``with`` block alone."""
        networks = self.family.networks
        networks.train()
        try:
            with in_precision(list(networks.values()), self.device, self.precision):
                yield
        finally:
            networks.eval()

    @contextmanager
    def averaged(self) -> Iterator[None]:
        """The networks as they are sampled: averaged where there is an average, in eval mode."""
        networks, before = self.family.networks, self.family.networks.training
        with nullcontext() if self.ema is None else self.ema.applied():
            networks.eval()
            yield
        networks.train(before)

    def is_over(self, total: int, config: TrainConfig) -> bool:
        """Whether no step comes after this: all ``total`` are made, or ``config.max_seconds`` are spent."""
        return self.step >= total or (config.max_seconds is not None and self.seconds >= config.max_seconds)
