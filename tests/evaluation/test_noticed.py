"""What the shipped judges, and the figures of none, have to notice on both real data sets.

All that this package says of models rests on it: a figure that does not mind a blur praises blurred images.
"""

from dataclasses import replace

import pytest

from genlab.data import load_dataset
from genlab.evaluation.judges.files import judges_for
from genlab.evaluation.measure import make_yardstick
from genlab.evaluation.report import Key
from genlab.evaluation.sensitivity import Curves, alarm, curves_of, notices
from tests.conftest import REAL_DATA
from tests.evaluation.conftest import KINDS, NAMING

pytestmark = pytest.mark.skipif(not REAL_DATA, reason="GENLAB_DATA is not set: no real images to spoil")
N = 2000
LEVELS = {"blur": [0.5], "haze": [4.0], "lost classes": [0.1], "memorised": [0.1]}
FRECHET: list[Key] = [("frechet_ratio", kind) for kind in KINDS]
BY_CLASS: list[Key] = [("frechet_ratio", kind) for kind in NAMING]
HISTOGRAM: list[Key] = [("histogram", kind) for kind in NAMING]
PIXELS: Key = ("two_sample_pixels", None)
SHARPNESS: Key = ("sharpness", None)
FINE_DETAIL: Key = ("fine_detail", None)
COPIED: list[Key] = [("copied_pixels", None), ("copied_features", "plain")]
# The disease, and those figures of which at least one has to notice it.
NOTICED: list[tuple[str, list[Key]]] = [
    *(("blur", [key]) for key in (*FRECHET, PIXELS, SHARPNESS)),
    *(("haze", [key]) for key in (*FRECHET, PIXELS)),
    ("haze", [SHARPNESS, FINE_DETAIL]),
    *(("lost classes", [key]) for key in (*BY_CLASS, *HISTOGRAM)),  # the third judge knows no classes
    *(("memorised", [key]) for key in COPIED),
]  # fmt: skip


def curves_on(name: str) -> Curves:
    """Half a pixel of blur, a haze of 4 grey levels, one class of ten lost, and a tenth learned by heart.

    Copies are of the first third of the training images, and are looked for there alone: three times as fast.
    """
    train, test = (load_dataset(name, split, REAL_DATA) for split in ("train", "test"))
    judges = judges_for(train, test, say=lambda line: None)
    third = replace(train, images=train.images[:20_000], labels=train.labels[:20_000])
    return curves_of(make_yardstick(third, test, N, judges=judges), LEVELS)


@pytest.mark.parametrize("name", ["mnist", "fashion_mnist"])
def test_every_disease_is_noticed(name: str) -> None:
    curves, missed = curves_on(name), []
    for disease, keys in NOTICED:
        floor, sick = curves[disease][0.0], curves[disease][LEVELS[disease][0]]
        alarms = {key: round(alarm(sick[key], floor[key]), 1) for key in keys}
        if not any(notices(sick[key], floor[key]) for key in keys):
            missed.append((disease, alarms))
    assert not missed
