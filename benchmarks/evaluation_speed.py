"""How long evaluating takes, and how much memory: images are given, everything else is done.

    python benchmarks/evaluation_speed.py --dataset mnist --n 10000

Prints seconds for the real side (done once per data set) and for the figures of one set of images,
beside a measure of this machine in the same process (a matrix product of fixed size), and the peak
memory of the process.
"""

import resource
import sys
from time import perf_counter
from typing import Annotated

import torch
import typer

from genlab.data import load_dataset, to_unit
from genlab.evaluation.corruptions import add_noise
from genlab.evaluation.measure import make_yardstick, report_on


def matrix_product_seconds() -> float:
    """The fastest of ten products of two 2000 x 2000 matrices."""
    a = torch.rand(2000, 2000)
    seconds = []
    for _ in range(10):
        started = perf_counter()
        a @ a
        seconds.append(perf_counter() - started)
    return min(seconds)


def main(
    dataset: Annotated[str, typer.Option(help="mnist, fashion_mnist or digits")] = "auto",
    n: Annotated[int, typer.Option(help="images to evaluate")] = 10_000,
) -> None:
    """Time the two halves of an evaluation."""
    train = load_dataset(dataset, "train")
    test = load_dataset(train.name, "test")
    unit = matrix_product_seconds()
    started = perf_counter()
    yardstick = make_yardstick(train, test, n)
    real = perf_counter() - started
    images = add_noise(to_unit(test.images[:n]), 0.1, torch.Generator().manual_seed(0))
    started = perf_counter()
    report_on(images, yardstick, name="noisy test images")
    figures = perf_counter() - started
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)
    print(f"{n:,} images of {train.name}, {torch.get_num_threads()} threads, {torch.__version__}")
    print(f"real images, once:      {real:6.1f} s  ({real / unit:,.0f} matrix products)")
    print(f"figures of the images:  {figures:6.1f} s  ({figures / unit:,.0f} matrix products)")
    print(f"together:               {real + figures:6.1f} s")
    print(f"peak memory:            {peak / 2**30:6.2f} GiB")


if __name__ == "__main__":
    typer.run(main)
