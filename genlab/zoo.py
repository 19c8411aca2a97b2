"""The one place that knows the families by name: read a config, build the model that it describes."""

from collections.abc import Mapping
from importlib.resources import files
from pathlib import Path
from typing import Annotated

import torch
from pydantic import Field, model_validator

from genlab.config import Settings, read_settings
from genlab.diffusion import Diffusion, DiffusionConfig
from genlab.diffusion.config import UNetConfig
from genlab.errors import GenlabError, did_you_mean
from genlab.family import Family
from genlab.gan import GAN, GANConfig
from genlab.nn.device import find_device
from genlab.training.settings import TrainConfig
from genlab.vae import VAE, VAEConfig

FAMILIES = {VAEConfig: VAE, GANConfig: GAN, DiffusionConfig: Diffusion}


class Config(Settings):
    """What a YAML in ``genlab/config/presets`` holds: a model and how to train it."""

    model: Annotated[VAEConfig | GANConfig | DiffusionConfig, Field(discriminator="family")] = Field(
        description="what is trained"
    )
    train: TrainConfig = Field(TrainConfig(), description="how it is trained")

    @model_validator(mode="after")
    def _half_size_needs_a_unet(self) -> "Config":
        unet = isinstance(self.model, DiffusionConfig) and isinstance(self.model.network, UNetConfig)
        if self.train.half_size_steps and not unet:
            raise ValueError("train.half_size_steps needs a network that takes any size: the diffusion UNet")
        return self

    @model_validator(mode="after")
    def _batch_norm_needs_a_batch(self) -> "Config":
        if isinstance(self.model, GANConfig) and self.model.batch_norm and self.train.batch_size == 1:
            raise ValueError(
                "train.batch_size 1 leaves batch norm nothing to compare an image with: use at least 2, or "
                "set the norms of model.network to none"
            )
        return self


def config_names() -> list[str]:
    """The configs that come with the package."""
    folder = files("genlab") / "config" / "presets"
    return sorted(p.name.removesuffix(".yaml") for p in folder.iterdir() if p.name.endswith(".yaml"))


def load_config(name: str | Path, overrides: Mapping[str, object] | None = None) -> Config:
    """A config by name (``vae``) or path (``my.yaml``), with overrides such as ``{"train.epochs": 5}``.

    Raises:
        GenlabError: an unknown name, or anything wrong inside; the line names file, line and field.
    """
    path = Path(name)
    if path.suffix not in (".yaml", ".yml"):
        if str(name) not in config_names():
            raise GenlabError(
                f"unknown config {str(name)!r}: {did_you_mean(str(name), config_names())} "
                "(or name a .yaml file)"
            )
        path = Path(str(files("genlab") / "config" / "presets" / f"{name}.yaml"))
    return read_settings(Config, path, overrides)


def build(config: Config, device: str | None = None) -> Family:
    """A new model with the initial weights that ``config.train.seed`` decides, the same on every device.

    Args:
        config: settings of model and training.
        device: as for ``genlab.nn.device.find_device``.

    Raises:
        GenlabError: a device that this machine has not.
    """
    chosen = find_device(device)
    torch.manual_seed(config.train.seed)
    family: Family = FAMILIES[type(config.model)](config.model)
    family.networks.to(chosen)
    if chosen.type == "mps":  # where convolutions have been wrong in a network's other layout, channels last
        family.networks.to(memory_format=torch.contiguous_format)
    return family
