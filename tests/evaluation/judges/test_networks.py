"""All judges: shapes, one image at a time or many at once, and that they are three."""

import pytest
import torch

from genlab.evaluation.judges.networks import EMBEDDING, FEATURES, JUDGES, Kind, TwoDepths
from genlab.family import count_parameters
from tests.evaluation.conftest import KINDS, NAMING, seeded


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("num_classes", [1, 13])
def test_an_image_is_seen_alike_alone_and_among_others(kind: Kind, num_classes: int) -> None:
    judge, images = JUDGES[kind](num_classes), torch.rand(8, 1, 28, 28) * 2 - 1
    judge(images)  # in train mode: gives the normalisation something to remember
    judge.eval()
    assert judge.body(images).shape == (8, FEATURES)
    together = judge(images)
    assert judge.names_classes is (kind in NAMING)
    assert together.shape == (8, num_classes if judge.names_classes else EMBEDDING)
    alone = torch.cat([judge(image[None]) for image in images])
    torch.testing.assert_close(alone, together, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("kind", NAMING)
def test_who_names_classes_looks_with_two_depths_and_every_feature_has_width_1(kind: Kind) -> None:
    """Over the images that it is trained on; half of the features are means of the early maps, one by one."""
    judge, images = JUDGES[kind](10), torch.rand(200, 1, 28, 28, generator=seeded()) * 2 - 1
    body = judge.body
    assert isinstance(body, TwoDepths)
    with torch.no_grad():
        features = body(images).double()
        means = torch.stack([channel.double().mean((1, 2)) for channel in body.early(images).unbind(1)], 1)
    expected = (means - means.mean(0)) / means.std(0, correction=0)
    torch.testing.assert_close(features[:, FEATURES // 2 :], expected, rtol=0.05, atol=0.05)
    changing = features.std(0) > 0
    assert changing.sum() > FEATURES * 0.6  # a rectified unit may be dead before any training
    torch.testing.assert_close(features.mean(0), torch.zeros(FEATURES).double(), rtol=0, atol=1e-4)
    assert features.std(0, correction=0).max() <= 1.001


def test_there_are_three_of_different_make() -> None:
    assert tuple(JUDGES) == KINDS
    assert len({count_parameters(judge(10)) for judge in JUDGES.values()}) == 3


def test_who_knows_no_classes_is_the_same_however_many_there_are() -> None:
    one, other = (JUDGES["contrastive"](classes) for classes in (2, 50))
    assert count_parameters(one) == count_parameters(other)
