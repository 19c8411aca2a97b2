"""Explorers for notebooks (notebook 05): views only, over any model that speaks the protocol."""

from genlab.widgets.comparison import Comparison
from genlab.widgets.game import RealOrGenerated
from genlab.widgets.latent import LatentExplorer
from genlab.widgets.noise import NoiseExplorer
from genlab.widgets.timestep import TimestepExplorer

__all__ = ["Comparison", "LatentExplorer", "NoiseExplorer", "RealOrGenerated", "TimestepExplorer"]
