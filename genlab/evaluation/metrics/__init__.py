"""The metrics, one file each (memorisation is read from its own: a function has the file's name)."""

from genlab.evaluation.metrics.appearance import edge_strength, fine_power, power_spectrum, ratio_of_means
from genlab.evaluation.metrics.classes import (
    class_shares,
    classes_drawn,
    conditional_accuracy,
    histogram_distance,
)
from genlab.evaluation.metrics.frechet import frechet_distance, frechet_without_bias
from genlab.evaluation.metrics.jackknife import jackknife_error
from genlab.evaluation.metrics.kernel import kernel_distance, squared_mmd
from genlab.evaluation.metrics.memorisation import closest_pairs, nearest
from genlab.evaluation.metrics.precision_recall import manifold, radii
from genlab.evaluation.metrics.two_sample import pixel_two_sample_test, two_sample_test

__all__ = [
    "class_shares", "classes_drawn", "closest_pairs", "conditional_accuracy", "edge_strength",
    "fine_power", "frechet_distance", "frechet_without_bias", "histogram_distance", "jackknife_error",
    "kernel_distance", "manifold", "nearest", "pixel_two_sample_test", "power_spectrum", "radii",
    "ratio_of_means", "squared_mmd", "two_sample_test",
]  # fmt: skip
