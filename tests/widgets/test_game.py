import numpy as np
import pytest
import torch

from genlab.errors import GenlabError
from genlab.plots import grid
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


def test_at_the_end_the_sheet_is_marked_in_the_order_of_the_game() -> None:
    """Ten tiles of 28 pixels to a row, a pixel of ground around each, a line of text above its image."""
    game = RealOrGenerated(REAL, GENERATED)
    play(game, 12)
    sheet = game.still()
    tiles = sheet.reshape(2, sheet.shape[0] // 2, 10, 30).swapaxes(1, 2).reshape(20, -1, 30)
    for tile, image in zip(tiles, game.images, strict=True):
        np.testing.assert_array_equal(tile[-29:-1, 1:-1], grid(image[None]))
    above = [tile[:-29].tobytes() for tile in tiles]
    assert all(np.frombuffer(line, np.uint8).max() > 127 for line in above)
    assert len(set(above)) == 20  # a number of its own
    key = game.score.value.split("Real (R) were ")[1].split(";")[0]
    assert [int(i) - 1 for i in key.split(", ")] == game.is_real.nonzero()[:, 0].tolist()


def test_the_mark_above_an_image_and_nothing_else_tells_what_it_was() -> None:
    game = RealOrGenerated(REAL, GENERATED)
    play(game, 12)
    before = game.still()
    game.is_real = ~game.is_real
    changed = (before != game.still()).any(1).nonzero()[0] % (len(before) // 2)
    assert len(changed) > 0
    assert changed.max() < len(before) // 2 - 29


def test_nothing_more_can_be_answered_at_the_end() -> None:
    game = RealOrGenerated(REAL, GENERATED)
    assert game.again.disabled
    play(game, 12)
    assert all(button.disabled for button in game.buttons)
    game.answer(True)
    assert len(game.answers) == 20
    assert game.correct == 12


def test_play_again_is_the_game_of_the_next_seed() -> None:
    game, next_one = RealOrGenerated(REAL, GENERATED, seed=3), RealOrGenerated(REAL, GENERATED, seed=4)
    play(game, 12)
    game.again.click()
    assert game.answers == []
    assert game.score.value == "Image 1 of 20"
    assert game.again.disabled
    assert not any(button.disabled for button in game.buttons)
    assert torch.equal(game.images, next_one.images)
    assert torch.equal(game.is_real, next_one.is_real)
    assert np.array_equal(game.still(), next_one.still())
    play(game, 20)
    assert game.correct == 20


@pytest.mark.parametrize(("real", "generated"), [(9, 30), (30, 9)])
def test_too_few_images_are_refused(real: int, generated: int) -> None:
    with pytest.raises(GenlabError, match="at least 10"):
        RealOrGenerated(REAL[:real], GENERATED[:generated])
