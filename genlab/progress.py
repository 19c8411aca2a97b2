"""Progress bars: on standard output in a notebook, where they are kept, else on standard error."""

import sys
from typing import Any

from tqdm import tqdm


def in_notebook() -> bool:
    """Whether a notebook's kernel runs this."""
    return "ipykernel" in sys.modules


def bar(total: int, unit: str, *, what: str = "", done: int = 0, hidden: bool = False) -> Any:
    """A bar to use in a ``with`` block: ``bar.update(n)`` moves it.

    Args:
        total: its length.
        unit: of it, in the plural.
        what: is done, in a few words.
        done: where it begins.
        hidden: draw nothing.
    """
    file = sys.stdout if in_notebook() else sys.stderr
    return tqdm(
        total=total,
        initial=done,
        unit=f" {unit}",
        desc=what or None,
        file=file,
        mininterval=0.5,
        disable=hidden,
    )
