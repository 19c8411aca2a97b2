"""The floor that is made once, and reports that are measured against it."""

from dataclasses import replace

import pytest
import torch

from genlab.data import Dataset
from genlab.errors import GenlabError
from genlab.evaluation.curves import frechet_ratio
from genlab.evaluation.judges.networks import Judge, Kind
from genlab.evaluation.measure import Yardstick, make_yardstick, report_on
from genlab.evaluation.report import Metric, report_text

Digits = tuple[Dataset, Dataset]


def test_real_images_are_at_their_floor(yardstick: Yardstick) -> None:
    reference = yardstick.reference
    real = reference.test.images[reference.held_out]
    labels = reference.test.labels[reference.held_out]
    report = report_on(real, yardstick, name="real", labels=labels)
    assert report.figures == yardstick.floor == report.floor
    assert report.figures["frechet_ratio", "residual"].value == 1


def test_what_is_known_already_comes_last(yardstick: Yardstick) -> None:
    images = torch.rand(100, 1, 28, 28, generator=torch.Generator().manual_seed(0))
    more = [Metric("parameters", 12), Metric("nats", 99.5, 0.5)]
    report = report_on(images, yardstick, name="noise", seed=7, more=more)
    assert list(report.figures.values())[-2:] == more
    assert (report.name, report.dataset, report.n, report.seed) == ("noise", "digits", 100, 7)
    assert report.figures["frechet_ratio", "plain"].value == pytest.approx(
        report.figures["frechet", "plain"].value / yardstick.floor["frechet", "plain"].value
    )
    assert report.figures["frechet_ratio", "plain"].value > 2


def test_all_test_images_if_no_number_is_named(digits: Digits, judges: dict[Kind, Judge]) -> None:
    one: dict[Kind, Judge] = {"plain": judges["plain"]}
    yardstick = make_yardstick(*digits, judges=one)
    assert yardstick.reference.n == 360
    assert ("frechet_unbiased", "plain") in yardstick.floor


def test_a_wrong_number_is_refused_before_judges_are_looked_for(
    digits: Digits, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Which, for other data, would mean to train them."""

    def judges_for(*_: object, **__: object) -> None:
        raise AssertionError("judges were asked for")

    monkeypatch.setattr("genlab.evaluation.measure.judges_for", judges_for)
    for n in (72, 361):
        with pytest.raises(GenlabError, match=str(n)):
            make_yardstick(*digits, n)


def test_few_test_images_are_told_to_become_more(digits: Digits) -> None:
    """Another number would be refused too: with 2 test images nothing that --n says is right."""
    train, test = digits
    few = replace(test, images=test.images[:2], labels=test.labels[:2])
    for n in (None, 2, 73):
        with pytest.raises(
            GenlabError, match=r"digits has 2 test images, .* need 73: add pictures, about 365"
        ):
            make_yardstick(train, few, n)


def test_a_judge_that_guesses_is_noted_in_the_report(
    digits: Digits, yardstick: Yardstick, monkeypatch: pytest.MonkeyPatch
) -> None:
    floor = dict(yardstick.floor)
    floor["class_accuracy", "plain"] = Metric("class_accuracy", 0.99, None, "plain")
    floor["class_accuracy", "residual"] = Metric("class_accuracy", 0.1, None, "residual")
    doubtful = replace(yardstick, floor=floor)
    [note] = doubtful.real.notes
    assert note.startswith("Warning: the residual judge is right on 10% of 100 test images")
    images = doubtful.reference.test.images[:100]
    assert report_on(images, doubtful, name="x").notes == (note,)


def test_bars_reach_their_ends(
    digits: Digits, judges: dict[Kind, Judge], capsys: pytest.CaptureFixture[str]
) -> None:
    make_yardstick(*digits, 73, judges=judges)  # the smallest number, too
    shown = capsys.readouterr()
    assert shown.out == ""
    looks, figures = (part.split("\r")[-1] for part in shown.err.strip("\n").split("\n"))
    assert looks.startswith("judging real images: 100%")
    assert figures.startswith("figures of real images: 100%")


def test_a_test_set_of_training_images(digits: Digits, judges: dict[Kind, Judge]) -> None:
    """A beginner's copy: the floor is 0, so there is no ratio, and the notes say why."""
    train, test = digits
    copies = replace(test, images=train.images[:100], labels=train.labels[:100])
    same = replace(train, images=copies.images, labels=copies.labels)
    yardstick = make_yardstick(same, copies, judges=judges)
    images = torch.rand(100, 1, 28, 28, generator=torch.Generator().manual_seed(0))
    report = report_on(images, yardstick, name="noise")
    assert not {"frechet_ratio"} & {name for name, _ in [*report.figures, *report.floor]}
    assert report.figures["frechet", "plain"].value > 0
    assert "100 of 100 test images" in report.notes[-3]
    assert "undefined" in report.notes[-1]
    assert "undefined" in report_text(report)
    with pytest.raises(GenlabError, match="undefined"):
        frechet_ratio(images, yardstick.reference)


def test_records_of_tensors_compare_by_identity(yardstick: Yardstick) -> None:
    reference = yardstick.reference
    for record in (yardstick, reference, reference.test_pixels, reference.training["plain"]):
        assert record == record
        assert record != replace(record)
