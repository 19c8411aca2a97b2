"""Everything that decides how a run goes on: what training changes and a checkpoint holds."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from typing import Any

import torch
from accelerate import Accelerator
from accelerate.optimizer import AcceleratedOptimizer
from accelerate.state import AcceleratorState
from torch import Tensor, nn

from genlab.errors import GenlabError, did_you_mean
from genlab.family import Family
from genlab.training.distributed import processes
from genlab.training.ema import EMA
from genlab.training.precision import resolved
from genlab.training.settings import TrainConfig


class TrainingState:
    """A family about to be trained, or in the middle of it.

    Its networks move to the accelerator's device. They are not wrapped for several processes: a
    GAN's generator learns through the discriminator without touching it, which the usual wrapper
    (``DistributedDataParallel``) takes for a mistake. The loop averages the gradients itself.

    Args:
        family: the model, trained in place.
        config: precision, optimiser and averaging.

    Attributes:
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
        AcceleratorState._reset_state()  # else the first run's precision binds every later one in a notebook
        try:
            self.accelerator = Accelerator(mixed_precision=resolved(config.mixed_precision))
        except ValueError as error:
            raise GenlabError(f"train.mixed_precision {config.mixed_precision}: {error}") from None
        self.family = family
        unknown = next((name for name in config.lr_factors if name not in family.networks), None)
        if unknown is not None:
            known = did_you_mean(unknown, family.networks)
            raise GenlabError(f"train.lr_factors: this model has no network {unknown!r}, {known}")
        self.optimisers: dict[str, AcceleratedOptimizer] = {}
        for name, network in family.networks.items():
            network.to(self.accelerator.device)
            rate = config.lr * config.lr_factors.get(name, 1.0)
            adam = torch.optim.Adam(network.parameters(), lr=rate, betas=config.adam_betas, fused=True)
            self.optimisers[name] = self.accelerator.prepare_optimizer(adam)
        self._forwards = {name: self._in_precision(network) for name, network in family.networks.items()}
        self.ema = None if config.ema_decay is None else EMA(family.networks, config.ema_decay)
        self.step = 0
        self.seconds = 0.0
        self.random: list[Tensor] | None = None

    def _in_precision(self, network: nn.Module) -> Callable[..., Any] | None:
        """The network's forward under accelerate's autocast; None where the precision is float32."""
        # "Evaluation" is accelerate's word for: precision yes, DistributedDataParallel no.
        self.accelerator.prepare_model(network, evaluation_mode=True)
        vars(network).pop("_original_forward", None)
        forward: Callable[..., Any] | None = vars(network).pop("forward", None)
        return forward

    @contextmanager
    def training(self) -> Iterator[None]:
        """The networks in train mode and in the precision asked for, inside the ``with`` block alone."""
        wrapped = [(self.family.networks[name], f) for name, f in self._forwards.items() if f is not None]
        for network, forward in wrapped:
            vars(network)["forward"] = forward  # lies over that of the class
        self.family.networks.train()
        try:
            yield
        finally:
            self.family.networks.eval()
            for network, _ in wrapped:
                vars(network).pop("forward", None)

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
