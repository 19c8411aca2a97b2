"""The classifier guesses where there is nothing to see, and sees what is there."""

import warnings
from math import comb
from typing import Any

import pytest
import torch
from scipy.stats import kstest
from sklearn.exceptions import ConvergenceWarning
from sklearn.neural_network import MLPClassifier

from genlab.data import load_dataset, to_bytes, to_unit
from genlab.evaluation.corruptions import blur, haze
from genlab.evaluation.metrics import pixel_two_sample_test, two_sample_test
from tests.conftest import REAL_DATA
from tests.evaluation.conftest import normal, seeded

# --- by features ------------------------------------------------------------------------------


def test_without_a_difference_it_guesses() -> None:
    tests = [
        two_sample_test(normal(120, 3, 2 * seed), normal(120, 3, 2 * seed + 1), seed=seed)
        for seed in range(60)
    ]
    accuracies = torch.tensor([test.accuracy for test in tests])
    assert accuracies.mean().item() == pytest.approx(0.5, abs=3 * 0.5 / (60 * 120) ** 0.5)
    assert kstest([test.p_value for test in tests], "uniform").pvalue > 0.01


def test_a_narrower_cloud_with_the_same_mean_is_noticed() -> None:
    result = two_sample_test(normal(600, 8, 1), 0.5 * normal(600, 8, 2))
    assert result.accuracy > 0.5 + 5 * result.standard_error


def test_error_and_p_value_are_those_of_coin_tosses() -> None:
    result = two_sample_test(normal(60, 2, 1), normal(60, 2, 2) + 0.5)
    right = round(result.accuracy * 60)
    tail = sum(comb(60, r) for r in range(right, 61)) / 2**60
    assert result.p_value == pytest.approx(tail)
    assert result.standard_error == pytest.approx((result.accuracy * (1 - result.accuracy) / 60) ** 0.5)


def test_the_larger_set_is_cut_to_the_smaller() -> None:
    """Also from 300 to 100, which a classifier could win by always saying the commoner kind."""
    result = two_sample_test(normal(300, 3, 1), normal(100, 3, 2))
    assert 0.35 < result.accuracy < 0.65
    assert (result.accuracy * 100) % 1 == pytest.approx(0, abs=1e-9)


def test_the_seed_decides_all() -> None:
    a, b = normal(100, 3, 1), normal(100, 3, 2) + 0.5
    assert two_sample_test(a, b, seed=3) == two_sample_test(a, b, seed=3)
    assert len({two_sample_test(a, b, seed=seed).accuracy for seed in range(5)}) > 1


def test_the_scale_of_a_feature_and_a_constant_one_do_not_matter() -> None:
    a, b = normal(200, 2, 1), normal(200, 2, 2) + 1
    scale, constant = torch.tensor([1e-3, 1e4]), torch.full((200, 1), 5.0)
    other = two_sample_test(torch.cat([a * scale, constant], 1), torch.cat([b * scale, constant], 1))
    assert other.accuracy == pytest.approx(two_sample_test(a, b).accuracy, abs=0.08)


def test_no_warning_leaks_where_a_hundred_epochs_were_not_enough(monkeypatch: pytest.MonkeyPatch) -> None:
    def short(*sizes: tuple[int, ...], **options: Any) -> MLPClassifier:
        return MLPClassifier(*sizes, **{**options, "max_iter": 2})

    with pytest.warns(ConvergenceWarning):
        short((4,)).fit(normal(50, 8, 1).numpy(), [0, 1] * 25)
    monkeypatch.setattr("genlab.evaluation.metrics.two_sample.MLPClassifier", short)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        two_sample_test(normal(400, 8, 1), 0.7 * normal(400, 8, 2))


# --- by pixels --------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def halves() -> tuple[torch.Tensor, torch.Tensor]:
    """Two sets of real images, none in both, uint8: of MNIST 1,000 each where it is here, else of digits."""
    train = load_dataset("mnist", "train", REAL_DATA) if REAL_DATA else load_dataset("digits", "train")
    one, other = train.images[torch.randperm(len(train), generator=seeded())][:2000].chunk(2)
    return one, other


def test_real_images_against_others_are_chance(halves: tuple[torch.Tensor, torch.Tensor]) -> None:
    """At most chance: the halves are all there is, so what one has more of in what is learned from, the other
    has more of in what is asked about, and the guesses err a little on the wrong side."""
    result = pixel_two_sample_test(*halves)
    assert result.accuracy < 0.5 + 3 * result.standard_error
    assert result.p_value > 0.001


@pytest.mark.skipif(not REAL_DATA, reason="GENLAB_DATA is not set: no real MNIST to read")
def test_real_images_of_many_against_others_are_chance() -> None:
    images = load_dataset("mnist", "train", REAL_DATA).images
    for seed in range(3):
        some = images[torch.randperm(len(images), generator=seeded(seed))[:2000]]
        result = pixel_two_sample_test(some[:1000], some[1000:], seed=seed)
        assert result.accuracy == pytest.approx(0.5, abs=3 * result.standard_error)


def test_on_average_it_guesses_and_a_small_p_value_is_as_rare_as_it_says(
    halves: tuple[torch.Tensor, torch.Tensor],
) -> None:
    """Thirty times two sets of 40 real images. Or rarer: who calls all images real is right by half."""
    real, tests = torch.cat(halves), []
    for seed in range(30):
        some = real[torch.randperm(len(real), generator=seeded(seed))[:80]]
        tests.append(pixel_two_sample_test(some[:40], some[40:], seed=seed))
    mean = torch.tensor([test.accuracy for test in tests]).mean().item()
    assert mean == pytest.approx(0.5, abs=3 * 0.5 / (30 * 40) ** 0.5)
    for level in (0.05, 0.2):
        found = sum(test.p_value <= level for test in tests) / 30
        assert found <= level + 3 * (level * (1 - level) / 30) ** 0.5


@pytest.mark.skipif(not REAL_DATA, reason="GENLAB_DATA is not set: no real MNIST to read")
@pytest.mark.parametrize("flaw", ["haze of 4 grey levels", "blur of half a pixel"])
@pytest.mark.parametrize("n", [360, 1000])
def test_what_an_eye_hardly_sees_is_found(
    flaw: str, n: int, halves: tuple[torch.Tensor, torch.Tensor]
) -> None:
    """Also with as few images as a person's own data may have."""
    real, other = halves[0][:n], to_unit(halves[1][:n])
    spoilt = haze(other, 4, seeded()) if flaw.startswith("haze") else blur(other, 0.5)
    result = pixel_two_sample_test(real, to_bytes(spoilt))
    assert result.accuracy > 0.9
    assert result.p_value < 1e-6


def test_the_larger_set_of_images_is_cut_to_the_smaller(halves: tuple[torch.Tensor, torch.Tensor]) -> None:
    """And the answer, a share of as many of each, is the errors and p-values of so many coin tosses."""
    result = pixel_two_sample_test(halves[0][:600], halves[1][:81])
    assert (result.accuracy * 80) % 1 == pytest.approx(0, abs=1e-9)
    assert result.standard_error == pytest.approx((result.accuracy * (1 - result.accuracy) / 80) ** 0.5)
    tail = sum(comb(80, r) for r in range(round(result.accuracy * 80), 81)) / 2**80
    assert result.p_value == pytest.approx(tail)


def test_the_seed_decides_the_network_too_and_the_global_generator_nothing(
    halves: tuple[torch.Tensor, torch.Tensor],
) -> None:
    one, other = (half[:100] for half in halves)
    accuracies = []
    for seed in (3, 3, 4, 5, 6):
        torch.rand(1)  # another state each time
        before = torch.random.get_rng_state()
        accuracies.append(pixel_two_sample_test(one, other, seed=seed).accuracy)
        assert torch.equal(torch.random.get_rng_state(), before)
    assert accuracies[0] == accuracies[1]
    assert len(set(accuracies)) > 1


@pytest.mark.parametrize("which", [0, "both"])
def test_the_order_of_images_makes_no_difference_but_by_chance(
    which: int | str, halves: tuple[torch.Tensor, torch.Tensor]
) -> None:
    """Nor which of the two sets is called real."""
    sets = [halves[0][:300], to_bytes(blur(to_unit(halves[1][:300]), 0.4))]
    first = pixel_two_sample_test(*sets)
    order = torch.randperm(300, generator=seeded(9))
    changed = sets[::-1] if which == "both" else [x[order] if i == which else x for i, x in enumerate(sets)]
    second = pixel_two_sample_test(*changed)
    error = (first.standard_error**2 + second.standard_error**2) ** 0.5
    assert second.accuracy == pytest.approx(first.accuracy, abs=max(4 * error, 0.05))
