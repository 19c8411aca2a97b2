import sys
from typing import Any

import pytest

from genlab import plots
from genlab.nn.device import processes
from genlab.runs.display import say, show_losses, with_live_plot, with_progress
from genlab.training.loop import Step


def steps(first: int, last: int) -> list[Step]:
    return [Step(i, i / 10, {"kl": 1.0 / i}, float(i)) for i in range(first, last + 1)]


def test_the_bar_shows_losses_and_starts_where_the_run_stopped(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert list(with_progress(iter(steps(21, 40)), 20, 40)) == steps(21, 40)
    bar = capsys.readouterr().err
    assert all(part in bar for part in ("20/40", "40/40", "kl=0.025"))
    monkeypatch.setitem(sys.modules, "ipykernel", sys)  # in a notebook it is kept in the output
    list(with_progress(iter(steps(1, 3)), 0, 3))
    assert "3/3" in capsys.readouterr().out


def test_the_bar_goes_by_the_seconds_where_they_end_the_run(capsys: pytest.CaptureFixture[str]) -> None:
    paced = [Step(i, i / 10, {"kl": 1.0 / i}, 0.5 * i) for i in range(1, 8)]
    assert list(with_progress(iter(paced[:1]), 0, 100, max_seconds=3.2)) == paced[:1]
    assert "1/7" in capsys.readouterr().err
    assert list(with_progress(iter(paced), 0, 100, max_seconds=3.2)) == paced
    end = capsys.readouterr().err
    assert all(part in end for part in ("100%", "7/7", "kl=0.143"))
    list(with_progress(iter(paced), 0, 7, max_seconds=1000))  # the steps end it
    assert "7/7" in capsys.readouterr().err


Displayed = list[tuple[Any, dict[str, Any]]]


def test_the_live_plot_is_one_picture_that_is_replaced(
    displayed: Displayed, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = iter(range(0, 10_000, 50))
    monkeypatch.setattr("genlab.runs.display.perf_counter", lambda: float(next(clock)))
    assert list(with_live_plot(iter(steps(4, 9)), steps(1, 3))) == steps(4, 9)
    assert len(displayed) > 1
    assert len({options["display_id"] for _, options in displayed}) == 1
    assert displayed[0][0] == {"text/plain": "The losses will be drawn here."}
    assert all(options["update"] for _, options in displayed[1:])
    _, options = displayed[-1]
    assert options["metadata"]["image/png"]["alt"] == "Training losses over 9 steps; the last: kl 0.111."


def test_the_plot_costs_a_twentieth_of_the_time(
    displayed: Displayed, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = 0.0
    real = plots.show

    def slow(*args: Any, **options: Any) -> None:
        nonlocal now
        now += 2.0
        real(*args, **options)

    def timed() -> Any:
        nonlocal now
        for step in steps(1, 400):
            now += 0.5
            yield step

    monkeypatch.setattr("genlab.runs.display.perf_counter", lambda: now)
    monkeypatch.setattr(plots, "show", slow)
    list(with_live_plot(timed(), []))
    pictures = len(displayed) - 1
    assert pictures > 2
    assert 2 * (pictures - 1) <= 200 / 20 + 2


def test_no_step_no_plot(displayed: Displayed) -> None:
    assert list(with_live_plot(iter([]), steps(1, 3))) == []
    assert len(displayed) == 1  # the place that was kept for it


def test_curves_of_a_run_that_is_only_loaded(displayed: Displayed) -> None:
    show_losses(steps(1, 3))
    [(bundle, options)] = displayed
    assert bundle["text/plain"] == "Training losses over 3 steps; the last: kl 0.333."
    assert "display_id" not in options


def test_one_process_speaks(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    say("hello")
    monkeypatch.setattr(processes(), "process_index", 1)
    monkeypatch.setattr(processes(), "num_processes", 2)
    say("me too")
    assert capsys.readouterr().out == "hello\n"
