import pytest
import torch
from torch import nn

from genlab.data import IMAGE_SHAPE
from genlab.errors import GenlabError
from genlab.family import Decodes, Family, HasLikelihood, Walks, count_parameters, device_of
from genlab.zoo import build, config_names, load_config

SMALL = {
    "vae": {"model.network.hidden_dim": 16},
    "gan": {"model.network.hidden_dim": 16},
    "diffusion": {"model.num_inference_steps": 2},
}


def family_of(name: str) -> Family:
    return build(
        load_config(
            name, {} if name in ("gan-conv", "diffusion-1step") else SMALL.get(name.split("-")[0], {})
        )
    )


@pytest.mark.parametrize("name", config_names())
def test_every_family_speaks_the_protocol(name: str) -> None:
    family, kind = family_of(name), load_config(name).model.family
    assert isinstance(family, Family)
    assert isinstance(family, Decodes) == (kind != "diffusion")
    assert isinstance(family, Walks) == (kind == "diffusion")
    assert isinstance(family, HasLikelihood) == (kind == "vae")


def test_what_lacks_a_method_does_not_speak_it() -> None:
    assert not isinstance(nn.Linear(1, 1), Family)


@pytest.mark.parametrize("name", ["vae", "gan", "diffusion", "diffusion-mlp"])
@pytest.mark.parametrize("num_classes", [None, 10])
def test_samples_are_float32_in_0_to_1_and_decided_by_the_generator(
    name: str, num_classes: int | None
) -> None:
    overrides = {**SMALL[name.split("-")[0]], "model.num_classes": num_classes}
    family = build(load_config(name, overrides))
    family.networks.eval()
    first, again, other = (
        family.sample(3, generator=torch.Generator().manual_seed(seed)) for seed in (1, 1, 2)
    )
    assert first.shape == (3, *IMAGE_SHAPE)
    assert first.dtype == torch.float32
    assert first.min() >= 0
    assert first.max() <= 1
    assert not first.requires_grad
    assert torch.equal(first, again)
    assert not torch.equal(first, other)

    labels = torch.tensor([0, 9, 3])
    if num_classes is None:
        with pytest.raises(GenlabError, match="unconditional"):
            family.sample(3, labels=labels)
    else:
        assert family.sample(3, labels=labels).shape == (3, *IMAGE_SHAPE)
        with pytest.raises(GenlabError, match=r"shape \(4,\)"):
            family.sample(4, labels=labels)
        with pytest.raises(GenlabError, match=r"0\.\.9"):
            family.sample(3, labels=labels + 1)


@pytest.mark.parametrize("name", ["vae", "gan", "diffusion"])
def test_sampling_leaves_the_global_generator_alone(name: str) -> None:
    family = family_of(name)
    state = torch.get_rng_state()
    family.sample(2, generator=torch.Generator().manual_seed(0))
    assert torch.equal(state, torch.get_rng_state())


@pytest.mark.parametrize("name", ["vae", "gan", "diffusion"])
def test_losses_name_networks_have_graphs_and_log_detached_scalars(
    name: str, images: torch.Tensor, labels: torch.Tensor
) -> None:
    family = family_of(name)
    named = []
    for network, loss, logged in family.losses(images, labels):
        named.append(network)
        assert loss.shape == ()
        assert loss.requires_grad
        assert loss.dtype == torch.float32
        assert logged
        assert all(value.shape == () and not value.requires_grad for value in logged.values())
    assert sorted(named) == sorted(family.networks)


def test_parameters_are_counted_and_the_device_is_found() -> None:
    networks = nn.ModuleDict({"a": nn.Linear(3, 4), "b": nn.Linear(4, 1, bias=False)})
    assert count_parameters(networks) == 3 * 4 + 4 + 4
    networks["a"].requires_grad_(False)
    assert count_parameters(networks) == 4
    assert device_of(networks) == torch.device("cpu")
    assert device_of(networks.to("meta")) == torch.device("meta")
