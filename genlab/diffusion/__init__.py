"""The diffusion model (notebook 03)."""

from genlab.diffusion.config import DiffusionConfig
from genlab.diffusion.diffusion import Diffusion

__all__ = ["Diffusion", "DiffusionConfig"]
