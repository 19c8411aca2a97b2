"""Small diffusion models to test on."""

from typing import Any

import torch

from genlab.diffusion import Diffusion, DiffusionConfig

MLP: dict[str, Any] = {"kind": "mlp", "hidden_dim": 16, "num_layers": 1}
SMALL = {"network": MLP, "num_train_timesteps": 20, "num_inference_steps": 4, "schedule": "linear"}


def small(**settings: Any) -> Diffusion:
    """A model of 20 times that samples in 4 steps, the same weights every time."""
    torch.manual_seed(0)
    family = Diffusion(DiffusionConfig.model_validate(SMALL | settings))
    family.networks.eval()
    return family


def seeded(seed: int = 0) -> torch.Generator:
    """A generator to draw from."""
    return torch.Generator().manual_seed(seed)
