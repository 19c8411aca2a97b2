"""Every verb on the pretended accelerator: where it computes, where it answers, what a wrong device gets.

    python -m trials.devices

Prints a table in Markdown. Needs a C++ compiler, as ``make device-tests``.
"""

import contextlib
import io
import tempfile
from pathlib import Path
from typing import Any

import torch

from tests.accelerator import pretended

pretended.register()

import genlab  # noqa: E402
from genlab.errors import GenlabError  # noqa: E402
from genlab.family import device_of  # noqa: E402
from tests.accelerator.test_families import SETTINGS  # noqa: E402
from tests.accelerator.test_training import TRAIN  # noqa: E402
from tests.accelerator.test_verbs import VERBS  # noqa: E402


def places(verb: str, run: Path, device: str | None) -> tuple[set[str], str]:
    """The devices of the layers that computed, and where the answer lies."""
    seen: set[str] = set()
    forward = torch.nn.Linear.forward

    def spy(layer: torch.nn.Linear, x: torch.Tensor) -> torch.Tensor:
        seen.add(layer.weight.device.type)
        return forward(layer, x)

    torch.nn.Linear.forward = spy  # type: ignore[method-assign, assignment]
    try:
        answer: Any = VERBS[verb](run, device)
    finally:
        torch.nn.Linear.forward = forward  # type: ignore[method-assign]
    if hasattr(answer, "networks"):
        return seen, f"a model on {device_of(answer.networks).type}"
    return seen, f"images on {answer.device.type}" if isinstance(answer, torch.Tensor) else "figures"


def main() -> None:
    """The table."""
    print("| verb | device= | computes on | answers | device='cuda' says |\n| --- | --- | --- | --- | --- |")
    with tempfile.TemporaryDirectory() as folder:
        run = Path(folder) / "run"
        quiet = contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO())
        with quiet[0], quiet[1]:
            genlab.fit(genlab.load_config("vae", SETTINGS["vae"] | TRAIN), "digits", run)
        for verb in VERBS:
            for device in (None, "cpu", "pretended"):
                with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
                    seen, answer = places(verb, run, device)
                    try:
                        VERBS[verb](run, "cuda")
                        refusal = "NOTHING"
                    except GenlabError as error:
                        refusal = str(error)
                computes = ", ".join(sorted(seen)) or "(nothing to compute)"
                print(f"| {verb} | {device or 'left out'} | {computes} | {answer} | {refusal} |", flush=True)


if __name__ == "__main__":
    main()
