import base64
import io
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from genlab.plots import to_png
from genlab.widgets.controls import Control
from genlab.widgets.panel import SCALE, Panel, WithStill


def picture(value: int) -> NDArray[np.uint8]:
    return np.full((3, 5), value, np.uint8)


def grey(png: bytes) -> int:
    return int(np.asarray(Image.open(io.BytesIO(png)))[0, 0])


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
