import os
import signal
import threading

import pytest

from genlab.runs.interrupt import stop_wish


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_the_first_signal_is_a_wish_and_a_later_one_acts(
    number: int, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    now, heard = 5.0, []
    monkeypatch.setattr("genlab.runs.interrupt.monotonic", lambda: now)
    before = signal.signal(number, lambda *_: heard.append("as ever"))
    try:
        with stop_wish() as wish:
            made = [wish.is_set()]
            os.kill(os.getpid(), number)
            assert [*made, wish.is_set()] == [False, True]
            assert "Stopping after this step" in capsys.readouterr().err
            now += 0.5  # a launcher passes the same Ctrl-C on
            os.kill(os.getpid(), number)
            assert heard == []
            now += 1
            os.kill(os.getpid(), number)
            assert heard == ["as ever"]
    finally:
        signal.signal(number, before)


def test_afterwards_signals_are_as_before() -> None:
    before = signal.getsignal(signal.SIGINT)
    with stop_wish():
        pass
    assert signal.getsignal(signal.SIGINT) is before


def test_a_thread_hears_no_signals_and_trains_all_the_same() -> None:
    wishes = []

    def work() -> None:
        with stop_wish() as wish:
            wishes.append(wish.is_set())

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert wishes == [False]
