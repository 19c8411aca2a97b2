"""The exercises: stubs say what is missing, solutions are right, and mistakes meet the hint that helps."""

import ast

import nbformat
import pytest
from nbformat import NotebookNode
from nbformat.v4 import new_code_cell

from tests.notebooks.seeded import comparison, data, diffusion, evaluation, gan, vae
from tools.exercises import SERIES, Exercise, exercises_of, run, tags

NOTEBOOKS = {path.stem: nbformat.read(path, as_version=4) for path in SERIES}
ALL = [one for notebook in NOTEBOOKS.values() for one in exercises_of(notebook)]
EXERCISES = {one.name: one for one in ALL}
EVERY = pytest.mark.parametrize("exercise", EXERCISES.values(), ids=EXERCISES)
# Mistakes that a reader may make: by check, edits of its solution, with words of the hint that helps.
SEEDED = {
    name: edits
    for module in (comparison, data, diffusion, evaluation, gan, vae)
    for name, edits in module.SEEDED.items()
}
STUB = "Not yet: put your answer in the place of the three dots.\n"


def answered(exercise: Exercise, edit: tuple[str, str] = ("", "")) -> str:
    """What the check says of the solution, with something in it replaced."""
    source = exercise.solution.source
    assert edit[0] in source
    return verdict(exercise, source.replace(*edit) if edit[0] else source)


def verdict(exercise: Exercise, source: str) -> str:
    said = run(exercise.stub, new_code_cell(source))[1]
    assert said.startswith(STUB)
    return said.removeprefix(STUB)


@EVERY
def test_the_stub_asks_for_an_answer_and_the_solution_is_one(exercise: Exercise) -> None:
    assert run(exercise.stub)[1] == STUB
    assert answered(exercise) == "Right.\n"
    for cell, text in ((exercise.stub, STUB), (exercise.solution, "Right.\n")):
        assert [output.text for output in cell.outputs] == [text]  # as committed


@EVERY
def test_it_says_how_hard_and_how_long_it_is(exercise: Exercise) -> None:
    title = exercise.text.partition("\n")[0]
    assert title.startswith("**Exercise ")
    assert any(f"({level}, " in title for level in ("easy", "medium", "hard"))
    assert " minutes)." in title
    assert "solution" in tags(exercise.solution)
    assert exercise.solution.source.startswith("# @title A solution\n")
    assert exercise.solution.metadata["jupyter"]["source_hidden"]  # folded in JupyterLab
    assert exercise.solution.metadata["cellView"] == "form"  # and on Colab


MISTAKES = [
    pytest.param(name, old, new, hint, id=f"{name}-{hint}")
    for name, edits in SEEDED.items()
    for old, new, hint in edits
]


@pytest.mark.parametrize(("name", "old", "new", "hint"), MISTAKES)
def test_a_mistake_meets_the_hint_that_helps(name: str, old: str, new: str, hint: str) -> None:
    said = answered(EXERCISES[name], (old, new))
    assert said.startswith("Not yet: ")
    assert hint in said
    assert any(hint in known for _, known in EXERCISES[name].check.mistakes)


def test_every_exercise_has_four_mistakes_at_least() -> None:
    assert len(ALL) == len(EXERCISES)  # no name twice
    assert set(SEEDED) == set(EXERCISES)
    assert {name for name, edits in SEEDED.items() if len(edits) < 4} == set()


@EVERY
def test_every_mistake_it_knows_is_told_from_the_others(exercise: Exercise) -> None:
    said = [exercise.check.verdict(mistake) for mistake, _ in exercise.check.mistakes]
    assert said == [f"Not yet: {hint}" for _, hint in exercise.check.mistakes]


@pytest.mark.parametrize("stem", NOTEBOOKS)
def test_no_other_cell_needs_what_an_exercise_defines(stem: str) -> None:
    """So that an empty or a wrong answer breaks nothing: an exercise's names begin with ``my_``."""
    mine, others = set[str](), set[str]()
    for cell in NOTEBOOKS[stem].cells:
        if cell.cell_type != "code":
            continue
        if {"exercise", "solution"} & set(tags(cell)):
            mine |= defined(cell)
        else:
            others |= {node.id for node in ast.walk(ast.parse(cell.source)) if isinstance(node, ast.Name)}
    assert all(name.startswith("my_") for name in mine)
    assert mine & others == set()


def defined(cell: NotebookNode) -> set[str]:
    """The names that a cell gives something to, but for what it imports."""
    names = set[str]()
    for node in ast.parse(cell.source).body:
        if isinstance(node, (ast.FunctionDef, ast.ClassDef)):
            names.add(node.name)
        elif isinstance(node, ast.Assign):
            names |= {
                name.id for target in node.targets for name in ast.walk(target) if isinstance(name, ast.Name)
            }
    return names


def test_the_same_answer_written_otherwise_is_right() -> None:
    """In loops, with numpy, in double precision."""
    others: dict[str, str] = {
        "check_kl": """
def my_kl(mu, log_var):
    total = 0.0
    for m, v in zip(mu.double().tolist(), log_var.double().tolist()):
        for a, b in zip(m, v):
            total += (a * a + 2.718281828459045**b - 1 - b) / 2
    return total / len(mu)

check_kl(my_kl)""",
        "check_bound": """
import numpy as np

def my_bound(log_w):
    log_w = log_w.double().numpy()
    top = log_w.max(0)
    return np.mean(top + np.log(np.exp(log_w - top).mean(0)))

check_bound(my_bound)""",
    }
    for name, source in others.items():
        assert verdict(EXERCISES[name], source) == "Right.\n"
