from typing import Any

import pytest
import torch

from genlab.diffusion import Diffusion
from genlab.diffusion.distillation import Lessons, imitation_loss
from genlab.errors import GenlabError
from genlab.family import Family
from genlab.zoo import build, load_config

SMALL: dict[str, object] = {
    "model.network.channels": [4, 8],
    "model.num_train_timesteps": 20,
    "model.num_inference_steps": 3,
    "model.num_classes": 3,
    "model.guidance_scale": 1.0,
    "model.prediction_type": "sample",
}
STUDENT = SMALL | {"model.teacher": "its-teacher", "model.num_inference_steps": 1, "model.teacher_pairs": 16}


def diffusion(settings: dict[str, object], seed: int = 0) -> Diffusion:
    """With random weights everywhere: a new UNet's last layer is zero."""
    family: Any = build(load_config("diffusion", settings))
    torch.manual_seed(seed)
    for parameter in family.networks.parameters():
        if parameter.ndim > 1:
            torch.nn.init.normal_(parameter, std=parameter[0].numel() ** -0.5)
    family.networks.eval()
    return family


def test_the_loss_is_the_distance_of_one_step_from_the_teachers_image() -> None:
    noise, image = torch.randn(2, 5, 1, 28, 28, generator=torch.Generator().manual_seed(0))
    loss = imitation_loss(lambda x, t: x * t, 3, noise, image)
    torch.testing.assert_close(loss, (3 * noise - image).square().mean())


def test_a_student_may_be_blacker_than_black_where_its_loss_is_clipped() -> None:
    image = torch.tensor([-1.0, -1.0, 1.0, 1.0, 0.5, -0.5])
    said = torch.tensor([-1.5, -0.9, 1.5, -2.0, 1.5, 1.5], requires_grad=True)
    loss = imitation_loss(lambda x, t: said, 3, image, image, clipped=True)
    (gradient,) = torch.autograd.grad(loss, said)
    torch.testing.assert_close(gradient, 2 / 6 * (said - image) * torch.tensor([0, 1, 0, 1, 1, 1]))


@pytest.mark.parametrize("classes", [None, 3])
def test_lessons_are_what_the_teacher_makes_of_that_noise(classes: int | None) -> None:
    teacher = diffusion(SMALL | {"model.num_classes": classes, "model.guidance_scale": None})
    lessons = Lessons(teacher, 100)
    for _ in range(3):
        noise, labels, image = lessons.draw(4)
        *_, last = teacher.trajectory(4, labels=labels, noise=noise)
        assert (labels is None) == (classes is None)
        torch.testing.assert_close(image, last.x.clamp(-1, 1), atol=1 / 255 + 1e-6, rtol=0)  # kept as bytes


def test_a_lesson_is_made_once_and_is_the_same_in_another_process() -> None:
    teacher = diffusion(SMALL)
    one, other = Lessons(teacher, 12), Lessons(teacher, 12)
    torch.manual_seed(0)
    first = [one.draw(4) for _ in range(20)]
    assert len(one.made) == 3  # batches of 4
    torch.manual_seed(0)
    for mine, again in zip(first, (other.draw(4) for _ in range(20)), strict=True):
        torch.testing.assert_close(mine, again, atol=0, rtol=0)


def test_a_student_learns_to_do_it_in_one_step() -> None:
    """A teacher of a single step can be imitated fully: the loss falls, and data do not matter."""
    teacher, student = diffusion(SMALL | {"model.num_inference_steps": 1}), diffusion(STUDENT, seed=1)
    student.learn_from(teacher)
    optimiser = torch.optim.Adam(student.networks.parameters(), lr=3e-3)
    history = []
    for _ in range(150):
        [loss] = student.losses(torch.zeros(8, 1, 28, 28), torch.zeros(8, dtype=torch.int64))
        optimiser.zero_grad()
        loss.value.backward()
        optimiser.step()
        history.append(loss.value.item())
    assert sum(history[-10:]) < sum(history[:10]) / 2


def test_a_student_that_starts_as_a_teacher_of_one_step_has_nothing_to_learn() -> None:
    teacher, student = diffusion(SMALL | {"model.num_inference_steps": 1}), diffusion(STUDENT)
    student.networks.load_state_dict(teacher.networks.state_dict())
    student.learn_from(teacher)
    noise, labels, image = student.lessons.draw(4) if student.lessons else (None, None, None)
    *_, last = student.trajectory(4, labels=labels, noise=noise)
    torch.testing.assert_close(last.x.clamp(-1, 1), image, atol=1 / 255 + 1e-6, rtol=0)


def test_a_student_has_learned_its_guidance_and_has_no_dials() -> None:
    student, labels = diffusion(STUDENT | {"model.guidance_scale": None}), torch.arange(3)
    noise = torch.randn(3, 1, 28, 28)
    *_, usual = student.trajectory(3, labels=labels, noise=noise)
    *_, plain = student.trajectory(3, labels=labels, noise=noise, guidance_scale=1.0)
    assert torch.equal(usual.x, plain.x)
    assert student.dials == ()


def test_without_its_teacher_it_says_who_brings_it() -> None:
    with pytest.raises(GenlabError, match="its-teacher"):
        list(diffusion(STUDENT).losses(torch.zeros(2, 1, 28, 28), torch.zeros(2, dtype=torch.int64)))


def test_only_what_walks_can_be_imitated() -> None:
    student = diffusion(STUDENT | {"model.num_classes": None, "model.guidance_scale": None})
    vae: Family = build(load_config("vae", {"model.network.hidden_dim": 8}))
    with pytest.raises(GenlabError, match=r"model\.teacher"):
        student.learn_from(vae)
    with pytest.raises(GenlabError, match="classes"):
        student.learn_from(diffusion(SMALL))


@pytest.mark.parametrize(
    ("setting", "said"),
    [
        ({"model.num_inference_steps": 2}, "num_inference_steps"),
        ({"model.prediction_type": "epsilon"}, "prediction_type"),
        ({"model.timestep_spacing": "leading"}, "timestep_spacing"),
        ({"model.guidance_scale": 2.0}, "guidance_scale"),
    ],
)
def test_what_a_student_cannot_be(setting: dict[str, object], said: str) -> None:
    with pytest.raises(GenlabError, match=said):
        load_config("diffusion", STUDENT | setting)
