"""Each corruption does what its name says, by the degree asked for, and nothing else."""

from collections.abc import Callable

import numpy as np
import pytest
import torch
from scipy.ndimage import gaussian_filter

from genlab.errors import GenlabError
from genlab.evaluation.corruptions import add_noise, blur, drop_classes, duplicate, memorise
from tests.evaluation.conftest import seeded

N = 200
LABELS = torch.arange(N) % 10
TRAINING = torch.rand(300, 1, 28, 28, generator=seeded(1))
LEVELS = [0, 0.1, 0.25, 0.5, 0.77, 1]

Corruption = Callable[[torch.Tensor, float, torch.Generator], torch.Tensor]
CORRUPTIONS: dict[str, Corruption] = {
    "noise": add_noise,
    "blur": lambda images, level, _: blur(images, level),
    "classes": lambda images, level, generator: drop_classes(images, LABELS, level, generator),
    "duplicates": duplicate,
    "memory": lambda images, level, generator: memorise(images, TRAINING, level, generator),
}


@pytest.fixture
def images() -> torch.Tensor:
    """Two hundred different images; the first pixel says which."""
    images = torch.rand(N, 1, 28, 28, generator=seeded())
    images[:, 0, 0, 0] = torch.arange(N) / N
    return images


def origins(result: torch.Tensor, images: torch.Tensor) -> torch.Tensor:
    """Which of the images each one is, (N,); each must be one."""
    which = (result[:, 0, 0, 0] * N).round().long()
    assert torch.equal(result, images[which])
    return which


@pytest.mark.parametrize("level", LEVELS)
@pytest.mark.parametrize("corrupt", CORRUPTIONS.values(), ids=CORRUPTIONS)
def test_keeps_number_shape_and_range_and_leaves_its_argument_alone(
    corrupt: Corruption, level: float, images: torch.Tensor
) -> None:
    before = images.clone()
    result = corrupt(images, level, seeded())
    assert torch.equal(images, before)
    assert (result.shape, result.dtype) == (images.shape, images.dtype)
    assert 0 <= result.min() <= result.max() <= 1
    assert torch.equal(result, corrupt(images, level, seeded()))
    assert torch.equal(result, images) == (level == 0)


@pytest.mark.parametrize("corrupt", CORRUPTIONS.values(), ids=CORRUPTIONS)
def test_refuses_other_levels_and_images(corrupt: Corruption, images: torch.Tensor) -> None:
    for level in (-0.1, 1.01, float("nan")):
        with pytest.raises(GenlabError, match=r"level should be in \[0, 1\]"):
            corrupt(images, level, seeded())
    for others in (images * 2 - 1, images * 255, images.byte()):
        with pytest.raises(GenlabError, match="images should be float"):
            corrupt(others, 0.5, seeded())


def test_noise_has_the_standard_deviation_asked_for() -> None:
    grey = torch.full((50, 1, 28, 28), 0.5)
    noisy = add_noise(grey, 0.1, seeded())  # five deviations from either end: nothing is clipped
    assert (noisy - grey).std().item() == pytest.approx(0.1, rel=0.03)
    assert (noisy - grey).mean().item() == pytest.approx(0, abs=0.003)


@pytest.mark.parametrize("level", [0.1, 0.5, 1])
def test_blur_is_scipys(level: float, images: torch.Tensor) -> None:
    expected = gaussian_filter(
        images[:5].numpy(), [0, 0, 2 * level, 2 * level], mode="mirror", radius=[0, 0, 6, 6]
    )
    np.testing.assert_allclose(blur(images[:5], level).numpy(), expected, atol=1e-5)


@pytest.mark.parametrize("level", LEVELS)
def test_the_last_classes_go_and_the_others_fill_in_evenly(level: float, images: torch.Tensor) -> None:
    which = origins(drop_classes(images, LABELS, level, seeded()), images)
    kept = 10 - min(round(level * 10), 9)
    assert set(LABELS[which].tolist()) == set(range(kept))
    stay = LABELS.lt(kept)
    assert torch.equal(which[stay], torch.arange(N)[stay])
    times = torch.bincount(which, minlength=N)[stay]
    assert times.max() - times.min() <= 1


@pytest.mark.parametrize("level", LEVELS)
def test_duplicates_are_of_a_twentieth_and_as_many_as_asked_for(level: float, images: torch.Tensor) -> None:
    which = origins(duplicate(images, level, seeded()), images)
    replaced = which != torch.arange(N)
    assert len(set(which[replaced].tolist())) <= N // 20
    if level < 1:
        assert replaced.sum() == round(level * N)
    else:
        assert torch.bincount(which).unique().tolist() == [0, 20]
        assert len(which.unique()) == N // 20


@pytest.mark.parametrize("level", LEVELS)
def test_memories_are_training_images_each_at_most_once(level: float, images: torch.Tensor) -> None:
    result = memorise(images, TRAINING, level, seeded())
    changed = result[(result != images).flatten(1).any(1)]
    assert len(changed) == round(level * N)
    same = (changed[:, None] == TRAINING[None]).flatten(2).all(2)
    assert (same.sum(1) == 1).all()
    assert (same.sum(0) <= 1).all()


def test_training_images_may_be_bytes(images: torch.Tensor) -> None:
    as_bytes = (TRAINING * 255).round().to(torch.uint8)
    expected = memorise(images, as_bytes.float() / 255, 0.5, seeded())
    assert torch.equal(memorise(images, as_bytes, 0.5, seeded()), expected)
