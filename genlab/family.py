"""The protocol that every family of generative models implements: the whole package in one page.

Training, evaluation and widgets know a model by this protocol alone. They never ask whether it is
a VAE, a GAN or a diffusion model, so a fourth family is one more folder and one line in
``genlab.zoo``.

Images are float32 of shape (N, 1, 28, 28): in [-1, 1] where a method takes them from a batch, in
[0, 1] where ``sample`` hands them to people. What a method takes may lie on any device, and what it gives
lies on the CPU, but for the values of ``losses``: the networks are where ``device_of`` says.
"""

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple, Protocol, runtime_checkable

import torch
from torch import Tensor, nn

from genlab.config import Settings
from genlab.data import Dataset
from genlab.errors import GenlabError


class NoLikelihood(GenlabError):
    """A model that has no likelihood was asked for nats: a VAE trained with beta 0 is an autoencoder."""


class Loss(NamedTuple):
    """One loss to step on.

    Attributes:
        network: the name, in ``Family.networks``, of the network whose optimiser steps on it.
        value: a scalar with a graph behind it.
        logged: the parts worth writing down, detached scalars.
    """

    network: str
    value: Tensor
    logged: Mapping[str, Tensor]


@runtime_checkable
class Family(Protocol):
    """A generative model that can be trained, sampled and looked at."""

    networks: nn.ModuleDict
    """Named networks; each gets an optimiser of its own."""

    @property
    def config(self) -> Settings:
        """What the model was built from."""
        ...

    @property
    def num_classes(self) -> int | None:
        """How many class labels the model is conditioned on; None for an unconditional model."""
        ...

    def losses(self, images: Tensor, labels: Tensor) -> Iterator[Loss]:
        """Yield the losses in the order in which the networks are to be stepped.

        The loop steps a network before it asks for the next loss, so a later loss sees the earlier
        step: a VAE and a diffusion model yield once, a GAN its discriminator's loss, then its generator's.

        Args:
            images: float32 in [-1, 1], (N, 1, 28, 28).
            labels: int64, (N,).
        """
        ...

    def sample(
        self, n: int, *, labels: Tensor | None = None, generator: torch.Generator | None = None
    ) -> Tensor:
        """Make ``n`` images, float32 in [0, 1], (n, 1, 28, 28).

        Args:
            n: how many.
            labels: int64 (n,), for conditional models; drawn uniformly if left out.
            generator: a CPU generator: the same one gives the same images on any device.

        Raises:
            GenlabError: labels on an unconditional model, of another length, or out of range.
        """
        ...


class State(Protocol):
    """One state of a sampler on its way from noise to an image, images in about [-1, 1]."""

    @property
    def t(self) -> int:
        """The timestep, from T - 1 down; -1 is the finished image."""
        ...

    @property
    def x(self) -> Tensor:
        """(N, 1, 28, 28)."""
        ...

    @property
    def pred_original_sample(self) -> Tensor:
        """The image expected at the end, seen from here."""
        ...


class Dial(NamedTuple):
    """A setting of sampling that may be turned while one looks: a keyword of a model's own method.

    Attributes:
        name: of the keyword, and of the setting in the config.
        value: to begin with; one of ``choices``, or in ``low..high``.
        choices: the words to choose from; none: it is a number.
        low, high, step: the range of a number; whole numbers if all of them are.
    """

    name: str
    value: Any
    choices: tuple[str, ...] = ()
    low: float = 0
    high: float = 1
    step: float = 1


@runtime_checkable
class HasDials(Family, Protocol):
    """A family with dials: keywords of ``draw_codes`` (a VAE's prior) or ``trajectory`` (guidance)."""

    @property
    def dials(self) -> tuple[Dial, ...]:
        """What may be turned."""
        ...


@runtime_checkable
class Decodes(Family, Protocol):
    """A family whose images come from a code in one step: VAE and GAN."""

    @property
    def latent_dim(self) -> int:
        """Width of the code."""
        ...

    def decode(self, z: Tensor, labels: Tensor | None = None) -> Tensor:
        """Codes (N, latent_dim) to images in [0, 1], (N, 1, 28, 28).

        Labels may be int64 (N,), or a blend: weights of the classes, float (N, num_classes).
        """
        ...


@runtime_checkable
class DrawsCodes(Decodes, Protocol):
    """A family with a prior of its own for codes; N(0, I) is taken where there is none."""

    def draw_codes(
        self, n: int, *, labels: Tensor | None = None, generator: torch.Generator | None = None
    ) -> Tensor:
        """``n`` codes as ``sample`` would decode them, (n, latent_dim), on the CPU.

        Args:
            n, generator: as for ``sample``.
            labels: the class of each, int64 (n,); needed where classes have codes of their own.
        """
        ...


@runtime_checkable
class Walks(Family, Protocol):
    """A family whose images come from noise in many steps: diffusion."""

    def trajectory(
        self,
        n: int,
        *,
        labels: Tensor | None = None,
        generator: torch.Generator | None = None,
        noise: Tensor | None = None,
        num_inference_steps: int | None = None,
    ) -> Iterator[State]:
        """The states on the way to ``n`` images, pure noise first, the finished images last.

        Args:
            n, generator: as for ``sample``.
            labels: as for ``sample``, or a blend: weights of the classes, float (n, num_classes).
            noise: to set out from, (n, 1, 28, 28); drawn from N(0, I) if left out.
            num_inference_steps: how many steps; as the model's config says if left out.
        """
        ...

    def noise_level(self, t: int) -> float:
        """The weight of the noise in x_t: 0 at t = -1, the finished image; near 1 where a walk begins."""
        ...


@runtime_checkable
class HasFinish(Family, Protocol):
    """A family with something left to do when all steps are made: a VAE fits its prior."""

    def finish(self, dataset: Dataset) -> None:
        """Called once, in eval mode, with the weights that samples are drawn from.

        What it changes has to be in the networks' parameters or buffers, so that checkpoints hold it.

        Args:
            dataset: what the model was trained on.
        """
        ...


@runtime_checkable
class HasTeacher(Family, Protocol):
    """A family that may imitate another model, which its config names: a diffusion model in one step."""

    def learn_from(self, teacher: Family) -> None:
        """Called before training, where ``config.teacher`` names a model.

        Args:
            teacher: that model, in eval mode, on the same device. It is not trained.

        Raises:
            GenlabError: a model that cannot be imitated.
        """
        ...


@runtime_checkable
class HasLikelihood(Family, Protocol):
    """A family with a bound on the likelihood of an image: VAE."""

    def nats(
        self,
        images: Tensor,
        labels: Tensor | None = None,
        *,
        k: int = 1,
        generator: torch.Generator | None = None,
    ) -> Tensor:
        """An upper bound on -log p(x) of each image, in nats per image; on -log p(x | label) with labels.

        It holds on average over the noise drawn; a single value may lie below. Where p is a density,
        over pixels in [0, 1], it may be above 1 and nats below 0.

        Args:
            images: float32 in [-1, 1], (N, 1, 28, 28); a batch, as it is computed in one go.
            labels: int64 (N,), needed by a conditional model.
            k: codes drawn per image; the more, the tighter the bound.
            generator: a CPU generator: the same one draws the same noise on any device.

        Returns:
            (N,).

        Raises:
            GenlabError: a conditional model without labels.
            NoLikelihood: a model that has no likelihood.
        """
        ...


def device_of(networks: nn.ModuleDict) -> torch.device:
    """The device that the networks' weights are on."""
    return next(networks.parameters()).device


def count_parameters(networks: nn.Module) -> int:
    """The number of trainable weights."""
    return sum(p.numel() for p in networks.parameters() if p.requires_grad)
