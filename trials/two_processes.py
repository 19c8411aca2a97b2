"""Two processes against one with twice the batch, and what happens when one of the two dies.

    python -m trials.two_processes

For each family: ``accelerate launch`` with two processes on the CPU (gloo) and batches of 32, and one
process with batches of 64; the largest relative difference of their losses, in float32 and, where
rounding cannot hide anything, in float64. Then two processes, one
of them killed in the middle: the other must end with a message, not wait for ever, and the run must
resume.
"""

import json
import os
import re
import signal
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Annotated

import typer

SETTINGS = {
    "vae-small": [],
    "vae": ["train.seed=1"],  # rounding shows with it, see tests/oracles/double_precision.py
    "gan": [],
    "diffusion": ["model.network.channels=[8, 16]", "model.num_inference_steps=2"],
}
GIVE_UP_AFTER = 120  # seconds in which a run that has lost a process must have ended


def genlab(verb: str, *words: str, processes: int = 1, module: str = "genlab") -> list[str]:
    """The command line of a call of genlab in one or more processes."""
    if processes == 1:
        return [sys.executable, "-m", module, verb, *words]
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    launch = [sys.executable, "-m", "accelerate.commands.launch", "--multi_gpu", "--num_machines", "1"]
    launch += ["--mixed_precision", "no", "--dynamo_backend", "no", "--main_process_port", str(port)]
    return [*launch, "--num_processes", str(processes), "-m", module, verb, *words]


def train_words(config: str, run: Path, steps: int, batch_size: int) -> list[str]:
    """The words after ``genlab train``: a short run on the digits that come with scikit-learn."""
    settings = [f"train.max_steps={steps}", f"train.batch_size={batch_size}"]
    words = ["--config", config, "--dataset", "digits", "--run", str(run)]
    return [*words, *(w for setting in settings + SETTINGS[config] for w in ("--set", setting))]


def curve(run: Path) -> list[dict[str, float]]:
    """The losses of each step."""
    lines = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
    return [{k: v for k, v in line.items() if k not in ("step", "epoch", "seconds")} for line in lines]


def largest_difference(one: Path, other: Path) -> float:
    """Between two loss curves, relative where a loss is above 1."""
    pairs = zip(curve(one), curve(other), strict=True)
    return max(abs(a[k] - b[k]) / max(abs(a[k]), 1) for a, b in pairs for k in a)


def compare(config: str, place: Path, steps: int, module: str = "genlab") -> float:
    """Train both ways and return the largest difference of the two loss curves."""
    one, two = (place / f"{config}-{module}-{processes}" for processes in (1, 2))
    alone = genlab("train", *train_words(config, one, steps, 64), module=module)
    together = genlab("train", *train_words(config, two, steps, 32), processes=2, module=module)
    for call in (alone, together):
        done = subprocess.run(call, capture_output=True, text=True)
        if done.returncode:
            raise SystemExit(f"{config}: {done.stderr[-2000:]}")
    return largest_difference(one, two)


def lose_one(place: Path) -> tuple[float, str]:
    """Kill the second of two processes; returns the seconds until the run had ended, and its message."""
    run = place / "lost"
    call = genlab("train", *train_words("vae-small", run, 100_000, 32), processes=2)
    with tempfile.TemporaryFile("w+") as said:
        process = subprocess.Popen(call, stdout=said, stderr=said)
        while not (run / "checkpoints").is_dir():
            time.sleep(0.05)
        os.kill(_second_worker(process.pid), signal.SIGKILL)
        started = time.monotonic()
        try:
            process.wait(GIVE_UP_AFTER)
        except subprocess.TimeoutExpired:
            process.kill()
            raise SystemExit("the run hangs after it has lost a process") from None
        seconds = time.monotonic() - started
        said.seek(0)
        lines = re.findall(r"genlab: .*", said.read())
    return seconds, lines[-1] if lines else "no message of ours"


def _second_worker(launcher: int) -> int:
    """The process with rank 1 among the launcher's children."""
    children = Path(f"/proc/{launcher}/task/{launcher}/children").read_text().split()
    for child in children:
        environment = Path(f"/proc/{child}/environ").read_bytes().split(b"\0")
        if b"RANK=1" in environment:
            return int(child)
    raise SystemExit("cannot find the second process")


def main(steps: Annotated[int, typer.Option(help="Steps to compare.")] = 50) -> None:
    """Compare, then lose a process."""
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    worst = 0.0
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        for config in SETTINGS:
            single = compare(config, place, steps)
            double = compare(config, place, steps, "tests.oracles.double_precision")
            worst = max(worst, double)
            print(
                f"{config}: loss curves over {steps} steps differ by {single:.1e} in float32, "
                f"{double:.1e} in float64",
                flush=True,
            )
        seconds, message = lose_one(place)
        print(f"a process killed: the run ended within {seconds:.0f} s, saying\n  {message}")
        call = genlab("resume", str(place / "lost"), "--set", "train.max_steps=1", processes=2)
        resumed = subprocess.run(call, capture_output=True, text=True)
        print("and resumes" if resumed.returncode == 0 else f"and does not resume: {resumed.stderr[-500:]}")
    raise SystemExit(worst > 1e-5 or resumed.returncode or not message.startswith("genlab: "))


if __name__ == "__main__":
    typer.run(main)
