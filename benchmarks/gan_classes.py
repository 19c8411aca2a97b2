r"""Does a GAN draw every class? Configs, games and seeds in turn: one row each, and a sheet to look at.

    python benchmarks/gan_classes.py --config gan-conv --config gan-small --seeds 5 --out runs/gan-classes
    python benchmarks/gan_classes.py --config gan-conv --game hinge --set model.spectral_norm=true \
        --dataset fashion_mnist --out runs/gan-games

The games as they were measured for the README, each on both data sets:

    --game non_saturating --game least_squares --set train.max_steps=1500
    --game relativistic --set model.r2=0.5 --set train.max_steps=1500
    --game hinge --set model.spectral_norm=true --set model.r1=0 --set train.max_steps=1500
    --game wgan_gp --set model.r1=0 --set model.penalty_every=1 --set train.max_steps=1500 \
        --set train.lr=5.0e-4 --set "train.lr_factors={discriminator: 4}" --set "train.adam_betas=[0.0, 0.9]"

A row says how many processor minutes the training took, the share of the rarest and of the most frequent
class among 10,000 images by the first judge (each class is due a tenth), and the Fréchet distance over
the floor by the worst judge, 1 is as good as real images. Runs are kept in ``--out`` and not trained again.
"""

from collections.abc import Mapping
from pathlib import Path
from time import process_time
from typing import Annotated

import torch
import typer

from genlab import plots
from genlab.commands.evaluate import open_out
from genlab.commands.sample import sample_in_batches, sample_sheet
from genlab.commands.train import fit_or_load
from genlab.config import parse_override
from genlab.data import Dataset, load_dataset
from genlab.evaluation.curves import frechet_ratio
from genlab.evaluation.judges.features import look
from genlab.evaluation.measure import make_yardstick
from genlab.evaluation.metrics.classes import class_shares
from genlab.evaluation.reference import Reference
from genlab.files import write_aside
from genlab.zoo import load_config

IMAGES = 10_000


def main(
    config: Annotated[list[str], typer.Option(help="A config of a GAN, once or more.")],
    out: Annotated[Path, typer.Option(help="The folder for runs and sheets.")],
    game: Annotated[list[str] | None, typer.Option(help="A model.loss, once or more.")] = None,
    seeds: Annotated[int, typer.Option(min=1, help="How many of each.")] = 1,
    dataset: Annotated[str, typer.Option(help="What to train on.")] = "mnist",
    set_: Annotated[list[str] | None, typer.Option("--set", help="model.r1=1, for all of them.")] = None,
    n: Annotated[int, typer.Option(min=100, help="Images for the Fréchet distance.")] = 2000,
) -> None:
    """Measure row by row."""
    train, test = load_dataset(dataset, "train"), load_dataset(dataset, "test")
    open_out(out)
    more = dict(map(parse_override, set_ or []))
    reference = make_yardstick(train, test, n).reference
    print(f"{torch.get_num_threads()} threads, {train.name}\n")
    print(f"{'run':<34}{'minutes':>8}{'rarest':>9}{'most':>8}{'Fréchet/floor':>15}", flush=True)
    for name in config:
        for loss in game or [""]:
            for seed in range(seeds):
                row = [part for part in (name, loss, train.name, str(seed)) if part]
                changes = {"train.seed": seed} | ({"model.loss": loss} if loss else {}) | more
                print(measured("-".join(row), name, changes, train, reference, out), flush=True)


def measured(
    row: str, name: str, changes: Mapping[str, object], train: Dataset, reference: Reference, out: Path
) -> str:
    """Train, or load, and look: one row of the table."""
    started = process_time()
    family, _ = fit_or_load(load_config(name, changes), train, out / row)
    minutes = (process_time() - started) / 60
    spent = out / f"{row}.minutes"  # of the session that trained; a loaded run takes none
    if not spent.exists():
        write_aside(spent, f"{minutes:.1f}\n")
    images = sample_in_batches(family, IMAGES, seed=0)
    answers = look(reference.judges[reference.first], images).answers
    shares = class_shares(answers, train.num_classes)
    ratio = frechet_ratio(images[: reference.n], reference)
    sheet = plots.to_png(plots.grid(sample_sheet(family), columns=10), scale=2)
    write_aside(out / f"{row}.png", sheet)
    least, most = f"{shares.min():.1%}", f"{shares.max():.1%}"
    return f"{row:<34}{spent.read_text().strip():>8}{least:>9}{most:>8}{ratio:>15.2f}"


if __name__ == "__main__":
    typer.run(main)
