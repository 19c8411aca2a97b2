"""The diffusion model (notebook 03)."""

from genlab.diffusion.family import Diffusion, DiffusionConfig

__all__ = ["Diffusion", "DiffusionConfig"]
