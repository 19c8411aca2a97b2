"""The generative adversarial network (notebook 02)."""

from genlab.gan.family import GAN, GANConfig

__all__ = ["GAN", "GANConfig"]
