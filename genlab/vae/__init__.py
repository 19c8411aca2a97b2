"""The variational autoencoder (notebook 01)."""

from genlab.vae.family import VAE, VAEConfig

__all__ = ["VAE", "VAEConfig"]
