from collections.abc import Iterator
from threading import Event, current_thread

from genlab.widgets.background import Background


class Log:
    """What a job has reported."""

    def __init__(self) -> None:
        self.items: list[int] = []
        self.ended = False
        self.error: Exception | None = None

    def start(self, background: Background, items: Iterator[int]) -> None:
        background.start(items, self.items.append, self.end, self.fail)

    def end(self) -> None:
        self.ended = True

    def fail(self, error: Exception) -> None:
        self.error = error


def test_a_job_runs_in_another_thread_and_reports_everything() -> None:
    names = []

    def items() -> Iterator[int]:
        for number in range(5):
            names.append(current_thread().name)
            yield number

    log, background = Log(), Background()
    assert background.wait()  # nothing has begun
    log.start(background, items())
    assert background.wait(10)
    assert (log.items, log.ended, log.error) == ([0, 1, 2, 3, 4], True, None)
    assert current_thread().name not in names


def test_an_error_is_reported_in_place_of_the_end() -> None:
    def items() -> Iterator[int]:
        yield 1
        raise ValueError("no more")

    log, background = Log(), Background()
    log.start(background, items())
    background.wait(10)
    assert log.items == [1]
    assert not log.ended
    assert str(log.error) == "no more"


def test_a_newer_job_silences_an_older_one() -> None:
    reached, go_on, stopped = Event(), Event(), Event()

    def slow() -> Iterator[int]:
        try:
            yield 0
            reached.set()
            go_on.wait(10)
            yield 1
        finally:
            stopped.set()  # the generator is closed: no more work is done for nobody

    old, new, background = Log(), Log(), Background()
    old.start(background, slow())
    assert reached.wait(10)
    new.start(background, iter([7]))
    go_on.set()
    background.wait(10)
    assert stopped.wait(10)
    assert (old.items, old.ended) == ([0], False)
    assert (new.items, new.ended) == ([7], True)


def test_an_error_of_an_older_job_is_not_heard_either() -> None:
    reached, go_on = Event(), Event()

    def failing() -> Iterator[int]:
        reached.set()
        go_on.wait(10)
        yield from [1 // number for number in (0, 1)]

    old, new, background = Log(), Log(), Background()
    old.start(background, failing())
    first = background._thread
    assert first is not None
    assert reached.wait(10)
    new.start(background, iter([7]))
    go_on.set()
    background.wait(10)
    first.join(10)
    assert old.error is None


def test_waiting_may_end_before_the_job() -> None:
    go_on = Event()

    def slow() -> Iterator[int]:
        go_on.wait(10)
        yield 0

    log, background = Log(), Background()
    log.start(background, slow())
    assert not background.wait(0.01)
    go_on.set()
    assert background.wait(10)
