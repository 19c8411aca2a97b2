"""Sharpness and power at each frequency, against scipy, sums of cosines by hand and simulation."""

from math import cos, pi, sin

import numpy as np
import pytest
import torch
from scipy.ndimage import laplace

from genlab.data import load_dataset, to_unit
from genlab.evaluation.corruptions import add_noise, blur
from genlab.evaluation.metrics import edge_strength, fine_power, power_spectrum, ratio_of_means
from tests.evaluation.conftest import seeded


def noise(n: int, size: int = 28, seed: int = 0) -> torch.Tensor:
    return torch.rand(n, 1, size, size, generator=seeded(seed))


@pytest.fixture(scope="module")
def digits() -> torch.Tensor:
    return to_unit(load_dataset("digits", "test").images)


# --- edges ------------------------------------------------------------------------------------


def test_edge_strength_is_scipys_laplacian_inside_the_image() -> None:
    images = noise(5)
    expected = [np.abs(laplace(image[0].double().numpy())[1:-1, 1:-1]).mean() for image in images]
    torch.testing.assert_close(edge_strength(images), torch.tensor(expected).float(), rtol=1e-5, atol=0)


def test_a_slope_has_no_edges_and_twice_the_contrast_twice_the_strength() -> None:
    rows, columns = torch.meshgrid(torch.arange(28.0), torch.arange(28.0), indexing="ij")
    slope = (0.01 * rows - 0.02 * columns + 0.6)[None, None]
    assert edge_strength(slope).item() == pytest.approx(0, abs=1e-6)
    images = noise(5)
    torch.testing.assert_close(edge_strength(0.5 * images + 0.2), 0.5 * edge_strength(images))


# --- frequencies ------------------------------------------------------------------------------


def by_hand(image: list[list[float]]) -> list[float]:
    """|sum of x exp(-2 pi i (u r + v c) / n)|^2 of every (u, v), averaged over rings; n odd or even."""
    n = len(image)
    rings: dict[int, list[float]] = {}
    for u in range(-((n - 1) // 2), n // 2 + 1):
        for v in range(n // 2 + 1):  # the other half has the same power
            real = imaginary = 0.0
            for r in range(n):
                for c in range(n):
                    angle = 2 * pi * (u * r + v * c) / n
                    real += image[r][c] * cos(angle)
                    imaginary -= image[r][c] * sin(angle)
            rings.setdefault(round((u * u + v * v) ** 0.5), []).append(real**2 + imaginary**2)
    return [sum(rings[f]) / len(rings[f]) for f in range(1, n // 2 + 1)]


@pytest.mark.parametrize("size", [6, 8])
def test_the_spectrum_is_the_sum_of_its_definition(size: int) -> None:
    image = noise(1, size)
    expected = torch.tensor([by_hand(image[0, 0].double().tolist())]).float()
    torch.testing.assert_close(power_spectrum(image), expected, rtol=1e-4, atol=1e-5)


def test_the_spectrum_of_images_is_that_of_each_whatever_the_slice(monkeypatch: pytest.MonkeyPatch) -> None:
    images = noise(7)
    together = power_spectrum(images)
    assert together.shape == (7, 14)
    monkeypatch.setattr("genlab.evaluation.metrics.appearance.SLICE", 3)
    torch.testing.assert_close(power_spectrum(images), together)
    torch.testing.assert_close(torch.cat([power_spectrum(image[None]) for image in images]), together)


@pytest.mark.parametrize("cycles", range(1, 14))
@pytest.mark.parametrize("across", [False, True])
def test_a_wave_has_all_its_power_at_its_frequency(cycles: int, across: bool) -> None:
    wave = torch.cos(2 * pi * cycles * torch.arange(28) / 28 + 0.3).expand(1, 1, 28, 28)
    spectrum = power_spectrum(wave.transpose(2, 3) if across else wave)[0]
    assert spectrum.argmax() == cycles - 1
    assert spectrum[cycles - 1] > 1e6 * (spectrum.sum() - spectrum[cycles - 1])


def test_waves_one_way_bring_the_power_that_parseval_says() -> None:
    """The sum of squares over a wave's pixels is the power in the plane over their number."""
    wave = torch.cos(2 * pi * 5 * torch.arange(28) / 28).expand(1, 1, 28, 28)
    frequencies = torch.fft.fftfreq(28) * 28
    down, right = frequencies[:, None], torch.fft.rfftfreq(28) * 28
    in_ring = int((torch.hypot(down, right).round() == 5).sum())
    # A wave along the columns is one of the frequencies of its ring, and its negative is in the other half.
    power = power_spectrum(wave)[0, 4].item() * in_ring * 2
    assert power / 28**2 == pytest.approx(wave.square().sum().item(), rel=1e-5)


def test_white_noise_is_flat_and_of_the_height_that_parseval_says() -> None:
    """In the mean n^2 times the variance of a pixel, at every frequency."""
    images = torch.randn(4000, 1, 28, 28, generator=seeded()) * 0.1
    spectrum = power_spectrum(images)
    error = spectrum.std(0) / len(images) ** 0.5
    assert ((spectrum.mean(0) - 28**2 * 0.01).abs() < 4 * error).all()


def test_mean_grey_and_place_do_not_matter() -> None:
    images = noise(5)
    torch.testing.assert_close(power_spectrum(images + 0.3), power_spectrum(images), rtol=1e-3, atol=1e-2)
    rolled = images.roll((3, 5), dims=(2, 3))
    torch.testing.assert_close(power_spectrum(rolled), power_spectrum(images), rtol=1e-3, atol=1e-3)


def test_fine_power_is_that_of_the_upper_half() -> None:
    for cycles, fine in ((3, False), (7, False), (8, True), (13, True)):
        wave = torch.cos(2 * pi * cycles * torch.arange(28) / 28).expand(1, 1, 28, 28)
        assert (fine_power(wave).item() > 1) is fine
    torch.testing.assert_close(fine_power(noise(5)), power_spectrum(noise(5))[:, 7:].mean(1))


def test_blur_lowers_both_the_more_the_stronger_and_noise_raises_both(digits: torch.Tensor) -> None:
    series = [blur(digits, sigma) for sigma in (1.2, 0.8, 0.4, 0)]
    series += [add_noise(digits, sigma, seeded()) for sigma in (0.05, 0.2)]
    for measured in (edge_strength, fine_power):
        means = [measured(images).mean().item() for images in series]
        assert means == sorted(means)
        assert len(set(means)) == len(means)


# --- the ratio --------------------------------------------------------------------------------


def test_the_ratio_is_that_of_the_means() -> None:
    ratio = ratio_of_means(torch.tensor([1.0, 2, 6]), torch.tensor([4.0, 8]))
    assert ratio.value == pytest.approx(0.5)
    # By hand: the variances of the means are 7 / 3 and 8 / 2, over the squares 9 and 36.
    assert ratio.standard_error == pytest.approx(0.5 * (7 / 27 + 4 / 36) ** 0.5)


@pytest.mark.parametrize(("n", "m"), [(100, 300), (400, 150)])
def test_its_error_is_the_spread_over_new_images(n: int, m: int) -> None:
    """Of 2,000 pairs of sets of skewed values; a spread is then known to 1 in 60."""
    ratios = [
        ratio_of_means(
            3 * torch.rand(n, generator=seeded(2 * seed)) ** 2,
            torch.rand(m, generator=seeded(2 * seed + 1)) + 0.5,
        )
        for seed in range(2000)
    ]
    values, errors = (torch.tensor(part) for part in zip(*ratios, strict=True))
    assert errors.mean().item() == pytest.approx(values.std().item(), rel=0.08)
    assert values.mean().item() == pytest.approx(1, abs=0.01)


def test_its_error_is_that_of_a_bootstrap(digits: torch.Tensor) -> None:
    values, generator = edge_strength(digits), np.random.default_rng(0)
    a, b = values[:160].double().numpy(), values[160:].double().numpy()
    drawn = [generator.choice(a, len(a)).mean() / generator.choice(b, len(b)).mean() for _ in range(4000)]
    stated = ratio_of_means(values[:160], values[160:])
    assert stated.standard_error == pytest.approx(np.std(drawn), rel=0.06)
    assert stated.value == pytest.approx(np.mean(drawn), rel=0.01)
