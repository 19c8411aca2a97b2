from itertools import pairwise, product
from typing import Any

import pytest
import torch
from torch import Tensor

from genlab.diffusion.editing import inpainting, noised_start
from genlab.diffusion.samplers import SAMPLERS, ddim
from genlab.diffusion.schedule import make_schedule, timestep_pairs
from genlab.errors import GenlabError
from tests.diffusion.conftest import seeded, small
from tests.oracles.diffusion import SCHEDULES, SPACINGS, knowing, made_up, noise_of

LEFT = (torch.arange(28) < 14).expand(28, 28)


# --- starting part of the way -----------------------------------------------------------------


@pytest.mark.parametrize(("t_start", "n"), [(999, 10), (500, 10), (99, 100), (7, 3), (0, 1)])
def test_a_walk_may_start_part_of_the_way(t_start: int, n: int) -> None:
    schedule, images = make_schedule("cosine", 1000), noise_of(0).clamp(-1, 1)
    x, pairs = noised_start(images, schedule, t_start, n, seeded())
    drawn = torch.randn(images.shape, generator=seeded())
    assert torch.equal(x, schedule.add_noise(images, drawn, t_start))
    assert len(pairs) == n
    assert pairs[0][0] == t_start
    assert pairs[-1][1] == -1
    assert all(t > t_prev == following for (t, t_prev), (following, _) in pairwise(pairs))
    *_, last = ddim(knowing(schedule, images, "v_prediction"), x, schedule, pairs)
    torch.testing.assert_close(last.x, images, atol=1e-5, rtol=0)


@pytest.mark.parametrize("t_start", [-1, 20, 3.0, True, None])
def test_a_start_that_there_is_not_is_refused(t_start: Any, images: Tensor) -> None:
    with pytest.raises(GenlabError, match="t_start"):
        small().edit(images, t_start=t_start)


@pytest.mark.parametrize("n", [0, 6, True])
def test_more_steps_than_times_are_refused(n: int, images: Tensor) -> None:
    with pytest.raises(GenlabError, match="num_inference_steps"):
        small().edit(images, t_start=4, num_inference_steps=n)


@pytest.mark.parametrize("sampler", SAMPLERS)
def test_a_higher_start_edits_more(sampler: str, images: Tensor, labels: Tensor) -> None:
    how = {"prediction_type": "v_prediction", "num_train_timesteps": 1000, "num_classes": 10}
    family = small(sampler=sampler, **how)
    off = []
    for t_start in (0, 20, 999):
        states = list(family.edit(images, labels, t_start=t_start, generator=seeded()))
        assert [states[0].t, states[-1].t] == [t_start, -1]
        assert len(states) == min(4, t_start + 1) + 1
        off.append((states[-1].x - images).abs().mean().item())
    assert off[0] < 0.05 < off[2]
    assert off == sorted(off)


# --- inpainting -------------------------------------------------------------------------------


@pytest.mark.parametrize("sampler", SAMPLERS)
def test_the_known_pixels_are_kept_to_the_bit(sampler: str) -> None:
    images, known = noise_of(0).clamp(-1, 1), torch.arange(4) < 2
    denoise = inpainting(lambda x, t: made_up(x, t).clamp(-1, 1), images, known)
    for schedule, spacing in product(SCHEDULES.values(), SPACINGS):
        *_, last = SAMPLERS[sampler](denoise, noise_of(1), schedule, timestep_pairs(1000, 7, spacing))
        assert torch.equal(last.x[..., known], images[..., known])
        assert not torch.equal(last.x[..., ~known], images[..., ~known])


@pytest.mark.parametrize("sampler", SAMPLERS)
def test_a_family_fills_in_what_is_not_known(sampler: str, images: Tensor) -> None:
    family = small(sampler=sampler, num_classes=10)
    nonsense = torch.where(LEFT, images, torch.nan)
    for mask in (LEFT, LEFT.expand_as(images)):
        states = list(family.inpaint(nonsense, mask, torch.arange(8), generator=seeded()))
        assert len(states) == 5
        assert torch.equal(states[0].x, torch.randn(images.shape, generator=seeded()))
        assert torch.equal(states[-1].x[..., LEFT], images[..., LEFT])
        assert states[-1].x.isfinite().all()
    other = list(family.inpaint(nonsense, LEFT, torch.arange(8).flip(0), generator=seeded()))[-1].x
    assert not torch.equal(other, states[-1].x)


def test_what_is_known_shapes_the_rest() -> None:
    """Where all images are 1 or -1 throughout, the known half decides the other, which sees it in x_t."""
    schedule, ones = make_schedule("cosine", 100), torch.ones(2, 1, 4, 4)
    known = torch.arange(4) < 2

    def halves_match(x: Tensor, t: int) -> Tensor:
        return torch.where(x[..., known].mean((1, 2, 3), keepdim=True) > 0, ones, -ones)

    for sign in (1, -1):
        *_, last = ddim(
            inpainting(halves_match, sign * ones, known), noise_of(3), schedule, timestep_pairs(100, 50)
        )
        assert torch.equal(last.x, sign * ones)


# --- refusals ---------------------------------------------------------------------------------


@pytest.mark.parametrize("known", [LEFT.float(), LEFT[:14], LEFT.expand(3, 1, 28, 28), LEFT.tolist(), None])
def test_other_masks_are_refused(known: Any, images: Tensor) -> None:
    with pytest.raises(GenlabError, match="known"):
        small().inpaint(images, known)


IMAGES = torch.zeros(2, 1, 28, 28)


@pytest.mark.parametrize(
    "images",
    [
        IMAGES[0], IMAGES.expand(2, 3, 28, 28), IMAGES[:0], IMAGES.tolist(), IMAGES.byte(), IMAGES + 200,
        IMAGES / 0,
    ],
)  # fmt: skip
def test_what_is_no_image_is_refused(images: Any) -> None:
    with pytest.raises(GenlabError, match="images"):
        small().edit(images, t_start=3)
    for mask in (LEFT, LEFT.expand(2, 1, 28, 28), torch.ones(28, 28, dtype=torch.bool)):
        with pytest.raises(GenlabError, match=r"images|known"):
            small().inpaint(images, mask)


@pytest.mark.parametrize(
    ("classes", "n", "key"), [(None, 8, "unconditional"), (10, 3, "labels"), (5, 8, "labels")]
)
def test_labels_that_cannot_be_are_refused(classes: int | None, n: int, key: str, images: Tensor) -> None:
    family, labels = small(num_classes=classes), torch.arange(n)
    with pytest.raises(GenlabError, match=key):
        family.edit(images, labels, t_start=3)
    with pytest.raises(GenlabError, match=key):
        family.inpaint(images, LEFT, labels)
