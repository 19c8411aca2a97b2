"""The digits that come with scikit-learn: what is there without a network."""

import numpy as np
import torch

from genlab.data.dataset import Dataset, Split


def load_scans(split: Split, source: str) -> Dataset:
    """1,797 scans of 8x8 in 17 grey levels, enlarged to 28x28; every fifth one is the test split.

    Scans are 20x20 pixels of ink in MNIST, centred in 28x28; the enlarged ones keep that margin.
    """
    from sklearn.datasets import load_digits  # 0.5 s, wanted only here

    scans = load_digits()
    test = np.arange(len(scans.images)) % 5 == 0
    chosen = test if split == "test" else ~test
    small = torch.from_numpy(scans.images[chosen]).float().unsqueeze(1) * (255 / 16)
    large = torch.nn.functional.interpolate(small, size=(20, 20), mode="bicubic", align_corners=False)
    images = torch.nn.functional.pad(large, (4, 4, 4, 4)).round().clamp(0, 255).to(torch.uint8)
    return Dataset(
        name="digits",
        split=split,
        images=images,
        labels=torch.from_numpy(scans.target[chosen]).long(),
        class_names=tuple("0123456789"),
        source=source,
    )
