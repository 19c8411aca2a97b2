r"""What does a setting buy? One config, several changes of it, trained alike and measured: a row each.

    python benchmarks/tries.py diffusion-compact --steps 1200 --base "model.timestep_spacing=karras" \
        --try "" --try "model.prediction_type=sample model.min_snr_gamma=5"
    python benchmarks/tries.py vae-conv --dataset fashion_mnist --try "" --try "model.latent_dim=64"

Every row is the Fréchet distance over the floor by each judge, the pixel test, sharpness and fine detail (1
is as real images are) and the share of pixels with the grey levels 1 to 10: a haze where real images are
black (MNIST has 0.8 % of them). Runs are kept in ``--out`` and not trained again; with fewer images floors
are higher, so compare rows of one table alone.
"""

from pathlib import Path
from typing import Annotated

import torch
import typer

from genlab.commands.evaluate import open_out
from genlab.commands.sample import sample_in_batches
from genlab.commands.train import fit_or_load
from genlab.config import parse_override
from genlab.data import load_dataset, to_bytes
from genlab.evaluation.measure import make_yardstick, report_on
from genlab.evaluation.report import Report, printed
from genlab.runs.folder import read_summary
from genlab.zoo import load_config

SHOWN = ("frechet_ratio", "two_sample_pixels", "sharpness", "fine_detail")


def main(
    config: Annotated[str, typer.Argument(help="The name of a config, or a .yaml file.")],
    try_: Annotated[list[str], typer.Option("--try", help="Changes: 'train.lr=1e-3 model.beta=2', or ''.")],
    base: Annotated[str, typer.Option(help="Changes that all have in common.")] = "",
    dataset: Annotated[str, typer.Option(help="What to train on.")] = "mnist",
    steps: Annotated[int | None, typer.Option(min=1, help="train.max_steps, where it is another.")] = None,
    n: Annotated[int, typer.Option(min=100, help="Images to measure.")] = 2000,
    out: Annotated[Path, typer.Option(help="The folder for the runs.")] = Path("runs/tries"),
) -> None:
    """Train and measure row by row."""
    train, test = load_dataset(dataset, "train"), load_dataset(dataset, "test")
    open_out(out)
    common = changes_of(base)
    if steps is not None:
        common["train.max_steps"] = steps
    settings = {text: load_config(config, common | changes_of(text)) for text in try_}
    yardstick = make_yardstick(train, test, n)
    print(f"{config} {base} on {train.name}, {n:,} images, {torch.get_num_threads()} threads\n")
    print("| changed | Fréchet / floor | two-sample, pixels | sharpness | fine detail | haze | seconds |")
    print("| --- | --- | --- | --- | --- | --- | --- |")
    labels = None
    for text, wanted in settings.items():
        folder = out / "-".join([Path(config).stem, train.name, *text.split()]).replace("/", "_")
        family, _ = fit_or_load(wanted, train, folder)
        if family.num_classes is not None:
            labels = train.labels[yardstick.reference.chosen]
        images = sample_in_batches(family, n, labels=labels)
        report = report_on(images, yardstick, name=text or "as it is", labels=labels)
        print(row(report, images, read_summary(folder)["seconds"]), flush=True)


def changes_of(text: str) -> dict[str, object]:
    """``a=1 b=[2, 3]`` as overrides of a config; no blanks inside a value."""
    return dict(map(parse_override, text.split()))


def row(report: Report, images: torch.Tensor, seconds: float) -> str:
    """One row of the table."""
    cells = [
        ", ".join(printed(figure) for figure in report.figures.values() if figure.name == name)
        for name in SHOWN
    ]
    return f"| {report.name} | {' | '.join(cells)} | {haze(images):.1%} | {seconds:.0f} |"


def haze(images: torch.Tensor) -> float:
    """The share of pixels with a grey level of 1 to 10."""
    levels = to_bytes(images)
    return ((levels >= 1) & (levels <= 10)).float().mean().item()


if __name__ == "__main__":
    typer.run(main)
