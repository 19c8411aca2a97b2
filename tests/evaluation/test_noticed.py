"""What the shipped judges, and the figures of none, have to notice on both real data sets.

All that this package says of models rests on it: a figure that does not mind a blur praises blurred images.
"""

import pytest

from genlab.data import load_dataset
from genlab.evaluation.measure import make_yardstick
from genlab.evaluation.report import Key
from genlab.evaluation.sensitivity import Curves, alarm, curves_of, notices
from tests.conftest import REAL_DATA
from tests.evaluation.conftest import KINDS, NAMING

pytestmark = pytest.mark.skipif(not REAL_DATA, reason="GENLAB_DATA is not set: no real images to spoil")
N = 2000
LEVELS = {"blur": [0.5], "haze": [4.0], "lost classes": [0.1], "memorised": [0.1]}
FRECHET: list[Key] = [("frechet_ratio", kind) for kind in KINDS]
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
    *(("lost classes", [key]) for key in (*FRECHET, *HISTOGRAM)),
    *(("memorised", [key]) for key in COPIED),
]  # fmt: skip


@pytest.fixture(scope="module", params=["mnist", "fashion_mnist"])
def curves(request: pytest.FixtureRequest) -> Curves:
    """Half a pixel of blur, a haze of 4 grey levels, one class of ten lost, and a tenth learned by heart."""
    train, test = (load_dataset(request.param, split, REAL_DATA) for split in ("train", "test"))
    return curves_of(make_yardstick(train, test, N, say=lambda line: None), LEVELS)


@pytest.mark.parametrize(
    ("disease", "keys"), NOTICED, ids=["-".join([d, *map(str, keys[0])]) for d, keys in NOTICED]
)
def test_a_disease_is_noticed(disease: str, keys: list[Key], curves: Curves) -> None:
    floor, sick = curves[disease][0.0], curves[disease][LEVELS[disease][0]]
    assert any(notices(sick[key], floor[key]) for key in keys), [
        (sick[key], floor[key], alarm(sick[key], floor[key])) for key in keys
    ]
