"""A small model of each family, untrained, for the explorers that show several."""

from typing import Any

import pytest

from genlab.zoo import build, load_config

SMALL: dict[str, object] = {"model.network.hidden_dim": 16}
TOLD = SMALL | {"model.num_classes": 10}
WALK = TOLD | {"model.num_train_timesteps": 20, "model.num_inference_steps": 3}
CONFIGS = {"VAE": ("vae", SMALL), "GAN": ("gan", TOLD), "diffusion": ("diffusion-mlp", WALK)}


@pytest.fixture
def models() -> dict[str, Any]:
    made = {title: build(load_config(name, changes)) for title, (name, changes) in CONFIGS.items()}
    for model in made.values():
        model.networks.eval()
    return made


@pytest.fixture
def few() -> Any:
    """A GAN of three classes."""
    return build(load_config("gan", SMALL | {"model.num_classes": 3}))
