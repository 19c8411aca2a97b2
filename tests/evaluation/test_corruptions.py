"""Each corruption does what its name says, by the degree asked for, and nothing else."""

from collections.abc import Callable
from itertools import pairwise

import numpy as np
import pytest
import torch
from scipy.ndimage import gaussian_filter
from torch import Tensor

from genlab.data import load_dataset, to_unit
from genlab.errors import GenlabError
from genlab.evaluation.corruptions import (
    DISEASES,
    Disease,
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
from tests.evaluation.conftest import seeded

N = 200
LABELS = torch.arange(N) % 10
TRAINING = torch.rand(300, 1, 28, 28, generator=seeded(1))
SHARES = [0, 0.1, 0.25, 0.5, 0.77, 1]
GREY_LEVEL = 1 / 255

Corruption = Callable[[Tensor, float, torch.Generator], Tensor]
CORRUPTIONS: dict[str, tuple[Corruption, float]] = {  # and the highest level it takes
    "blur": (lambda images, level, _: blur(images, level), 2),
    "haze": (haze, 127),
    "noise": (add_noise, 1),
    "contrast": (lambda images, level, _: fade(images, level), 1),
    "wobble": (wobble, 7),
    "classes": (lambda images, level, generator: drop_classes(images, LABELS, level, generator), 1),
    "duplicates": (duplicate, 1),
    "memory": (lambda images, level, generator: memorise(images, TRAINING, level, generator), 1),
}


@pytest.fixture
def images() -> Tensor:
    """Two hundred different images; the first pixel says which."""
    images = torch.rand(N, 1, 28, 28, generator=seeded())
    images[:, 0, 0, 0] = torch.arange(N) / N
    return images


def origins(result: Tensor, images: Tensor) -> Tensor:
    """Which of the images each one is, (N,); each must be one."""
    which = (result[:, 0, 0, 0] * N).round().long()
    assert torch.equal(result, images[which])
    return which


# --- all --------------------------------------------------------------------------------------


@pytest.mark.parametrize("part", SHARES)
@pytest.mark.parametrize(("corrupt", "most"), CORRUPTIONS.values(), ids=CORRUPTIONS)
def test_keeps_number_shape_and_range_and_leaves_its_argument_alone(
    corrupt: Corruption, most: float, part: float, images: Tensor
) -> None:
    before, level = images.clone(), part * most
    result = corrupt(images, level, seeded())
    assert torch.equal(images, before)
    assert (result.shape, result.dtype) == (images.shape, images.dtype)
    assert 0 <= result.min() <= result.max() <= 1
    assert torch.equal(result, corrupt(images, level, seeded()))
    assert torch.equal(result, images) == (level == 0)


@pytest.mark.parametrize(("corrupt", "most"), CORRUPTIONS.values(), ids=CORRUPTIONS)
def test_refuses_other_levels_and_images(corrupt: Corruption, most: float, images: Tensor) -> None:
    for level in (-0.1, most + 0.01, float("nan")):
        with pytest.raises(GenlabError, match=rf"level should be in \[0, {most}\], got "):
            corrupt(images, level, seeded())
    for others in (images * 2 - 1, images * 255, images.byte()):
        with pytest.raises(GenlabError, match="images should be float"):
            corrupt(others, 0.5, seeded())


# --- what is seen in one image ----------------------------------------------------------------


@pytest.mark.parametrize("sigma", [0.3, 0.5, 1.2, 2])
def test_blur_is_scipys(sigma: float, images: Tensor) -> None:
    expected = gaussian_filter(images[:5].numpy(), [0, 0, sigma, sigma], mode="mirror", radius=[0, 0, 6, 6])
    np.testing.assert_allclose(blur(images[:5], sigma).numpy(), expected, atol=1e-5)


@pytest.mark.parametrize("grey", [0.5, 4, 16])
def test_haze_is_uniform_on_black_and_of_the_mean_asked_for(grey: float) -> None:
    veil = haze(torch.zeros(50, 1, 28, 28), grey, seeded()) / GREY_LEVEL
    assert veil.max() <= 2 * grey * (1 + 1e-6)
    assert veil.mean().item() == pytest.approx(grey, rel=0.01)
    assert veil.std().item() == pytest.approx(2 * grey / 12**0.5, rel=0.01)  # of a uniform distribution


def test_haze_lies_behind_what_is_drawn(images: Tensor) -> None:
    hazy = haze(images, 16, seeded())
    brighter = images > 32 * GREY_LEVEL
    assert torch.equal(hazy[brighter], images[brighter])
    veil = haze(torch.zeros_like(images), 16, seeded())
    assert torch.equal(hazy, torch.where(images > veil, images, veil))


@pytest.mark.parametrize("sigma", [0.01, 0.1])
def test_noise_has_the_standard_deviation_asked_for(sigma: float) -> None:
    grey = torch.full((50, 1, 28, 28), 0.5)
    noisy = add_noise(grey, sigma, seeded())  # five deviations from either end: nothing is clipped
    assert (noisy - grey).std().item() == pytest.approx(sigma, rel=0.03)
    assert (noisy - grey).mean().item() == pytest.approx(0, abs=0.03 * sigma)


@pytest.mark.parametrize("share", SHARES)
def test_what_is_drawn_loses_a_share_of_its_brightness(share: float, images: Tensor) -> None:
    np.testing.assert_allclose(fade(images, share).numpy(), (1 - share) * images.numpy(), rtol=1e-6)


# --- wobble: on images whose greys say where each pixel is from ------------------------------------


def shifts(pixels: float, n: int = 400) -> Tensor:
    """From how far each pixel came, in pixels, (2, N, 28, 28): from below, from the right."""
    places = torch.stack(torch.meshgrid(torch.arange(28), torch.arange(28), indexing="ij"))
    came = [wobble((axis / 27).expand(n, 1, 28, 28), pixels, seeded())[:, 0] * 27 for axis in places]
    return torch.stack(came).round() - places[:, None]


def cubic(x: float) -> float:
    """The kernel that PyTorch interpolates with: Keys 1981, equation 4 with a = -0.75."""
    x, a = abs(x), -0.75
    if x < 1:
        return (a + 2) * x**3 - (a + 3) * x**2 + 1
    return a * (x**3 - 5 * x**2 + 8 * x - 4) if x < 2 else 0.0


def correlation(one: Tensor, other: Tensor) -> float:
    return float(torch.corrcoef(torch.stack([one.flatten(), other.flatten()]))[0, 1])


def test_a_wobbling_image_is_made_of_pixels_of_its_own_from_nearby() -> None:
    images = torch.randperm(3 * 784, generator=seeded()).reshape(3, 1, 28, 28) / (3 * 784)
    wobbly, row, column = wobble(images, 0.5, seeded()), torch.arange(784) // 28, torch.arange(784) % 28
    for image, result in zip(images, wobbly, strict=True):
        from_here = result.reshape(-1, 1) == image.reshape(1, -1)
        assert (from_here.sum(1) == 1).all()  # each pixel is another grey: nothing was mixed
        origin = from_here.int().argmax(1)
        assert 0 < max((row[origin] - row).abs().max(), (column[origin] - column).abs().max()) <= 3


@pytest.mark.parametrize("pixels", [0.6, 1.2, 2])
def test_shifts_have_the_deviation_asked_for_as_far_as_smoothing_leaves_it(pixels: float) -> None:
    """In the middle, where no edge is near; rounding adds the variance of a uniform distribution."""
    inner = shifts(pixels)[:, :, 10:18, 10:18]
    left = np.mean([sum(cubic(i - at) ** 2 for i in range(-1, 3)) for at in (1 / 8, 3 / 8, 5 / 8, 7 / 8)])
    assert inner.mean().item() == pytest.approx(0, abs=0.05 * pixels)
    assert inner.std().item() == pytest.approx((left**2 * pixels**2 + 1 / 12) ** 0.5, rel=0.03)


def test_neighbours_are_shifted_alike_and_strangers_are_not() -> None:
    down, right = shifts(1.2)
    assert correlation(down[:, 14, 10], down[:, 14, 11]) > 0.8
    assert correlation(right[:, 10, 14], right[:, 11, 14]) > 0.8
    assert abs(correlation(down[:, 14, 10], down[:, 14, 20])) < 0.2
    assert abs(correlation(down[:, 14, 14], right[:, 14, 14])) < 0.2
    assert abs(correlation(down[:-1, 14, 14], down[1:, 14, 14])) < 0.2  # each image has shifts of its own


# --- what is seen in many images only ---------------------------------------------------------


@pytest.mark.parametrize("share", SHARES)
def test_the_last_classes_go_and_the_others_fill_in_evenly(share: float, images: Tensor) -> None:
    which = origins(drop_classes(images, LABELS, share, seeded()), images)
    kept = 10 - min(round(share * 10), 9)
    assert set(LABELS[which].tolist()) == set(range(kept))
    stay = LABELS.lt(kept)
    assert torch.equal(which[stay], torch.arange(N)[stay])
    times = torch.bincount(which, minlength=N)[stay]
    assert times.max() - times.min() <= 1


@pytest.mark.parametrize("share", SHARES)
def test_duplicates_are_of_a_twentieth_and_as_many_as_asked_for(share: float, images: Tensor) -> None:
    which = origins(duplicate(images, share, seeded()), images)
    replaced = which != torch.arange(N)
    assert len(set(which[replaced].tolist())) <= N // 20
    if share < 1:
        assert replaced.sum() == round(share * N)
    else:
        assert torch.bincount(which).unique().tolist() == [0, 20]
        assert len(which.unique()) == N // 20


@pytest.mark.parametrize("share", SHARES)
def test_memories_are_training_images_each_at_most_once(share: float, images: Tensor) -> None:
    result = memorise(images, TRAINING, share, seeded())
    changed = result[(result != images).flatten(1).any(1)]
    assert len(changed) == round(share * N)
    same = (changed[:, None] == TRAINING[None]).flatten(2).all(2)
    assert (same.sum(1) == 1).all()
    assert (same.sum(0) <= 1).all()


def test_training_images_may_be_bytes(images: Tensor) -> None:
    as_bytes = (TRAINING * 255).round().to(torch.uint8)
    expected = memorise(images, as_bytes.float() / 255, 0.5, seeded())
    assert torch.equal(memorise(images, as_bytes, 0.5, seeded()), expected)


# --- by name ----------------------------------------------------------------------------------


@pytest.mark.parametrize(("name", "disease"), DISEASES.items())
def test_every_level_of_a_disease_is_worse_than_the_one_before(name: str, disease: Disease) -> None:
    """By the mean change of a pixel; of an image where a disease changes whole ones. 0 changes nothing."""
    digits = load_dataset("digits", "test")
    healthy = Healthy(to_unit(digits.images[:N]), digits.labels[:N], load_dataset("digits", "train").images)
    changes = []
    for level in (0, *disease.levels):
        sick = disease.spoil(healthy, level, seeded())
        assert sick.shape == healthy.images.shape
        assert 0 <= sick.min() <= sick.max() <= 1
        changes.append((sick - healthy.images).abs().mean().item())
    assert changes[0] == 0
    assert all(before < after for before, after in pairwise(changes)), name


def test_the_names_stand_for_their_functions(images: Tensor) -> None:
    healthy = Healthy(images, LABELS, TRAINING)
    by_hand = {
        name: corrupt(images, 0.3, seeded())
        for name, (corrupt, _) in zip(DISEASES, CORRUPTIONS.values(), strict=True)
    }
    for name, expected in by_hand.items():
        assert torch.equal(DISEASES[name].spoil(healthy, 0.3, seeded()), expected), name
