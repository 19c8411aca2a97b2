from math import inf, nan
from typing import Any

import pytest
import torch
from pydantic import ValidationError
from torch import Tensor, nn

from genlab.data import to_unit
from genlab.diffusion import Diffusion, DiffusionConfig
from genlab.diffusion.config import SamplerName
from genlab.diffusion.mlp import MLPDenoiser, NaiveDenoiser
from genlab.diffusion.samplers import SAMPLERS
from genlab.diffusion.schedule import timestep_pairs
from genlab.diffusion.unet import UNet
from genlab.errors import GenlabError
from tests.diffusion.conftest import MLP, seeded, small


class Spy(nn.Module):
    """A denoiser that keeps the labels it was given."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(()))
        self.labels: list[Tensor | None] = []

    def forward(self, x: Tensor, t: Tensor, labels: Tensor | None = None) -> Tensor:
        self.labels.append(labels)
        return self.weight * x


def spied(**settings: Any) -> tuple[Diffusion, Spy]:
    family, spy = small(**settings), Spy()
    family.networks["denoiser"] = spy
    return family, spy


@pytest.mark.parametrize(
    ("network", "kind"),
    [
        ({"kind": "naive", "hidden_dim": 8}, NaiveDenoiser),
        (MLP, MLPDenoiser),
        ({"kind": "unet", "channels": [4, 8]}, UNet),
    ],
)
def test_each_network_trains_and_samples(
    network: dict[str, Any], kind: type[nn.Module], images: Tensor, labels: Tensor
) -> None:
    family = small(network=network)
    assert isinstance(family.networks["denoiser"], kind)
    [(name, loss, logged)] = family.losses(images, labels)
    assert name == "denoiser"
    assert list(logged) == ["mse"]
    assert logged["mse"] == loss
    loss.backward()
    assert any(p.grad is not None and p.grad.any() for p in family.networks.parameters())
    assert family.sample(2).shape == (2, 1, 28, 28)


# --- labels -----------------------------------------------------------------------------------


def test_classes_are_hidden_one_by_one_in_training(images: Tensor, labels: Tensor) -> None:
    family, spy = spied(num_classes=10, class_dropout_prob=0.5)
    family.networks.train()
    for _ in range(100):
        list(family.losses(images, labels))
    seen = torch.stack([given for given in spy.labels if given is not None])
    gone = seen == 10
    assert torch.equal(seen[~gone], labels.expand(100, 8)[~gone])
    assert gone.float().mean().item() == pytest.approx(0.5, abs=0.06)


def test_classes_are_hidden_in_no_validation_and_no_sampling(images: Tensor, labels: Tensor) -> None:
    family, spy = spied(num_classes=10, class_dropout_prob=0.9, guidance_scale=1.0)
    family.networks.eval()
    for _ in range(50):
        list(family.losses(images, labels))
    family.networks.train()
    family.sample(8, labels=labels)
    assert all(given is not None and torch.equal(given, labels) for given in spy.labels)


def test_an_unconditional_model_is_given_no_class(images: Tensor, labels: Tensor) -> None:
    family, spy = spied()
    family.sample(2)
    with pytest.raises(GenlabError, match="unconditional"):
        family.sample(8, labels=labels)
    with pytest.raises(GenlabError, match="unconditional"):
        family.guided_network(labels)
    assert spy.labels == [None] * 4


@pytest.mark.parametrize(
    ("scale", "given"),
    [(0.0, [10, 10]), (1.0, [3, 4]), (2.0, [3, 4, 10, 10]), (None, [3, 4, 10, 10])],
)
def test_the_guidance_scale_decides_what_the_network_is_asked(scale: float | None, given: list[int]) -> None:
    asked = torch.tensor([3, 4])
    family, spy = spied(num_classes=10, guidance_scale=scale)
    family.sample(2, labels=asked)
    other, spy2 = spied(num_classes=10)
    list(other.trajectory(2, labels=asked, guidance_scale=scale))
    for labels in spy.labels + spy2.labels:
        assert labels is not None
        assert labels.tolist() == given


def test_of_no_class_in_particular_is_the_null_class() -> None:
    family, spy = spied(num_classes=10)
    family.guided_network()(torch.zeros(2, 1, 28, 28), torch.zeros(2, dtype=torch.int64))
    assert [given.tolist() for given in spy.labels if given is not None] == [[10, 10]]


# --- trajectories -----------------------------------------------------------------------------


def test_a_trajectory_ends_in_the_sample() -> None:
    family = small(num_classes=10)
    states = list(family.trajectory(3, generator=seeded()))
    assert [state.t for state in states] == [*(t for t, _ in timestep_pairs(20, 4)), -1]
    assert torch.equal(states[0].x, torch.randn(3, 1, 28, 28, generator=seeded()))
    assert torch.equal(to_unit(states[-1].x), family.sample(3, generator=seeded()))


def test_settings_can_be_other_than_the_configs() -> None:
    noisy, calm = small(eta=1.0), small()
    assert len(list(noisy.trajectory(2, num_inference_steps=7))) == 8

    def ends(family: Diffusion, **settings: Any) -> Tensor:
        *_, last = family.trajectory(2, generator=seeded(), **settings)
        return last.x

    assert torch.equal(ends(noisy, eta=0.0), ends(calm))
    assert torch.equal(ends(calm, eta=1.0), ends(noisy))
    assert not torch.equal(ends(noisy), ends(calm))


@pytest.mark.parametrize("sampler", SAMPLERS)
def test_the_config_and_the_call_name_a_sampler(sampler: Any) -> None:
    states = list(small(sampler=sampler).trajectory(2, generator=seeded()))
    others = list(small().trajectory(2, generator=seeded(), sampler=sampler))
    assert all(torch.equal(a.x, b.x) for a, b in zip(states, others, strict=True))
    family = small()
    denoise, options = family.denoiser(), {"generator": seeded()} if sampler in ("ddpm", "ddim") else {}
    torch.randn(2, 1, 28, 28, generator=options.get("generator"))  # x_T
    *_, last = SAMPLERS[sampler](denoise, states[0].x, family.schedule, family.pairs(), **options)
    assert torch.equal(last.x, states[-1].x)


def test_the_call_names_a_spacing() -> None:
    family = small(timestep_spacing="leading")
    assert [state.t for state in family.trajectory(1)] == [15, 10, 5, 0, -1]
    assert [state.t for state in family.trajectory(1, spacing="linspace")] == [19, 13, 6, 0, -1]


@pytest.mark.parametrize("sampler", SAMPLERS)
def test_every_sampler_is_named_in_the_config_and_decided_by_the_generator(sampler: SamplerName) -> None:
    family = small(sampler=sampler)
    first, again = (family.sample(2, generator=torch.Generator().manual_seed(1)) for _ in range(2))
    assert torch.equal(first, again)


def test_a_new_sampler_that_draws_noise_is_given_the_generator(monkeypatch: pytest.MonkeyPatch) -> None:
    def third(*args: Any, generator: torch.Generator | None = None) -> Any:
        assert generator is not None
        return SAMPLERS["ddpm"](*args, generator=generator)

    monkeypatch.setitem(SAMPLERS, "ddim", third)
    small(sampler="ddim").sample(1, generator=torch.Generator().manual_seed(1))


class OneImage(nn.Module):
    """A denoiser that knows one image, to be learned, and answers as if every x_t were made from it."""

    def __init__(self, family: Diffusion) -> None:
        super().__init__()
        self.schedule, self.kind = family.schedule, family.config.prediction_type
        self.image = nn.Parameter(torch.zeros(1, 1, 28, 28))

    def forward(self, x: Tensor, t: Tensor, labels: Tensor | None = None) -> Tensor:
        image = self.image.expand_as(x)
        return self.schedule.target(image, self.schedule.pred_noise(x, image, t), t, self.kind)


@pytest.mark.parametrize(
    "settings",
    [
        {}, {"eta": 1.0}, {"prediction_type": "sample"}, {"prediction_type": "v_prediction", "eta": 1.0},
        {"schedule": "straight", "prediction_type": "flow_prediction", "sampler": "heun"},
        {"zero_terminal_snr": True, "prediction_type": "v_prediction", "sampler": "ddpm"},
        {"schedule": "sigmoid", "min_snr_gamma": 5.0, "sampler": "dpm_solver_pp"},
    ],
)  # fmt: skip
def test_samplers_draw_what_was_learned(settings: dict[str, Any], images: Tensor, labels: Tensor) -> None:
    family = small(**settings)
    family.networks["denoiser"] = OneImage(family)
    optimiser = torch.optim.Adam(family.networks.parameters(), lr=0.05)
    for _ in range(150):
        [(_, loss, _)] = family.losses(images[:1].expand(8, 1, 28, 28), labels)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    drawn = family.sample(4, generator=seeded())
    torch.testing.assert_close(drawn, to_unit(images[:1]).expand_as(drawn), atol=0.02, rtol=0)


@pytest.mark.parametrize(
    ("wrong", "key"),
    [
        ({"num_inference_steps": 11, "num_train_timesteps": 10}, "num_inference_steps"),
        ({"network": {"kind": "naive"}, "num_classes": 10}, "naive .* classes"),
        ({"network": {"kind": "unet", "channels": [4, 4, 4], "patch_size": 2}}, "channels"),
        ({"network": {"kind": "unet", "channels": [6]}}, "multiple of 4"),
        ({"network": {"kind": "unet", "attention_levels": 3}}, "attention_levels"),
        ({"guidance_scale": 2.0}, "guidance_scale"),
        ({"eta": 0.5, "sampler": "heun"}, "eta"),
        ({"zero_terminal_snr": True}, "zero_terminal_snr .* prediction_type epsilon"),
        ({"schedule": "straight"}, "straight .* prediction_type epsilon"),
        ({"zero_terminal_snr": True, "prediction_type": "sample", "min_snr_gamma": 5}, "min_snr_gamma"),
    ],
)
def test_settings_that_cannot_work_are_refused(wrong: dict[str, Any], key: str) -> None:
    with pytest.raises(ValidationError, match=key):
        DiffusionConfig.model_validate(wrong)


# --- wrong arguments in Python ------------------------------------------------------------------

NOISE = torch.zeros(2, 1, 28, 28)


@pytest.mark.parametrize(
    ("wrong", "key"),
    [
        ({"n": 0}, "n should"), ({"n": 2.0}, "n should"),
        ({"num_inference_steps": 21}, "steps"), ({"noise": NOISE[:1]}, "noise"),
        ({"noise": NOISE.tolist()}, "noise"), ({"noise": NOISE / 0}, "noise"),
        ({"labels": torch.tensor([3, 10])}, "labels"), ({"labels": torch.tensor([1])}, "labels"),
        ({"guidance_scale": -0.5}, "guidance_scale"), ({"guidance_scale": nan}, "guidance_scale"),
        ({"guidance_scale": inf}, "guidance_scale"),
        ({"sampler": "heum"}, "heun"), ({"spacing": "trailng"}, "trailing"),
        ({"sampler": "heun", "eta": 0.5}, "eta"), ({"eta": 2.0}, "eta"), ({"eta": -0.1}, "eta"),
    ],
)  # fmt: skip
def test_what_cannot_be_is_refused_by_the_call_itself(wrong: dict[str, Any], key: str) -> None:
    """Not at the first ``next``, which may be far from the mistake."""
    with pytest.raises(GenlabError, match=key):
        small(num_classes=10).trajectory(**{"n": 2} | wrong)


def test_guidance_needs_classes_and_labels() -> None:
    with pytest.raises(GenlabError, match="guidance_scale"):
        small().trajectory(2, guidance_scale=2.0)
    with pytest.raises(GenlabError, match="guidance_scale"):
        small(num_classes=10).guided_network(None, 2.0)
    with pytest.raises(GenlabError, match="guidance_scale"):
        small(num_classes=10).guided_network(torch.tensor([3]), -1.0)
    with pytest.raises(GenlabError, match="labels"):
        small(num_classes=10).denoiser(torch.tensor([10]))


def test_a_walk_is_refused_by_the_call_itself() -> None:
    family, wrong = small(eta=1.0), "heum"
    with pytest.raises(GenlabError, match="sampler"):
        family.walk(family.denoiser(), NOISE, family.pairs(), sampler=wrong)  # type: ignore[arg-type]
    assert len(list(family.trajectory(1, sampler="heun"))) == 5  # the config's eta is ddim's alone


def test_images_of_any_precision_are_taken_and_unknown_pixels_may_be_anything() -> None:
    family = small()
    for dtype in (torch.float16, torch.float64):
        images = torch.zeros(2, 1, 28, 28, dtype=dtype)
        assert next(family.edit(images, t_start=3)).x.dtype == torch.float32
    unknown = torch.zeros(28, 28, dtype=torch.bool)
    *_, last = family.inpaint(torch.full((2, 1, 28, 28), nan), unknown)
    assert last.x.isfinite().all()


@pytest.mark.parametrize("network", [MLP, {"kind": "unet", "channels": [4, 8]}])
def test_a_blend_of_one_class_is_that_class_and_a_blend_of_two_is_neither(network: dict[str, Any]) -> None:
    family = small(network=network, num_classes=3, guidance_scale=2.0)
    with torch.no_grad():
        for parameter in family.networks.parameters():
            parameter.add_(0.1 * torch.randn(parameter.shape, generator=seeded(1)))
    noise = torch.randn(2, 1, 28, 28, generator=seeded())

    def made(labels: Tensor) -> Tensor:
        return [state.x for state in family.trajectory(2, labels=labels, noise=noise)][-1]

    ids = made(torch.tensor([0, 2]))
    torch.testing.assert_close(made(torch.tensor([[1.0, 0, 0], [0, 0, 1]])), ids, atol=1e-4, rtol=1e-4)
    assert not torch.allclose(made(torch.tensor([[0.5, 0, 0.5]] * 2)), ids, atol=1e-3)


def test_a_walk_sets_out_from_the_noise_it_is_given() -> None:
    family = small()
    noise = torch.randn(3, 1, 28, 28, generator=seeded(5))
    first, *_, last = family.trajectory(3, noise=noise)
    assert torch.equal(first.x, noise)
    *_, drawn = family.trajectory(3, generator=seeded(5))
    assert torch.equal(last.x, drawn.x)
    assert next(family.trajectory(3, noise=noise.double())).x.dtype == torch.float32


def test_the_noise_level_falls_from_a_whole_to_nothing() -> None:
    family = small(num_train_timesteps=1000)
    levels = [family.noise_level(t) for t in (999, 500, 100, 0, -1)]
    assert levels == sorted(levels, reverse=True)
    assert levels[0] == pytest.approx(1, abs=1e-3)
    assert levels[-1] == 0
    alphas_cumprod = torch.linspace(1e-4, 0.02, 1000, dtype=torch.float64).neg().add(1).cumprod(0)
    assert family.noise_level(100) == pytest.approx(float((1 - alphas_cumprod[100]).sqrt()), rel=1e-6)


def test_its_dials_are_settings_that_a_trajectory_takes() -> None:
    unconditional, conditional = small(), small(num_classes=10, guidance_scale=3.0)
    assert [dial.name for dial in unconditional.dials] == ["sampler", "num_inference_steps"]
    scale, sampler, steps = conditional.dials
    assert (scale.name, scale.value) == ("guidance_scale", 3.0)
    assert small(num_classes=10).dials[0].value == 2.0
    beyond = small(num_classes=10, guidance_scale=12.0).dials[0]
    assert (beyond.value, beyond.low, beyond.high) == (12, 0, 12)
    assert (sampler.value, set(sampler.choices)) == ("ddim", set(SAMPLERS))
    assert (steps.value, steps.low, steps.high) == (4, 1, 20)  # T of them here, never more than there are
    for dial in conditional.dials:
        assert dial.name in DiffusionConfig.SAMPLING
        next(conditional.trajectory(1, **{dial.name: dial.value}))
