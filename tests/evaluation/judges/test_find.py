"""Judges for any data: found, else trained and kept, or trained in a few steps and not kept."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch

from genlab.data import Dataset
from genlab.evaluation.judges.features import look
from genlab.evaluation.judges.files import read_cards
from genlab.evaluation.judges.find import judges_for, make_judge, train_new
from genlab.evaluation.judges.networks import JUDGES, Judge
from tests.evaluation.conftest import glance


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Nothing is shipped, judges are kept below an empty folder, and three steps are all of training."""
    monkeypatch.setattr("genlab.evaluation.judges.files.SHIPPED", tmp_path / "shipped")
    monkeypatch.setattr("genlab.evaluation.judges.files.project_dir", lambda: tmp_path)
    monkeypatch.setattr("genlab.evaluation.judges.find.default_steps", lambda _: 3)
    return tmp_path / "data" / "judges"


def same(a: Judge, b: Judge, images: torch.Tensor) -> bool:
    return torch.equal(look(a, images).features, look(b, images).features)


def test_trained_and_kept_the_first_time_and_found_the_second(home: Path, dataset: Dataset) -> None:
    test, lines = replace(dataset, split="test"), list[str]()
    first = judges_for(dataset, test, say=lines.append)
    second = judges_for(dataset, test, say=lines.append)
    cards = {card.kind: card for card in read_cards(home)}
    assert list(first) == list(second) == ["plain", "residual"] == list(cards)
    assert lines.pop(0) == (
        f"No plain and no residual judge of digits yet: training now, 3 steps each, kept in {home} and found "
        "there the next time"
    )
    lines = [line for line in lines if not line.startswith("Warning: ")]
    for line, kind in zip(lines, [*first, *second], strict=True):
        assert line.startswith(f"{kind} judge")
        assert f"right on {cards[kind].accuracy:.2%}" in line
    for kind, judge in first.items():
        assert same(judge, second[kind], dataset.images)
        assert (cards[kind].steps, cards[kind].dataset) == (3, "digits")
    assert cards["plain"].seed != cards["residual"].seed


@pytest.mark.parametrize("steps", [None, 2])
def test_a_judge_that_guesses_is_used_with_a_warning(
    steps: int | None, dataset: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    test, lines = replace(dataset, split="test"), list[str]()
    guess, good = dataset.labels.bincount().max().item() / 40, 0.975
    monkeypatch.setitem(JUDGES, "plain", glance)
    monkeypatch.setitem(JUDGES, "residual", glance)
    rights = iter([guess, good])
    monkeypatch.setattr("genlab.evaluation.judges.find.conditional_accuracy", lambda *_: next(rights))
    for _ in range(1 if steps else 2):  # trained, then found: its card is believed
        lines.clear()
        judges_for(dataset, test, steps=steps, say=lines.append)
        [warning] = [line for line in lines if line.startswith("Warning: ")]
        assert warning == (
            f"Warning: the plain judge is right on {guess:.0%} of 40 test images, and naming the most "
            f"frequent class is on {guess:.0%}: its figures say little. Add images, or train it longer, "
            "genlab judge --steps"
        )


def test_a_quick_look_keeps_nothing_and_takes_what_is_kept(home: Path, dataset: Dataset) -> None:
    lines = list[str]()
    judges_for(dataset, dataset, steps=2, say=lines.append)
    assert not home.exists()
    assert lines[0].startswith("plain judge, 2 steps: right on ")
    kept, _ = make_judge("plain", dataset, dataset)
    again = judges_for(dataset, dataset, steps=2, say=lines.append)
    assert same(again["plain"], kept, dataset.images)
    assert len(list(read_cards(home))) == 1


def test_the_seed_decides_weights_too_and_the_global_generator_nothing(
    dataset: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(JUDGES, "plain", glance)
    before = torch.random.get_rng_state()
    (one, right), (two, _), (other, _) = (
        train_new("plain", dataset, dataset, steps=2, seed=seed) for seed in (5, 5, 6)
    )
    assert torch.equal(torch.random.get_rng_state(), before)
    assert same(one, two, dataset.images)
    assert not same(one, other, dataset.images)
    expected = (one(dataset.images / 255 * 2 - 1).argmax(1) == dataset.labels).double().mean()
    assert right == pytest.approx(expected.item())


def test_another_number_of_classes(dataset: Dataset) -> None:
    three = replace(dataset, labels=dataset.labels % 3, class_names=("a", "b", "c"))
    judge, card = make_judge("residual", three, three, steps=1)
    assert judge.head.out_features == card.num_classes == 3
