import hashlib
import io
from dataclasses import replace

import numpy as np
import pytest
import torch
from PIL import Image

from genlab.data import Dataset, to_bytes, to_signed, to_unit
from genlab.data.dataset import shared_images
from genlab.errors import GenlabError

# --- the two crossings ------------------------------------------------------------------------


def test_to_signed_and_to_unit_agree_on_every_grey_level() -> None:
    grey = torch.arange(256, dtype=torch.uint8)
    signed, unit = to_signed(grey), to_unit(grey)
    assert signed.dtype == unit.dtype == torch.float32
    assert (signed[0].item(), signed[-1].item()) == (-1, 1)
    assert (unit[0].item(), unit[-1].item()) == (0, 1)
    torch.testing.assert_close(unit, torch.linspace(0, 1, 256))
    torch.testing.assert_close(to_unit(signed), unit)
    torch.testing.assert_close(to_signed(unit), signed)
    assert torch.equal((to_unit(signed) * 255).round().to(torch.uint8), grey)
    assert torch.equal(grey, torch.arange(256, dtype=torch.uint8))  # all left alone
    torch.testing.assert_close(signed, torch.linspace(-1, 1, 256))
    assert to_unit(torch.tensor([-3.0, 3.0])).tolist() == [0, 1]  # what a model overshoots


def test_to_bytes_is_the_nearest_grey_level_and_what_a_png_file_holds() -> None:
    """Against Python's own arithmetic; half way between two levels either is as near."""
    values = torch.linspace(-0.5, 1.5, 4001)
    for value, grey in zip(values.double().tolist(), to_bytes(values).tolist(), strict=True):
        assert abs(grey - min(max(value, 0), 1) * 255) <= 0.5 + 1e-4
    grey = torch.arange(256, dtype=torch.uint8)
    assert to_bytes(grey) is grey
    for between in (-0.4, 0, 0.4):
        assert torch.equal(to_bytes(to_unit(grey) + between / 255), grey)
    buffer = io.BytesIO()
    Image.fromarray(to_bytes(to_unit(grey.reshape(16, 16))).numpy()).save(buffer, "PNG")
    assert np.asarray(Image.open(buffer)).flatten().tolist() == list(range(256))


# --- Dataset and its batches ------------------------------------------------------------------


def test_a_data_set_says_in_one_line_what_it_is(dataset: Dataset) -> None:
    assert len(dataset) == 40
    assert dataset.num_classes == 10
    assert repr(dataset) == "digits (train): 40 images of 1x28x28. Made up for a test."


def marked(n: int) -> Dataset:
    """Every image is filled with its own number, which is its label too."""
    numbers = torch.arange(n)
    images = numbers.to(torch.uint8).reshape(n, 1, 1, 1).expand(n, 1, 28, 28).contiguous()
    return Dataset("digits", "train", images, numbers, tuple(map(str, range(n))), "")


@pytest.mark.parametrize(("n", "batch_size"), [(40, 8), (41, 8), (7, 7), (9, 4), (5, 1), (5, 128)])
def test_an_epoch_shows_an_image_once_and_drops_only_a_short_batch(n: int, batch_size: int) -> None:
    batches = list(marked(n).batches(batch_size, generator=torch.Generator().manual_seed(0)))
    sizes = [batch_size] * (n // batch_size) or [n]
    assert [len(images) for images, _ in batches] == sizes
    labels = torch.cat([labels for _, labels in batches])
    assert len(labels.unique()) == len(labels) == sum(sizes)
    images = torch.cat([images for images, _ in batches])
    assert torch.equal((to_unit(images[:, 0, 3, 5]) * 255).round().long(), labels)
    assert images.dtype == torch.float32
    assert images.shape[1:] == (1, 28, 28)


def test_the_generator_decides_the_order_and_gives_a_new_one_each_epoch() -> None:
    def order(generator: torch.Generator) -> list[int]:
        return torch.cat([labels for _, labels in marked(40).batches(8, generator=generator)]).tolist()

    one, same = torch.Generator().manual_seed(1), torch.Generator().manual_seed(1)
    first = order(one)
    assert first == order(same)
    assert first != sorted(first)
    assert first != order(one)


def test_an_impossible_batch_size_is_refused() -> None:
    with pytest.raises(GenlabError, match="at least 1, got 0"):
        next(marked(5).batches(0))


# --- the fingerprint --------------------------------------------------------------------------


def test_the_fingerprint_is_the_hash_of_the_bytes(dataset: Dataset) -> None:
    pixels = bytes(dataset.images.flatten().tolist())
    labels = b"".join(label.to_bytes(8, "little") for label in dataset.labels.tolist())
    assert dataset.fingerprint == hashlib.sha256(pixels + labels).hexdigest()
    assert dataset.fingerprint is dataset.fingerprint  # computed once


def test_other_pixels_labels_or_orders_have_other_fingerprints(dataset: Dataset) -> None:
    images = dataset.images.clone()
    images[17, 0, 20, 3] ^= 1
    other = [
        replace(dataset, images=images),
        replace(dataset, labels=dataset.labels.roll(1)),
        replace(dataset, images=dataset.images.flip(0), labels=dataset.labels.flip(0)),
    ]
    assert len({data.fingerprint for data in (dataset, *other)}) == 4


def test_neither_name_nor_memory_layout_matters(dataset: Dataset) -> None:
    spread = dataset.images.permute(3, 2, 1, 0).contiguous().permute(3, 2, 1, 0)
    assert not spread.is_contiguous()
    same = replace(dataset, images=spread, name="other", source="elsewhere").to("cpu")
    assert same.fingerprint == dataset.fingerprint


# --- comparing --------------------------------------------------------------------------------


def test_data_sets_can_be_compared(dataset: Dataset) -> None:
    assert dataset != replace(dataset)


def test_shared_images_counts_test_images_that_are_trained_on() -> None:
    images = marked(9).images
    assert shared_images(images[:5], images[5:]) == 0
    assert shared_images(images[:5], images[3:]) == 2
    assert shared_images(images, images[[0, 0, 8]]) == 3
