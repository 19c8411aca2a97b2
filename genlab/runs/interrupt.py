"""Ctrl-C and SIGTERM as a wish to stop after the current step, so that nothing half done is saved."""

import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from time import monotonic
from types import FrameType

from genlab.nn.device import processes


class Stopped(KeyboardInterrupt):
    """Training was stopped on request, and has said so: nothing more needs to be said."""


@contextmanager
def stop_wish() -> Iterator[threading.Event]:
    """Inside the ``with`` block the first Ctrl-C (or SIGTERM) sets the event; a later one acts as ever.

    Two within a second are one: a launcher passes Ctrl-C on to processes that the terminal has told
    already. Only a program's main thread hears signals; elsewhere nothing changes.
    """
    wish = threading.Event()
    if threading.current_thread() is not threading.main_thread():
        yield wish
        return
    handlers = {s: signal.getsignal(s) for s in (signal.SIGINT, signal.SIGTERM)}
    # Who runs in the background is deaf to Ctrl-C on purpose.
    before = {s: handler for s, handler in handlers.items() if handler not in (signal.SIG_IGN, None)}

    first = 0.0

    def note(number: int, frame: FrameType | None) -> None:
        nonlocal first
        if not wish.is_set():
            wish.set()
            first = monotonic()
            if processes().is_main_process:
                print("\nStopping after this step, to save it; once more to stop at once.", file=sys.stderr)
        elif monotonic() - first > 1:
            put_back()
            signal.raise_signal(number)

    def put_back() -> None:
        for number, handler in before.items():
            signal.signal(number, handler)

    for number in before:
        signal.signal(number, note)
    try:
        yield wish
    finally:
        put_back()
