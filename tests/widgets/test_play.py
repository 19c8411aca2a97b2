import pytest

from genlab.widgets.controls import Control
from genlab.widgets.play import Player


def a_player(value: int = 0, interval: float = 0.001) -> tuple[Player, Control, list[int]]:
    control = Control("step", value, 0, 5, 1)
    seen: list[int] = []
    control.on_change(lambda _: seen.append(control.value))
    return Player(control, interval), control, seen


@pytest.mark.parametrize(("start", "expected"), [(0, [1, 2, 3, 4, 5]), (3, [4, 5]), (5, [0, 1, 2, 3, 4, 5])])
def test_it_goes_to_the_end_and_from_the_end_begins_anew(start: int, expected: list[int]) -> None:
    player, control, seen = a_player(start)
    player.click()
    assert player.background.wait(10)
    assert seen == expected
    assert control.slider.value == control.box.value == 5
    assert (player.playing, player.description) == (False, "Play")


def test_pressed_again_it_stops_and_goes_on_from_there() -> None:
    player, control, seen = a_player(interval=0.05)
    player.click()
    assert (player.playing, player.description) == (True, "Stop")
    player.click()
    assert not player.playing
    player.background.wait(10)
    reached = control.value
    assert reached <= 2
    player.interval = 0.001
    player.click()
    assert player.background.wait(10)
    assert seen == [1, 2, 3, 4, 5]


def test_a_listener_that_fails_stops_it() -> None:
    player, control, _ = a_player()

    def fail(_: object) -> None:
        raise ValueError

    control.on_change(fail)
    player.click()
    assert player.background.wait(10)
    assert not player.playing
