"""Two processes by every launcher: does a run start, and is it the one that a single process makes?

    python -m trials.launchers

For ``torchrun``, ``accelerate launch``, ``notebook_launcher`` and Slurm's ``srun`` (played here: two tasks
with Slurm's variables, started at once), and by a ``torchrun`` on each of two machines (both this one), on
the CPU:

- the largest relative difference of the losses from those of one process with the whole batch;
- one of the two killed with SIGKILL in the middle, the run resumed by the same launcher: are its samples, to
  the bit, those of two processes that were left alone?
- 2,000 samples shared out among the two: are they, to the bit, those of one process?
"""

import os
import re
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import typer

from trials.two_processes import curve, largest_difference

TRAIN = ["train.validation_images=100", "train.checkpoint_every=20", "train.mixed_precision=no"]
SCRIPT = """
import sys
from accelerate import notebook_launcher
from genlab.cli import main
def call():
    try:
        main(sys.argv[1:])
    except SystemExit as end:
        if end.code:
            raise
notebook_launcher(call, num_processes=2, use_port="{port}")
"""

Starts = Callable[[Sequence[str]], list[subprocess.Popen[str]]]


def start(words: Sequence[str], **variables: str) -> subprocess.Popen[str]:
    """A process of its own group, so that it can be killed with its children."""
    return subprocess.Popen(
        words, env=os.environ | variables, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        start_new_session=True,
    )  # fmt: skip


def free_port() -> str:
    """A port that nobody listens at."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return str(free.getsockname()[1])


def torchrun(words: Sequence[str]) -> list[subprocess.Popen[str]]:
    """PyTorch's own launcher."""
    launch = [sys.executable, "-m", "torch.distributed.run", "--nproc_per_node", "2"]
    return [start([*launch, "--master_port", free_port(), "-m", "genlab", *words])]


def accelerate(words: Sequence[str]) -> list[subprocess.Popen[str]]:
    """``accelerate launch``, as the README has it."""
    launch = [sys.executable, "-m", "accelerate.commands.launch", "--multi_gpu", "--num_processes", "2"]
    launch += ["--num_machines", "1", "--mixed_precision", "no", "--dynamo_backend", "no"]
    return [start([*launch, "--main_process_port", free_port(), "-m", "genlab", *words])]


def notebook(words: Sequence[str]) -> list[subprocess.Popen[str]]:
    """``notebook_launcher``, which forks the process that calls it."""
    return [start([sys.executable, "-c", SCRIPT.format(port=free_port()), *words], ACCELERATE_USE_CPU="1")]


def srun(words: Sequence[str]) -> list[subprocess.Popen[str]]:
    """The tasks of ``srun``, with the variables that the script in the README makes of Slurm's."""
    both = {"SLURM_STEP_ID": "0", "SLURM_STEP_NUM_TASKS": "2", "WORLD_SIZE": "2", "LOCAL_WORLD_SIZE": "2"}
    both |= {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": free_port()}
    command = [sys.executable, "-m", "genlab", *words]
    return [start(command, **both, RANK=str(rank), LOCAL_RANK=str(rank)) for rank in range(2)]


def two_machines(words: Sequence[str]) -> list[subprocess.Popen[str]]:
    """A ``torchrun`` on each of two machines, which are both this one."""
    launch = [sys.executable, "-m", "torch.distributed.run", "--nnodes", "2", "--nproc_per_node", "1"]
    launch += ["--master_addr", "127.0.0.1", "--master_port", free_port()]
    return [start([*launch, "--node_rank", str(rank), "-m", "genlab", *words]) for rank in range(2)]


LAUNCHERS: dict[str, Starts] = {
    "torchrun": torchrun, "accelerate launch": accelerate, "notebook_launcher": notebook, "srun": srun,
    "two machines": two_machines,
}  # fmt: skip


def finished(processes: Sequence[subprocess.Popen[str]]) -> str:
    """Wait for them; what they said. Raises SystemExit if one of them failed."""
    said = "\n".join(process.communicate(timeout=300)[0] for process in processes)
    if any(process.returncode for process in processes):
        raise SystemExit(said[-3000:])
    return said


def train_words(run: Path, steps: int, batch_size: int) -> list[str]:
    """``genlab train`` of a short run on the digits that come with scikit-learn."""
    settings = [*TRAIN, f"train.max_steps={steps}", f"train.batch_size={batch_size}"]
    words = ["train", "--config", "vae-small", "--dataset", "digits", "--out", str(run)]
    return [*words, *(f"--set={setting}" for setting in settings)]


def samples(run: Path, out: Path, starts: Starts | None = None) -> bytes:
    """2,000 images of a run, as bytes; by one process where no launcher is given."""
    words = ["sample", str(run), "-n", "2000", "--out", str(out)]
    alone = [start([sys.executable, "-m", "genlab", *words])] if starts is None else starts(words)
    finished(alone)
    return np.load(out).tobytes()


def children(process: int) -> list[int]:
    """All descendants of a process."""
    found = [int(c) for c in Path(f"/proc/{process}/task/{process}/children").read_text().split()]
    return [*found, *(grandchild for child in found for grandchild in children(child))]


def kill_one(processes: Sequence[subprocess.Popen[str]], run: Path, step: int) -> None:
    """SIGKILL for the process with rank 1, as soon as the run has a checkpoint of this step."""
    while not any(int(c.name.rpartition("-")[2]) >= step for c in run.glob("checkpoints/step-*")):
        if all(process.poll() is not None for process in processes):
            raise SystemExit("the run ended before anything was killed")
        time.sleep(0.02)
    workers = [p.pid for p in processes] + [c for p in processes for c in children(p.pid)]
    for worker in workers:
        if is_rank_one(worker):
            os.kill(worker, signal.SIGKILL)
    for process in processes:
        process.communicate(timeout=300)


def is_rank_one(worker: int) -> bool:
    """Whether a process is the second of two: forked ones (of a notebook) do not show it, the last is."""
    try:
        variables = Path(f"/proc/{worker}/environ").read_bytes().split(b"\0")
        parent = int(re.findall(r"PPid:\s+(\d+)", Path(f"/proc/{worker}/status").read_text())[0])
    except FileNotFoundError:
        return False
    if any(v.startswith(b"RANK=") for v in variables):
        return b"RANK=1" in variables
    siblings = children(parent) if parent > 1 else []
    return len(siblings) > 1 and worker == siblings[-1]


def trial(starts: Starts, place: Path, one: Path, steps: int) -> tuple[float, bool, bool]:
    """The three columns of the table for one launcher."""
    whole, killed = place / "whole", place / "killed"
    said = finished(starts(train_words(whole, steps, 32)))
    assert "2 processes, 32 images each: 64 images a step" in said, said[-2000:]
    processes = starts(train_words(killed, steps, 32))
    kill_one(processes, killed, steps // 3)
    assert len(curve(killed)) < steps, "it was killed too late"
    finished(starts(["resume", str(killed)]))
    expected = samples(whole, place / "whole.npy")
    to_the_bit = samples(killed, place / "killed.npy") == expected
    return (
        largest_difference(one, whole),
        to_the_bit,
        samples(whole, place / "shared.npy", starts) == expected,
    )


def main(steps: int = 600, only: str = "") -> None:
    """Try each launcher, or one."""
    os.environ |= {"OMP_NUM_THREADS": "1", "ACCELERATE_USE_CPU": "true"}
    failed = False
    with tempfile.TemporaryDirectory() as folder:
        one = Path(folder) / "one"
        finished([start([sys.executable, "-m", "genlab", *train_words(one, steps, 64)])])
        print(f"{'launcher':<20}{'losses':>10}  killed and resumed  2,000 samples shared", flush=True)
        for name, starts in LAUNCHERS.items():
            if only not in ("", name):
                continue
            place = Path(folder) / name.replace(" ", "-")
            place.mkdir()
            difference, resumed, shared = trial(starts, place, one, steps)
            failed |= not (resumed and shared)
            words = ["equal to the bit" if same else "DIFFERENT" for same in (resumed, shared)]
            print(f"{name:<20}{difference:>10.1e}  {words[0]:<18}  {words[1]}", flush=True)
    raise typer.Exit(1 if failed else 0)


if __name__ == "__main__":
    typer.run(main)
