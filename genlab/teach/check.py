"""Exercises that answer: what the reader wrote is tried, and a known mistake is met with a hint."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

Seen = Mapping[str, Any]
Answer = Callable[..., Any]


@dataclass(frozen=True)
class Check:
    """Call it with an answer: it prints whether the answer is right, and if not, what to think of.

    Two answers are the same if they do the same. How one is written, in loops or all at once, in single or
    in double precision, makes no difference.

    Attributes:
        observe: tries an answer and returns what it gave, by the words for what was tried. Random numbers are
            the same each time.
        right: a right answer.
        mistakes: wrong answers, each with the hint that helps.
        tolerance: how far a number may be off; where the right one is above 1, this share of it.
    """

    observe: Callable[[Any], Seen]
    right: Any
    mistakes: Sequence[tuple[Any, str]]
    tolerance: float = 1e-3

    def __call__(self, answer: Any) -> None:
        """Print the verdict."""
        print(self.verdict(answer))

    def verdict(self, answer: Any) -> str:
        """``Right.``, or ``Not yet`` and a hint."""
        try:
            seen = self.tried(answer)
        except NoAnswerYet as reason:
            return f"Not yet: {reason}"
        except Exception as error:  # the reader's own, whatever it is
            return f"Not yet: your answer stopped with {type(error).__name__}: {error}"
        right = self.tried(self.right)
        if self.same(seen, right):
            return "Right."
        for mistake, hint in self.mistakes:
            if self.same(seen, self.tried(mistake)):
                return f"Not yet: {hint}"
        return f"Not yet: {self.difference(seen, right)}"

    def tried(self, answer: Any) -> dict[str, Tensor]:
        """What ``observe`` sees of an answer; the notebook's own random numbers stay as they are."""
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(0)
            seen = self.observe(watched(answer) if callable(answer) else given(answer))
        return {what: as_numbers(gave) for what, gave in seen.items()}

    def same(self, one: Mapping[str, Tensor], other: Mapping[str, Tensor]) -> bool:
        """Whether two answers gave the same everywhere."""
        return all(self.close(one[what], other[what]) for what in other)

    def close(self, one: Tensor, other: Tensor) -> bool:
        """Whether two results have one shape and are within the tolerance of each other."""
        return one.shape == other.shape and torch.allclose(
            one, other, rtol=self.tolerance, atol=self.tolerance, equal_nan=True
        )

    def difference(self, seen: Mapping[str, Tensor], right: Mapping[str, Tensor]) -> str:
        """The first thing that was tried and gave something else."""
        what = next(what for what in right if not self.close(seen[what], right[what]))
        if seen[what].shape != right[what].shape:
            return f"{what}: it has the shape {tuple(seen[what].shape)}, right is {tuple(right[what].shape)}."
        return f"{what}: it gives {printed(seen[what])}; right is {printed(right[what])}."


class NoAnswerYet(Exception):
    """What the reader wrote gives nothing that could be judged."""


def watched(answer: Answer) -> Answer:
    """The reader's function, which says so when it is not finished."""

    def call(*args: Any, **settings: Any) -> Any:
        try:
            return given(answer(*args, **settings))
        except TypeError as error:
            if "ellipsis" in str(error).lower():  # it calculates with the three dots
                return given(...)
            raise

    return call


def given(answer: Any) -> Any:
    """The answer, if there is one."""
    parts = answer if isinstance(answer, tuple) else (answer,)
    if any(part is ... for part in parts):
        raise NoAnswerYet("put your answer in the place of the three dots.")
    if answer is None:
        raise NoAnswerYet("your function returns nothing. Is there a `return`?")
    return answer


def as_numbers(gave: Any) -> Tensor:
    """A number, an array, a tensor, or a list of these, in double precision."""
    if isinstance(gave, (list, tuple)) and gave:
        return torch.stack([as_numbers(each) for each in gave])
    return torch.as_tensor(gave).detach().to("cpu", torch.float64)


def printed(numbers: Tensor) -> str:
    """The first few of them."""
    few = ", ".join(f"{number:.4g}" for number in numbers.flatten()[:4].tolist())
    return f"{few}, ..." if numbers.numel() > 4 else few
