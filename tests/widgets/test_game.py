import numpy as np
import pytest
import torch

from genlab.errors import GenlabError
from genlab.widgets import RealOrGenerated

REAL = torch.linspace(0.6, 1, 30)[:, None, None, None].expand(30, 1, 28, 28)  # bright
GENERATED = torch.linspace(0, 0.4, 30)[:, None, None, None].expand(30, 1, 28, 28)  # dark


def test_ten_of_each_are_drawn_in_random_order() -> None:
    game = RealOrGenerated(REAL, GENERATED)
    bright = game.images.mean((1, 2, 3)) > 0.5
    assert torch.equal(bright, game.is_real)
    assert int(bright.sum()) == 10
    assert bright[:10].any()
    assert not bright[:10].all()
    assert len(game.images.mean((1, 2, 3)).unique()) == 20
    assert torch.equal(game.images, RealOrGenerated(REAL, GENERATED).images)
    assert not torch.equal(game.images, RealOrGenerated(REAL, GENERATED, seed=1).images)


def play(game: RealOrGenerated, right: int) -> None:
    """Press the right button for the first images and the wrong one for the rest."""
    for turn in range(20):
        real = bool(game.is_real[turn]) == (turn < right)
        game.buttons[0 if real else 1].click()


@pytest.mark.parametrize(
    ("right", "verdict"), [(20, "better than"), (15, "better than"), (14, "might give"), (0, "might give")]
)
def test_the_score_counts_right_answers(right: int, verdict: str) -> None:
    game = RealOrGenerated(REAL, GENERATED)
    play(game, right)
    assert game.correct == right
    assert game.score.value.startswith(f"{right} of 20 right")
    assert verdict in game.score.value
    assert game.message.value == ""


def test_chance_is_as_the_verdict_says() -> None:
    """15 right of 20 by guessing: once in 48 games; 14: once in 17."""
    from math import comb

    tail = [sum(comb(20, k) for k in range(least, 21)) / 2**20 for least in (14, 15)]
    assert round(1 / tail[0]) == 17
    assert tail[1] < 0.05 < tail[0]


def test_each_answer_shows_the_next_image() -> None:
    game = RealOrGenerated(REAL, GENERATED)
    for turn in range(20):
        assert game.score.value == f"Image {turn + 1} of 20"
        expected = round(float(game.images[turn].mean()) * 255)
        assert np.unique(game.still()).tolist() == [expected]
        before = game.picture.value
        game.buttons[0].click()
        assert game.picture.value != before


def test_at_the_end_all_are_shown_and_nothing_more_can_be_answered() -> None:
    game = RealOrGenerated(REAL, GENERATED)
    play(game, 12)
    assert all(button.disabled for button in game.buttons)
    sheet = game.still()
    assert sheet[:28].reshape(-1)[sheet[:28].reshape(-1) != 96].min() > 127  # the real ones above
    assert sheet[30:].reshape(-1)[sheet[30:].reshape(-1) != 96].max() < 128
    game.answer(True)
    assert len(game.answers) == 20
    assert game.correct == 12


@pytest.mark.parametrize(("real", "generated"), [(9, 30), (30, 9)])
def test_too_few_images_are_refused(real: int, generated: int) -> None:
    with pytest.raises(GenlabError, match="at least 10"):
        RealOrGenerated(REAL[:real], GENERATED[:generated])
