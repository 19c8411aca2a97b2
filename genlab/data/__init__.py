"""Data sets as resident tensors (notebook 00).

MNIST is 47 MB as bytes: it fits in memory whole. So a data set here is one uint8 tensor, and a
batch is one indexing operation; nothing is decoded, copied or converted image by image.

Images are uint8 at rest, float32 in [-1, 1] inside models and float32 in [0, 1] at the edges
(plots, widgets). The functions ``to_signed``, ``to_unit`` and ``to_bytes`` are the only crossings.
"""

from genlab.data.dataset import IMAGE_SHAPE, Dataset, Split, to_bytes, to_signed, to_unit
from genlab.data.load import DATASET_NAMES, load_dataset
from genlab.data.published import class_names, search_roots

__all__ = [
    "DATASET_NAMES", "IMAGE_SHAPE", "Dataset", "Split", "class_names", "load_dataset", "search_roots",
    "to_bytes", "to_signed", "to_unit",
]  # fmt: skip
