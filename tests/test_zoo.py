from pathlib import Path

import pytest
import torch

from genlab.commands.train import fit
from genlab.data import Dataset
from genlab.errors import GenlabError
from genlab.zoo import build, config_names, load_config

ALL = ["diffusion", "diffusion-mlp", "diffusion-naive", "gan", "gan-small", "vae", "vae-small"]
NEW = [
    "diffusion-compact",
    "diffusion-flow",
    "diffusion-large",
    "gan-conv",
    "vae-binary",
    "vae-conv",
]
FAIR = ["fair-diffusion", "fair-gan", "fair-vae"]
SHIPPED = ["diffusion-1step", "pretrained-diffusion", "pretrained-gan", "pretrained-vae"]


# --- configs ----------------------------------------------------------------------------------


def test_the_configs_are_these() -> None:
    assert config_names() == sorted(ALL + NEW + FAIR + SHIPPED)


@pytest.mark.parametrize("name", ALL + NEW + FAIR + SHIPPED)
def test_every_config_builds_trains_and_samples(name: str, dataset: Dataset) -> None:
    overrides: dict[str, object] = {"train.max_steps": 2, "train.batch_size": 16}
    if "diffusion" in name and name != "diffusion-1step":
        overrides["model.num_inference_steps"] = 2
    if name == "diffusion-large":
        overrides |= {"model.network.channels": [8, 16, 32], "model.network.num_res_blocks": 1}
    config = load_config(name, overrides)
    assert config.model.family == name.removeprefix("fair-").removeprefix("pretrained-").split("-")[0]
    before = [p.detach().clone() for p in build(config).networks.parameters()]
    family, history = fit(config, dataset)
    assert [step.step for step in history] == [1, 2]
    assert any(not torch.equal(a, b) for a, b in zip(before, family.networks.parameters(), strict=True))
    assert not family.networks.training
    assert family.sample(4).isfinite().all()


def test_the_reference_designs() -> None:
    def settings(name: str) -> tuple[int, float]:
        train = load_config(name).train
        return train.epochs, train.lr

    assert settings("vae") == (150, 5e-4)
    assert settings("vae-small") == (5, 1e-3)
    assert settings("gan-small")[1] == 2e-4
    assert settings("diffusion") == (10, 2e-4)
    assert all(load_config(name).train.batch_size == 128 for name in ALL)
    small = load_config("vae-small").model.model_dump()
    assert small["network"] == {"kind": "mlp", "hidden_dim": 400}
    assert (small["latent_dim"], small["output"], small["beta"]) == (20, "tanh", 1)
    diffusion = load_config("diffusion").model.model_dump()
    assert (diffusion["num_train_timesteps"], diffusion["schedule"]) == (1000, "cosine")
    assert (diffusion["num_inference_steps"], diffusion["eta"]) == (50, 0)


def test_a_path_is_a_config_too(tmp_path: Path) -> None:
    (tmp_path / "my.yml").write_text("model: {family: gan, latent_dim: 3}\n")
    assert load_config(tmp_path / "my.yml").model.model_dump()["latent_dim"] == 3
    assert load_config(str(tmp_path / "my.yml")) == load_config(tmp_path / "my.yml")


def test_the_seed_decides_the_initial_weights() -> None:
    def weights(seed: int) -> list[torch.Tensor]:
        config = load_config("gan", {"model.network.hidden_dim": 16, "train.seed": seed})
        return list(build(config).networks.state_dict().values())

    assert all(torch.equal(a, b) for a, b in zip(weights(1), weights(1), strict=True))
    assert not all(torch.equal(a, b) for a, b in zip(weights(1), weights(2), strict=True))


def test_half_size_images_need_a_network_that_takes_any_size() -> None:
    assert load_config("diffusion", {"train.half_size_steps": 5}).train.half_size_steps == 5
    for name in ("vae", "gan", "diffusion-mlp"):
        with pytest.raises(GenlabError, match=r"half_size_steps needs a network that takes any size"):
            load_config(name, {"train.half_size_steps": 5})
