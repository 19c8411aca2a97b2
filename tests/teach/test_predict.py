"""A reader's guess is asked for, kept, and laid beside what the figure shows."""

from collections.abc import Iterator
from typing import Any

import pytest

from genlab.teach import Prediction, predict, predictions

WHICH = "Which row is sharper?"


@pytest.fixture(autouse=True)
def _forget() -> Iterator[None]:
    yield
    predict.made.clear()


@pytest.mark.parametrize("answer", [..., "the left one", 3])
def test_what_is_no_answer_is_asked_for_again(answer: Any, capsys: pytest.CaptureFixture[str]) -> None:
    sharper = Prediction(WHICH, ["upper", "lower"], answer=answer)
    assert '"upper" or "lower"' in capsys.readouterr().out
    sharper.compare("lower")  # and the notebook runs on
    assert "no guess" in capsys.readouterr().out
    predictions()
    assert "no guess" in capsys.readouterr().out


def test_a_guess_stands_beside_the_figure(capsys: pytest.CaptureFixture[str]) -> None:
    Prediction(WHICH, ["upper", "lower"], answer="upper").compare("lower")
    assert capsys.readouterr().out == f"{WHICH} You said upper. The figure says lower.\n"


def test_a_number_is_a_guess_where_there_is_nothing_to_choose(capsys: pytest.CaptureFixture[str]) -> None:
    Prediction("How many?", answer=100).compare(12.3456)
    assert capsys.readouterr().out == "How many? You said 100. The figure says 12.3.\n"


def test_the_last_answer_to_a_question_counts(capsys: pytest.CaptureFixture[str]) -> None:
    for answer in ("upper", "lower"):
        Prediction(WHICH, ["upper", "lower"], answer=answer).compare("lower")
    Prediction("Which is larger?", ["left", "right"], answer="left").compare("right")
    Prediction("How many?", answer=100).compare(12)
    capsys.readouterr()
    predictions()
    *each, held = capsys.readouterr().out.splitlines()
    assert len(each) == 3
    assert held.startswith("1 of 2 held")
