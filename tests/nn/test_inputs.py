import pytest
import torch

from genlab.errors import GenlabError
from genlab.nn.inputs import choose_labels


def test_labels_are_drawn_over_all_classes_and_from_the_generator() -> None:
    drawn = choose_labels(10, 2000, None, torch.Generator().manual_seed(0))
    assert drawn is not None
    counts = drawn.bincount(minlength=10)
    assert len(counts) == 10
    assert counts.min() > 140  # 200 expected, standard deviation 13.4
    again = choose_labels(10, 2000, None, torch.Generator().manual_seed(0))
    assert again is not None
    assert torch.equal(drawn, again)


def test_labels_given_are_checked_and_passed_on() -> None:
    labels = torch.tensor([2, 0, 1])
    assert choose_labels(3, 3, labels, None) is labels
    assert choose_labels(None, 3, None, None) is None
    for none in (0, -1):
        with pytest.raises(GenlabError, match=f"n should be at least 1, got {none}"):
            choose_labels(3, none, None, None)
    for wrong in (torch.tensor([3, 0, 0]), torch.tensor([-1, 0, 0])):
        with pytest.raises(GenlabError, match=r"labels should be in 0\.\.2, got"):
            choose_labels(3, 3, wrong, None)
    with pytest.raises(GenlabError, match=r"shape \(2,\)"):
        choose_labels(3, 2, labels, None)
    with pytest.raises(GenlabError, match="leave them out"):
        choose_labels(None, 3, labels, None)


def test_a_wrong_label_is_named_and_not_all_the_others() -> None:
    with pytest.raises(GenlabError) as caught:
        choose_labels(10, 500, torch.full((500,), 12), None)
    assert str(caught.value) == "labels should be in 0..9, got 12"


def test_a_blend_of_classes_is_weights_that_sum_to_one() -> None:
    blend = torch.tensor([[0.25, 0.75, 0.0], [1.0, 0.0, 0.0]])
    kept = choose_labels(3, 2, blend.double(), None, blends=True)
    assert kept is not None
    torch.testing.assert_close(kept, blend)
    with pytest.raises(GenlabError, match=r"a tensor of int64"):
        choose_labels(3, 2, blend, None)  # whoever samples wants ids
    with pytest.raises(GenlabError, match=r"unconditional"):
        choose_labels(None, 2, blend, None, blends=True)
    with pytest.raises(GenlabError, match=r"a blend of classes should be \(2, 4\), got \(2, 3\)"):
        choose_labels(4, 2, blend, None, blends=True)
    for wrong in (blend * 0.9, blend - torch.tensor([0.5, -0.5, 0.0]), blend * torch.nan):
        with pytest.raises(GenlabError, match="at least 0, with the sum 1"):
            choose_labels(3, 2, wrong, None, blends=True)
