"""The variational autoencoder (notebook 01)."""

from genlab.vae.config import VAEConfig
from genlab.vae.vae import VAE

__all__ = ["VAE", "VAEConfig"]
