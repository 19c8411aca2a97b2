"""Importing genlab against importing torch, each in a fresh process, which has to start first."""

import subprocess
import sys
from collections.abc import Iterator
from functools import partial
from pathlib import Path

from benchmarks.speed.table import Row, megabytes
from benchmarks.speed.turns import alternately

ROOT = Path(__file__).parents[2]
MODULES = ("genlab", "genlab.zoo", "torch")


def fresh(code: str) -> str:
    """What a new Python prints."""
    return subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, check=True, capture_output=True, text=True
    ).stdout


def memory_after(module: str) -> str:
    """How much memory importing takes: a process that has done nothing else can tell."""
    return megabytes(int(fresh(f"import {module}; from benchmarks.speed.memory import peak; print(peak())")))


def rows(rounds: int) -> Iterator[Row]:
    """genlab alone, which puts off what takes time, and every family of it, which needs torch."""
    seconds = alternately({module: partial(fresh, f"import {module}") for module in MODULES}, rounds)
    memory = {module: memory_after(module) for module in MODULES}
    for module in MODULES[:-1]:
        held = f"{memory[module]} (torch {memory['torch']})"
        yield Row(f"import {module}", "import torch", seconds[module], seconds["torch"], memory=held)
