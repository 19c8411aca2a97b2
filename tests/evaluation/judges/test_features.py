"""Bytes and floats look alike; what no figure can be computed from is refused in one line."""

import pytest
import torch

from genlab.data import Dataset
from genlab.errors import GenlabError
from genlab.evaluation.judges.features import check_measurable, look
from genlab.evaluation.judges.networks import FEATURES, plain_judge
from tests.evaluation.conftest import seeded


def test_bytes_and_floats_of_the_same_images_are_seen_alike(dataset: Dataset) -> None:
    judge = plain_judge().eval()
    as_bytes, as_floats = look(judge, dataset.images), look(judge, dataset.images / 255)
    assert as_bytes.features.shape == (40, FEATURES)
    assert torch.equal(as_bytes.features, as_floats.features)
    assert torch.equal(as_bytes.outputs, as_floats.outputs)
    between = (dataset.images / 255 + 0.4 / 255).clamp(max=1)  # no picture on a disk can hold it
    assert torch.equal(as_bytes.features, look(judge, between).features)
    assert torch.equal(as_bytes.answers, judge(dataset.images / 255 * 2 - 1).argmax(1))
    assert not as_bytes.features.requires_grad


def test_batches_make_no_difference_and_are_counted(
    dataset: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    judge, sizes = plain_judge().eval(), list[int]()
    whole = look(judge, dataset.images)
    monkeypatch.setattr("genlab.evaluation.judges.features.BATCH", 16)
    parts = look(judge, dataset.images, each_batch=sizes.append)
    assert sizes == [16, 16, 8]
    torch.testing.assert_close(parts.features, whole.features, rtol=1e-4, atol=1e-5)


GOOD = torch.rand(5, 1, 28, 28, generator=seeded())
BLACK = torch.zeros(5, 1, 28, 28)


@pytest.mark.parametrize(
    "images",
    [GOOD, GOOD.half(), (GOOD * 255).byte(), (GOOD > 0.5).float(), GOOD[:1], torch.cat([GOOD, BLACK])],
)
def test_images_that_will_do(images: torch.Tensor) -> None:
    check_measurable(images)


def one_broken(value: float) -> torch.Tensor:
    return GOOD.clone().index_fill(0, torch.tensor(3), value)


@pytest.mark.parametrize(
    ("images", "says"),
    [
        (GOOD[:, 0], r"shape \(N, 1, 28, 28\), got \(5, 28, 28\)"),
        (GOOD.expand(-1, 3, -1, -1), r"got \(5, 3, 28, 28\)"),
        (GOOD[:0], r"got \(0, 1, 28, 28\)"),
        ((GOOD * 255).int(), r"got torch.int32"),
        (one_broken(torch.nan), "1 of 5 images hold values that are not finite"),
        (one_broken(torch.inf), "1 of 5 images hold values that are not finite"),
        (GOOD * 2 - 1, r"from -1 to 1: .*to_unit brings \[-1, 1\]"),
        (GOOD * 255, r"from 0.\d+ to 255: .* images / 255"),
        (one_broken(1.001), "to 1:"),
        (BLACK, "all 5 images are constant"),
        (BLACK.byte(), "all 5 images are constant"),
        (torch.rand(5, 1, 1, 1).expand(-1, -1, 28, 28), "all 5 images are constant"),
        (GOOD[:1].expand(5, -1, -1, -1), "all 5 images are the same one"),
    ],
)
def test_refuses(images: torch.Tensor, says: str) -> None:
    with pytest.raises(GenlabError, match=says) as caught:
        check_measurable(images)
    assert "\n" not in str(caught.value)
