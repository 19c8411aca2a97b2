"""What the tests of data share: the one line of an error, and a folder of pictures."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from genlab.data import load_dataset
from genlab.errors import GenlabError


@pytest.fixture
def refused() -> Callable[..., str]:
    """The one line that ``load_dataset`` fails with."""

    def load(*what: Any) -> str:
        with pytest.raises(GenlabError) as caught:
            load_dataset(*what)
        text = str(caught.value)
        assert "\n" not in text
        assert len(text) < 400
        return text

    return load


@pytest.fixture
def shapes(tmp_path: Path) -> Path:
    """Pictures of three classes, 28x28 and each of one random grey level and a white corner: 7, 6 and 5."""
    random = np.random.default_rng(0)
    for name, n in (("circle", 7), ("square", 6), ("triangle", 5)):
        folder = tmp_path / "shapes" / name
        folder.mkdir(parents=True)
        for i in range(n):
            pixels = np.full((28, 28), random.integers(20, 200), np.uint8)
            pixels[:4, :4] = 255
            Image.fromarray(pixels).save(folder / f"{i}.png")
    return tmp_path / "shapes"
