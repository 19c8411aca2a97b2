"""genlab's training loop against a plain loop with a DataLoader, and against a bare loop.

The plain loop is what most tutorials show: torchvision's MNIST, ``ToTensor``, ``DataLoader`` with batches in
random order, Adam. The bare loop is the least that trains the same model: images in memory, the textbook
step, fused Adam. Networks, losses, batch size, precision, averaged weights and optimiser settings are the
same on all sides; what differs is how images reach the network and what is done around a step.
"""

import tempfile
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from itertools import islice
from pathlib import Path
from time import perf_counter

import torch
from torch import Tensor
from torch.utils.data import DataLoader
from torchvision.datasets import MNIST
from torchvision.transforms import ToTensor

from benchmarks.speed.table import Row, rates
from benchmarks.speed.turns import COPIED, COPY, PRODUCT, PRODUCTS, SIDE, flops_of, in_turn, least_bytes
from genlab.data import Dataset, load_dataset
from genlab.family import device_of
from genlab.training.ema import EMA
from genlab.training.loop import step, train
from genlab.training.precision import in_precision, precision_of
from genlab.zoo import Config, build, load_config

MODELS = (
    "vae-small", "vae", "vae-conv", "gan-small", "gan", "gan-conv", "diffusion-mlp", "diffusion-compact",
)  # fmt: skip
CHANGES = {"train.max_steps": 10**6, "train.half_size_steps": 0}  # a step is like every other
PATIENCE = 0.5  # seconds that a turn of the bare loop takes
CYCLE = 8  # steps: a GAN's penalty comes with every eighth

Batches = Iterable[tuple[Tensor, Tensor]]


def a_loop(config: Config, epoch: Callable[[], Batches], *, fused: bool) -> Iterator[None]:
    """The textbook's step, again and again."""
    family, settings = build(config), config.train
    optimisers: dict[str, torch.optim.Optimizer] = {
        name: torch.optim.Adam(network.parameters(), lr=settings.lr, betas=settings.adam_betas, fused=fused)
        for name, network in family.networks.items()
    }
    average = None if settings.ema_decay is None else EMA(family.networks, settings.ema_decay)
    device = device_of(family.networks)
    precision = precision_of(settings.mixed_precision, device)
    family.networks.train()
    with in_precision(list(family.networks.values()), device, precision):
        while True:
            for images, labels in epoch():
                step(family, optimisers, images, labels)
                if average is not None:
                    average.update()
                yield


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


def do(steps: Iterator[object], n: int) -> None:
    """Make so many steps."""
    for _ in islice(steps, n):
        pass


def rows(rounds: int) -> Iterator[Row]:
    """Two rows a model."""
    dataset = load_dataset("mnist", "train")
    with tempfile.TemporaryDirectory() as folder:
        images = torchvision_mnist(dataset, Path(folder))
        for name in MODELS:
            yield from of_model(name, load_config(name, CHANGES), dataset, images, rounds)


def of_model(name: str, config: Config, dataset: Dataset, images: MNIST, rounds: int) -> Iterator[Row]:
    """genlab's loop against both others."""
    size = config.train.batch_size
    loader = DataLoader(images, batch_size=size, shuffle=True, drop_last=True)
    family = build(config)
    ours = train(family, dataset, config.train)
    plain = a_loop(config, lambda: ((batch * 2 - 1, labels) for batch, labels in loader), fused=False)
    bare = a_loop(config, partial(dataset.batches, size), fused=True)
    do(bare, CYCLE)
    started = perf_counter()
    do(bare, CYCLE)
    n = CYCLE * max(1, round(PATIENCE / (perf_counter() - started)))
    actions = {"ours": lambda: do(ours, n), "plain": lambda: do(plain, n), "bare": lambda: do(bare, n)}
    precision = precision_of(config.train.mixed_precision, device_of(family.networks))
    seconds = in_turn(actions, rounds, precision or torch.float32)
    work = flops_of(lambda: do(bare, CYCLE)) * n / CYCLE
    moved = least_bytes(family.networks, config.train.ema_decay is not None) * n
    of_product = rates(work, seconds["ours"], 2 * SIDE**3 * PRODUCTS, seconds[PRODUCT])
    of_copy = rates(moved, seconds["ours"], 2 * COPIED, seconds[COPY])
    for against, theirs, target in (("DataLoader loop", "plain", None), ("bare loop", "bare", 0.95)):
        yield Row(f"loop, {name}", against, seconds["ours"], seconds[theirs], target, of_product, of_copy)
