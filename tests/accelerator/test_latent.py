from typing import Any

import pytest
import torch

from genlab.gan import GAN
from genlab.gan.gan import truncated
from genlab.latent.directions import draw_codes, leading_directions
from genlab.latent.walks import class_means, linear_walk, spherical_walk
from genlab.zoo import build, load_config


@pytest.mark.parametrize("walk", [linear_walk, spherical_walk])
def test_walks_between_codes_of_the_device_are_those_on_the_cpu(walk: Any) -> None:
    start, end = torch.randn(2, 5)
    assert torch.equal(walk(start.to("pretended"), end.to("pretended")), walk(start, end))


def test_codes_of_the_device_are_truncated_and_averaged_as_on_the_cpu() -> None:
    z, labels = torch.randn(20, 5), torch.arange(20) % 4
    assert torch.equal(truncated(z.to("pretended"), 1.5), truncated(z, 1.5))
    means = class_means(z.to("pretended"), labels.to("pretended"), 4)
    assert torch.equal(means, class_means(z, labels, 4))


def test_directions_of_a_model_on_the_device_are_on_the_cpu() -> None:
    config = load_config("gan", {"model.network.hidden_dim": 16})
    here, there = (build(config, device) for device in ("cpu", "pretended"))
    assert isinstance(here, GAN)
    assert isinstance(there, GAN)
    found = leading_directions(there, 3)
    assert torch.equal(found.vectors, leading_directions(here, 3).vectors)
    assert draw_codes(there, 4).device.type == "cpu"
