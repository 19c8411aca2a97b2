"""What the tests of evaluation share: judges that take no time, and real images as these see them."""

from collections.abc import Callable, Iterator

import pytest
import torch
from torch import nn

from genlab.data import Dataset, load_dataset
from genlab.evaluation.judges.networks import FEATURES, JUDGES, Judge, Kind
from genlab.evaluation.measure import Yardstick, make_yardstick
from genlab.evaluation.reference import Reference

KINDS: tuple[Kind, ...] = ("plain", "residual", "contrastive")
NAMING: tuple[Kind, ...] = ("plain", "residual")  # those that name classes
Digits = tuple[Dataset, Dataset]
Judges = dict[Kind, Judge]


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def normal(n: int, d: int, seed: int) -> torch.Tensor:
    """(N, D) float64 of mean 0 and deviation 1."""
    return torch.randn(n, d, generator=seeded(seed), dtype=torch.float64)


def glance(num_classes: int | None = 10) -> Judge:
    """A judge whose features are random projections: enough for every figure, and quick."""
    return Judge(nn.Sequential(nn.Flatten(), nn.Linear(28 * 28, FEATURES)), num_classes)


# By kind, from a number of classes, as ``networks.JUDGES``.
GLANCES: dict[Kind, Callable[..., Judge]] = dict.fromkeys(NAMING, glance)
GLANCES["contrastive"] = lambda _: glance(None)


def glances(num_classes: int = 10) -> Judges:
    """Three different ones, under the names of the real judges; the last knows no classes."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return {kind: GLANCES[kind](num_classes).eval() for kind in JUDGES}


def digits_yardstick() -> Yardstick:
    """A hundred images per set, for a fixture that is made once."""
    torch.set_num_threads(1)  # as in every test: the figures are then the same to the bit
    train, test = load_dataset("digits", "train"), load_dataset("digits", "test")
    return make_yardstick(train, test, 100, judges=glances())


@pytest.fixture(scope="session", autouse=True)
def one_thread() -> Iterator[None]:
    """As in every test: also for what is made once, so that its figures are the same to the bit."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture(scope="session")
def yardstick() -> Yardstick:
    return digits_yardstick()


@pytest.fixture(scope="session")
def reference(yardstick: Yardstick) -> Reference:
    return yardstick.reference


@pytest.fixture(scope="session")
def judges() -> Judges:
    return glances()


@pytest.fixture(scope="session")
def digits() -> Digits:
    """The digits that come with scikit-learn: 1437 training images, 360 test images."""
    return load_dataset("digits", "train"), load_dataset("digits", "test")
