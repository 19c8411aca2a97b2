"""genlab: VAE, GAN and diffusion, small enough to read and real enough to run.

The layout of the package is the table of contents of the series: ``genlab.data`` is notebook 00,
``genlab.vae`` 01, ``genlab.gan`` 02, ``genlab.diffusion`` 03, ``genlab.evaluation`` 04 and
``genlab.widgets`` 05.

The verbs of the command line stand here too: ``genlab.fit("vae", run="runs/mine")``, then
``genlab.resume``, ``genlab.load``, ``genlab.fit_or_load``, ``genlab.sample``, ``genlab.list_runs``,
``genlab.evaluate``, ``genlab.nats``, ``genlab.compare`` and ``genlab.export``, and ``genlab.load_dataset``
and ``genlab.load_config``. ``genlab.load_pretrained("diffusion-mnist")`` comes with the package.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from genlab.commands.compare import compare
    from genlab.commands.evaluate import evaluate
    from genlab.commands.export import export
    from genlab.commands.find import list_runs
    from genlab.commands.nats import nats
    from genlab.commands.pretrained import load_pretrained
    from genlab.commands.sample import load, sample
    from genlab.commands.train import fit, fit_or_load, resume
    from genlab.data import load_dataset
    from genlab.zoo import load_config

__version__ = "0.1.0"
__all__ = [
    "compare", "evaluate", "export", "fit", "fit_or_load", "list_runs", "load", "load_config",
    "load_dataset", "load_pretrained", "nats", "resume", "sample",
]  # fmt: skip

_HOMES = {
    "compare": "genlab.commands.compare",
    "evaluate": "genlab.commands.evaluate",
    "export": "genlab.commands.export",
    "fit": "genlab.commands.train",
    "fit_or_load": "genlab.commands.train",
    "list_runs": "genlab.commands.find",
    "load_config": "genlab.zoo",
    "load_dataset": "genlab.data",
    "load_pretrained": "genlab.commands.pretrained",
    "load": "genlab.commands.sample",
    "nats": "genlab.commands.nats",
    "resume": "genlab.commands.train",
    "sample": "genlab.commands.sample",
}


def __getattr__(name: str) -> Any:
    """Import a verb when it is first asked for: torch takes seconds, and ``--help`` needs none of it."""
    if name not in __all__:
        raise AttributeError(f"module 'genlab' has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    """The verbs, for ``genlab.<Tab>``."""
    return __all__
