"""The figures of images whose quality is known: real ones, noisy ones, copies, and ones that are refused."""

from collections.abc import Mapping
from dataclasses import replace

import pytest
import torch

from genlab.data import Dataset
from genlab.errors import GenlabError
from genlab.evaluation.corruptions import add_noise
from genlab.evaluation.judges.networks import Judge, Kind
from genlab.evaluation.measure import ENOUGH, measure, number_of_figures, real_figures
from genlab.evaluation.reference import Reference, make_reference
from genlab.evaluation.report import KNOWN_METRICS, Key, Metric, by_key, with_ratio

KINDS: tuple[Kind, ...] = ("plain", "residual")


def figures(
    images: torch.Tensor, reference: Reference, labels: torch.Tensor | None = None
) -> dict[Key, Metric]:
    return by_key(measure(images, reference, labels))


@pytest.fixture(scope="module")
def real(reference: Reference) -> torch.Tensor:
    """The test images that stand in for a perfect model."""
    return reference.test.images[reference.held_out]


@pytest.fixture(scope="module")
def floor(reference: Reference) -> dict[Key, Metric]:
    return by_key(real_figures(reference))


@pytest.mark.parametrize("labelled", [False, True])
def test_all_names_are_known_and_their_number_is_foretold(
    labelled: bool, reference: Reference, real: torch.Tensor
) -> None:
    labels = reference.test.labels[reference.held_out] if labelled else None
    found = list(measure(real, reference, labels))
    assert len(found) == number_of_figures(reference, labels)
    assert {figure.name for figure in found} <= set(KNOWN_METRICS)
    assert len(by_key(found)) == len(found)
    assert ("class_accuracy" in {figure.name for figure in found}) is labelled


def test_enough_images_give_one_more_figure(
    digits: tuple[Dataset, Dataset], judges: Mapping[Kind, Judge]
) -> None:
    one = {"residual": judges["residual"]}
    for n, there in ((ENOUGH - 1, False), (ENOUGH, True)):
        reference = make_reference(*digits, one, n)  # type: ignore[arg-type]
        found = by_key(real_figures(reference))
        assert (("frechet_unbiased", "residual") in found) is there
        assert len(found) == number_of_figures(reference, reference.test.labels)


def test_real_images_get_the_floor_and_ratio_1(
    reference: Reference, real: torch.Tensor, floor: Mapping[Key, Metric]
) -> None:
    again = with_ratio(figures(real, reference, reference.test.labels[reference.held_out]), floor)
    assert {key: figure for key, figure in again.items() if key[0] != "frechet_ratio"} == floor
    assert [again["frechet_ratio", kind].value for kind in KINDS] == [1, 1]
    for kind in KINDS:
        assert again["precision", kind].value > 0.8
        assert again["coverage", kind].value > 0.8
        assert abs(again["two_sample", kind].value - 0.5) < 0.2
    assert again["closer_pixels", None].value == pytest.approx(0.5, abs=0.1)


def test_order_makes_no_difference(
    reference: Reference, real: torch.Tensor, floor: Mapping[Key, Metric]
) -> None:
    """Except to who is in which fold and which subset: chance, by the error that is stated."""
    order = torch.randperm(len(real), generator=torch.Generator().manual_seed(0))
    again = figures(real[order], reference, reference.test.labels[reference.held_out][order])
    assert again.keys() == floor.keys()
    for key, figure in again.items():
        by_chance = 5 * (figure.error or 0) if key[0] in ("two_sample", "kernel") else 1e-6
        assert figure.value == pytest.approx(floor[key].value, rel=1e-4, abs=by_chance), key


def test_bytes_and_floats_get_the_same(
    reference: Reference, real: torch.Tensor, floor: Mapping[Key, Metric]
) -> None:
    for key, figure in figures(real / 255, reference).items():
        if key[0] != "two_sample":
            ties = 2e-3 if key[0].startswith("closer") else 1e-6  # rounding breaks them
            assert figure.value == pytest.approx(floor[key].value, rel=1e-4, abs=ties), key


def test_noise_makes_everything_worse(
    reference: Reference, real: torch.Tensor, floor: Mapping[Key, Metric]
) -> None:
    a_little, a_lot = (
        figures(add_noise(real / 255, level, torch.Generator().manual_seed(0)), reference)
        for level in (0.1, 0.5)
    )
    for kind in KINDS:
        for name in ("frechet", "kernel"):
            key: Key = (name, kind)
            assert floor[key].value < a_little[key].value < a_lot[key].value
        assert a_lot["precision", kind].value < floor["precision", kind].value
        assert a_lot["two_sample", kind].value > 0.75


def test_copies_are_caught_and_not_by_the_frechet_distance(
    reference: Reference, floor: Mapping[Key, Metric]
) -> None:
    chosen = torch.randperm(len(reference.train), generator=torch.Generator().manual_seed(5))[: reference.n]
    copies = figures(reference.train.images[chosen], reference)
    for name, judge in (("pixels", None), ("features", reference.first)):
        assert copies[f"copied_{name}", judge].value > 0.95
        assert copies[f"closer_{name}", judge].value > 0.95
        assert floor[f"copied_{name}", judge].value < 0.1
    for kind in KINDS:
        assert copies["frechet", kind].value < 1.3 * floor["frechet", kind].value
        assert copies["two_sample", kind].value < 0.7


def test_labels_and_missing_classes(reference: Reference) -> None:
    """By a judge whose answer is the image's top left pixel."""

    images = torch.rand(100, 1, 28, 28, generator=torch.Generator().manual_seed(0))
    judge = Judge(torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(784, 64))).eval()
    answers = judge(images * 2 - 1).argmax(1)
    knowing = replace(reference, judges={"plain": judge})
    found = figures(images, knowing, answers)
    assert found["class_accuracy", "plain"].value == 1
    assert found["class_accuracy", "plain"].error == 0
    wrong = figures(images, knowing, torch.where(torch.arange(100) < 25, (answers + 1) % 10, answers))
    assert wrong["class_accuracy", "plain"].value == 0.75
    assert wrong["class_accuracy", "plain"].error == pytest.approx((0.75 * 0.25 / 100) ** 0.5)
    shares = torch.bincount(answers, minlength=10) / 100
    assert found["classes", "plain"].value == (shares >= 0.01).sum()


@pytest.mark.parametrize(
    ("spoil", "says"),
    [
        (lambda images: images * torch.nan, "not finite"),
        (lambda images: images * 0, "constant"),
        (lambda images: images[:1].expand_as(images), "the same one"),
        (lambda images: images * 2 - 1, "should be in"),
        (lambda images: images * 255, "should be in"),
        (lambda images: images[:, 0], "should be of shape"),
        (lambda images: images[:99], "99 images against a reference of 100: the floor would be another one"),
        (lambda images: torch.cat([images, images]), "200 images against a reference of 100"),
    ],
)
def test_refuses_before_any_judge_looks(
    spoil: object, says: str, reference: Reference, real: torch.Tensor, monkeypatch: pytest.MonkeyPatch
) -> None:
    def look(*_: object) -> None:
        raise AssertionError("a judge was asked")

    monkeypatch.setattr("genlab.evaluation.measure.look", look)
    assert callable(spoil)
    with pytest.raises(GenlabError, match=says):
        next(measure(spoil(real / 255), reference))
