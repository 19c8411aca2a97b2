"""The two-sample test: does a classifier tell real from generated?

After Lopez-Paz and Oquab (2017, arXiv:1610.06545).

It learns from one half of both kinds and is asked about the other half. Where there is no difference
it can only guess, and is right half of the time. The figure needs no scale: everybody knows what 50 %
and 100 % mean. But it is strict: one flaw that all generated images share makes it 100 %.
"""

import warnings
from dataclasses import dataclass

import torch
from scipy.stats import binom
from sklearn.exceptions import ConvergenceWarning
from sklearn.neural_network import MLPClassifier
from torch import Tensor

from genlab.evaluation.metrics.inputs import checked_features

LEAST, MOST = 40, 5000  # images of each kind: for two halves with some to stop early by; for a few seconds


@dataclass(frozen=True)
class TwoSample:
    """How well the classifier did on images that it had not seen.

    Attributes:
        accuracy: share put into the right kind, in [0, 1]; 0.5 is chance.
        standard_error: of the accuracy, binomial.
        p_value: how probable at least this accuracy is by guessing.
    """

    accuracy: float
    standard_error: float
    p_value: float


def two_sample_test(real: Tensor, generated: Tensor, *, seed: int = 0) -> TwoSample:
    """Train on half of the images, test on the other half; the same seed gives the same answer.

    The network has one hidden layer: a line would not notice a cloud that is only narrower.

    Args:
        real, generated: features, (N, D) and (M, D); as many of each are used as there are of the fewer,
            at most 5000.
        seed: which images, which half, and the network's first weights.

    Raises:
        GenlabError: other shapes, fewer than 40 images of a kind, or a value that is not finite.
    """
    real, generated = checked_features(real, generated, LEAST)
    generator = torch.Generator().manual_seed(seed)
    half = min(len(real), len(generated), MOST) // 2
    kinds = [kind[torch.randperm(len(kind), generator=generator)] for kind in (real, generated)]
    train = torch.cat([kind[:half] for kind in kinds]).double()
    test = torch.cat([kind[half : 2 * half] for kind in kinds]).double()
    truth = torch.arange(2).repeat_interleave(half).numpy()
    centre, width = train.mean(0), train.std(0)
    width[width == 0] = 1  # a feature that never changes
    train, test = (train - centre) / width, (test - centre) / width

    classifier = MLPClassifier(
        (64,),
        alpha=1.0,  # weight decay: there are few images for so many weights
        learning_rate_init=0.01,
        max_iter=100,
        early_stopping=True,  # by a tenth of the training half
        n_iter_no_change=20,
        random_state=seed,
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # a hundred epochs are enough, converged or not
        classifier.fit(train.numpy(), truth)
    right = int((classifier.predict(test.numpy()) == truth).sum())
    accuracy = right / len(truth)
    error = (accuracy * (1 - accuracy) / len(truth)) ** 0.5
    return TwoSample(accuracy, error, float(binom.sf(right - 1, len(truth), 0.5)))
