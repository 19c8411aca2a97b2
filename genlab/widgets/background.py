"""Long work beside a notebook that goes on answering: one job at a time, the latest wins; and its bar."""

from collections.abc import Callable, Iterable
from threading import RLock, Thread
from typing import TypeVar

import ipywidgets as widgets

T = TypeVar("T")


class Background:
    """Goes through what a generator yields, in a thread.

    The kernel has one thread for all messages of a page: a walk of seconds in it would hold up every
    slider. torch lets go of Python's lock while it computes, so the two hardly get into each other's way.
    """

    def __init__(self) -> None:
        self._lock = RLock()  # what is told of a job may itself start another
        self._latest = 0
        self._thread: Thread | None = None

    def start(
        self,
        items: Iterable[T],
        each: Callable[[T], None],
        done: Callable[[], None],
        failed: Callable[[Exception], None],
    ) -> None:
        """Begin; a job begun earlier stops at its next item and is heard no more.

        Args:
            items: the work: it is done as the items are asked for.
            each: called with every item, in the thread, as are the other two.
            done: called after the last.
            failed: called instead, with what was raised.
        """
        with self._lock:
            self._latest += 1
            mine = self._latest

        def current(report: Callable[[], None]) -> bool:
            with self._lock:  # else a job could report just after the next one has begun
                if mine != self._latest:
                    return False
                report()
                return True

        def work() -> None:
            try:
                for item in items:
                    if not current(lambda item=item: each(item)):  # type: ignore[misc]
                        return
                current(done)
            except Exception as error:
                problem = error
                current(lambda: failed(problem))

        self._thread = Thread(target=work, daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Let the latest job stop at its next item, and be heard no more."""
        with self._lock:
            self._latest += 1

    def wait(self, seconds: float | None = None) -> bool:
        """Wait for the latest job; whether it has ended."""
        if self._thread is not None:
            self._thread.join(seconds)
        return self._thread is None or not self._thread.is_alive()


class WalkBar(widgets.IntProgress):
    """How far a walk is; to be seen only while there is one."""

    def __init__(self) -> None:
        super().__init__(description="walking", layout=widgets.Layout(visibility="hidden"))

    def begin(self, items: int) -> None:
        """Show it, empty.

        Args:
            items: how many there will be; each adds one to ``value``.
        """
        self.value, self.max = 0, items
        self.layout.visibility = "visible"

    def end(self) -> None:
        """Hide it."""
        self.layout.visibility = "hidden"
