from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from sklearn.datasets import load_digits

from genlab.data import load_dataset
from genlab.data.load import is_path
from genlab.errors import GenlabError


def error_of(call: Callable[[], object]) -> str:
    """The one line that a call fails with."""
    with pytest.raises(GenlabError) as caught:
        call()
    text = str(caught.value)
    assert "\n" not in text
    return text


# --- digits -----------------------------------------------------------------------------------


def test_digits_are_scikit_learns_split_in_two() -> None:
    train, test = load_dataset("digits", "train"), load_dataset("digits", "test")
    assert len(train) + len(test) == 1797
    assert (train.split, test.split, train.name) == ("train", "test", "digits")
    for split in (train, test):
        assert split.images.dtype == torch.uint8
        assert split.images.shape[1:] == (1, 28, 28)
        assert split.labels.dtype == torch.int64
        assert split.labels.unique().tolist() == list(range(10))
        assert split.images.amax() > 200
        assert not split.images[..., :4].any()  # MNIST's empty margin

    # Every fifth scan is in the test split; shrunk again, the images are the scans.
    scans = torch.from_numpy(load_digits().images).float() * 255 / 16
    kept = torch.arange(1797) % 5 != 0
    small = torch.nn.functional.interpolate(
        train.images[:, :, 4:24, 4:24].float(), size=(8, 8), mode="bilinear", antialias=True
    )
    for_each = torch.stack([small[:, 0].flatten(1), scans[kept].flatten(1)])
    correlation = torch.nn.functional.cosine_similarity(for_each[0], for_each[1])
    assert correlation.min() > 0.9
    assert torch.equal(train.labels, torch.from_numpy(load_digits().target)[kept])


def test_an_unknown_name_or_split() -> None:
    assert error_of(lambda: load_dataset("mnits")) == (
        "unknown data set 'mnits': did you mean 'mnist'? (a folder of your own is written as a path, ./mnits)"
    )
    assert "choose from auto, mnist, fashion_mnist, digits" in error_of(lambda: load_dataset("xyz"))
    assert "choose train or test" in error_of(lambda: load_dataset("digits", "valid"))  # type: ignore[arg-type]


def test_a_folder_that_lies_here_is_written_as_a_path(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "shapes").mkdir()
    monkeypatch.chdir(tmp_path)
    text = error_of(lambda: load_dataset("shapes"))
    assert text.startswith("unknown data set 'shapes': to load what lies here")
    assert text.endswith("./shapes")
    assert "did you mean 'digits'" in error_of(lambda: load_dataset("digit"))
    (tmp_path / "digits").mkdir()
    assert load_dataset("digits").name == "digits"  # a known name is never a folder
    assert "unknown data set ''" in error_of(lambda: load_dataset(""))


@pytest.mark.parametrize(
    "name", ["./x", "../x", ".", "..", "~/x", "~", "/x", "a/b", "x.npz", "X.NPZ", "x/", Path("x")]
)
def test_what_is_a_path(name: str | Path) -> None:
    assert is_path(name)


@pytest.mark.parametrize("name", ["mnist", "auto", "x", "my shapes", "x.png", "", "x.npz.bak"])
def test_what_is_not(name: str) -> None:
    assert not is_path(name)
