"""Does the code still give the same images and the same training, to the bit, as another commit's?

    python -m trials.same_bits 109e43d

Both commits run, one after the other, on this machine and with the same libraries: samples of every model
that comes with the package, and for each config below a run of six steps that is resumed for three more (its
last checkpoint, its losses and its samples). What differs is named, and the exit code is then 1.

    python -m trials.same_bits --print     the hashes of the code at hand, as JSON
"""

import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Annotated

import torch
import typer

import genlab
from genlab.family import Family

SHIPPED = [
    f"{family}-{data}" for family in ("vae", "gan", "diffusion") for data in ("mnist", "fashion_mnist")
]
RUNS = ["vae-small", "vae-conv", "vae-binary", "gan-small", "gan-conv", "diffusion-compact", "diffusion-flow"]
SETTINGS = {
    "max_steps": 6, "batch_size": 16, "mixed_precision": "no", "validation_images": 64,
    "checkpoint_every": 3, "sample_every": 3,
}  # fmt: skip


def sha256(data: bytes) -> str:
    """The beginning of a hash: enough to compare."""
    return hashlib.sha256(data).hexdigest()[:16]


def of_samples(family: Family) -> str:
    """The hash of sixteen images."""
    images = family.sample(16, generator=torch.Generator().manual_seed(3))
    return sha256(images.contiguous().numpy().tobytes())


def hashes() -> dict[str, str]:
    """What this code gives: one hash by name for each set of samples and each file of a checkpoint."""
    torch.set_num_threads(1)
    found = {f"{name}: samples": of_samples(genlab.load_pretrained(name)) for name in SHIPPED}
    settings = {f"train.{name}": value for name, value in SETTINGS.items()}
    for name in RUNS:
        with tempfile.TemporaryDirectory() as folder:
            run = Path(folder) / "run"
            genlab.fit(genlab.load_config(name, settings), "digits", run)
            model, _ = genlab.resume(run, {"train.max_steps": 9})
            found[f"{name}: samples"] = of_samples(model)
            for file in sorted((run / "checkpoints").glob("*9/*.safetensors")):
                found[f"{name}: {file.name}"] = sha256(file.read_bytes())
            history = (run / "metrics.jsonl").read_text("utf-8")
            found[f"{name}: losses"] = sha256(re.sub(r'"[a-z_/]*seconds": [^,}]*', "", history).encode())
    return found


def hashes_of(commit: str) -> dict[str, str]:
    """The hashes that this very file prints beside the package of another commit."""
    with tempfile.TemporaryDirectory() as folder:
        tree = Path(folder) / "tree"
        subprocess.run(["git", "worktree", "add", "--quiet", "--detach", str(tree), commit], check=True)
        try:
            script = shutil.copy(__file__, tree / "same_bits.py")
            words = [sys.executable, str(script), "--print"]
            run = subprocess.run(
                words,
                cwd=tree,
                stdout=subprocess.PIPE,
                check=True,
                env=os.environ | {"PYTHONPATH": str(tree)},
            )
        finally:
            subprocess.run(["git", "worktree", "remove", "--force", str(tree)], check=True)
    return json.loads(run.stdout.splitlines()[-1])


def main(
    commit: Annotated[str | None, typer.Argument(help="The commit to compare with.")] = None,
    print_only: Annotated[bool, typer.Option("--print", help="Print this code's hashes.")] = False,
) -> None:
    """Compare samples and resumed runs with those of another commit, to the bit."""
    here = hashes()
    if print_only:
        print(json.dumps(here))
        return
    if commit is None:
        raise typer.BadParameter("name a commit to compare with, or --print")
    there = hashes_of(commit)
    different = [name for name in sorted(here | there) if here.get(name) != there.get(name)]
    for name in different:
        print(f"differs: {name}")
    print(f"{len(here | there) - len(different)} of {len(here | there)} are equal to {commit}'s, to the bit")
    raise typer.Exit(1 if different else 0)


if __name__ == "__main__":
    typer.run(main)
