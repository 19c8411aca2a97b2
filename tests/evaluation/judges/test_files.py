"""Judges that are kept are found again to the bit; whatever is damaged is refused in one line.

And of the judges that come with the package: every file is there, and what the index says of it holds.
"""

import json
from collections.abc import Callable
from dataclasses import replace
from hashlib import sha256
from pathlib import Path

import pytest
import torch
from safetensors.torch import save

from genlab.data import Dataset, load_dataset
from genlab.errors import GenlabError
from genlab.evaluation.judges.features import look
from genlab.evaluation.judges.files import (
    INDEX,
    SHIPPED,
    JudgeCard,
    find_judge,
    keep_judge,
    kept_here,
    read_cards,
    read_judge,
)
from genlab.evaluation.judges.networks import JUDGES, Kind
from genlab.evaluation.metrics.classes import conditional_accuracy

CARDS = list(read_cards(SHIPPED))
AT_LEAST = {"mnist": 0.994, "fashion_mnist": 0.92}


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Nothing is shipped, and judges are kept below an empty folder."""
    monkeypatch.setattr("genlab.evaluation.judges.files.SHIPPED", tmp_path / "shipped")
    monkeypatch.setattr("genlab.evaluation.judges.files.project_dir", lambda: tmp_path)
    return tmp_path / "data" / "judges"


def keep(folder: Path, dataset: Dataset, kind: Kind = "plain", seed: int = 0) -> JudgeCard:
    """Keep a judge that was never trained."""
    torch.manual_seed(seed)
    judge = JUDGES[kind](dataset.num_classes).eval()
    return keep_judge(judge, folder, kind=kind, dataset=dataset, seed=seed, steps=1, accuracy=0.25)


def refused(dataset: Dataset, kind: Kind = "plain") -> str:
    """The one line that finding a judge fails with."""
    with pytest.raises(GenlabError) as caught:
        find_judge(dataset, kind)
    text = str(caught.value)
    assert "\n" not in text
    assert len(text) < 400
    return text


# --- kept and found ---------------------------------------------------------------------------


def test_a_kept_judge_answers_as_before(home: Path, dataset: Dataset) -> None:
    assert kept_here() == home
    assert find_judge(dataset, "plain") is None
    torch.manual_seed(7)
    for kind, make in JUDGES.items():
        judge = make(10)
        judge(torch.rand(9, 1, 28, 28))  # the normalisation remembers something
        judge.eval()
        before = look(judge, dataset.images)  # which also puts its weights in another order in memory
        card = keep_judge(judge, home, kind=kind, dataset=dataset, seed=7, steps=1, accuracy=0.5)
        found = find_judge(dataset, kind)
        assert found is not None
        assert found[1] == card
        assert not found[0].training
        after = look(found[0], dataset.images)
        assert torch.equal(after.features, before.features)
        assert torch.equal(after.answers, before.answers)
    assert [card.kind for card in read_cards(home)] == ["plain", "residual"]


def test_a_judge_is_for_exactly_its_images(home: Path, dataset: Dataset) -> None:
    keep(home, dataset)
    assert find_judge(dataset, "residual") is None
    assert find_judge(replace(dataset, name="another"), "plain") is not None
    assert find_judge(replace(dataset, labels=dataset.labels.flip(0)), "plain") is None


def test_a_new_judge_takes_the_place_of_the_old_and_of_no_other(home: Path, dataset: Dataset) -> None:
    other = replace(dataset, images=dataset.images.flip(3))
    keep(home, dataset), keep(home, other), keep(home, dataset, "residual")
    again = keep(home, dataset, seed=1)
    assert len(list(read_cards(home))) == 3
    assert again in read_cards(home)
    assert {path.name for path in home.iterdir()} == {INDEX, *(card.file for card in read_cards(home))}
    assert find_judge(dataset, "plain") is not None


def test_of_own_data_the_file_is_named_after_the_last_part_of_the_path(home: Path, dataset: Dataset) -> None:
    card = keep(home, replace(dataset, name="/somewhere/else/shapes.npz"))
    assert card.file == f"shapes-{dataset.fingerprint[:8]}-plain.safetensors"


# --- what is refused --------------------------------------------------------------------------


def test_a_changed_byte_is_refused(home: Path, dataset: Dataset) -> None:
    path = home / keep(home, dataset).file
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)
    line = refused(dataset)
    assert line.startswith(f"{path} is damaged (")
    assert "SHA-256" in line
    assert line.endswith("delete the folder; genlab judge trains its judges again")


def test_a_changed_hash_in_the_index_is_refused(home: Path, dataset: Dataset) -> None:
    keep(home, dataset)
    [entry] = json.loads((home / INDEX).read_text())
    (home / INDEX).write_text(json.dumps([entry | {"sha256": "0" * 64}]))
    assert "SHA-256 differs" in refused(dataset)


def test_a_missing_file_is_refused(home: Path, dataset: Dataset) -> None:
    path = home / keep(home, dataset).file
    path.unlink()
    assert refused(dataset).startswith(f"{path} cannot be read (No such file or directory)")
    path.mkdir()
    assert "(Is a directory)" in refused(dataset)


@pytest.mark.parametrize(
    "content", [b"no tensors", save({"head.weight": torch.zeros(1)}), save({}), b"", b"\xff" * 100]
)
def test_a_file_with_other_tensors_is_refused_though_its_hash_agrees(
    content: bytes, home: Path, dataset: Dataset
) -> None:
    path = home / keep(home, dataset).file
    path.write_bytes(content)
    [entry] = json.loads((home / INDEX).read_text())
    (home / INDEX).write_text(json.dumps([entry | {"sha256": sha256(content).hexdigest()}]))
    line = refused(dataset)
    assert "safetensors" in line
    assert line.endswith("genlab judge trains its judges again")


@pytest.mark.parametrize(
    "spoil",
    [
        lambda entry: "[",
        lambda entry: "",
        lambda entry: "\0",
        lambda entry: "5",
        lambda entry: "null",
        lambda entry: '["plain"]',
        lambda entry: json.dumps([entry | {"kind": "psychic"}]),
        lambda entry: json.dumps([entry | {"colour": "blue"}]),
        lambda entry: json.dumps([entry | {"accuracy": 1.5}]),
        lambda entry: json.dumps([entry | {"num_classes": 0}]),
        lambda entry: json.dumps([{key: entry[key] for key in list(entry)[1:]}]),
        lambda entry: json.dumps(entry),
        lambda entry: "[" * 100_000,
    ],
)
def test_a_damaged_index_is_refused(spoil: Callable[[object], str], home: Path, dataset: Dataset) -> None:
    keep(home, dataset)
    [entry] = json.loads((home / INDEX).read_text())
    (home / INDEX).write_text(spoil(entry))
    expected = f"{home / INDEX} is damaged: delete the folder; genlab judge trains its judges again"
    assert refused(dataset) == expected
    with pytest.raises(GenlabError, match="is damaged"):
        keep(home, dataset)


def test_an_index_that_is_a_folder_or_other_bytes(home: Path, dataset: Dataset) -> None:
    keep(home, dataset)
    (home / INDEX).write_bytes(b"\xff\xfe\xff")
    assert "is damaged" in refused(dataset)
    (home / INDEX).unlink()
    (home / INDEX).mkdir()
    assert "is damaged" in refused(dataset)


def test_what_came_with_the_package_has_another_remedy(home: Path, dataset: Dataset, tmp_path: Path) -> None:
    keep(tmp_path / "shipped", dataset)
    (tmp_path / "shipped" / INDEX).write_text("[")
    assert refused(dataset).endswith("install genlab again, or git restore it")


def test_a_folder_that_cannot_be_written_to(dataset: Dataset, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(GenlabError, match=r"file/judges \(Not a directory\)"):
        keep(tmp_path / "file" / "judges", dataset)


# --- the judges that come with the package ----------------------------------------------------


def test_the_index_lists_every_file_and_no_other() -> None:
    assert CARDS
    assert {path.name for path in SHIPPED.glob("*.safetensors")} == {card.file for card in CARDS}
    assert len({(card.fingerprint, card.kind) for card in CARDS}) == len(CARDS)


@pytest.mark.parametrize("card", CARDS, ids=[card.file for card in CARDS])
def test_a_shipped_judge_is_as_good_as_its_card_says(card: JudgeCard, request: pytest.FixtureRequest) -> None:
    assert sha256((SHIPPED / card.file).read_bytes()).hexdigest() == card.sha256
    judge = read_judge(SHIPPED, card)
    assert card.accuracy >= AT_LEAST.get(card.dataset, 0.9)
    root = None if card.dataset == "digits" else request.getfixturevalue("real_data")
    train, test = (load_dataset(card.dataset, split, root) for split in ("train", "test"))
    assert train.fingerprint == card.fingerprint
    right = conditional_accuracy(look(judge, test.images).answers, test.labels)
    assert right == pytest.approx(card.accuracy, abs=2.5 / len(test))  # other processors round otherwise
