"""Judges for any data: found to the bit, else trained and kept; whatever is damaged is refused in one line.

And of the judges that come with the package: every file is there, and what the index says of it holds.
"""

from dataclasses import replace
from hashlib import sha256
from pathlib import Path

import pytest
import torch
from safetensors.torch import save
from scipy.stats import binomtest

from genlab.data import Dataset, load_dataset
from genlab.errors import GenlabError
from genlab.evaluation.judges.features import look
from genlab.evaluation.judges.files import (
    INDEX,
    SHIPPED,
    JudgeCard,
    doubt_about,
    find_judge,
    judges_for,
    kept_here,
    make_judge,
    read_cards,
    read_judge,
    train_new,
)
from genlab.evaluation.judges.networks import JUDGES, Judge, Kind
from genlab.evaluation.judges.training import held_out_accuracy
from tests.evaluation.conftest import GLANCES, KINDS, NAMING

CARDS = read_cards(SHIPPED)
AT_LEAST = {"mnist": 0.994, "fashion_mnist": 0.92}  # of the class
REMEDY = "delete the folder; genlab judge trains its judges again"


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Nothing is shipped, judges are kept below an empty folder, and three steps are all of training."""
    monkeypatch.setattr("genlab.evaluation.judges.files.SHIPPED", tmp_path / "shipped")
    monkeypatch.setattr("genlab.evaluation.judges.files.project_dir", lambda: tmp_path)
    monkeypatch.setattr("genlab.evaluation.judges.files.default_steps", lambda *_: 3)
    return tmp_path / "data" / "judges"


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Judges that are made in no time."""
    for kind in KINDS:
        monkeypatch.setitem(JUDGES, kind, GLANCES[kind])


def make(dataset: Dataset, kind: Kind = "plain", folder: Path | None = None, seed: int = 0) -> JudgeCard:
    return make_judge(kind, dataset, dataset, folder=folder, steps=1, seed=seed)[1]


def same(a: Judge, b: Judge, images: torch.Tensor) -> bool:
    return torch.equal(look(a, images).features, look(b, images).features)


def refused(dataset: Dataset) -> str:
    """The one line that finding a judge fails with."""
    with pytest.raises(GenlabError) as caught:
        find_judge(dataset, "plain")
    text = str(caught.value)
    assert "\n" not in text
    assert len(text) < 400
    return text


# --- found, or trained and kept ---------------------------------------------------------------


def test_trained_and_kept_the_first_time_and_found_the_second(home: Path, dataset: Dataset) -> None:
    assert kept_here() == home
    assert find_judge(dataset, "plain") is None
    dataset, lines = replace(dataset, class_names=tuple("0123456789ab")), list[str]()
    first = judges_for(dataset, dataset, say=lines.append)
    second = judges_for(dataset, dataset, say=lines.append)
    cards = {card.kind: card for card in read_cards(home)}
    assert tuple(first) == tuple(second) == KINDS
    assert cards.keys() == set(KINDS)
    missing = "No plain and no residual and no contrastive judge of digits yet"
    assert lines[0].startswith(f"{missing}: training now, 9 steps in all, kept in ")
    assert str(home) in lines[0]
    told = [line for line in lines[1:] if not line.startswith("Warning: ")]
    for line, kind in zip(told, [*KINDS, *KINDS], strict=True):
        assert line.startswith(f"{kind} judge")
        assert f"right on {cards[kind].accuracy:.2%}" in line
    for kind, judge in first.items():
        assert same(judge, second[kind], dataset.images)
        assert not second[kind].training
        assert (cards[kind].steps, cards[kind].dataset, cards[kind].num_classes) == (3, "digits", 12)
    assert len({card.seed for card in cards.values()}) == len(KINDS)


@pytest.mark.usefixtures("quick")
@pytest.mark.parametrize("steps", [None, 2])
def test_a_judge_that_guesses_is_used_with_a_warning(
    steps: int | None, dataset: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    rights = iter([0.1, 0.975, 0.975])
    monkeypatch.setattr("genlab.evaluation.judges.files.held_out_accuracy", lambda *_: next(rights))
    for _ in range(1 if steps else 2):  # trained, then found: its card is believed
        lines = list[str]()
        judges_for(dataset, dataset, steps=steps, say=lines.append)
        [warning] = [line for line in lines if line.startswith("Warning: ")]
        assert "the plain judge is right on 10% of 40 test images" in warning
        assert "a guess without looking is on 10%" in warning


@pytest.mark.parametrize(("n", "guess"), [(50, 0.1), (10, 0.9), (100, 0.9), (2, 0.5), (5, 1), (300, 1 / 128)])
def test_who_is_not_clearly_better_than_guessing_is_doubted_by_a_binomial_test(n: int, guess: float) -> None:
    assert doubt_about("plain", guess, n, guess) is not None
    for right in range(n + 1):
        p = binomtest(right, n, guess + (1 - guess) / 10, alternative="greater").pvalue
        assert (doubt_about("plain", right / n, n, guess) is None) is bool(p <= 0.025)


def test_a_quick_look_keeps_nothing_and_takes_what_is_kept(home: Path, dataset: Dataset) -> None:
    lines = list[str]()
    judges_for(dataset, dataset, steps=2, say=lines.append)
    assert not home.exists()
    assert lines[0].startswith("plain judge, 2 steps: right on ")
    kept, _ = make_judge("plain", dataset, dataset)
    again = judges_for(dataset, dataset, steps=2, say=lines.append)
    assert same(again["plain"], kept, dataset.images)
    assert len(read_cards(home)) == 1


@pytest.mark.usefixtures("quick")
@pytest.mark.parametrize("kind", KINDS)
def test_the_seed_decides_weights_too_and_the_global_generator_nothing(kind: Kind, dataset: Dataset) -> None:
    made = []
    for seed in (5, 5, 6):
        torch.rand(1)  # another state each time
        before = torch.random.get_rng_state()
        made.append(train_new(kind, dataset, dataset, steps=2, seed=seed))
        assert torch.equal(torch.random.get_rng_state(), before)
    (one, right), (two, _), (other, _) = made
    assert same(one, two, dataset.images)
    assert not same(one, other, dataset.images)
    assert right == held_out_accuracy(one, dataset)


@pytest.mark.usefixtures("quick")
def test_a_judge_is_for_exactly_its_images(dataset: Dataset) -> None:
    card = make(replace(dataset, name="/somewhere/else/shapes.npz"))
    assert card.file == f"shapes-{dataset.fingerprint[:8]}-plain.safetensors"
    assert find_judge(dataset, "residual") is None
    assert find_judge(dataset, "plain") is not None
    assert find_judge(replace(dataset, labels=dataset.labels.flip(0)), "plain") is None


@pytest.mark.usefixtures("quick")
def test_a_new_judge_takes_the_place_of_the_old_and_of_no_other(home: Path, dataset: Dataset) -> None:
    make(dataset), make(replace(dataset, images=dataset.images.flip(3))), make(dataset, "residual")
    again = make(dataset, seed=1)
    cards = read_cards(home)
    assert len(cards) == 3
    assert again in cards
    assert {path.name for path in home.iterdir()} == {INDEX, *(card.file for card in cards)}
    assert find_judge(dataset, "plain") is not None


# --- what is refused --------------------------------------------------------------------------


@pytest.mark.parametrize("content", [b"no tensors", save({"head.weight": torch.zeros(1)}), save({})])
def test_another_file_is_refused_also_if_its_hash_agrees(
    content: bytes, home: Path, dataset: Dataset
) -> None:
    card = make(dataset)
    path = home / card.file
    path.write_bytes(content)
    line = refused(dataset)
    assert line.startswith(f"{path} is damaged (")
    assert line.endswith(REMEDY)
    index = (home / INDEX).read_text()
    (home / INDEX).write_text(index.replace(card.sha256, sha256(content).hexdigest()))
    line = refused(dataset)
    assert line.startswith(str(path))
    assert line.endswith(REMEDY)


@pytest.mark.usefixtures("quick")
@pytest.mark.parametrize(
    "content", [b"[", b"", b"null", b'["plain"]', b"[]", b"\xff\xfe\xff", b"[" * 100_000]
)
def test_a_damaged_index_is_refused(content: bytes, home: Path, dataset: Dataset) -> None:
    make(dataset)
    (home / INDEX).write_bytes(content)
    assert refused(dataset) == f"{home / INDEX} is damaged: {REMEDY}"
    with pytest.raises(GenlabError, match="is damaged"):
        make(dataset)


@pytest.mark.usefixtures("quick")
def test_what_came_with_the_package_has_another_remedy(dataset: Dataset, tmp_path: Path) -> None:
    make(dataset, folder=tmp_path / "shipped")
    (tmp_path / "shipped" / INDEX).write_text("[")
    assert refused(dataset).endswith("install genlab again, or git restore it")


def test_a_folder_is_refused_before_any_training(
    dataset: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("genlab.evaluation.judges.files.train_new", None)
    (tmp_path / "file").write_text("")
    with pytest.raises(GenlabError, match=r"file/judges \(Not a directory\)"):
        make(dataset, folder=tmp_path / "file" / "judges")
    (tmp_path / "judges" / INDEX).mkdir(parents=True)
    with pytest.raises(GenlabError, match="is damaged"):
        make(dataset, folder=tmp_path / "judges")


# --- the judges that come with the package ----------------------------------------------------


def test_the_index_lists_every_file_and_no_other() -> None:
    assert CARDS
    assert {path.name for path in SHIPPED.glob("*.safetensors")} == {card.file for card in CARDS}
    fingerprints = {card.dataset: card.fingerprint for card in CARDS}
    expected = {(name, fingerprint, kind) for name, fingerprint in fingerprints.items() for kind in KINDS}
    assert sorted((card.dataset, card.fingerprint, card.kind) for card in CARDS) == sorted(expected)
    assert fingerprints.keys() == {"mnist", "fashion_mnist", "digits"}


@pytest.mark.parametrize("card", CARDS, ids=[card.file for card in CARDS])
def test_a_shipped_judge_is_as_good_as_its_card_says(card: JudgeCard, request: pytest.FixtureRequest) -> None:
    judge = read_judge(SHIPPED, card)
    assert card.accuracy >= (AT_LEAST.get(card.dataset, 0.9) if card.kind in NAMING else 0.8)
    root = None if card.dataset == "digits" else request.getfixturevalue("real_data")
    train, test = (load_dataset(card.dataset, split, root) for split in ("train", "test"))
    assert train.fingerprint == card.fingerprint
    right = held_out_accuracy(judge, test)
    assert right == pytest.approx(card.accuracy, abs=2.5 / len(test))  # other processors round otherwise
