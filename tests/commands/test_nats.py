"""Bounds of a run over test images: ``genlab.nats``."""

from pathlib import Path
from typing import Any

import pytest
import torch

import genlab
from genlab.commands.nats import nats
from genlab.commands.train import fit
from genlab.data import load_dataset, to_signed
from genlab.errors import GenlabError
from genlab.evaluation.metrics.likelihood import mean_bound
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
    found = mean_bound(family, test, k=5, n=130, seed=2)
    each = torch.cat(
        [
            family.nats(to_signed(images), k=5, generator=torch.Generator().manual_seed(2 + start))
            for start, images in ((0, test.images[:100]), (100, test.images[100:130]))
        ]
    )
    assert found.nats == pytest.approx(each.mean().item(), rel=1e-5)
    assert found.error == pytest.approx(each.std().item() / 130**0.5, rel=1e-5)


def test_the_prior_can_be_chosen(run: Path) -> None:
    fitted, standard = (nats(run, k=[50], overrides={"model.prior": p})[0] for p in ("fitted", "standard"))
    assert fitted == nats(run, k=[50])[0]
    assert fitted.n == 360  # all test images, unless said otherwise
    assert fitted.nats < standard.nats  # it was fitted to where the codes are


def test_wrong_calls_are_one_line(run: Path, tmp_path: Path) -> None:
    fit(load_config("gan-small", {"train.max_steps": 1}), "digits", tmp_path / "gan")
    calls: list[tuple[Path, dict[str, Any], str]] = [
        (run, {"k": [0]}, "k .*got 0"),
        (run, {"k": 100_001}, "k .*100,000"),
        (run, {"k": []}, "k .*none"),
        (run, {"n": 1}, "n .*360"),
        (run, {"n": 10_000}, "n .*360"),
        (tmp_path / "gan", {}, "only a VAE"),
    ]
    for target, arguments, words in calls:
        with pytest.raises(GenlabError, match=words):
            nats(target, **arguments)
