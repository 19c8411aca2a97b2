"""Small VAEs to test on."""

from typing import Any

import torch

from genlab.vae import VAE, VAEConfig
from genlab.vae.loss import Output, Reconstruction
from genlab.vae.networks import Autoencoder

MLP: dict[str, Any] = {"kind": "mlp", "hidden_dim": 16}
KINDS: list[tuple[Reconstruction, Output]] = [
    ("l2", "sigmoid"),
    ("l1", "sigmoid"),
    ("gaussian", "sigmoid"),
    ("bce", "sigmoid"),
    ("l2", "tanh"),
    ("l1", "tanh"),
    ("gaussian", "tanh"),
]


def small(**settings: Any) -> VAE:
    """A VAE of 16 hidden units and codes of 5 numbers, the same weights every time."""
    torch.manual_seed(0)
    return VAE(VAEConfig(**{"network": MLP, "latent_dim": 5} | settings))


def autoencoder_of(family: VAE) -> Autoencoder:
    """Its one network."""
    autoencoder = family.networks["autoencoder"]
    assert isinstance(autoencoder, Autoencoder)
    return autoencoder


def seeded(seed: int = 0) -> torch.Generator:
    """A generator to draw from."""
    return torch.Generator().manual_seed(seed)
