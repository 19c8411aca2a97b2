"""Predictions: what the reader expects of a figure, put down before it and compared after it."""

from collections.abc import Sequence
from typing import Any

made: list["Prediction"] = []  # in this kernel, in their order


class Prediction:
    """A question about the next figure, with the reader's answer.

    Args:
        question: one line.
        choices: what can be answered; left out, the answer is a number.
        answer: the reader's; ``...`` stands for none.
    """

    def __init__(self, question: str, choices: Sequence[str] = (), *, answer: Any = ...) -> None:
        self.question, self.choices, self.answer = question, choices, answer
        self.shown: Any = ...
        made[:] = [other for other in made if other.question != question] + [self]
        if not self.answered:
            what = " or ".join(f'"{choice}"' for choice in choices) if choices else "a number"
            print(f"{question} Put {what} in the place of {printed(answer)} and run this cell again.")

    @property
    def answered(self) -> bool:
        """Whether the answer is one of the choices, or a number where there are none."""
        if self.choices:
            return self.answer in self.choices
        return isinstance(self.answer, int | float)

    def compare(self, shown: str | float) -> None:
        """Print what the figure shows beside what was expected.

        Args:
            shown: one of the choices, or a number, as the figure has it.
        """
        self.shown = shown
        said = f"You said {printed(self.answer)}. " if self.answered else "You made no guess. "
        print(f"{self.question} {said}The figure says {printed(shown)}.")


def predictions() -> None:
    """Print every prediction of this notebook beside what was shown, and how many held."""
    compared = [each for each in made if each.answered and each.shown is not ...]
    if not compared:
        print("You made no guess. Go back to one of the questions, answer it, and look again.")
        return
    for each in compared:
        print(f"{each.question} You: {printed(each.answer)}. The figure: {printed(each.shown)}.")
    chosen = [each for each in compared if each.choices]
    if chosen:
        held = sum(each.answer == each.shown for each in chosen)
        print(f"{held} of {len(chosen)} held. The others are worth a second look at their figures.")


def printed(answer: Any) -> str:
    """An answer as it is read: dots as dots, words as they are, a number with three figures."""
    if answer is ...:
        return "..."
    return f"{answer:.3g}" if isinstance(answer, int | float) else str(answer)
