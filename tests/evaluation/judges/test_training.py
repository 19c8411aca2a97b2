"""Images are moved a little and no more; a judge learns, and nothing but its seed decides what."""

from dataclasses import replace

import pytest
import torch

from genlab.data import Dataset
from genlab.evaluation.judges.features import look
from genlab.evaluation.judges.networks import Judge, plain_judge
from genlab.evaluation.judges.training import default_steps, moved, train_judge
from genlab.evaluation.metrics import conditional_accuracy
from tests.evaluation.conftest import Digits, glance, seeded


def blob(n: int) -> torch.Tensor:
    """A white square of 6x6 in the middle of black."""
    images = torch.full((n, 1, 28, 28), -1.0)
    images[:, :, 11:17, 11:17] = 1
    return images


def not_random(monkeypatch: pytest.MonkeyPatch, *draws: float) -> None:
    """Every call of ``torch.rand`` gives the next of these; 0.5 is no motion."""
    values = iter(draws)
    monkeypatch.setattr(torch, "rand", lambda *size, generator: torch.full(size, next(values)))


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


# --- train_judge ------------------------------------------------------------------------------


def test_a_judge_learns_the_digits(digits: Digits) -> None:
    train, test = digits
    torch.manual_seed(0)
    judge = plain_judge()
    losses = list(train_judge(judge, train, steps=15))  # more than one pass over the images
    assert losses[-1] < losses[0]
    assert conditional_accuracy(look(judge, test.images).answers, test.labels) > 0.5


def trained(judge: Judge, dataset: Dataset, seed: int) -> dict[str, torch.Tensor]:
    """What a judge holds after training, from weights that are always the same."""
    for number, parameter in enumerate(judge.parameters()):
        torch.nn.init.normal_(parameter, std=0.05, generator=seeded(number))
    list(train_judge(judge, dataset, steps=12, seed=seed))
    return judge.state_dict()


def test_the_seed_decides_all_and_the_global_generator_nothing(dataset: Dataset) -> None:
    judges = [glance() for _ in range(3)]
    before = torch.random.get_rng_state()
    one, two, other = (trained(judge, dataset, seed) for judge, seed in zip(judges, (3, 3, 4), strict=True))
    assert torch.equal(torch.random.get_rng_state(), before)
    assert not judges[0].training
    assert all(torch.equal(one[name], two[name]) for name in one)
    assert not all(torch.equal(one[name], other[name]) for name in one)


def test_clothes_are_mirrored_and_digits_are_not(dataset: Dataset, monkeypatch: pytest.MonkeyPatch) -> None:
    seen = []

    def watched(images: torch.Tensor, generator: torch.Generator, *, mirror: bool) -> torch.Tensor:
        seen.append(mirror)
        return images

    monkeypatch.setattr("genlab.evaluation.judges.training.moved", watched)
    list(train_judge(glance(), dataset, steps=2))
    list(train_judge(glance(), replace(dataset, name="fashion_mnist"), steps=1))
    assert seen == [False, False, True]


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


def test_default_steps(dataset: Dataset) -> None:
    assert default_steps(dataset) == 800
    many = replace(dataset, images=dataset.images[:1].expand(60_000, -1, -1, -1))
    assert default_steps(many) == 12 * 468
    assert default_steps(replace(many, name="fashion_mnist")) == 14 * 468
