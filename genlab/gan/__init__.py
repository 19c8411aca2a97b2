"""The generative adversarial network (notebook 02)."""

from genlab.gan.config import GANConfig
from genlab.gan.gan import GAN

__all__ = ["GAN", "GANConfig"]
