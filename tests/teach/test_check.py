"""How an answer is judged, by a check that is small enough to follow."""

import math

import numpy as np
import pytest
import torch

from genlab.teach.check import Answer, Check

check_root = Check(
    lambda root: {"the root of 4": root(4.0), "the roots of 1 and 9": root(torch.tensor([1.0, 9.0]))},
    right=lambda x: torch.as_tensor(x) ** 0.5,
    mistakes=[(lambda x: torch.as_tensor(x) / 2, "a root is no half.")],
)


@pytest.mark.parametrize(
    "answer",
    [
        lambda x: torch.as_tensor(x, dtype=torch.float64).sqrt(),
        lambda x: np.sqrt(np.asarray(x)),
        lambda x: [math.sqrt(each) for each in x] if torch.is_tensor(x) else math.sqrt(x),
        lambda x: torch.as_tensor(x).requires_grad_() ** 0.5,
        lambda x: [each.sqrt() for each in x] if torch.is_tensor(x) else torch.tensor(x).sqrt(),
    ],
    ids=["double", "numpy", "list", "with-gradient", "list-of-tensors"],
)
def test_how_an_answer_is_written_makes_no_difference(answer: Answer) -> None:
    assert check_root.verdict(answer) == "Right."


@pytest.mark.parametrize(
    ("answer", "hint"),
    [
        (..., "three dots"),
        (lambda x: ..., "three dots"),
        (lambda x: 0.5 * ..., "three dots"),  # type: ignore[operator]
        (lambda x: (x, ...), "three dots"),
        (lambda x: None, "return"),
        (lambda x: torch.as_tensor(x) / 2, "no half"),
        (lambda x: torch.as_tensor(x) + 1, "the root of 4: it gives 5; right is 2"),
        (lambda x: torch.as_tensor(x).reshape(-1) ** 0.5, "shape (1,), right is ()"),
        (lambda x: math.sqrt(x), "ValueError"),
        (lambda x, y: x, "TypeError"),
        ("2", "stopped with"),
    ],
)
def test_every_other_answer_hears_why_not(answer: object, hint: str) -> None:
    said = check_root.verdict(answer)
    assert said.startswith("Not yet: ")
    assert hint in said
    assert "\n" not in said


def test_a_number_may_be_the_answer(capsys: pytest.CaptureFixture[str]) -> None:
    check_half = Check(lambda number: {"your number": number}, right=0.5, mistakes=[(2, "turned round.")])
    check_half(1 / 2)
    check_half(2.0)
    check_half(0.4)
    check_half(...)
    assert capsys.readouterr().out.splitlines() == [
        "Right.",
        "Not yet: turned round.",
        "Not yet: your number: it gives 0.4; right is 0.5.",
        "Not yet: put your answer in the place of the three dots.",
    ]


def test_the_notebooks_random_numbers_stay_as_they_are() -> None:
    torch.manual_seed(3)
    expected = torch.rand(2)
    torch.manual_seed(3)
    Check(lambda draw: {"": draw(5)}, right=torch.rand, mistakes=[])(torch.rand)
    assert torch.equal(torch.rand(2), expected)
