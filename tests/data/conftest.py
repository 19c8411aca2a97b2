"""What the tests of own data share: a folder of pictures, and the one line of an error."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from genlab.data import load_dataset
from genlab.errors import GenlabError

Refused = Callable[[object], str]


@pytest.fixture
def refused() -> Refused:
    """The one line that loading a path fails with."""

    def load(path: object) -> str:
        with pytest.raises(GenlabError) as caught:
            load_dataset(path)  # type: ignore[arg-type]
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
