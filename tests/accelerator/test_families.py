"""The rule of ``genlab.nn.device``: every public method takes from anywhere, and answers on the CPU."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
import torch
from torch import Tensor

from genlab.data import Dataset
from genlab.family import Family, device_of
from genlab.vae.prior import MixturePrior
from genlab.zoo import build, load_config

WALK: dict[str, object] = {
    "model.num_train_timesteps": 20,
    "model.num_inference_steps": 3,
    "model.num_classes": 10,
}
SETTINGS: dict[str, dict[str, object]] = {
    "vae": {"model.network.hidden_dim": 16, "model.num_classes": 10, "model.prior_components": 1},
    "vae-binary": {"model.network.hidden_dim": 16},
    "vae-conv": {"model.network.channels": [4, 8], "model.network.hidden_dim": 16},
    "gan": {"model.network.hidden_dim": 16, "model.num_classes": 10},
    "gan-conv": {"model.network.channels": [4, 8]},
    "diffusion": WALK | {"model.network.channels": [8, 16]},
    "diffusion-mlp": WALK,
    "diffusion-flow": {"model.network.channels": [8, 16], "model.num_inference_steps": 2},
}


def seeded() -> torch.Generator:
    return torch.Generator().manual_seed(0)


def tensors(answer: Any) -> Iterator[Tensor]:
    """All tensors in what a method gave back."""
    if isinstance(answer, Tensor):
        yield answer
    elif hasattr(answer, "pred_original_sample"):
        yield from (answer.x, answer.pred_original_sample)
    elif isinstance(answer, (tuple, list, Iterator)):
        for part in answer:
            yield from tensors(part)


def calls(
    family: Any, images: Tensor, labels: Tensor | None, z: Tensor | None
) -> dict[str, Callable[[], Any]]:
    """A call of every public method that takes or gives tensors, but for ``losses``."""
    here, first = images.cpu(), torch.zeros(4, dtype=torch.int64)
    given: dict[str, Callable[[], Any]] = {
        "sample": lambda: family.sample(4, labels=labels, generator=seeded()),
        "decode": lambda: family.decode(z, labels),
        "draw_codes": lambda: family.draw_codes(4, labels=labels, generator=seeded()),
        "encode": lambda: family.encode(images, labels),
        "posterior": lambda: family.posterior(images, labels),
        "nats": lambda: (
            family.nats(images, labels, generator=seeded()),
            family.nats(images, labels, k=3, generator=seeded()),
            family.nats(images, labels, prior="standard", generator=seeded()),
        ),
        "fit_prior": lambda: None,
        "finish": lambda: None,
        "trajectory": lambda: family.trajectory(4, labels=labels, noise=images, generator=seeded()),
        "edit": lambda: family.edit(images, labels, t_start=1, generator=seeded()),
        "inpaint": lambda: (
            family.inpaint(images, images > 0, labels, generator=seeded()),
            family.inpaint(images, here > 0, labels, generator=seeded()),
            family.inpaint(here, images > 0, labels, generator=seeded()),
        ),
        "guided_network": lambda: family.guided_network(labels)(here, first),
        "denoiser": lambda: family.denoiser(labels)(here, 1),
        "walk": lambda: family.walk(family.denoiser(labels), here, family.pairs(2), generator=seeded()),
        "pairs": lambda: None,
        "noise_level": lambda: None,
        "learn_from": lambda: None,
    }
    public = {name for name in dir(type(family)) if not name.startswith("_")}
    methods = {name for name in public if callable(getattr(type(family), name))} - {"losses"}
    assert methods <= given.keys(), "a new public method: say here how it is called"
    return {name: given[name] for name in methods}


def prepared(name: str, dataset: Dataset, device: str) -> Family:
    family = build(load_config(name, SETTINGS[name]), device)
    family.networks.eval()
    if hasattr(family, "finish"):
        family.finish(dataset)
    return family


@pytest.mark.parametrize("place", ["cpu", "pretended"])
@pytest.mark.parametrize("name", SETTINGS)
def test_every_method_takes_tensors_from_anywhere_and_answers_on_the_cpu(
    name: str, place: str, dataset: Dataset, images: Tensor, labels: Tensor
) -> None:
    answers: dict[str, dict[str, list[Tensor]]] = {}
    for device in ("cpu", "pretended"):
        family = prepared(name, dataset, device)
        assert device_of(family.networks).type == device
        own = labels[:4].to(place if device == "pretended" else "cpu") if family.num_classes else None
        shown = images[:4].to(place if device == "pretended" else "cpu")
        width = getattr(family, "latent_dim", None)
        z = None if width is None else torch.randn(4, width, generator=seeded()).to(shown.device)
        answers[device] = {
            method: list(tensors(call())) for method, call in calls(family, shown, own, z).items()
        }
    for method, here in answers["pretended"].items():
        for answer, expected in zip(here, answers["cpu"][method], strict=True):
            assert answer.device.type == "cpu", method
            assert torch.equal(answer, expected), method


@pytest.mark.parametrize("name", SETTINGS)
def test_losses_take_a_batch_from_anywhere(name: str, images: Tensor, labels: Tensor) -> None:
    values = []
    for device, place in (("cpu", "cpu"), ("pretended", "cpu"), ("pretended", "pretended")):
        family = build(load_config(name, SETTINGS[name]), device)
        torch.manual_seed(0)
        values.append([loss.value.item() for loss in family.losses(images.to(place), labels.to(place))])
    assert values[0] == values[1] == values[2]


def test_a_student_takes_a_teacher_from_anywhere(images: Tensor, labels: Tensor) -> None:
    settings, values = SETTINGS["diffusion"] | {"model.prediction_type": "sample"}, []
    more = {"model.teacher": "its-teacher", "model.teacher_pairs": 8, "model.num_inference_steps": 1}
    for mine, theirs in (("cpu", "cpu"), ("pretended", "cpu"), ("cpu", "pretended"), ("pretended",) * 2):
        student: Any = build(load_config("diffusion", settings | more), mine)
        student.learn_from(build(load_config("diffusion", settings), theirs))
        torch.manual_seed(0)
        values.append([loss.value.item() for loss in student.losses(images, labels)])
    assert values[0] == values[1] == values[2] == values[3]


def test_a_mixture_prior_takes_codes_from_anywhere() -> None:
    z, labels = torch.randn(60, 3, generator=seeded()), torch.arange(60) % 2
    here, there = MixturePrior(3, 1, 2), MixturePrior(3, 1, 2)
    here.fit(z, labels)
    there.fit(z.to("pretended"), labels.to("pretended"))
    there.to("pretended")
    assert torch.equal(there.log_prob(z, labels), here.log_prob(z, labels))
    assert there.log_prob(z.to("pretended"), labels).device.type == "pretended"
