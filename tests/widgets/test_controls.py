from math import inf, nan

import ipywidgets as widgets
import pytest

from genlab.family import Dial
from genlab.widgets.controls import Choice, Control, Ladder, Number, dials_of


def calls_of(control: Number | Choice | Ladder) -> list[object]:
    calls: list[object] = []
    control.on_change(lambda _: calls.append(control.value))
    return calls


@pytest.mark.parametrize("typed", [-1, 100, 10**12, nan, inf, -inf])
def test_a_number_out_of_range_is_refused_and_nothing_happens(typed: float) -> None:
    number = Number("seed", 3, 0, 99)
    calls = calls_of(number)
    number.box.value = typed
    assert number.value == 3
    assert calls == []
    assert "0 to 99" in number.refusal.value
    assert "role='alert'" in number.refusal.value
    number.box.value = 4
    assert [number.value, number.refusal.value, calls] == [4, "", [4]]


def test_the_ends_are_in_the_range_and_the_same_number_is_no_change() -> None:
    number = Number("images", 10, 1, 20)
    calls = calls_of(number)
    for value in (1, 20, 99, 20, 1):
        number.box.value = value
    assert calls == [1, 20, 1]  # back from 99, which was refused, to 20 is no change


def test_slider_and_box_follow_each_other_and_call_back() -> None:
    control = Control("beta", 1.0, -4.0, 4.0, 0.5)
    calls = calls_of(control)
    control.slider.value = 2.0
    assert control.box.value == control.value == 2.0
    control.box.value = -1.5
    assert control.slider.value == control.value == -1.5
    control.value = 3.0
    assert control.box.value == control.slider.value == 3.0
    control.box.value = 1.234  # between the slider's steps
    assert control.value == control.slider.value == 1.234
    control.slider.value = 0.1 + 0.2
    assert control.box.value == control.value == 0.3
    assert calls == [2.0, -1.5, 3.0, 1.234, 0.3]  # once each
    assert control.box.description == "beta"
    assert list(control.children) == [control.box, control.slider, control.refusal]


@pytest.mark.parametrize(("step", "whole"), [(1, True), (0.1, False), (1.0, False)])
def test_whole_numbers_where_the_step_is_one(step: float, whole: bool) -> None:
    control = Control("t", 3, 0, 9, step)
    assert isinstance(control.slider, widgets.IntSlider) == whole
    assert type(control.value) is (int if whole else float)
    control.box.value = 4
    assert type(control.value) is (int if whole else float)
    control.box.value = 4.5
    assert control.value == (4 if whole else 4.5)
    assert ("a whole number" in control.refusal.value) == whole
    assert control.refusal.layout.display == (None if whole else "none")


@pytest.mark.parametrize(
    ("value", "old", "new", "then"),
    [(15, 15, 50, 50), (15, 15, 4, 4), (7, 15, 50, 7), (7, 15, 4, 4), (2, 15, 4, 2)],
)
def test_a_slider_with_another_end_stays_at_the_end_or_where_it_was(
    value: int, old: int, new: int, then: int
) -> None:
    control = Control("step", value, 0, old, 1)
    control.box.value = 99  # refused: the stretch takes the message back
    assert control.refusal.value
    control.stretch(new)
    assert control.value == control.slider.value == control.box.value == then
    assert control.slider.max == control.high == new
    assert control.refusal.value == ""


def test_a_choice_calls_back_and_can_be_set() -> None:
    choice = Choice("prior", ("fitted", "standard"), "fitted")
    calls = calls_of(choice)
    choice.value = "standard"
    assert choice.value == "standard"
    assert choice.description == "prior"
    assert calls == ["standard"]


def test_menu_and_slider_of_a_ladder_follow_each_other_and_call_back_once() -> None:
    ladder = Ladder("level", [("none", 0), ("half a pixel", 0.5), ("four", 4)], 0.5)
    calls = calls_of(ladder)
    assert (ladder.value, ladder.slider.value, ladder.slider.max) == (0.5, 1, 2)
    ladder.slider.value = 2
    assert (ladder.value, ladder.menu.label) == (4, "four")
    ladder.menu.label = "none"
    assert (ladder.value, ladder.slider.value) == (0, 0)
    ladder.value = 0.5
    assert (ladder.menu.label, ladder.slider.value) == ("half a pixel", 1)
    assert calls == [4, 0, 0.5]
    assert ladder.menu.description == "level"


class Turned:
    """All that the controls look at: dials, and that the rest of the protocol is there."""

    config = networks = num_classes = None
    dials = (
        Dial("guidance_scale", 2.0, low=0.0, high=8.0, step=0.5),
        Dial("sampler", "ddim", choices=("ddim", "ddpm")),
        Dial("num_inference_steps", 15, low=1, high=100),
    )

    def losses(self) -> None: ...

    def sample(self) -> None: ...


def test_every_dial_gets_its_control() -> None:
    assert dials_of(object()) == {}  # type: ignore[arg-type]
    controls = dials_of(Turned())  # type: ignore[arg-type]
    assert list(controls) == ["guidance_scale", "sampler", "num_inference_steps"]
    scale, sampler, steps = controls.values()
    assert isinstance(scale, Control)
    assert isinstance(sampler, Choice)
    assert isinstance(steps, Control)
    assert (scale.low, scale.high, scale.value, scale.whole) == (0, 8, 2, False)
    assert (steps.low, steps.high, steps.value, steps.whole) == (1, 100, 15, True)
    assert sampler.options == ("ddim", "ddpm")
    assert [scale.box.description, steps.box.description] == ["guidance", "steps"]
    assert list(dials_of(Turned(), without=("sampler",))) == ["guidance_scale", "num_inference_steps"]  # type: ignore[arg-type]
