"""Bounds of a run over test images: ``genlab.nats``."""

from pathlib import Path

import pytest
import torch

import genlab
from genlab.commands.nats import bound_over, nats
from genlab.commands.train import fit
from genlab.data import load_dataset, to_signed
from genlab.errors import GenlabError
from genlab.vae import VAE
from genlab.zoo import load_config

SMALL = {
    "model.network": {"kind": "conv", "channels": [4, 8], "hidden_dim": 16},
    "model.latent_dim": 4,
    "model.prior_components": 3,
    "train.max_steps": 30,
    "train.batch_size": 16,
}


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("runs") / "binary"
    fit(load_config("vae-binary", SMALL), "digits", path)
    return path


def test_more_codes_give_a_tighter_bound(run: Path) -> None:
    elbo, some, many = nats(run, k=(1, 20, 400), n=100)
    assert (elbo.k, some.k, many.k) == (1, 20, 400)
    assert elbo.n == 100
    assert elbo.nats > some.nats > many.nats > 0
    assert nats(run, k=[20], n=100) == [some]  # the seed decides


def test_the_mean_and_its_error_are_those_of_the_images(run: Path) -> None:
    family, test = genlab.load(run), load_dataset("digits", "test")
    assert isinstance(family, VAE)
    found = bound_over(family, test, 5, 30)
    generator = torch.Generator().manual_seed(0)
    each = family.nats(to_signed(test.images[:30]), None, k=5, generator=generator)
    assert found.nats == pytest.approx(each.mean().item(), rel=1e-5)
    assert found.error == pytest.approx(each.std().item() / 30**0.5, rel=1e-5)


def test_all_test_images_unless_said_otherwise(run: Path) -> None:
    assert nats(run, k=[1])[0].n == len(load_dataset("digits", "test"))


def test_the_prior_can_be_chosen(run: Path) -> None:
    fitted, standard = (nats(run, k=[50], overrides={"model.prior": p})[0] for p in ("fitted", "standard"))
    assert fitted == nats(run, k=[50])[0]
    assert fitted.nats < standard.nats  # it was fitted to where the codes are


def test_wrong_calls_are_one_line(run: Path, tmp_path: Path) -> None:
    for k in (0, 100_001):
        with pytest.raises(GenlabError, match=f"k should be in 1..100,000, got {k}"):
            nats(run, k=[k])
    for n in (1, 10_000):
        with pytest.raises(GenlabError, match=r"n should be in 2\.\.360, the test images of digits"):
            nats(run, n=n)
    fit(load_config("gan-small", {"train.max_steps": 1}), "digits", tmp_path / "gan")
    with pytest.raises(GenlabError, match="cannot say how probable an image is: only a VAE can"):
        nats(tmp_path / "gan")
    with pytest.raises(GenlabError, match="there is no run"):
        nats(tmp_path / "nothing")
