"""Explorers for notebooks (notebook 05): views only, over any model that speaks the protocol."""

from typing import TYPE_CHECKING, Any

from genlab.widgets.comparison import Comparison
from genlab.widgets.game import RealOrGenerated
from genlab.widgets.interpolation import Interpolation
from genlab.widgets.latent import LatentExplorer
from genlab.widgets.noise import NoiseExplorer
from genlab.widgets.timestep import TimestepExplorer
from genlab.widgets.walk import WalkExplorer

if TYPE_CHECKING:
    from genlab.widgets.thermometer import Thermometer

__all__ = [
    "Comparison", "Interpolation", "LatentExplorer", "NoiseExplorer", "RealOrGenerated", "Thermometer",
    "TimestepExplorer", "WalkExplorer",
]  # fmt: skip


def __getattr__(name: str) -> Any:
    """Import the thermometer when it is asked for: the evaluation takes seconds, and no other needs it."""
    if name != "Thermometer":
        raise AttributeError(f"module 'genlab.widgets' has no attribute {name!r}")
    from genlab.widgets.thermometer import Thermometer

    return Thermometer
