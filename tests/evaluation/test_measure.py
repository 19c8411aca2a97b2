"""The figures of images whose quality is known: real ones, noisy ones, copies, and ones that are refused."""

from dataclasses import replace

import pytest
import torch

from genlab.errors import GenlabError
from genlab.evaluation.corruptions import add_noise, blur
from genlab.evaluation.curves import frechet_ratio
from genlab.evaluation.judges.networks import Judge
from genlab.evaluation.measure import ENOUGH, LEAST, Yardstick, make_yardstick, measure, report_on
from genlab.evaluation.reference import Reference
from genlab.evaluation.report import KNOWN_METRICS, Key, Metric, by_key, report_text
from tests.evaluation.conftest import KINDS, NAMING, Digits, Judges, seeded

Figures = dict[Key, Metric]
NOISE = torch.rand(100, 1, 28, 28, generator=seeded())


def figures(images: torch.Tensor, reference: Reference, labels: torch.Tensor | None = None) -> Figures:
    return by_key(measure(images, reference, labels))


@pytest.fixture(scope="module")
def real(reference: Reference) -> torch.Tensor:
    """The test images that stand in for a perfect model."""
    return reference.test.images[reference.held_out]


@pytest.fixture(scope="module")
def labels(reference: Reference) -> torch.Tensor:
    return reference.test.labels[reference.held_out]


@pytest.fixture(scope="module")
def floor(yardstick: Yardstick) -> Figures:
    return dict(yardstick.floor)


def test_every_figure_comes_once_and_is_known(reference: Reference, real: torch.Tensor) -> None:
    found = list(measure(real, reference))
    assert len(by_key(found)) == len(found)
    assert {figure.name for figure in found} <= KNOWN_METRICS.keys() - {"class_accuracy"}


def test_who_knows_no_classes_has_no_figures_of_classes_and_else_as_many(floor: Figures) -> None:
    by = {kind: {name for name, judge in floor if judge == kind} for kind in KINDS}
    of_classes = {"histogram", "classes", "class_accuracy"}
    for kind in KINDS:
        assert by[kind] >= {"frechet", "kernel", "precision", "recall", "density", "coverage", "two_sample"}
        assert by[kind] & of_classes == (of_classes if kind in NAMING else set())
    assert by["residual"] - by["contrastive"] == of_classes
    pixels = {"closer_pixels", "copied_pixels", "two_sample_pixels", "sharpness", "fine_detail"}
    assert {name for name, judge in floor if judge is None} == pixels


def test_real_images_are_at_their_floor(
    yardstick: Yardstick, real: torch.Tensor, labels: torch.Tensor, floor: Figures
) -> None:
    report = report_on(real, yardstick, name="real", labels=labels)
    assert report.figures == report.floor == floor
    for kind in KINDS:
        assert floor["frechet_ratio", kind].value == 1
        assert floor["precision", kind].value > 0.8
        assert floor["coverage", kind].value > 0.8
        assert abs(floor["two_sample", kind].value - 0.5) < 0.2
    chance = {"closer_pixels": 0.5, "two_sample_pixels": 0.5, "sharpness": 1, "fine_detail": 1}
    for name, expected in chance.items():
        figure = floor[name, None]
        assert figure.error is not None
        assert figure.value == pytest.approx(expected, abs=3 * figure.error), name


def test_order_makes_no_difference(
    reference: Reference, real: torch.Tensor, labels: torch.Tensor, floor: Figures
) -> None:
    """Except to who is in which fold and which subset: chance, by the error that is stated."""
    order = torch.randperm(len(real), generator=seeded())
    for key, figure in figures(real[order], reference, labels[order]).items():
        by_chance = 5 * (figure.error or 0) if key[0].startswith(("two_sample", "kernel")) else 1e-6
        assert figure.value == pytest.approx(floor[key].value, rel=1e-4, abs=by_chance), key


def test_bytes_and_floats_get_the_same_to_the_bit(
    reference: Reference, real: torch.Tensor, labels: torch.Tensor, floor: Figures
) -> None:
    """Also where floats lie between two levels of grey, as a model's do and a picture's on a disk cannot."""
    between = (torch.rand(real.shape, generator=seeded()) * 2 - 1) * 0.4 / 255
    for images in (real / 255, (real / 255 + between).clamp(0, 1)):
        found = figures(images, reference, labels)
        assert found == {key: floor[key] for key in found}


def test_blur_and_noise_are_seen_by_the_figures_of_no_judge(
    reference: Reference, real: torch.Tensor, floor: Figures
) -> None:
    """Blur takes edges and fine detail away, noise gives more of both."""
    soft = figures(blur(real / 255, 0.8), reference)
    noisy = figures(add_noise(real / 255, 0.1, seeded()), reference)
    for name in ("sharpness", "fine_detail"):
        assert soft[name, None].value < 0.9 < floor[name, None].value < 1.1 < noisy[name, None].value
    for found in (soft, noisy):
        assert found["two_sample_pixels", None].value > 0.75


def test_noise_makes_everything_worse(reference: Reference, real: torch.Tensor, floor: Figures) -> None:
    a_little, a_lot = (figures(add_noise(real / 255, level, seeded()), reference) for level in (0.1, 0.5))
    for kind in KINDS:
        for key in (("frechet", kind), ("kernel", kind)):
            assert floor[key].value < a_little[key].value < a_lot[key].value
        assert a_lot["precision", kind].value < floor["precision", kind].value
        assert a_lot["two_sample", kind].value > 0.75


def test_copies_are_caught_and_not_by_the_frechet_distance(reference: Reference, floor: Figures) -> None:
    chosen = torch.randperm(len(reference.train), generator=seeded(5))[: reference.n]
    copies = figures(reference.train.images[chosen], reference)
    for name, judge in (("pixels", None), ("features", reference.first)):
        assert copies[f"copied_{name}", judge].value > 0.95
        assert copies[f"closer_{name}", judge].value > 0.95
        assert floor[f"copied_{name}", judge].value < 0.1
    for kind in KINDS:
        assert copies["frechet", kind].value < 1.3 * floor["frechet", kind].value
        assert copies["two_sample", kind].value < 0.7


def test_labels_and_missing_classes(reference: Reference) -> None:
    judge = Judge(torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(784, 64))).eval()
    answers = judge(NOISE * 2 - 1).argmax(1)
    knowing = replace(reference, judges={"plain": judge})
    found = figures(NOISE, knowing, answers)
    assert found["class_accuracy", "plain"] == Metric("class_accuracy", 1, 0, "plain")
    assert found["classes", "plain"].value == (torch.bincount(answers) > 0).sum()
    asked = torch.where(torch.arange(100) < 25, (answers + 1) % 10, answers)
    wrong = figures(NOISE, knowing, asked)["class_accuracy", "plain"]
    assert wrong.value == 0.75
    assert wrong.error == pytest.approx((0.75 * 0.25 / 100) ** 0.5)


def test_refuses_before_any_judge_looks(
    reference: Reference, real: torch.Tensor, labels: torch.Tensor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("genlab.evaluation.measure.look", None)
    for images, asked, says in (
        (real * torch.nan, labels, "not finite"),
        (real[:99], None, "99 images against a reference of 100"),
        (real, labels[:99], r"labels .* 100 images, got \(99,\)"),
    ):
        with pytest.raises(GenlabError, match=says):
            next(measure(images, reference, asked))


# --- the yardstick ----------------------------------------------------------------------------


def test_what_is_known_already_comes_last(yardstick: Yardstick) -> None:
    more = [Metric("parameters", 12), Metric("nats", 99.5, 0.5)]
    report = report_on(NOISE, yardstick, name="noise", seed=7, more=more)
    assert list(report.figures.values())[-2:] == more
    assert (report.name, report.dataset, report.n, report.seed) == ("noise", "digits", 100, 7)
    assert report.figures["frechet_ratio", "plain"].value > 2


def test_all_test_images_if_no_number_is_named(digits: Digits, judges: Judges) -> None:
    assert make_yardstick(*digits, judges={"plain": judges["plain"]}).reference.n == 360


@pytest.mark.parametrize("n", [LEAST, ENOUGH - 1, ENOUGH])
def test_bars_reach_their_ends(
    n: int, digits: Digits, judges: Judges, capsys: pytest.CaptureFixture[str]
) -> None:
    yardstick = make_yardstick(*digits, n, judges=judges)
    report_on(digits[1].images[:n], yardstick, name="some")
    assert (("frechet_unbiased", "plain") in yardstick.floor) is (n == ENOUGH)
    shown = capsys.readouterr()
    assert shown.out == ""
    ends = [part.split("\r")[-1] for part in shown.err.strip("\n").split("\n")]
    titles = ("judging real images", "figures of real images", "figures of some")
    assert [end.split("|")[0] for end in ends] == [f"{title}: 100%" for title in titles]


@pytest.mark.parametrize(("n", "says"), [(1, "1 images .* 73"), (72, "72"), (361, "361 .* digits has 360")])
def test_a_wrong_number_is_refused_before_judges_are_looked_for(
    n: int, says: str, digits: Digits, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Which, for other data, would mean to train them."""
    monkeypatch.setattr("genlab.evaluation.measure.judges_for", None)
    with pytest.raises(GenlabError, match=says):
        make_yardstick(*digits, n)


@pytest.mark.parametrize("n", [None, 2, 73])
def test_few_test_images_are_told_to_become_more(n: int | None, digits: Digits) -> None:
    """Another number would be refused too: with 2 test images nothing that --n says is right."""
    train, test = digits
    few = replace(test, images=test.images[:2], labels=test.labels[:2])
    with pytest.raises(GenlabError, match=r"digits has 2 test images, .* need 73: add pictures, about 365"):
        make_yardstick(train, few, n)


def test_a_judge_that_guesses_is_noted_in_the_report(yardstick: Yardstick, floor: Figures) -> None:
    for kind, right in zip(NAMING, (0.99, 0.1), strict=True):
        floor = floor | by_key([Metric("class_accuracy", right, None, kind)])
    doubtful = replace(yardstick, floor=floor)
    [note] = doubtful.real.notes
    assert note.startswith("Warning: the residual judge is right on 10% of 100 test images")
    assert report_on(NOISE, doubtful, name="x").notes == (note,)


def test_a_test_set_of_training_images(digits: Digits, judges: Judges) -> None:
    """A beginner's copy: the floor is 0, so there is no ratio, and the notes say why."""
    train, test = digits
    copies = replace(test, images=train.images[:100], labels=train.labels[:100])
    same = replace(train, images=copies.images, labels=copies.labels)
    yardstick = make_yardstick(same, copies, judges=judges)
    report = report_on(NOISE, yardstick, name="noise")
    assert not {"frechet_ratio"} & {name for name, _ in [*report.figures, *report.floor]}
    assert report.figures["frechet", "plain"].value > 0
    assert "100 of 100 test images" in report.notes[-1 - len(KINDS)]
    for note, kind in zip(report.notes[-len(KINDS) :], KINDS, strict=True):
        assert note == f"Fréchet / floor is undefined for the {kind} judge: its floor is 0"
    assert "undefined" in report_text(report)
    with pytest.raises(GenlabError, match="undefined"):
        frechet_ratio(NOISE, yardstick.reference)


def test_records_of_tensors_compare_by_identity(yardstick: Yardstick, reference: Reference) -> None:
    for record in (yardstick, reference, reference.test_pixels, reference.training["plain"]):
        assert record == record
        assert record != replace(record)
