"""The parts of the table, each measured in a process of its own."""

from concurrent.futures import ProcessPoolExecutor
from importlib import import_module
from multiprocessing import get_context
from typing import Literal

from benchmarks.speed.table import Row

Part = Literal["loop", "unet", "sampling", "evaluation", "sliders", "import"]
MODULES: dict[Part, str] = {
    "loop": "loop",
    "unet": "unet",
    "sampling": "sampling",
    "evaluation": "evaluation",
    "sliders": "sliders",
    "import": "imports",
}


def measure(part: Part, rounds: int) -> list[Row]:
    """The rows of a part, from a new process: its peak memory is its own."""
    with ProcessPoolExecutor(1, get_context("spawn")) as process:
        return process.submit(_measure_here, part, rounds).result()


def _measure_here(part: Part, rounds: int) -> list[Row]:
    return list(import_module(f"benchmarks.speed.{MODULES[part]}").rows(rounds))
