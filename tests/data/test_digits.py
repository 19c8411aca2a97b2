import numpy as np
import torch
from sklearn.datasets import load_digits

from genlab.data import load_dataset
from genlab.data.digits import cubic, enlarged


def test_enlarged_is_torchs_bicubic_but_for_what_floating_point_rounds_otherwise() -> None:
    scans = load_digits().images
    doubles = torch.from_numpy(scans)[:, None] * (255 / 16)
    by_torch = torch.nn.functional.interpolate(doubles, size=(20, 20), mode="bicubic", align_corners=False)
    expected = by_torch[:, 0].round().clamp(0, 255).long().numpy()
    difference = abs(enlarged(scans.astype(np.int64)) - expected)
    assert difference.max() <= 1
    assert np.count_nonzero(difference) <= 10  # of 718,800


def test_the_kernel_keeps_a_flat_image_flat() -> None:
    distances = np.arange(-20, 30, 10)
    for offset in range(10):
        assert cubic(distances - offset).sum() == 4000
    assert (enlarged(np.full((1, 8, 8), 16)) == 255).all()


def test_the_fingerprints_are_those_of_every_machine() -> None:
    # Figures, judges and runs belong to these bytes: see `enlarged` before you change them.
    assert load_dataset("digits", "train").fingerprint.startswith("f278f1330e71")
    assert load_dataset("digits", "test").fingerprint.startswith("c99e28b2aab9")
