import base64
import io
from typing import Any

import ipywidgets as widgets
import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from genlab.plots import to_png
from genlab.widgets.panel import SCALE, Control, Panel, WithStill


def picture(value: int) -> NDArray[np.uint8]:
    return np.full((3, 5), value, np.uint8)


def grey(png: bytes) -> int:
    return int(np.asarray(Image.open(io.BytesIO(png)))[0, 0])


# --- Control ----------------------------------------------------------------------------------


def test_slider_and_box_follow_each_other_and_call_back() -> None:
    control = Control("beta", 1.0, -4.0, 4.0, 0.5)
    calls: list[float] = []
    control.on_change(lambda _: calls.append(control.value))
    control.slider.value = 2.0
    assert control.box.value == control.value == 2.0
    control.box.value = -1.5
    assert control.slider.value == control.value == -1.5
    control.value = 3.0
    assert (control.box.value, control.slider.value) == (3.0, 3.0)
    assert calls == [2.0, -1.5, 3.0]  # once each


@pytest.mark.parametrize(("step", "whole"), [(1, True), (0.1, False), (1.0, False)])
def test_whole_numbers_where_the_step_is_one(step: float, whole: bool) -> None:
    control = Control("t", 3, 0, 9, step)
    assert isinstance(control.slider, widgets.IntSlider) == whole
    assert isinstance(control.box, widgets.BoundedIntText) == whole
    assert isinstance(control.value, int if whole else float)


def test_the_box_has_the_name_and_the_slider_needs_none() -> None:
    control = Control("direction 1", 0.0, -4.0, 4.0, 0.1)
    assert control.box.description == "direction 1"
    assert control.children == (control.box, control.slider)
    assert (control.box.min, control.box.max, control.box.step) == (-4, 4, 0.1)
    control.box.value = 99
    assert control.value == 4


# --- Panel ------------------------------------------------------------------------------------


def a_panel() -> tuple[Panel, Control]:
    control = Control("grey", 10, 0, 255, 1)
    panel = Panel([control], lambda: picture(control.value), "A grey field.")
    control.on_change(panel.redraw)
    return panel, control


def test_moving_a_control_redraws_the_picture() -> None:
    panel, control = a_panel()
    assert panel.picture.value == to_png(picture(10), SCALE)
    control.value = 200
    assert panel.picture.value == to_png(picture(200), SCALE)
    assert grey(panel.picture.value) == 200
    control.box.value = 60
    assert grey(panel.picture.value) == 60
    assert control in panel.children
    assert panel.picture in panel.children


def test_an_error_in_draw_becomes_a_message_and_the_picture_stays() -> None:
    def draw() -> NDArray[np.uint8]:
        if control.value == 13:
            raise ValueError("unlucky <b>number</b>")
        return picture(control.value)

    control = Control("grey", 10, 0, 255, 1)
    panel = Panel([control], draw, "A grey field.")
    control.on_change(panel.redraw)
    assert panel.message.value == ""
    control.value = 13
    assert "ValueError: unlucky &lt;b&gt;number&lt;/b&gt;" in panel.message.value
    assert "role='status'" in panel.message.value
    assert grey(panel.picture.value) == 10
    control.value = 14
    assert panel.message.value == ""
    assert grey(panel.picture.value) == 14


def test_an_error_in_an_action_becomes_a_message() -> None:
    panel, _ = a_panel()
    panel.attempt(lambda: [][1])
    assert "IndexError: list index out of range" in panel.message.value
    panel.attempt(lambda: None)
    assert panel.message.value == ""


def test_an_error_at_the_start_leaves_a_panel_that_says_so() -> None:
    def draw() -> NDArray[np.uint8]:
        raise RuntimeError("no model")

    panel = Panel([], draw, "Nothing.")
    assert "RuntimeError: no model" in panel.message.value
    assert panel.picture.value == b""


# --- what is left where widgets do not run ----------------------------------------------------


def test_the_bundle_has_a_picture_a_text_and_the_live_view() -> None:
    panel, control = a_panel()
    control.value = 77
    data, metadata = panel._repr_mimebundle_()
    assert grey(base64.b64decode(data["image/png"])) == 77
    assert data["text/plain"] == "A grey field."
    assert metadata == {"image/png": {"alt": "A grey field."}}
    assert data["application/vnd.jupyter.widget-view+json"] == {
        "version_major": 2,
        "version_minor": 0,
        "model_id": panel.model_id,
    }


def test_ipython_displays_that_bundle() -> None:
    """Older ipywidgets displayed themselves by a method of their own; IPython's formatter must find ours."""
    from IPython.core.formatters import DisplayFormatter

    panel, _ = a_panel()
    data: dict[str, Any]
    data, metadata = DisplayFormatter().format(panel)
    assert {"image/png", "text/plain", "application/vnd.jupyter.widget-view+json"} <= set(data)
    assert metadata["image/png"] == {"alt": "A grey field."}


def test_a_view_must_say_what_it_looks_like() -> None:
    with pytest.raises(NotImplementedError):
        WithStill().still()
