"""The figures of evaluation against torchmetrics, scipy, brute force and the case without a difference.

    python -m tests.oracles.evaluation

On what a shipped judge sees of real images (MNIST where it is here, else digits). Prints a line per
figure: ours, the oracle's, the relative difference; then what each says where there is nothing to find.
"""

from collections.abc import Iterator
from statistics import fmean, stdev

import numpy as np
import torch
from scipy.ndimage import laplace
from torch import Tensor, nn
from torchmetrics.image.fid import FrechetInceptionDistance
from torchmetrics.image.kid import KernelInceptionDistance

from genlab.data import load_dataset, to_unit
from genlab.evaluation.corruptions import add_noise
from genlab.evaluation.judges.features import look
from genlab.evaluation.judges.files import find_judge
from genlab.evaluation.judges.networks import FEATURES
from genlab.evaluation.metrics.appearance import edge_strength, power_spectrum
from genlab.evaluation.metrics.frechet import frechet_distance, frechet_without_bias
from genlab.evaluation.metrics.kernel import kernel_distance
from genlab.evaluation.metrics.precision_recall import manifold
from genlab.evaluation.metrics.two_sample import pixel_two_sample_test, two_sample_test

REPEATS = 20


class AsTheyAre(nn.Module):
    """In place of an Inception network: the images are features already."""

    num_features = FEATURES

    def forward(self, features: Tensor) -> Tensor:
        """(N, D) to the same."""
        return features


def torchmetrics_frechet(real: Tensor, generated: Tensor) -> float:
    """In float64, as ours."""
    metric = FrechetInceptionDistance(AsTheyAre()).set_dtype(torch.float64)
    metric.update(real.double(), real=True)
    metric.update(generated.double(), real=False)
    return float(metric.compute())


def torchmetrics_kernel(real: Tensor, generated: Tensor) -> float:
    """With all images in one subset, so that nothing is left to chance."""
    metric = KernelInceptionDistance(AsTheyAre(), subsets=1, subset_size=len(real)).set_dtype(torch.float64)
    metric.update(real.double(), real=True)
    metric.update(generated.double(), real=False)
    return float(metric.compute()[0])


def brute_force(real: Tensor, generated: Tensor, k: int) -> tuple[float, float, float, float]:
    """Precision, recall, density and coverage by their definitions, distance by distance."""
    between = (real[:, None].double() - generated[None].double()).square().sum(2).sqrt()
    real_ball = (real[:, None].double() - real[None].double()).square().sum(2).sqrt().sort(1).values[:, k]
    own = (generated[:, None].double() - generated[None].double()).square().sum(2).sqrt()
    own_ball = own.sort(1).values[:, k]
    inside = between <= real_ball[:, None]
    return (
        inside.any(0).double().mean().item(),
        (between <= own_ball[None]).any(1).double().mean().item(),
        inside.double().sum(0).mean().item() / k,
        inside.any(1).double().mean().item(),
    )


def comparisons(real: Tensor, generated: Tensor) -> Iterator[tuple[str, float, float]]:
    """Name, ours, the oracle's."""
    yield "Fréchet", frechet_distance(generated, real), torchmetrics_frechet(real, generated)
    ours = kernel_distance(generated, real, subsets=1, subset_size=len(real)).value
    yield "kernel", ours, torchmetrics_kernel(real, generated)
    four = manifold(real[:600], generated[:600], k=5)
    mine = (four.precision, four.recall, four.density, four.coverage)
    names = ("precision", "recall", "density", "coverage")
    yield from zip(names, mine, brute_force(real[:600], generated[:600], 5), strict=True)


def of_pixels(images: Tensor) -> Iterator[tuple[str, float, float]]:
    """The same of the figures of pixels, (N, 1, 28, 28) in [0, 1]: by scipy and numpy."""
    pixels = images[:, 0].double().numpy()
    edges = np.mean([np.abs(laplace(image)[1:-1, 1:-1]).mean() for image in pixels])
    yield "edges", edge_strength(images).mean().item(), float(edges)
    power = (np.abs(np.fft.fft2(pixels)) ** 2).mean(0)[:, :15]  # the right half mirrors the left
    ring = np.hypot(*np.meshgrid(np.fft.fftfreq(28) * 28, np.arange(15), indexing="ij")).round()
    spectrum = power_spectrum(images).mean(0)
    for cycles in (1, 7, 14):
        yield f"power at {cycles}", spectrum[cycles - 1].item(), float(power[ring == cycles].mean())


def nothing_in_pixels(images: Tensor) -> list[float]:
    """Accuracies of the test on pixels, of random halves of the same images, uint8."""
    accuracies = []
    for seed in range(REPEATS):
        order = torch.randperm(len(images), generator=torch.Generator().manual_seed(seed))
        accuracies.append(pixel_two_sample_test(*images[order].chunk(2), seed=seed).accuracy)
    return accuracies


def null_cases(features: Tensor) -> Iterator[tuple[str, list[float], str]]:
    """Name, what two random halves of the same features get, what they should."""
    halves = []
    for seed in range(REPEATS):
        order = torch.randperm(len(features), generator=torch.Generator().manual_seed(seed))
        halves.append((features[order[: len(order) // 2]], features[order[len(order) // 2 :]]))
    yield "coverage, k = 5", [manifold(a, b, 5).coverage for a, b in halves], "1 - 2^-5 = .969"
    tests = [two_sample_test(a, b, seed=seed) for seed, (a, b) in enumerate(halves)]
    yield "two-sample test", [test.accuracy for test in tests], "0.5"
    yield "its p-values below .05", [float(test.p_value < 0.05) for test in tests], "0.05"
    yield "kernel distance", [kernel_distance(a, b).value for a, b in halves], "0"
    yield "Fréchet distance", [frechet_distance(a, b) for a, b in halves], "above 0: its bias"
    yield "Fréchet, N to infinity", [frechet_without_bias(a, b).value for a, b in halves], "0"


def main() -> None:
    """Print both tables."""
    train = load_dataset("auto", "train")
    test = load_dataset(train.name, "test")
    found = find_judge(train, "plain")
    assert found is not None, f"no judge of {train.name} is shipped"
    real = look(found[0], test.images[:4000]).features
    half = len(real) // 2
    images = to_unit(test.images[half : 2 * half])
    noisy = look(found[0], add_noise(images, 0.3, torch.Generator().manual_seed(0))).features
    print(f"{train.name}: {half} real test images, {half} others with noise, features of the plain judge\n")
    print(f"{'figure':<12} {'ours':>16} {'oracle':>16} {'difference':>11}")
    for name, ours, oracle in (*comparisons(real[:half], noisy), *of_pixels(images)):
        print(f"{name:<12} {ours:>16.9g} {oracle:>16.9g} {abs(ours - oracle) / abs(oracle):>11.1e}")
    print(f"\nNothing to find: {REPEATS} times two random halves of {2 * half} real test images\n")
    pixels = ("two-sample, pixels", nothing_in_pixels(test.images[:2000]), "0.5")
    for name, values, expected in (*null_cases(real), pixels):
        error = stdev(values) / len(values) ** 0.5
        print(f"{name:<24} {fmean(values):>9.4f} ± {error:.4f}   should be {expected}")


if __name__ == "__main__":
    main()
