from pathlib import Path

import pytest
import torch

from genlab.errors import GenlabError
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
        ("flags\t\t: fpu avx512f avx512_bf16", torch.bfloat16),
        ("processor : 0\nflags : fpu amx_tile amx_bf16\nprocessor : 1\nflags : fpu", torch.bfloat16),
        ("flags : fpu avx2 avx512f avx512_vnni", None),
        ("flags : my_avx512_bf16x", None),
        ("model name : amx_bf16\nflags : fpu", None),
        ("Features : asimd bf16", None),  # an ARM processor names its instructions elsewhere
        ("", None),
    ],
)
def test_auto_is_bf16_where_the_processor_says_so(
    flags: Path, said: str, expected: torch.dtype | None
) -> None:
    flags.write_text(said)
    assert precision.precision_of("auto", torch.device("cpu")) == expected


def test_no_description_is_no_bf16(flags: Path) -> None:
    assert precision.precision_of("auto", torch.device("cpu")) is None
    flags.write_bytes(b"\xff\xfe")
    assert precision.precision_of("auto", torch.device("cpu")) is None


@pytest.mark.parametrize(
    ("capability", "expected"),
    [((6, 1), None), ((7, 5), torch.float16), ((8, 0), torch.bfloat16), ((9, 0), torch.bfloat16)],
)
def test_auto_on_a_gpu(
    flags: Path,
    monkeypatch: pytest.MonkeyPatch,
    capability: tuple[int, int],
    expected: torch.dtype | None,
) -> None:
    flags.write_text("flags : amx_bf16")
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda device: capability)
    assert precision.precision_of("auto", torch.device("cuda")) == expected
    assert precision.precision_of("auto", torch.device("cpu")) == torch.bfloat16
    assert precision.precision_of("auto", torch.device("mps")) is None


def test_what_is_named_is_taken_where_it_can_be(flags: Path) -> None:
    flags.write_text("flags : fpu")
    assert precision.precision_of("bf16", torch.device("cpu")) == torch.bfloat16
    assert precision.precision_of("fp16", torch.device("cuda")) == torch.float16
    assert precision.precision_of("no", torch.device("cuda")) is None
    with pytest.raises(GenlabError, match=r"train\.mixed_precision.*cpu"):
        precision.precision_of("fp16", torch.device("cpu"))
