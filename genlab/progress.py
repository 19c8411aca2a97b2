"""Progress bars: on standard output in a notebook, where they are kept, else on standard error."""

import os
import sys
from collections.abc import Iterable, Iterator
from typing import Any, TypeVar

from tqdm import tqdm

T = TypeVar("T")


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
    hidden = hidden or os.environ.get("RANK", "0") != "0"  # of several processes the first one draws it
    return tqdm(
        total=total,
        initial=done,
        unit=f" {unit}",
        desc=what or None,
        file=file,
        mininterval=0.5,
        disable=hidden,
    )


def watched(things: Iterable[T], total: int, what: str) -> Iterator[T]:
    """The same things behind a bar that shows itself where they take more than a second, and to people only.

    Args:
        things: pictures to read, say.
        total: how many.
        what: is done to them, in a word or two.
    """
    file, disable = (sys.stdout, False) if in_notebook() else (sys.stderr, None)  # None: only on a terminal
    yield from tqdm(things, what, total, unit=" pictures", file=file, disable=disable, delay=1, leave=False)
