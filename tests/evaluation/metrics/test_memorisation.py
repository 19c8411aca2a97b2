"""Nearest neighbours against brute force; copies are told from fresh images and from blurred ones."""

import pytest
import torch
from scipy.stats import mannwhitneyu

from genlab.data import load_dataset
from genlab.evaluation.metrics import closest_pairs, nearest
from genlab.evaluation.metrics.memorisation import Nearest, memorisation
from tests.evaluation.conftest import normal, seeded


@pytest.mark.parametrize("offset", [0, 1000])
@pytest.mark.parametrize(("n", "m", "d", "k"), [(20, 300, 3, 7), (1, 5, 1, 1), (9, 4, 6, 50)])
def test_equals_brute_force(n: int, m: int, d: int, k: int, offset: float) -> None:
    queries, training = normal(n, d, 1).float() + offset, normal(m, d, 2).float() + offset
    found = nearest(queries, training, k=k)
    distances, indices = (queries[:, None].double() - training.double()).square().sum(2).sqrt().sort(1)
    torch.testing.assert_close(found.distances, distances[:, :k].float())
    assert torch.equal(found.indices, indices[:, :k])


def test_slices_make_no_difference(monkeypatch: pytest.MonkeyPatch) -> None:
    queries, training = normal(230, 4, 1), normal(310, 4, 2)
    whole = nearest(queries, training)
    monkeypatch.setattr("genlab.evaluation.metrics.memorisation.SLICE", 40)
    parts = nearest(queries, training)
    assert torch.equal(parts.indices, whole.indices)
    assert torch.equal(parts.distances, whole.distances)


def test_bytes_and_floats_are_measured_alike_and_a_copy_is_at_exactly_0() -> None:
    training = load_dataset("digits", "train").images
    chosen = torch.tensor([5, 900, 33])
    as_bytes = nearest(training[chosen], training)
    as_floats = nearest(training[chosen].float() / 255, training)
    assert as_bytes.indices[:, 0].tolist() == chosen.tolist()
    assert (as_bytes.distances[:, 0] == 0).all()
    assert torch.equal(as_bytes.distances, as_floats.distances)
    direct = ((training[chosen].double() - training[as_bytes.indices[:, 9]].double()) / 255).square()
    torch.testing.assert_close(as_bytes.distances[:, 9], direct.flatten(1).sum(1).sqrt().float())


def test_copies_are_found() -> None:
    training, test = normal(2000, 12, 1), normal(500, 12, 2)
    copies = training[torch.randperm(2000, generator=seeded())[:400]]
    to_test = nearest(test, training)
    assert memorisation(nearest(copies, training), to_test)[1] == (1, 0)
    closer, copied = memorisation(nearest(copies + 0.1 * normal(400, 12, 3), training), to_test)
    assert closer.value > 0.99
    assert copied.value > 0.95
    half = torch.cat([copies[:200], normal(200, 12, 4)])
    assert memorisation(nearest(half, training), to_test)[1].value == pytest.approx(0.5, abs=0.02)


def test_fresh_images_are_not_called_copies() -> None:
    found = []
    for seed in range(20):
        training, test, fresh = (normal(500, 8, 3 * seed + i) for i in range(3))
        found.append(memorisation(nearest(fresh, training, k=20), nearest(test, training, k=20)))
    closer, copied, errors = torch.tensor([(a.value, b.value, b.standard_error) for a, b in found]).mean(0)
    # The variance of U / (N M) is (N + M + 1) / (12 N M) (Mann and Whitney 1947).
    assert closer == pytest.approx(0.5, abs=3 * found[0][0].standard_error / 20**0.5)
    assert found[0][0].standard_error == pytest.approx((1001 / 12 / 500**2) ** 0.5)
    binomial = (0.01 * 0.99 / 500) ** 0.5
    assert copied == pytest.approx(0.01, abs=3 * (2 / 20) ** 0.5 * binomial)
    assert errors == pytest.approx(binomial, rel=0.2)


def test_closer_is_mann_and_whitneys() -> None:
    ours = torch.randint(0, 9, (40, 2), generator=seeded()).float().sort(1).values
    theirs = torch.randint(1, 12, (70, 2), generator=seeded()).float().sort(1).values
    closer, _ = memorisation(*(Nearest(distances, distances.long()) for distances in (ours, theirs)))
    expected = mannwhitneyu(theirs[:, 0].numpy(), ours[:, 0].numpy()).statistic / (40 * 70)
    assert closer.value == pytest.approx(expected)


def test_copies_of_an_image_that_is_there_many_times() -> None:
    training = torch.cat([normal(200, 4, 1), torch.ones(60, 4)])
    found = nearest(torch.ones(3, 4), training)
    assert found.relative().tolist() == [0, 0, 0]
    assert memorisation(found, nearest(normal(100, 4, 2), training))[1].value == 1
    test = torch.cat([normal(95, 4, 2), torch.ones(5, 4)])  # copies among the test images do not hide others
    assert memorisation(found, nearest(test, training))[1].value == 1


def test_the_closest_pairs_are_the_copies() -> None:
    training, queries = normal(300, 6, 1), normal(50, 6, 2)
    queries[[7, 31]] = training[[100, 200]]
    queries[12] = training[5] + 0.01
    assert closest_pairs(nearest(queries, training), 3).tolist() == [7, 31, 12]
