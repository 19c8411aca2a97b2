"""Ctrl-C and SIGTERM as a wish to stop after the current step, so that nothing half done is saved."""

import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType


class StopWish:
    """Whether somebody has asked for a stop.

    Attributes:
        made: False until then.
    """

    made = False


@contextmanager
def stop_wish() -> Iterator[StopWish]:
    """Inside the ``with`` block the first Ctrl-C (or SIGTERM) is noted; the second acts as ever.

    Only a program's main thread hears signals; elsewhere nothing changes.
    """
    wish = StopWish()
    if threading.current_thread() is not threading.main_thread():
        yield wish
        return
    before = {s: signal.getsignal(s) for s in (signal.SIGINT, signal.SIGTERM)}

    def note(number: int, frame: FrameType | None) -> None:
        wish.made = True
        put_back()
        print("\nStopping after this step, to save it; once more to stop at once.", file=sys.stderr)

    def put_back() -> None:
        for number, handler in before.items():
            signal.signal(number, handler)

    for number in before:
        signal.signal(number, note)
    try:
        yield wish
    finally:
        put_back()
