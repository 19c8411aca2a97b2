"""Explorers for notebooks (notebook 05): views only, over any model that speaks the protocol."""

from genlab.widgets.comparison import Comparison
from genlab.widgets.game import RealOrGenerated
from genlab.widgets.interpolation import Interpolation
from genlab.widgets.latent import LatentExplorer
from genlab.widgets.noise import NoiseExplorer
from genlab.widgets.timestep import TimestepExplorer
from genlab.widgets.walk import WalkExplorer

__all__ = [
    "Comparison", "Interpolation", "LatentExplorer", "NoiseExplorer", "RealOrGenerated", "TimestepExplorer",
    "WalkExplorer",
]  # fmt: skip
