from typing import get_args

import pytest
import torch
from torch import Tensor

from genlab.diffusion.loss import denoising_loss, min_snr_weights
from genlab.diffusion.schedule import PredictionType, ScheduleName, make_schedule

KINDS: list[PredictionType] = list(get_args(PredictionType))
SCHEDULE = make_schedule("linear", 100)


@pytest.mark.parametrize("kind", KINDS)
def test_it_is_the_mean_squared_error_of_the_target(kind: PredictionType, images: Tensor) -> None:
    seen: list[tuple[Tensor, Tensor]] = []

    def predict(x: Tensor, t: Tensor) -> Tensor:
        seen.append((x, t))
        return x / 2

    loss = denoising_loss(predict, images, SCHEDULE, kind)
    [(x_t, t)] = seen
    assert t.shape == (8,)
    assert t.dtype == torch.int64
    noise = SCHEDULE.pred_noise(x_t, images, t)
    alpha_bar = SCHEDULE.alphas_cumprod[t].float()[:, None, None, None]
    truth = {
        "epsilon": noise,
        "sample": images,
        "v_prediction": alpha_bar.sqrt() * noise - (1 - alpha_bar).sqrt() * images,
        "flow_prediction": noise - images,
    }[kind]
    assert loss.item() == pytest.approx((x_t / 2 - truth).square().mean().item(), rel=1e-4)


def test_saying_nothing_costs_the_noises_variance(images: Tensor) -> None:
    torch.manual_seed(0)
    loss = denoising_loss(lambda x, t: torch.zeros_like(x), images.repeat(20, 1, 1, 1), SCHEDULE)
    assert loss.item() == pytest.approx(1, abs=0.02)


def test_times_are_drawn_uniformly_one_per_image() -> None:
    torch.manual_seed(0)
    seen: list[Tensor] = []

    def predict(x: Tensor, t: Tensor) -> Tensor:
        seen.append(t)
        return x

    denoising_loss(predict, torch.zeros(50_000, 1, 1, 1), SCHEDULE)
    counts = seen[0].bincount(minlength=100)
    assert len(counts) == 100  # from 0 to T - 1, both included
    assert counts.min() > 380  # 500 expected, standard deviation 22
    assert counts.max() < 620


def test_the_noise_is_new_for_each_image_and_call(images: Tensor) -> None:
    seen: list[Tensor] = []

    def predict(x: Tensor, t: Tensor) -> Tensor:
        seen.append(SCHEDULE.pred_noise(x, images[:1].expand_as(x), t))
        return x

    for _ in range(2):
        denoising_loss(predict, images[:1].expand(8, 1, 28, 28), SCHEDULE)
    both = torch.cat(seen).flatten(1)
    assert (torch.corrcoef(both) - torch.eye(16)).abs().max() < 0.2


def test_it_stays_float32_under_autocast(images: Tensor) -> None:
    layer = torch.nn.Linear(28, 28)
    with torch.autocast("cpu", torch.bfloat16):
        loss = denoising_loss(lambda x, t: layer(x), images, SCHEDULE)
        assert layer(images).dtype == torch.bfloat16
    assert loss.dtype == torch.float32


# --- min-SNR weights (Hang et al. 2023) -------------------------------------------------------


@pytest.mark.parametrize("gamma", [0.5, 5.0, 1e9])
@pytest.mark.parametrize("name", ["linear", "cosine", "sigmoid"])
def test_weights_are_the_papers(name: ScheduleName, gamma: float) -> None:
    schedule = make_schedule(name, 100)
    snr = schedule.alphas_cumprod / (1 - schedule.alphas_cumprod)
    least = snr.clamp(max=gamma)
    expected: dict[PredictionType, Tensor] = {
        "epsilon": least / snr,
        "sample": least,
        "v_prediction": least / (snr + 1),
    }
    for kind, weights in expected.items():
        torch.testing.assert_close(min_snr_weights(schedule, kind, gamma), weights)
    if gamma == 1e9:
        torch.testing.assert_close(min_snr_weights(schedule, "sample", gamma), snr)
        torch.testing.assert_close(min_snr_weights(schedule, "epsilon", gamma), torch.ones_like(snr))


@pytest.mark.parametrize("name", ["linear", "cosine", "sigmoid"])
@pytest.mark.parametrize("kind", KINDS)
def test_the_weighted_loss_is_the_images(kind: PredictionType, name: ScheduleName, images: Tensor) -> None:
    schedule, seen = make_schedule(name, 100), []

    def predict(x: Tensor, t: Tensor) -> Tensor:
        seen.append((x, t))
        return x.sin()

    torch.manual_seed(0)
    loss = denoising_loss(predict, images.double(), schedule, kind, min_snr_gamma=5.0)
    [(x, t)] = seen
    off = schedule.pred_original_sample(x, x.sin(), t, kind) - images
    weights = schedule.snr[t].clamp(max=5.0)
    expected = (weights * off.double().square().mean((1, 2, 3))).mean().item()
    assert loss.item() == pytest.approx(expected, rel=1e-4)


def test_without_gamma_all_times_weigh_the_same(images: Tensor) -> None:
    def loss(gamma: float | None) -> float:
        torch.manual_seed(0)
        return denoising_loss(lambda x, t: x.sin(), images, SCHEDULE, min_snr_gamma=gamma).item()

    assert loss(None) == pytest.approx(loss(1e12), rel=1e-5)  # epsilon is weighed by min(SNR, gamma) / SNR
    assert loss(5.0) < loss(None)


# --- beyond black and white -------------------------------------------------------------------


@pytest.mark.parametrize("kind", KINDS)
def test_only_what_sampling_would_show_counts(kind: PredictionType, images: Tensor) -> None:
    """The error of an image beyond [-1, 1] is gone where the truth is black or white, and only there."""
    truth = images.clamp(-1, 1).double()
    truth[:, :, :9], truth[:, :, 9:18] = -1, 1
    seen = []

    def predict(x: Tensor, t: Tensor) -> Tensor:
        seen.append((x, t, 3 * x.sin()))
        return seen[-1][2]

    torch.manual_seed(0)
    loss = denoising_loss(predict, truth, SCHEDULE, kind, clipped=True)
    [(x, t, said)] = seen
    image, noise = SCHEDULE.pred_original_sample(x, said, t, kind), SCHEDULE.pred_noise(x, truth, t)
    error = (said - SCHEDULE.target(truth, noise, t, kind)).square()
    free = ((truth == -1) & (image < -1)) | ((truth == 1) & (image > 1))
    assert 0.05 < free.double().mean() < 0.95
    assert loss.item() == pytest.approx(error[~free].sum().item() / error.numel(), rel=1e-4)


def test_what_is_predicted_best_is_the_mean_all_the_same() -> None:
    """One pixel that is black seven times in ten and else grey: gradient descent ends at the mean."""
    values = torch.tensor([-1.0] * 7 + [0.2] * 3).reshape(10, 1, 1, 1)
    said = torch.tensor(0.9, requires_grad=True)
    optimiser = torch.optim.Adam([said], lr=0.02)
    for _ in range(300):
        optimiser.zero_grad()
        denoising_loss(lambda x, t: said.expand_as(x), values, SCHEDULE, "sample", clipped=True).backward()
        optimiser.step()
    assert said.item() == pytest.approx(values.mean().item(), abs=1e-3)


def test_a_pixel_said_to_be_blacker_than_black_still_learns_that_it_is_white() -> None:
    said = torch.full((4, 1, 2, 2), -3.0, requires_grad=True)
    denoising_loss(lambda x, t: said, torch.ones(4, 1, 2, 2), SCHEDULE, "sample", clipped=True).backward()
    assert said.grad is not None
    assert (said.grad < 0).all()
