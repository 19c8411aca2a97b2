import itertools
from dataclasses import replace
from types import SimpleNamespace

import pytest
import torch

from genlab.data import Dataset
from genlab.errors import GenlabError
from genlab.training.batches import batches, images_per_step, save_interval, steps_per_epoch, total_steps
from genlab.training.settings import TrainConfig


@pytest.fixture
def numbered(dataset: Dataset) -> Dataset:
    """Forty images whose labels are their numbers."""
    return replace(dataset, labels=torch.arange(40), class_names=tuple(map(str, range(40))))


def seen(dataset: Dataset, config: TrainConfig, steps: int, first: int = 1) -> list[list[list[int]]]:
    """Per step, per batch, the numbers of the images."""
    made = itertools.islice(batches(dataset, config, first), steps)
    return [[labels.tolist() for _, labels in parts] for parts in made]


def as_process(monkeypatch: pytest.MonkeyPatch, index: int, count: int) -> None:
    ranks = SimpleNamespace(num_processes=count, process_index=index)
    monkeypatch.setattr("genlab.training.batches.processes", lambda: ranks)


@pytest.mark.parametrize("batch_size", [1, 7, 8, 40, 64])
def test_any_step_can_be_the_first(batch_size: int, numbered: Dataset) -> None:
    config = TrainConfig(batch_size=batch_size)
    whole = seen(numbered, config, 100)
    for first in (1, 2, 5, 6, 41, 83):
        assert seen(numbered, config, 10, first) == whole[first - 1 :][:10]


def test_an_epoch_shows_every_image_once_in_an_order_of_its_own(numbered: Dataset) -> None:
    orders = seen(numbered, TrainConfig(batch_size=8), 15)
    epochs = [list(itertools.chain(*itertools.chain(*orders[i : i + 5]))) for i in (0, 5, 10)]
    assert all(sorted(epoch) == list(range(40)) for epoch in epochs)
    assert len({tuple(epoch) for epoch in epochs}) == 3
    other = seen(numbered, TrainConfig(batch_size=8, seed=1), 5)
    assert other != orders[:5]


def test_the_order_owes_nothing_to_the_global_generator(numbered: Dataset) -> None:
    config = TrainConfig(batch_size=8)
    torch.manual_seed(1)
    one = seen(numbered, config, 7)
    torch.manual_seed(2)
    state = torch.get_rng_state()
    assert seen(numbered, config, 7) == one
    assert torch.equal(torch.get_rng_state(), state)


@pytest.mark.parametrize(("count", "accumulate"), [(2, 1), (1, 2), (2, 2), (4, 3)])
def test_processes_and_accumulation_share_out_one_big_batch(
    count: int, accumulate: int, numbered: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = seen(numbered, TrainConfig(batch_size=3 * count * accumulate), 5)
    config = TrainConfig(batch_size=3, gradient_accumulation_steps=accumulate)
    each = []
    for index in range(count):
        as_process(monkeypatch, index, count)
        assert images_per_step(config) == 3 * count * accumulate
        each.append(seen(numbered, config, 5))
    for step in range(5):
        # Round by round, the processes' batches side by side are the big batch, in its order.
        rounds = [each[index][step][part] for part in range(accumulate) for index in range(count)]
        assert all(len(batch) == 3 for batch in rounds)
        assert list(itertools.chain(*rounds)) == whole[step][0]


def test_images_are_those_of_the_labels_in_minus_one_to_one(numbered: Dataset) -> None:
    [(images, labels)] = next(batches(numbered, TrainConfig(batch_size=8)))
    expected = numbered.images[labels].float() / 127.5 - 1
    torch.testing.assert_close(images, expected)


def test_few_images_are_one_short_step(numbered: Dataset, monkeypatch: pytest.MonkeyPatch) -> None:
    few = replace(numbered, images=numbered.images[:5], labels=numbered.labels[:5])
    config = TrainConfig(batch_size=8, epochs=3)
    assert (steps_per_epoch(few, config), total_steps(few, config)) == (1, 3)
    assert sorted(seen(few, config, 1)[0][0]) == list(range(5))
    sizes = []
    for index in range(2):
        as_process(monkeypatch, index, 2)
        sizes += [len(batch) for [batch] in seen(few, config, 1)]
    assert sizes == [2, 2]
    as_process(monkeypatch, 0, 6)
    with pytest.raises(GenlabError, match="5 images cannot fill the 6 batches of a step"):
        next(batches(few, config))


def test_few_images_are_saved_less_often(numbered: Dataset) -> None:
    assert save_interval(numbered, TrainConfig(batch_size=8)) == 200
    many = replace(numbered, images=numbered.images.repeat(99, 1, 1, 1), labels=numbered.labels.repeat(99))
    assert save_interval(many, TrainConfig(batch_size=10)) == 396
