"""Every case of tests/cases, and that a bad answer would be noticed a bad answer."""

import sys
from pathlib import Path

import pytest

from genlab.errors import GenlabError
from tests.cases.answer import KINDS, Case, answer, snapshot
from tests.cases.bad_configs import CASES as CONFIGS

EVERY = [(kind, name, case) for kind, cases in KINDS.items() for name, case in cases.items()]


@pytest.mark.parametrize(
    "case", [case for *_, case in EVERY], ids=[f"{kind}: {name}" for kind, name, _ in EVERY]
)
def test_bad_input_gets_one_line_and_changes_nothing(case: Case, tmp_path: Path) -> None:
    (tmp_path / "case").mkdir()
    got = answer(case, tmp_path / "case")
    assert not got.faults, got.line


def test_there_are_many_cases_and_no_answer_needs_the_limit(tmp_path: Path) -> None:
    wanted = {"malformed configs": 50, "damaged checkpoints": 20, "bad image folders": 15}
    assert all(len(KINDS[kind]) >= number for kind, number in wanted.items())
    lines = set()
    for number, case in enumerate(CONFIGS.values()):
        folder = tmp_path / str(number)
        folder.mkdir()
        lines.add(answer(case, folder).line.replace(str(folder), ""))
    assert len(lines) > 0.9 * len(CONFIGS)  # the cases differ: few get the same answer
    assert max(map(len, lines)) < 350


@pytest.mark.parametrize(
    ("behaviour", "fault"),
    [
        (lambda: print("genlab: one\nanother", file=sys.stderr), "not one line"),
        (lambda: print("oh", file=sys.stderr), "does not begin with 'genlab: '"),
        (lambda: print("genlab: \x1b[31m", file=sys.stderr), "characters that cannot be printed"),
        (lambda: print("genlab: " + "x" * 400, file=sys.stderr), "409 characters"),
        (lambda: print("genlab: Traceback", file=sys.stderr), "a traceback"),
        (lambda: None, "not one line"),
        (lambda: 1 / 0, "exit status an exception"),
        (lambda: (_ for _ in ()).throw(GenlabError("x")), None),
    ],
)
def test_a_bad_answer_is_noticed(
    behaviour: object, fault: str | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def genlab(_: list[str]) -> None:
        assert callable(behaviour)
        behaviour()
        sys.exit(2)

    monkeypatch.setattr("tests.cases.answer.genlab", genlab)
    faults = answer(lambda _: [], tmp_path).faults
    assert faults if fault is None else fault in faults


def test_a_wrong_status_and_a_changed_file_are_noticed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def genlab(_: list[str]) -> None:
        print("genlab: fine", file=sys.stderr)
        (tmp_path / "left").write_text("behind")
        sys.exit(1)

    monkeypatch.setattr("tests.cases.answer.genlab", genlab)
    assert answer(lambda _: [], tmp_path).faults == ("exit status 1", "something changed on disk")


def test_a_snapshot_follows_no_link_and_reads_no_pipe(tmp_path: Path) -> None:
    case = {name: CONFIGS[name] for name in ("a pipe", "an endless device", "a circle of links", "a folder")}
    for number, make in enumerate(case.values()):
        (tmp_path / str(number)).mkdir()
        make(tmp_path / str(number))
    taken = snapshot(tmp_path)
    assert taken["0/my.yaml"] == b"pipe or device"
    assert taken["1/my.yaml"] == b"link to /dev/zero"
    assert taken["3/my.yaml"] == b"folder"
