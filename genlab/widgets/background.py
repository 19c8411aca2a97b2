"""Work in a thread beside the notebook: one job at a time, the latest wins; and its progress bar."""

from collections.abc import Callable, Iterable
from threading import RLock, Thread
from typing import TypeVar

import ipywidgets as widgets

T = TypeVar("T")


class Background:
    """Iterates over a generator in a thread.

    The kernel has one thread for all messages of a page: a walk of seconds in it would hold up every
    slider. torch releases Python's lock while it computes, so the two hardly disturb each other.
    """

    def __init__(self) -> None:
        self._lock = RLock()  # a callback may itself start another job
        self._latest = 0
        self._thread: Thread | None = None

    def start(
        self,
        items: Iterable[T],
        each: Callable[[T], None],
        done: Callable[[], None],
        failed: Callable[[Exception], None],
    ) -> None:
        """Start a job; an earlier one stops at its next item, and none of its callbacks is called again.

        Args:
            items: the work: it is done as the items are asked for.
            each: called with every item, in the thread, as are the other two.
            done: called after the last item.
            failed: called instead of it, with the exception.
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
        """Stop the latest job at its next item; none of its callbacks is called again."""
        with self._lock:
            self._latest += 1

    def wait(self, seconds: float | None = None) -> bool:
        """Wait for the latest job; true if it has ended."""
        if self._thread is not None:
            self._thread.join(seconds)
        return self._thread is None or not self._thread.is_alive()


class WalkBar(widgets.IntProgress):
    """A walk in the background, and a bar that is visible while there is one."""

    def __init__(self) -> None:
        super().__init__(description="walking", layout=widgets.Layout(visibility="hidden"))
        self.background = Background()

    def start(
        self,
        items: Iterable[T],
        total: int,
        each: Callable[[T], None],
        done: Callable[[], None],
        failed: Callable[[Exception], None],
    ) -> None:
        """Start another walk, as ``Background.start`` does, and show its progress.

        Args:
            items, each, done, failed: as there; the bar is hidden before ``done`` and ``failed``.
            total: how many items there will be.
        """
        self.background.stop()  # otherwise the end of the earlier walk could hide the bar
        self.value, self.max = 0, total
        self.layout.visibility = "visible"

        def count(item: T) -> None:
            self.value += 1
            each(item)

        def finish() -> None:
            self.layout.visibility = "hidden"
            done()

        def give_up(error: Exception) -> None:
            self.layout.visibility = "hidden"
            failed(error)

        self.background.start(items, count, finish, give_up)
