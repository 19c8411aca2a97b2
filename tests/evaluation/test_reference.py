"""Real images: how many, which, and what the judges see of them."""

from dataclasses import replace

import torch

from genlab.evaluation.judges.features import look
from genlab.evaluation.metrics import nearest
from genlab.evaluation.reference import Reference, make_reference
from tests.evaluation.conftest import Digits, Judges


def test_what_is_seen_is_of_the_images_chosen(reference: Reference) -> None:
    """The same images for every judge, and of the test images those that are held out."""
    test, judges = reference.test, reference.judges
    assert len(reference.held_out.unique()) == reference.n == 100
    for kind, judge in judges.items():
        held_out = look(judge, test.images[reference.held_out]).features
        torch.testing.assert_close(reference.test_seen[kind], held_out)
    every = {kind: look(judge, reference.train.images).features for kind, judge in judges.items()}
    which = {kind: nearest(reference.training[kind].features, every[kind], k=1) for kind in judges}
    assert all(found.distances.max() < 1e-3 for found in which.values())
    assert all(torch.equal(found.indices[:, 0], reference.chosen) for found in which.values())
    assert len(reference.chosen.unique()) == reference.n
    assert torch.equal(reference.every_training, every["plain"])


def test_the_seed_decides_and_the_global_generator_nothing(
    digits: Digits, judges: Judges, reference: Reference
) -> None:
    before = torch.random.get_rng_state()
    again, other = (make_reference(*digits, judges, 100, seed=seed) for seed in (0, 1))
    assert torch.equal(torch.random.get_rng_state(), before)
    for made, same in ((again, True), (other, False)):
        assert torch.equal(made.held_out, reference.held_out) is same
        assert torch.equal(made.training["plain"].features, reference.training["plain"].features) is same


def test_one_judge_will_do_and_training_images_may_be_few(digits: Digits, judges: Judges) -> None:
    train, test = digits
    few = replace(train, images=train.images[:80], labels=train.labels[:80])
    reference = make_reference(few, test, {"residual": judges["residual"]}, 100)
    assert reference.first == "residual"
    assert len(reference.training["residual"].features) == 80
