"""Kill training again and again, resume it, and compare with a run that was never killed.

    python -m trials.kill_and_resume --kills 102

For each family: one run of ``genlab train`` to the end, and the same run killed with SIGKILL at random
moments (checkpoints are so frequent here that many fall inside a save) and taken up by ``genlab
resume``, until it has been killed often enough and is left to finish. Then every file of the last
checkpoint and the loss history must be the same, to the bit.
"""

import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Annotated

import typer

from genlab.runs.checkpoint import NETWORKS, STATE, TRAINING

SETTINGS = {
    "vae-small": ["train.validation_images=200", "train.monitor=validation/kl", "train.lr_schedule=cosine"],
    "gan-small": ["train.gradient_accumulation_steps=2", "train.ema_decay=0.99"],
    "diffusion": [
        "model.network.channels=[8, 16]",
        "model.num_inference_steps=2",
        "train.half_size_steps=50",
    ],
}


def command(verb: str, *words: str) -> list[str]:
    """A call of the command line in a process of its own."""
    return [sys.executable, "-m", "genlab", verb, *words]


def train_words(config: str, run: Path, steps: int, every: int) -> list[str]:
    """``genlab train`` of a short run on the digits that come with scikit-learn."""
    settings = [f"train.max_steps={steps}", "train.batch_size=16", *SETTINGS[config]]
    settings += [f"train.checkpoint_every={every}", "train.sample_every=100"]
    words = ["--config", config, "--dataset", "digits", "--run", str(run)]
    return command("train", *words, *(word for setting in settings for word in ("--set", setting)))


def kill_and_resume(start: list[str], run: Path, kills: int, chance: random.Random) -> tuple[int, int]:
    """Train, kill and resume until done; returns the kills, and how many left a half-written save.

    Args:
        start: the call that begins the run.
        run: its folder.
        kills: at most so many.
        chance: decides when.
    """
    killed = inside = 0
    while True:
        going_on = (run / "config.yaml").is_file()
        call = command("resume", str(run)) if going_on else start
        with tempfile.TemporaryFile() as said:
            process = subprocess.Popen(call, stdout=said, stderr=said)
            if killed < kills:
                _wait_for_training(process, run)
                time.sleep(chance.uniform(0, 0.6))
                process.send_signal(signal.SIGKILL)
            status = process.wait()
            if status not in (0, -signal.SIGKILL):
                said.seek(0)
                raise SystemExit(f"{run}: a resume failed: {said.read().decode()[-500:]}")
        if status == 0:
            return killed, inside
        killed += 1
        inside += any((run / "checkpoints").glob(".*"))


def _wait_for_training(process: subprocess.Popen[bytes], run: Path) -> None:
    """Until the process has begun, or now and then only until some moment of its start."""
    metrics = run / "metrics.jsonl"
    before = metrics.stat().st_mtime_ns if metrics.is_file() else 0
    while process.poll() is None and (not metrics.is_file() or metrics.stat().st_mtime_ns == before):
        time.sleep(0.002)


def same(one: Path, other: Path) -> list[str]:
    """What differs between the ends of two runs: nothing, if resuming is exact."""
    different = []
    checkpoints = [sorted((run / "checkpoints").glob("step-*"))[-1] for run in (one, other)]
    for name in [NETWORKS, TRAINING, "averaged.safetensors"]:
        contents = [(c / name).read_bytes() if (c / name).exists() else None for c in checkpoints]
        if contents[0] != contents[1]:
            different.append(name)
    records = [json.loads((c / STATE).read_text())["record"] for c in checkpoints]
    for key in ("step", "monitored", "random", "ema_updates"):
        if records[0][key] != records[1][key]:
            different.append(key)
    if history(one) != history(other):
        different.append("metrics.jsonl")
    if (one / "samples.png").read_bytes() != (other / "samples.png").read_bytes():
        different.append("samples.png")
    return different


def history(run: Path) -> list[dict[str, float]]:
    """The loss history without the one thing that may differ: the time it took."""
    lines = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
    return [{key: value for key, value in line.items() if key != "seconds"} for line in lines]


def main(
    kills: Annotated[int, typer.Option(min=1, help="Kills in all, shared out over the families.")] = 102,
    steps: Annotated[int, typer.Option(min=10, help="Length of each run.")] = 600,
    seed: Annotated[int, typer.Option(help="Decides when.")] = 0,
    only: Annotated[list[str] | None, typer.Option(help="Only these configs.")] = None,
) -> None:
    """Kill, resume, compare."""
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    configs = only or list(SETTINGS)
    total = failed = 0
    with tempfile.TemporaryDirectory() as place:
        for number, config in enumerate(configs):
            share = kills // len(configs) + (number < kills % len(configs))
            every = max(1, steps // (share + 1) // 8)
            whole = Path(place) / f"{config}-whole"
            subprocess.run(train_words(config, whole, steps, every), check=True, capture_output=True)
            chance, different, killed, inside = random.Random(seed + number), set[str](), 0, 0
            while killed < share:  # a run may end before it has been killed often enough
                broken = Path(place) / f"{config}-{killed}"
                start = train_words(config, broken, steps, every)
                more, more_inside = kill_and_resume(start, broken, share - killed, chance)
                killed, inside = killed + more, inside + more_inside
                different |= set(same(whole, broken))
            total, failed = total + killed, failed + bool(different)
            verdict = f"differs in {', '.join(sorted(different))}" if different else "equal to the bit"
            print(f"{config}: killed {killed} times, {inside} of them inside a save; {verdict}", flush=True)
    print(f"{total} kills in all, no run lost" + (f", {failed} runs differ" if failed else ""))
    raise SystemExit(failed)


if __name__ == "__main__":
    typer.run(main)
