import math
from pathlib import Path

import pytest
import torch

import genlab
from genlab.data import Dataset
from genlab.family import Family, device_of
from genlab.training.loop import train
from genlab.zoo import build
from tests.accelerator.test_families import SETTINGS

TRAIN = {
    "train.max_steps": 4, "train.batch_size": 8, "train.validation_images": 8, "train.checkpoint_every": 2,
    "train.mixed_precision": "no",
}  # fmt: skip


def assert_alike(here: Family, there: Family, *, within: float = 0.0) -> None:
    pairs = zip(here.networks.named_parameters(), there.networks.parameters(), strict=True)
    for (name, weight), other in pairs:
        torch.testing.assert_close(other.cpu(), weight.cpu(), rtol=0, atol=within, msg=name)


@pytest.mark.parametrize("name", SETTINGS)
def test_training_on_the_device_is_that_on_the_cpu_to_rounding(name: str, dataset: Dataset) -> None:
    config = genlab.load_config(name, SETTINGS[name] | TRAIN)
    (here, losses), (there, same) = (genlab.fit(config, dataset, device=d) for d in ("cpu", "pretended"))
    assert (device_of(here.networks).type, device_of(there.networks).type) == ("cpu", "pretended")
    for step, other in zip(losses, same, strict=True):
        assert step.losses == pytest.approx(other.losses, rel=1e-2)
    # Of a weight without a gradient, rounding decides the sign, and Adam steps as far as ever.
    assert_alike(here, there, within=2 * len(losses) * config.train.lr)


@pytest.mark.parametrize("name", ["vae", "gan", "diffusion"])
def test_a_run_goes_on_on_the_device_as_if_it_had_not_stopped(
    name: str, dataset: Dataset, tmp_path: Path
) -> None:
    whole = genlab.load_config(name, SETTINGS[name] | TRAIN)
    half = genlab.load_config(name, SETTINGS[name] | TRAIN | {"train.max_steps": 2})
    expected, _ = genlab.fit(whole, dataset, tmp_path / "whole")
    genlab.fit(half, dataset, tmp_path / "two")
    resumed, _ = genlab.resume(tmp_path / "two", {"train.max_steps": 4}, dataset=dataset)
    assert device_of(resumed.networks).type == "pretended"
    for key, value in expected.networks.state_dict().items():
        assert torch.equal(resumed.networks.state_dict()[key], value), key
    on_the_cpu, _ = genlab.resume(tmp_path / "two", {"train.max_steps": 6}, dataset=dataset, device="cpu")
    assert device_of(on_the_cpu.networks).type == "cpu"


def test_precision_is_set_inside_a_step_alone(dataset: Dataset) -> None:
    config = genlab.load_config("vae", SETTINGS["vae"] | TRAIN | {"train.mixed_precision": "bf16"})
    family, history = genlab.fit(config, dataset)
    assert all(math.isfinite(step.losses["kl"]) for step in history)
    assert family.sample(2).dtype == torch.float32


def test_a_step_draws_what_it_draws_whatever_is_drawn_between_two(dataset: Dataset) -> None:
    config = genlab.load_config("vae", SETTINGS["vae"] | TRAIN)
    families = [build(config) for _ in range(2)]
    for family, between in zip(families, (0, 3), strict=True):
        for _ in train(family, dataset, config.train):
            torch.randn(between, device="pretended")
    assert_alike(*families)
