"""Metrics and corruptions take features and images from the device, and answer as on the CPU."""

from collections.abc import Callable
from typing import Any

import matplotlib.pyplot as plt
import pytest
import torch
from torch import Tensor

from genlab import plots
from genlab.diffusion.schedule import make_schedule
from genlab.evaluation.corruptions import (
    Healthy,
    add_noise,
    blur,
    drop_classes,
    duplicate,
    fade,
    haze,
    memorise,
    wobble,
)
from genlab.evaluation.metrics.appearance import edge_strength, fine_power, ratio_of_means
from genlab.evaluation.metrics.classes import (
    class_shares,
    classes_drawn,
    conditional_accuracy,
    histogram_distance,
)
from genlab.evaluation.metrics.frechet import frechet_distance, frechet_without_bias
from genlab.evaluation.metrics.kernel import kernel_distance
from genlab.evaluation.metrics.memorisation import memorisation, nearest
from genlab.evaluation.metrics.precision_recall import manifold
from genlab.evaluation.metrics.two_sample import pixel_two_sample_test, two_sample_test
from genlab.evaluation.report import Metric, by_key
from genlab.gan.ring import draw_ring, modes_covered
from genlab.widgets import NoiseExplorer, RealOrGenerated, Thermometer


def seeded() -> torch.Generator:
    return torch.Generator().manual_seed(0)


FEATURES: dict[str, Callable[[Tensor, Tensor], Any]] = {
    "frechet": frechet_distance,
    "without bias": frechet_without_bias,
    "kernel": lambda a, b: kernel_distance(a, b, subset_size=20),
    "manifold": manifold,
    "two-sample": two_sample_test,
    "memorisation": lambda a, b: memorisation(nearest(a, b), nearest(b, a)),
}
IMAGES: dict[str, Callable[[Tensor, Tensor], Tensor]] = {
    "noise": lambda x, y: add_noise(x, 0.5, seeded()),
    "blur": lambda x, y: blur(x, 0.5),
    "haze": lambda x, y: haze(x, 16, seeded()),
    "contrast": lambda x, y: fade(x, 0.5),
    "wobble": lambda x, y: wobble(x, 1, seeded()),
    "drop": lambda x, y: drop_classes(x, y, 0.5, seeded()),
    "duplicate": lambda x, y: duplicate(x, 0.5, seeded()),
    "memorise": lambda x, y: memorise(x, x, 0.5, seeded()),
}


@pytest.mark.parametrize("name", FEATURES)
def test_a_metric_of_features_on_the_device_is_that_on_the_cpu(name: str) -> None:
    a, b = torch.randn(60, 8, generator=seeded()), torch.randn(50, 8, generator=seeded()) + 0.3
    assert FEATURES[name](a.to("pretended"), b.to("pretended")) == FEATURES[name](a, b)


def test_figures_of_pixels_on_the_device_are_those_on_the_cpu() -> None:
    real, other = torch.randint(256, (2, 50, 1, 28, 28), generator=seeded(), dtype=torch.uint8)
    there = real.to("pretended"), other.to("pretended")
    assert pixel_two_sample_test(*there) == pixel_two_sample_test(real, other)
    for measured in (edge_strength, fine_power):
        here, device = (measured(images / 255) for images in (real, there[0]))
        torch.testing.assert_close(device, here)
        assert ratio_of_means(device, here).value == pytest.approx(1)


@pytest.mark.parametrize("name", IMAGES)
def test_a_corruption_of_images_on_the_device_is_that_on_the_cpu(name: str) -> None:
    x, y = torch.rand(20, 1, 28, 28, generator=seeded()), torch.arange(20) % 4
    assert torch.equal(IMAGES[name](x.to("pretended"), y.to("pretended")), IMAGES[name](x, y))


def test_the_ring_and_the_explorers_take_points_and_images_from_the_device() -> None:
    points, images = torch.randn(30, 2, generator=seeded()), torch.rand(12, 1, 28, 28, generator=seeded())
    assert modes_covered(points.to("pretended")) == modes_covered(points)
    draw_ring(plt.figure().add_subplot(), points.to("pretended"), plots.BLUE)
    plt.close("all")
    assert RealOrGenerated(images, images.to("pretended"))
    NoiseExplorer(images.to("pretended"), make_schedule("cosine", 10).add_noise).t.value = 3
    classes, curve = torch.arange(12) % 4, {level: by_key([Metric("recall", 0.9, 0.1)]) for level in (0, 0.5)}
    there = Healthy(*(part.to("pretended") for part in (images, classes, images)))
    for disease in ("blur", "lost classes", "memorised"):
        assert not Thermometer({disease: curve}, there).message.value


def test_classes_and_pictures() -> None:
    answers, labels = torch.arange(20) % 4, torch.arange(20) % 5
    there = answers.to("pretended")
    assert torch.equal(class_shares(there, 4), class_shares(answers, 4))
    shares = class_shares(answers, 4)
    assert histogram_distance(shares.float().to("pretended"), shares) == 0
    assert classes_drawn(shares.float().to("pretended")) == 4
    assert conditional_accuracy(there, labels) == conditional_accuracy(answers, labels)
    assert plots.grid(torch.rand(4, 1, 28, 28).to("pretended")).shape
