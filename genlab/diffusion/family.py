"""The diffusion model as a family: one network, a schedule, a sampler."""

from collections.abc import Callable, Iterator
from typing import Annotated, Literal

import torch
from pydantic import Field, model_validator
from torch import Tensor, nn

from genlab.config import Settings
from genlab.data import to_unit
from genlab.diffusion.guidance import drop_labels, guided
from genlab.diffusion.loss import denoising_loss
from genlab.diffusion.noise_predictor import MLPNoisePredictor, NaiveNoisePredictor
from genlab.diffusion.samplers import SamplerStep, ddim
from genlab.diffusion.schedule import PredictionType, ScheduleName, make_schedule
from genlab.diffusion.unet import UNet
from genlab.errors import GenlabError
from genlab.family import IMAGE_SHAPE, Loss, choose_labels, device_of


class NaiveConfig(Settings):
    """One hidden layer, not told the time."""

    kind: Literal["naive"] = "naive"
    hidden_dim: int = Field(512, ge=1, description="width of the hidden layer")


class MLPConfig(Settings):
    """An MLP that is told the time."""

    kind: Literal["mlp"] = "mlp"
    hidden_dim: int = Field(1024, ge=1, description="width of the hidden layers")
    num_layers: int = Field(3, ge=1, description="number of hidden layers")


class UNetConfig(Settings):
    """A UNet; the defaults are the compact one that two CPU cores can train in class."""

    kind: Literal["unet"] = "unet"
    channels: tuple[Annotated[int, Field(ge=4, multiple_of=4)], ...] = Field(
        (32, 64), min_length=1, max_length=3, description="width of each level, multiples of 4"
    )
    patch_size: Literal[1, 2] = Field(2, description="2 folds 2x2 pixels into channels: 14x14 maps")
    num_res_blocks: int = Field(1, ge=1, description="residual blocks per level")
    attention: bool = Field(True, description="self-attention at the coarsest level")

    @model_validator(mode="after")
    def _halves_evenly(self) -> "UNetConfig":
        finest, halvings = IMAGE_SHAPE[1] // self.patch_size, len(self.channels) - 1
        if finest % 2**halvings:
            raise ValueError(
                f"{len(self.channels)} levels halve {finest}x{finest} maps {halvings} times, which leaves "
                "half a pixel: use fewer channels or patch_size 1"
            )
        return self


class DiffusionConfig(Settings):
    """A diffusion model over one of three networks."""

    family: Literal["diffusion"] = "diffusion"
    network: Annotated[NaiveConfig | MLPConfig | UNetConfig, Field(discriminator="kind")] = Field(
        UNetConfig(), description="the network that makes the prediction"
    )
    num_train_timesteps: int = Field(1000, ge=1, description="T, noise levels in training")
    schedule: ScheduleName = Field("cosine", description="how the noise grows")
    prediction_type: PredictionType = Field("epsilon", description="what the network says")
    num_inference_steps: int = Field(50, ge=1, description="steps of the sampler, at most T")
    eta: float = Field(0.0, ge=0, le=1, description="noise of the sampler: 0 DDIM, 1 DDPM")
    clip_sample: bool = Field(True, description="keep predicted images in [-1, 1]")
    num_classes: int | None = Field(None, ge=1, description="classes to condition on, none: unconditional")
    class_dropout_prob: float = Field(0.1, ge=0, lt=1, description="how often a class is hidden")
    guidance_scale: float = Field(1.0, ge=0, description="1: conditional, more: truer and less varied")

    @model_validator(mode="after")
    def _consistent(self) -> "DiffusionConfig":
        if self.num_inference_steps > self.num_train_timesteps:
            raise ValueError(
                f"num_inference_steps ({self.num_inference_steps}) should be at most "
                f"num_train_timesteps ({self.num_train_timesteps})"
            )
        if self.network.kind == "naive" and self.num_classes is not None:
            raise ValueError(
                "the naive network knows no classes: leave num_classes out or use 'mlp' or 'unet'"
            )
        return self


def build_network(config: DiffusionConfig) -> nn.Module:
    """The network that the settings ask for; all have the signature (x_t, t, labels)."""
    network = config.network
    if isinstance(network, NaiveConfig):
        return NaiveNoisePredictor(network.hidden_dim)
    if isinstance(network, MLPConfig):
        return MLPNoisePredictor(network.hidden_dim, network.num_layers, config.num_classes)
    unet = UNet(
        network.channels,
        patch_size=network.patch_size,
        num_res_blocks=network.num_res_blocks,
        attention=network.attention,
        num_classes=config.num_classes,
    )
    # The layout in which convolutions run a fifth faster on a CPU; the numbers are the same.
    return unet.to(memory_format=torch.channels_last)


class Diffusion:
    """Denoising diffusion (Ho et al. 2020, arXiv:2006.11239), sampled by DDIM (Song et al. 2021)."""

    def __init__(self, config: DiffusionConfig) -> None:
        self.config = config
        self.num_classes = config.num_classes
        self.schedule = make_schedule(config.schedule, config.num_train_timesteps)
        self.networks = nn.ModuleDict({"denoiser": build_network(config)})

    def losses(self, images: Tensor, labels: Tensor) -> Iterator[Loss]:
        """Mean squared error of the prediction; a class is hidden now and then, for guidance."""
        network = self.networks["denoiser"]
        if self.num_classes is not None and network.training:
            labels = drop_labels(labels, self.num_classes, self.config.class_dropout_prob)
        loss = denoising_loss(
            lambda x, t: network(x, t, labels), images, self.schedule, self.config.prediction_type
        )
        yield Loss("denoiser", loss, {"mse": loss.detach()})

    def predictor(
        self, labels: Tensor | None = None, guidance_scale: float | None = None
    ) -> Callable[[Tensor, Tensor], Tensor]:
        """The network as a function of (x_t, t), with the class and the guidance settled."""
        network = self.networks["denoiser"]
        if self.num_classes is None or labels is None:
            if guidance_scale is not None:
                raise GenlabError("guidance_scale needs a class-conditional model and labels: leave it out")
            return lambda x, t: network(x, t, None)
        scale = self.config.guidance_scale if guidance_scale is None else guidance_scale
        return guided(network, labels.to(device_of(self.networks)), self.num_classes, scale)

    def trajectory(
        self,
        n: int,
        *,
        labels: Tensor | None = None,
        generator: torch.Generator | None = None,
        num_inference_steps: int | None = None,
        guidance_scale: float | None = None,
        eta: float | None = None,
    ) -> Iterator[SamplerStep]:
        """The sampler's states from pure noise to ``n`` images, for the timestep slider.

        Args:
            n, labels, generator: as for ``sample``.
            num_inference_steps, guidance_scale, eta: other than the config's.

        Yields:
            ``num_inference_steps`` states and then the finished one, images in [-1, 1].
        """
        config = self.config
        x = torch.randn(n, *IMAGE_SHAPE, generator=generator).to(device_of(self.networks))
        labels = choose_labels(self.num_classes, n, labels, generator)
        yield from ddim(
            self.predictor(labels, guidance_scale),
            x,
            self.schedule,
            config.num_inference_steps if num_inference_steps is None else num_inference_steps,
            prediction_type=config.prediction_type,
            eta=config.eta if eta is None else eta,
            clip_sample=config.clip_sample,
            generator=generator,
        )

    def sample(
        self, n: int, *, labels: Tensor | None = None, generator: torch.Generator | None = None
    ) -> Tensor:
        """Walk ``n`` draws of noise back to images: see ``Family.sample``."""
        for step in self.trajectory(n, labels=labels, generator=generator):
            x = step.x
        return to_unit(x)
