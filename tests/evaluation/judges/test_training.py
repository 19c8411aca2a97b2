"""Images are moved a little and no more; a judge learns, and nothing but its seed decides what."""

from collections.abc import Callable
from dataclasses import replace
from math import exp, log

import pytest
import torch
from torch import nn

from genlab.data import Dataset
from genlab.evaluation.judges.features import look
from genlab.evaluation.judges.networks import JUDGES, Judge, Kind, contrastive_judge, plain_judge
from genlab.evaluation.judges.training import (
    BATCH,
    SQUARE,
    TEMPERATURE,
    best_guess,
    contrastive_loss,
    default_steps,
    erased,
    held_out_accuracy,
    moved,
    shifted,
    similarity,
    train_judge,
)
from genlab.evaluation.metrics import conditional_accuracy
from tests.evaluation.conftest import KINDS, NAMING, Digits, glance, seeded


def blob(n: int) -> torch.Tensor:
    """A white square of 6x6 in the middle of black."""
    images = torch.full((n, 1, 28, 28), -1.0)
    images[:, :, 11:17, 11:17] = 1
    return images


def not_random(monkeypatch: pytest.MonkeyPatch, *draws: float) -> None:
    """Every call of ``torch.rand`` gives the next of these; 0.5 is no motion."""
    values = iter(draws)
    monkeypatch.setattr(torch, "rand", lambda *size, generator: torch.full(size, next(values)))


# --- shifted ----------------------------------------------------------------------------------


def crops(image: torch.Tensor) -> torch.Tensor:
    """All 25 places of an image, (H, W), in the same image with a margin of 2 black pixels."""
    height, width = image.shape
    large = torch.full((height + 4, width + 4), -1.0)
    large[2:-2, 2:-2] = image
    return torch.stack([
        large[down : down + height, right : right + width] for down in range(5) for right in range(5)
    ])  # fmt: skip


@pytest.mark.parametrize("mirror", [False, True])
def test_a_shifted_image_is_a_crop_of_itself_with_a_margin_and_all_crops_come(mirror: bool) -> None:
    """Each of the 25, or of the 50, as often as the others: within 5 deviations of a binomial count."""
    image, n = torch.rand(1, 1, 28, 28, generator=seeded(5)) * 2 - 1, 3000
    results = shifted(image.expand(n, -1, -1, -1), seeded(), mirror=mirror)[:, 0]
    places = torch.cat([crops(image[0, 0]), *([crops(image[0, 0]).flip(2)] if mirror else [])])
    found = (results[:, None] == places[None]).flatten(2).all(2)
    assert (found.sum(1) == 1).all()
    share = 1 / len(places)
    assert ((found.float().mean(0) - share).abs() < 5 * (share * (1 - share) / n) ** 0.5).all()


def test_every_pixel_keeps_its_value_where_none_leaves() -> None:
    images = torch.full((30, 1, 28, 28), -1.0)
    images[:, :, 2:-2, 2:-2] = torch.rand(30, 1, 24, 24, generator=seeded(5)) * 2 - 1
    result = shifted(images, seeded(), mirror=True)
    assert not torch.equal(result, images)
    assert torch.equal(result.flatten(1).sort().values, images.flatten(1).sort().values)


def test_the_generator_decides_the_shift_and_neighbours_do_not_matter() -> None:
    images = torch.rand(20, 1, 28, 28, generator=seeded(5)) * 2 - 1
    before = torch.random.get_rng_state()
    result = shifted(images, seeded(), mirror=True)
    assert torch.equal(torch.random.get_rng_state(), before)
    assert torch.equal(result, shifted(images, seeded(), mirror=True))
    assert not torch.equal(result, shifted(images, seeded(1), mirror=True))
    other = torch.cat([images[:1], images[1:].flip(0)])
    assert torch.equal(shifted(other, seeded(), mirror=True)[0], result[0])


# --- erased -----------------------------------------------------------------------------------


def test_one_black_square_each_anywhere_and_nothing_else_is_changed() -> None:
    images = torch.rand(500, 1, 28, 28, generator=seeded(5))  # nothing black
    result = erased(images, seeded())
    black = result == -1
    assert torch.equal(torch.where(black, images, result), images)
    rows, columns = black[:, 0].any(2), black[:, 0].any(1)
    assert (rows.sum(1) == SQUARE).all()
    assert (columns.sum(1) == SQUARE).all()
    assert (black.sum((1, 2, 3)) == SQUARE**2).all()
    for edges in (rows, columns):  # of 9 lines next to each other, from the first to the last place
        first = edges.float().argmax(1)
        assert (
            (first[:, None] <= torch.arange(28)) & (torch.arange(28) < first[:, None] + SQUARE) == edges
        ).all()
        assert set(first.tolist()) == set(range(28 - SQUARE + 1))


# --- moved ------------------------------------------------------------------------------------


def test_shape_and_range_stay_and_the_generator_decides() -> None:
    images = torch.rand(20, 1, 28, 28, generator=seeded(5)) * 2 - 1
    result = moved(images, seeded(), mirror=True)
    assert (result.shape, result.dtype) == (images.shape, torch.float32)
    assert -1 <= result.min() < result.max() <= 1
    assert torch.equal(result, moved(images, seeded(), mirror=True))
    assert not torch.equal(result, moved(images, seeded(1), mirror=True))
    assert len(moved(blob(20), seeded(), mirror=False).unique(dim=0)) == 20


def test_no_motion_and_a_mirror_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    images = torch.rand(4, 1, 28, 28) * 2 - 1
    for draws, expected in (([], images), ([0.6], images), ([0.4], images.flip(3))):
        not_random(monkeypatch, 0.5, 0.5, *draws)
        result = moved(images, seeded(), mirror=bool(draws))
        torch.testing.assert_close(result, expected, rtol=0, atol=1e-4)


def test_the_largest_shift_is_two_pixels(monkeypatch: pytest.MonkeyPatch) -> None:
    not_random(monkeypatch, 0.5, 1.0)
    expected = blob(1).roll((-2, -2), dims=(2, 3))
    torch.testing.assert_close(moved(blob(1), seeded(), mirror=False), expected, rtol=0, atol=1e-4)


def test_what_comes_in_from_outside_is_black() -> None:
    assert (moved(torch.full((9, 1, 28, 28), -1.0), seeded(), mirror=True) == -1).all()
    white = moved(torch.ones(50, 1, 28, 28), seeded(), mirror=False)
    assert (white[:, :, 9:19, 9:19] > 0.999).all()
    assert white[:, :, 0].min() == -1


def test_ink_is_kept_but_for_the_scale_and_stays_near_the_middle() -> None:
    result = (moved(blob(500), seeded(), mirror=False) + 1)[:, 0] / 2
    ink = result.sum((1, 2)) / 36
    assert ((ink > 1 / 1.1**2 / 1.1) & (ink < 1.1 / 0.9**2)).all()
    assert ink.std() > 0.05
    places = torch.arange(28.0) - 13.5
    for axis in (1, 2):
        centre = (result.sum(axis) * places).sum(1) / result.sum((1, 2))
        assert 1.8 < centre.abs().max() < 2.8  # two pixels, scaled and sheared
        assert abs(centre.mean()) < 0.2


# --- the contrastive loss ---------------------------------------------------------------------


def embedding(values: torch.Tensor) -> Judge:
    """A judge that embeds image i, whose pixels all are i, as row i of values, whatever its length."""

    class Row(nn.Module):
        def forward(self, images: torch.Tensor) -> torch.Tensor:
            return values[images[:, 0, 0, 0].long()]

    judge = Judge(Row(), None)
    judge.head = nn.Identity()  # type: ignore[assignment]
    return judge


def numbered(rows: torch.Tensor) -> torch.Tensor:
    """Images of which each is the number of a row."""
    return rows.float()[:, None, None, None].expand(-1, 1, 28, 28)


@pytest.mark.parametrize("n", [1, 2, 7])
def test_the_contrastive_loss_is_that_of_its_definition(n: int) -> None:
    """Chen et al. 2020, equation 1: term by term, with math.exp and math.log."""
    values = torch.randn(2 * n, 5, generator=seeded(), dtype=torch.float64) * 3
    one, other = numbered(torch.arange(n)), numbered(torch.arange(n, 2 * n))
    cosines = [[float(torch.dot(a, b) / a.norm() / b.norm()) for b in values[n:]] for a in values[:n]]
    expected = 0.0
    for i in range(n):
        mine = exp(cosines[i][i] / TEMPERATURE)
        expected -= log(mine / sum(exp(cosines[i][j] / TEMPERATURE) for j in range(n))) / n
        expected -= log(mine / sum(exp(cosines[j][i] / TEMPERATURE) for j in range(n))) / n
    assert contrastive_loss(embedding(values), one, other).item() == pytest.approx(
        expected, rel=1e-9, abs=1e-12
    )


def test_the_order_of_the_batch_and_of_the_views_does_not_matter() -> None:
    judge, order = embedding(torch.randn(12, 5, generator=seeded(), dtype=torch.float64)), torch.randperm(6)
    one, other = numbered(torch.arange(6)), numbered(torch.arange(6, 12))
    loss = contrastive_loss(judge, one, other)
    torch.testing.assert_close(contrastive_loss(judge, one[order], other[order]), loss)
    torch.testing.assert_close(contrastive_loss(judge, other, one), loss)
    assert contrastive_loss(judge, one, other[order]) != loss


def test_embeddings_that_tell_all_images_apart_are_near_the_least_loss() -> None:
    """Of n images with cosine 1 for the same and 0 for others, each way log(1 + (n - 1) exp(-1 / T))."""
    right, blind = embedding(torch.eye(6)), embedding(torch.ones(6, 6))
    images = numbered(torch.arange(6))
    least = 2 * log(1 + 5 * exp(-1 / TEMPERATURE))
    assert contrastive_loss(right, images, images).item() == pytest.approx(least, rel=1e-4)
    assert contrastive_loss(blind, images, images).item() == pytest.approx(2 * log(6), rel=1e-6)
    assert least < 0.04 * 2 * log(6)


def test_similarity_is_torchs_cosine() -> None:
    values = torch.randn(9, 5, generator=seeded(), dtype=torch.float64) * 4
    judge, a, b = embedding(values), torch.arange(5), torch.arange(5, 9)
    expected = nn.functional.cosine_similarity(values[a][:, None], values[b][None], dim=2)
    torch.testing.assert_close(similarity(judge, numbered(a), numbered(b)), expected)


# --- train_judge ------------------------------------------------------------------------------


def test_a_judge_without_classes_learns_to_find_digits_again(digits: Digits) -> None:
    train, test = digits
    torch.manual_seed(0)
    judge = contrastive_judge()
    losses = list(train_judge(judge, train, steps=20))
    assert losses[-1] < losses[0]
    right, guess = held_out_accuracy(judge, test), best_guess(judge, test)
    assert right > guess + 5 * (right * (1 - right) / len(test)) ** 0.5


def test_it_is_not_told_the_classes(digits: Digits) -> None:
    """With labels that mean nothing it learns the same, to the bit; one that names classes does not."""
    train, same = digits[0], []
    for kind in ("contrastive", "plain"):
        heads = []
        for labels in (train.labels, train.labels.flip(0)):
            torch.manual_seed(0)
            judge = JUDGES[kind](10)
            list(train_judge(judge, replace(train, labels=labels), steps=2))
            heads.append(judge.head.weight)
        same.append(torch.equal(*heads))
    assert same == [True, False]


def test_a_judge_learns_the_digits(digits: Digits) -> None:
    train, test = digits
    torch.manual_seed(0)
    judge = plain_judge()
    losses = list(train_judge(judge, train, steps=30))  # more than one pass over the images
    assert losses[-1] < losses[0]
    assert conditional_accuracy(look(judge, test.images).answers, test.labels) > 0.5
    assert conditional_accuracy(look(judge, test.images).answers, test.labels) == held_out_accuracy(
        judge, test
    )


def trained(judge: Judge, dataset: Dataset, seed: int) -> dict[str, torch.Tensor]:
    """What a judge holds after training, from weights that are always the same."""
    for number, parameter in enumerate(judge.parameters()):
        torch.nn.init.normal_(parameter, std=0.05, generator=seeded(number))
    list(train_judge(judge, dataset, steps=12, seed=seed))
    return judge.state_dict()


@pytest.mark.parametrize("make", [glance, lambda: glance(None)])
def test_the_seed_decides_all_and_the_global_generator_nothing(
    make: Callable[[], Judge], dataset: Dataset
) -> None:
    judges = [make() for _ in range(3)]
    before = torch.random.get_rng_state()
    one, two, other = (trained(judge, dataset, seed) for judge, seed in zip(judges, (3, 3, 4), strict=True))
    assert torch.equal(torch.random.get_rng_state(), before)
    assert not judges[0].training
    assert all(torch.equal(one[name], two[name]) for name in one)
    assert not all(torch.equal(one[name], other[name]) for name in one)


def test_clothes_are_mirrored_and_digits_are_not(dataset: Dataset) -> None:
    seen = []

    def watched(images: torch.Tensor, generator: torch.Generator, *, mirror: bool) -> torch.Tensor:
        seen.append(mirror)
        return images

    list(train_judge(glance(), dataset, steps=2, move=watched))
    list(train_judge(glance(), replace(dataset, name="fashion_mnist"), steps=1, move=watched))
    list(train_judge(glance(None), dataset, steps=1, move=watched))  # two views of each image
    assert seen == [False, False, True, False, False]


@pytest.mark.parametrize("steps", [1, 2, 3, 4, 10, 11])
def test_any_number_of_steps_will_do(steps: int, dataset: Dataset) -> None:
    judge = glance()
    assert len(list(train_judge(judge, dataset, steps=steps))) == steps
    assert all(torch.isfinite(tensor).all() for tensor in judge.state_dict().values())


def test_the_average_has_forgotten_where_it_began(dataset: Dataset) -> None:
    """Weights of 100 that training cannot move far in one step must not be mixed with anything."""
    judge = glance()
    torch.nn.init.constant_(judge.head.weight, 100.0)
    list(train_judge(judge, dataset, steps=1))
    assert (judge.head.weight - 100).abs().max() < 0.1


@pytest.mark.parametrize("kind", KINDS)
def test_default_steps(kind: Kind, dataset: Dataset) -> None:
    """Passes over all images, or for few images at least so many looks: two a step without classes."""
    views, passes = (1, 6) if kind in NAMING else (2, 4)
    for n, looks in ((2, 1), (300, 150), (1437, 400)):
        few = replace(dataset, images=dataset.images[:1].expand(n, -1, -1, -1))
        assert views * default_steps(few, kind) == max(looks, views)
    many = replace(dataset, images=dataset.images[:1].expand(60_000, -1, -1, -1))
    assert default_steps(many, kind) == passes * 468


# --- how often it is right --------------------------------------------------------------------


def of_noise(n: int) -> Dataset:
    """Images that nobody could mistake for each other; three quarters of them of one class."""
    images = torch.randint(256, (n, 1, 28, 28), generator=seeded(), dtype=torch.uint8)
    return Dataset("digits", "test", images, torch.arange(n).clamp(max=n // 4), tuple(map(str, range(n))), "")


def test_a_guess_without_looking() -> None:
    assert best_guess(glance(), of_noise(80)) == pytest.approx(0.75)
    for n, expected in ((80, 80), (BATCH, BATCH), (1000, BATCH)):
        assert 1 / best_guess(glance(None), of_noise(n)) == pytest.approx(expected)


def test_a_judge_without_classes_is_right_where_it_finds_the_image() -> None:
    """By its brightest pixel, which neither a shift nor a square takes away, each of 200 is found."""

    class Brightest(nn.Module):
        def forward(self, images: torch.Tensor) -> torch.Tensor:
            return nn.functional.one_hot(((images.amax((1, 2, 3)) + 1) * 127.5).round().long(), 256).float()

    judge, test = Judge(Brightest(), None), of_noise(200)
    judge.head = nn.Linear(256, 256)
    nn.init.eye_(judge.head.weight)
    nn.init.zeros_(judge.head.bias)
    grey = torch.arange(1, 201, dtype=torch.uint8)[:, None, None, None].expand(-1, 1, 28, 28)
    assert held_out_accuracy(judge, replace(test, images=grey)) == 1
    assert held_out_accuracy(judge, replace(test, images=grey.clamp(max=100))) == pytest.approx(101 / 200)


def test_a_blind_judge_finds_the_first_of_each_batch() -> None:
    blind = glance(None)
    nn.init.zeros_(blind.head.weight)
    nn.init.ones_(blind.head.bias)
    assert held_out_accuracy(blind, of_noise(2 * BATCH + 1)) == 3 / (2 * BATCH + 1)
