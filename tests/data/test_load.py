from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from sklearn.datasets import load_digits

from genlab.data import class_names, load_dataset
from genlab.data.load import is_path

Refused = Callable[..., str]


def test_digits_are_scikit_learns_split_in_two() -> None:
    train, test = load_dataset("digits", "train"), load_dataset("digits", "test")
    assert len(train) + len(test) == 1797
    assert (train.split, test.split, train.name) == ("train", "test", "digits")
    assert class_names("digits") == train.class_names
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
    correlation = torch.nn.functional.cosine_similarity(small[:, 0].flatten(1), scans[kept].flatten(1))
    assert correlation.min() > 0.9
    assert torch.equal(train.labels, torch.from_numpy(load_digits().target)[kept])


def test_an_unknown_name_or_split(refused: Refused) -> None:
    assert "unknown data set 'mnits': did you mean 'mnist'? (a folder of your own" in refused("mnits")
    assert "choose from auto, mnist, fashion_mnist, digits" in refused("xyz")
    assert "unknown data set ''" in refused("")
    assert "choose train or test" in refused("digits", "valid")


def test_a_folder_that_lies_here_is_written_as_a_path(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, refused: Refused
) -> None:
    (tmp_path / "shapes").mkdir()
    (tmp_path / "digits").mkdir()
    monkeypatch.chdir(tmp_path)
    assert refused("shapes").startswith("unknown data set 'shapes': to load what lies here")
    assert refused("shapes").endswith("./shapes")
    assert load_dataset("digits").name == "digits"  # a known name is never a folder


@pytest.mark.parametrize(
    "name", ["./x", "../x", ".", "..", "~/x", "~", "/x", "a/b", "x.npz", "X.NPZ", "x/", Path("x")]
)
def test_what_is_a_path(name: str | Path) -> None:
    assert is_path(name)
    assert class_names(str(name)) == ()


@pytest.mark.parametrize("name", ["mnist", "auto", "x", "my shapes", "x.png", "", "x.npz.bak"])
def test_what_is_not(name: str) -> None:
    assert not is_path(name)
