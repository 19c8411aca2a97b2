from pathlib import Path

import pytest
import torch

from genlab.training import precision


@pytest.fixture
def flags(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A processor's description to write into, on a machine without a GPU."""
    file = tmp_path / "cpuinfo"
    monkeypatch.setattr(precision, "CPUINFO", file)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    return file


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        ("flags\t\t: fpu avx512f avx512_bf16", "bf16"),
        ("processor : 0\nflags : fpu amx_tile amx_bf16\nprocessor : 1\nflags : fpu", "bf16"),
        ("flags : fpu avx2 avx512f avx512_vnni", "no"),
        ("flags : my_avx512_bf16x", "no"),
        ("model name : amx_bf16\nflags : fpu", "no"),
        ("Features : asimd bf16", "no"),  # an ARM processor names its instructions elsewhere
        ("", "no"),
    ],
)
def test_auto_is_bf16_where_the_processor_says_so(flags: Path, said: str, expected: str) -> None:
    flags.write_text(said)
    assert precision.resolved("auto") == expected


def test_no_description_is_no_bf16(flags: Path) -> None:
    assert precision.resolved("auto") == "no"
    flags.write_bytes(b"\xff\xfe")
    assert precision.resolved("auto") == "no"


@pytest.mark.parametrize(("capability", "expected"), [((7, 5), "no"), ((8, 0), "bf16"), ((9, 0), "bf16")])
def test_auto_on_a_gpu(
    flags: Path, monkeypatch: pytest.MonkeyPatch, capability: tuple[int, int], expected: str
) -> None:
    flags.write_text("flags : amx_bf16")
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda: capability)
    assert precision.resolved("auto") == expected


@pytest.mark.parametrize("named", ["no", "bf16", "fp16"])
def test_what_is_named_is_taken(flags: Path, named: str) -> None:
    flags.write_text("flags : amx_bf16")
    assert precision.resolved(named) == named
