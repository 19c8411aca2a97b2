import pytest
import torch
from torch import Tensor

from genlab.diffusion.guidance import drop_labels, guided
from genlab.errors import GenlabError
from genlab.zoo import load_config

X = torch.randn(4, 1, 2, 2, generator=torch.Generator().manual_seed(0))
T = torch.tensor([3, 1, 4, 1])
LABELS = torch.tensor([0, 1, 2, 9])


def network(x: Tensor, t: Tensor, labels: Tensor) -> Tensor:
    """Depends on all three; each image on its own."""
    return x.sin() + (t + labels.float() ** 2)[:, None, None, None]


@pytest.mark.parametrize("scale", [0.0, 0.5, 0.999, 1.0, 1.001, 7.5])
def test_from_no_class_to_the_class_and_beyond_it_is_a_straight_line(scale: float) -> None:
    """Equation 6 of Ho and Salimans with w = scale - 1: (1 + w) conditional - w unconditional."""
    conditional, unconditional = network(X, T, LABELS), network(X, T, torch.full((4,), 10))
    expected = scale * conditional - (scale - 1) * unconditional
    torch.testing.assert_close(guided(network, LABELS, 10, scale)(X, T), expected, rtol=1e-4, atol=1e-3)
    assert torch.equal(guided(network, LABELS, 10)(X, T), conditional)


@pytest.mark.parametrize(("scale", "images"), [(0.0, 4), (1.0, 4), (2.0, 8)])
def test_the_network_is_called_once(scale: float, images: int) -> None:
    calls = []

    def counted(x: Tensor, t: Tensor, labels: Tensor) -> Tensor:
        calls.append(len(x))
        return network(x, t, labels)

    guided(counted, LABELS, 10, scale)(X, T)
    assert calls == [images]


def test_labels_are_dropped_one_by_one_and_as_often_as_asked() -> None:
    torch.manual_seed(0)
    labels = torch.arange(20_000) % 10
    dropped = drop_labels(labels, 10, 0.1)
    gone = dropped == 10
    assert torch.equal(dropped[~gone], labels[~gone])
    assert gone.float().mean().item() == pytest.approx(0.1, abs=0.01)
    # Per sample: batches of a hundred all lose some, and none loses all.
    assert 0 < gone.reshape(200, 100).sum(1).max() < 40
    # And independently of the label and of the neighbour.
    rates = torch.stack([gone[labels == k].float().mean() for k in range(10)])
    torch.testing.assert_close(rates, torch.full((10,), 0.1), atol=0.03, rtol=0)
    assert (gone[1:] & gone[:-1]).float().mean().item() == pytest.approx(0.01, abs=0.005)
    assert dropped.dtype == torch.int64


def test_never_and_always() -> None:
    assert torch.equal(drop_labels(LABELS, 10, 0.0), LABELS)
    assert (drop_labels(LABELS, 10, 1.0) == 10).all()
    assert LABELS.tolist() == [0, 1, 2, 9]


@pytest.mark.parametrize("scale", [0.0, 1.0, 3.0])
def test_a_blend_has_a_column_for_the_null_class(scale: float) -> None:
    """A linear network answers a blend with the mean of its answers to the classes."""
    weights = torch.randn(11, generator=torch.Generator().manual_seed(1))

    def linear(x: Tensor, t: Tensor, labels: Tensor) -> Tensor:
        told = labels @ weights if labels.is_floating_point() else weights[labels]
        return x + told[:, None, None, None]

    blend = torch.zeros(4, 10)
    blend[:, 2], blend[:, 7] = 0.25, 0.75
    two, seven = (guided(linear, torch.full((4,), label), 10, scale)(X, T) for label in (2, 7))
    torch.testing.assert_close(guided(linear, blend, 10, scale)(X, T), 0.25 * two + 0.75 * seven)


def test_guidance_acts_at_the_times_of_its_interval_alone() -> None:
    """Outside the class is heard as trained; of T, 3 lies inside, and 4, the end, and 1 do not."""
    whole, trained = guided(network, LABELS, 10, 3.0)(X, T), guided(network, LABELS, 10)(X, T)
    found = guided(network, LABELS, 10, 3.0, (2, 4))(X, T)
    inside = torch.tensor([True, False, False, False])
    assert torch.equal(found[inside], whole[inside])
    torch.testing.assert_close(found[~inside], trained[~inside])
    for scale in (0.0, 0.5, 1.0):  # what does not exaggerate is the same at all times
        assert torch.equal(
            guided(network, LABELS, 10, scale, (2, 4))(X, T), guided(network, LABELS, 10, scale)(X, T)
        )


def test_outside_its_interval_guidance_costs_nothing() -> None:
    calls = []

    def counted(x: Tensor, t: Tensor, labels: Tensor) -> Tensor:
        calls.append(len(x))
        return network(x, t, labels)

    predict = guided(counted, LABELS, 10, 3.0, (300, 800))
    predict(X, torch.full((4,), 299))
    predict(X, torch.full((4,), 300))
    predict(X, torch.full((4,), 800))
    assert calls == [4, 8, 4]


@pytest.mark.parametrize(
    "wrong",
    [{"model.guidance_interval": [800, 300]}, {"model.num_classes": None, "model.guidance_scale": None}],
)
def test_an_interval_that_is_none_is_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(GenlabError, match="guidance_interval"):
        load_config("diffusion", {"model.guidance_interval": [300, 800], **wrong})
