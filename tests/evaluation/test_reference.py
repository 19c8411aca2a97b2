"""Real images: how many, which, and that the judges are shown each once."""

from dataclasses import replace

import pytest
import torch

from genlab.data import Dataset
from genlab.errors import GenlabError
from genlab.evaluation.judges.features import look
from genlab.evaluation.judges.networks import Judge, Kind
from genlab.evaluation.metrics.memorisation import nearest
from genlab.evaluation.reference import Reference, looks_needed, make_reference

Digits = tuple[Dataset, Dataset]
Judges = dict[Kind, Judge]


@pytest.mark.parametrize(
    ("n", "says"),
    [
        (1, "1 images are too few"),
        (72, "72 images are too few: the covariance of 64 features and its error need 73"),
        (361, "digits has 360 test images, so evaluate at most 360"),
        (10_000, "^10,000 images cannot be held against a floor"),
    ],
)
def test_refuses_a_number(n: int, says: str, digits: Digits, judges: Judges) -> None:
    with pytest.raises(GenlabError, match=says):
        make_reference(*digits, judges, n)


@pytest.mark.parametrize("n", [73, 360])
def test_the_smallest_and_the_largest_number(n: int, digits: Digits, judges: Judges) -> None:
    looked = list[int]()
    reference = make_reference(*digits, judges, n, each_batch=looked.append)
    assert sum(looked) == looks_needed(digits[0], judges, n)
    assert len(reference.held_out.unique()) == n
    assert {len(seen.features) for seen in reference.training.values()} == {n}
    assert reference.test_seen.shape == (n, 64)
    assert len(reference.every_training) == 1437


def test_what_is_seen_is_of_the_images_chosen(reference: Reference) -> None:
    """The same images for every judge, and of the test images those that are held out."""
    test, judges = reference.test, reference.judges
    assert reference.first == "plain"
    torch.testing.assert_close(
        reference.test_seen, look(judges["plain"], test.images[reference.held_out]).features
    )
    every = {kind: look(judge, reference.train.images).features for kind, judge in judges.items()}
    which = {kind: nearest(reference.training[kind].features, every[kind], k=1) for kind in judges}
    assert all(found.distances.max() < 1e-3 for found in which.values())
    assert torch.equal(which["plain"].indices, which["residual"].indices)
    assert len(which["plain"].indices.unique()) == reference.n


def test_the_seed_decides(digits: Digits, judges: Judges, reference: Reference) -> None:
    again = make_reference(*digits, judges, 100)
    assert torch.equal(again.held_out, reference.held_out)
    assert torch.equal(again.training["residual"].features, reference.training["residual"].features)
    other = make_reference(*digits, judges, 100, seed=1)
    assert not torch.equal(other.held_out, reference.held_out)
    assert not torch.equal(other.training["plain"].features, reference.training["plain"].features)


def test_the_global_generator_is_left_alone(digits: Digits, judges: Judges) -> None:
    before = torch.random.get_rng_state()
    make_reference(*digits, judges, 73)
    assert torch.equal(torch.random.get_rng_state(), before)


def test_one_judge_will_do_and_training_images_may_be_few(digits: Digits, judges: Judges) -> None:
    train, test = digits
    few = replace(train, images=train.images[:80], labels=train.labels[:80])
    reference = make_reference(few, test, {"residual": judges["residual"]}, 100)
    assert reference.first == "residual"
    assert len(reference.training["residual"].features) == 80
