"""Training speed of genlab's loop against a plain loop with a DataLoader, in one process, turn by turn.

The plain loop is what most tutorials show: torchvision's MNIST, ``ToTensor``, ``DataLoader`` with
batches of 128 in random order, Adam. The networks, losses, batch size and optimiser settings are the
same on both sides; what differs is how images reach the network and how a step is made.

    python benchmarks/training_speed.py --rounds 5

Prints images per second of both and the median of their ratios; the ratio is what counts, since
other work on the machine slows both alike.
"""

import statistics
import tempfile
from collections.abc import Iterator
from pathlib import Path
from time import perf_counter
from typing import Annotated

import torch
import typer
from torch import Tensor
from torch.utils.data import DataLoader
from torchvision.datasets import MNIST
from torchvision.transforms import ToTensor

from genlab.data import Dataset, load_dataset
from genlab.family import Family
from genlab.training.loop import train
from genlab.zoo import Config, build, load_config

MODELS = ("vae-small", "gan-small", "vae", "gan")


def plain_loop(family: Family, loader: DataLoader[tuple[Tensor, Tensor]], config: Config) -> Iterator[None]:
    """The loop of most tutorials: one optimiser per network, ``zero_grad``, ``backward``, ``step``."""
    settings = config.train
    optimisers = {
        name: torch.optim.Adam(network.parameters(), lr=settings.lr, betas=settings.adam_betas)
        for name, network in family.networks.items()
    }
    while True:
        for images, labels in loader:
            for loss in family.losses(images * 2 - 1, labels):
                for optimiser in optimisers.values():
                    optimiser.zero_grad()
                loss.value.backward()
                optimisers[loss.network].step()
            yield


def images_per_second(steps: Iterator[object], n: int, batch_size: int) -> float:
    """The speed over ``n`` steps."""
    started = perf_counter()
    for _ in range(n):
        next(steps)
    return n * batch_size / (perf_counter() - started)


def torchvision_mnist(dataset: Dataset, folder: Path) -> MNIST:
    """The same images as torchvision serves them, without a download."""
    raw = folder / "MNIST" / "raw"
    raw.mkdir(parents=True)
    source = Path(
        dataset.source.removeprefix("Found in ").removeprefix("Downloaded to ").split(", verified")[0]
    )
    for file in source.iterdir():
        (raw / file.name).symlink_to(file.resolve())
    return MNIST(str(folder), train=True, transform=ToTensor())


def main(
    rounds: Annotated[int, typer.Option(min=1, help="Pairs of measurements per model.")] = 7,
    steps: Annotated[int, typer.Option(min=1, help="Steps per measurement.")] = 150,
) -> None:
    """Compare, model by model."""
    dataset = load_dataset("mnist", "train")
    print(f"{dataset!r}\n{torch.get_num_threads()} threads, {rounds} rounds of {steps} steps\n")
    print(
        f"{'model':<12}{'genlab images/s':>18}{'plain images/s':>18}{'ratio: median':>16}{'min':>8}{'max':>8}"
    )
    with tempfile.TemporaryDirectory() as folder:
        reference = torchvision_mnist(dataset, Path(folder))
        for name in MODELS:
            config = load_config(name)
            loader = DataLoader(reference, batch_size=128, shuffle=True, drop_last=True)
            ours = train(build(config), dataset, config.train)
            plain = plain_loop(build(config), loader, config)
            for warming in (ours, plain):
                images_per_second(warming, 20, 128)
            fast, slow = zip(
                *[
                    (images_per_second(ours, steps, 128), images_per_second(plain, steps, 128))
                    for _ in range(rounds)
                ],
                strict=True,
            )
            ratios = [a / b for a, b in zip(fast, slow, strict=True)]
            print(
                f"{name:<12}{statistics.median(fast):>18,.0f}{statistics.median(slow):>18,.0f}"
                f"{statistics.median(ratios):>16.2f}{min(ratios):>8.2f}{max(ratios):>8.2f}",
                flush=True,
            )


if __name__ == "__main__":
    typer.run(main)
