import pytest
import torch

from genlab.errors import GenlabError
from genlab.nn.inputs import choose_labels, need_labels


def test_labels_are_drawn_over_all_classes_and_from_the_generator() -> None:
    drawn, again = (choose_labels(10, 2000, None, torch.Generator().manual_seed(0)) for _ in range(2))
    assert drawn is not None
    assert again is not None
    assert torch.equal(drawn, again)
    counts = drawn.bincount(minlength=10)
    assert len(counts) == 10
    assert counts.min() > 140  # 200 expected, standard deviation 13.4
    with pytest.raises(GenlabError, match="n should be at least 1"):
        choose_labels(3, 0, None, None)


def test_labels_given_are_passed_on() -> None:
    labels = torch.tensor([2, 0, 1])
    assert choose_labels(3, 3, labels, None) is labels
    assert choose_labels(None, 3, None, None) is None
    assert need_labels(3, 3, labels, "decode") is labels
    assert need_labels(None, 3, None, "decode") is None


def test_wrong_labels_are_refused() -> None:
    labels = torch.tensor([2, 0, 1])
    for num_classes, n, wrong, words in (
        (3, 3, None, "decode needs labels"),
        (3, 3, torch.tensor([0, 0, 3]), r"0\.\.2, got 3$"),
        (3, 3, torch.tensor([-1, 0, 0]), r"0\.\.2, got -1$"),
        (3, 2, labels, r"shape \(2,\)"),
        (3, 3, labels.float(), "int64"),
        (3, 3, labels.tolist(), "int64.*list"),
        (None, 3, labels, "unconditional"),
    ):
        with pytest.raises(GenlabError, match=words):
            need_labels(num_classes, n, wrong, "decode")  # type: ignore[arg-type]


def test_a_blend_of_classes_is_weights_that_sum_to_one() -> None:
    blend = torch.tensor([[0.25, 0.75, 0.0], [1.0, 0.0, 0.0]])
    kept = need_labels(3, 2, blend.double(), "decode", blends=True)
    assert kept is not None
    torch.testing.assert_close(kept, blend)
    with pytest.raises(GenlabError, match="int64"):
        choose_labels(3, 2, blend, None)  # whoever samples wants ids
    with pytest.raises(GenlabError, match="unconditional"):
        need_labels(None, 2, blend, "decode", blends=True)
    for wrong in (blend[:, :2], blend * 0.9, blend - torch.tensor([0.5, -0.5, 0.0]), blend * torch.nan):
        with pytest.raises(GenlabError, match="blend of classes"):
            need_labels(3, 2, wrong, "decode", blends=True)
