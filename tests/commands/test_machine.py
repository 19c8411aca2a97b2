import re

import pytest
import torch

from genlab.commands import machine
from genlab.commands.machine import MINUTES, OPERATIONS, describe_machine, operations_per_second
from genlab.errors import GenlabError


def minutes_said(text: str) -> list[int]:
    return [int(found) for found in re.findall(r"0\d: (\d+) min", text)]


def test_it_says_in_ten_lines_what_there_is_and_how_long_it_takes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(machine, "operations_per_second", lambda _: OPERATIONS / 10)
    text = describe_machine("cpu")
    assert len(text.splitlines()) <= 10
    for word in ("cpu", torch.__version__, "cores", "0.1 times"):
        assert word in text
    assert minutes_said(text) == [round(10 * minutes) for minutes in MINUTES.values()]


def test_half_the_speed_takes_twice_the_minutes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(machine, "operations_per_second", lambda _: 100 * OPERATIONS)
    assert "under a minute" in describe_machine()


def test_the_speed_is_that_of_a_product() -> None:
    assert operations_per_second(torch.device("cpu"), side=64) > 1e6


def test_a_device_that_is_not_here_is_refused() -> None:
    with pytest.raises(GenlabError, match="device"):
        describe_machine("cuda")
