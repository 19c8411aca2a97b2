"""The two-sample test: does a classifier tell real from generated?

After Lopez-Paz and Oquab (2017, arXiv:1610.06545).

It learns from one half of both kinds and is asked about the other half. Where there is no difference
it can only guess, and is right half of the time. The figure needs no scale: everybody knows what 50 %
and 100 % mean. But it is strict: one flaw that all generated images share makes it 100 %.

There are two. One looks at a judge's features, and is blind to what that judge has learned not to mind. The
other looks at the pixels themselves, and asks nobody.
"""

import warnings
from dataclasses import dataclass
from math import ceil

import torch
import torch.nn.functional as F
from scipy.stats import binom
from sklearn.exceptions import ConvergenceWarning
from sklearn.neural_network import MLPClassifier
from torch import Generator, Tensor, nn

from genlab.data import to_signed
from genlab.errors import GenlabError
from genlab.evaluation.judges.networks import convolution
from genlab.evaluation.metrics.inputs import checked_features, drawn

LEAST = 40  # images of each kind: for two halves with some to stop early by
MOST_FEATURES, MOST_PIXELS = 5000, 10_000  # of each kind: for a few seconds
BATCHES = (10, 100)  # images per step: a twentieth of them, but no fewer and no more
STEPS, EPOCHS = 400, (8, 40)  # of training: so many steps, but no fewer and no more epochs


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
    """By features, with a network of one hidden layer: a line would not notice a cloud that is only narrower.

    Args:
        real, generated: features, (N, D) and (M, D); as many of each are used as there are of the fewer,
            at most 5,000.
        seed: which images, which half, and the network's first weights; the same seed gives the same answer.

    Raises:
        GenlabError: other shapes, fewer than 40 images of a kind, or a value that is not finite.
    """
    real, generated = checked_features(real, generated, LEAST)
    learned, asked, truth = _halves(real.double(), generated.double(), MOST_FEATURES, _seeded(seed))
    centre, width = learned.mean(0), learned.std(0)
    width[width == 0] = 1  # a feature that never changes
    classifier = MLPClassifier(
        (64,),
        alpha=1.0,  # weight decay: there are few images for so many weights
        learning_rate_init=0.01,
        max_iter=100,
        early_stopping=True,  # by a tenth of the half that it learns from
        n_iter_no_change=20,
        random_state=seed,
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # a hundred epochs are enough, converged or not
        classifier.fit(((learned - centre) / width).numpy(), truth.numpy())
    said = classifier.predict(((asked - centre) / width).numpy())
    return _result(torch.from_numpy(said) == truth)


def pixel_two_sample_test(real: Tensor, generated: Tensor, *, seed: int = 0) -> TwoSample:
    """By pixels, with a small convolutional network that is trained for these two sets alone.

    Args:
        real, generated: uint8, (N, 1, 28, 28) and (M, 1, 28, 28), at least 40 of each; as many of each are
            used as there are of the fewer, at most 10,000. As bytes, which every picture on a disk is: a
            fraction of a grey level, which no viewer shows, would give a generator away.
        seed: as for ``two_sample_test``.

    Raises:
        GenlabError: fewer than 40 images of a kind, or images that are no bytes.
    """
    if real.dtype != torch.uint8 or generated.dtype != torch.uint8:
        raise GenlabError(
            "the test on pixels compares bytes: genlab.data.to_bytes makes them of floats in [0, 1]"
        )
    checked_features(real.flatten(1), generated.flatten(1), LEAST)
    generator = _seeded(seed)
    learned, asked, truth = _halves(real.cpu(), generated.cpu(), MOST_PIXELS, generator)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        network = _pixel_network()
    _train(network, learned, truth, generator)
    with torch.no_grad():
        logits = torch.cat([network(to_signed(part)) for part in asked.split(500)])
    return _result((logits[:, 0] > 0) == (truth == 1))


def _pixel_network() -> nn.Sequential:
    """Three convolutions and the mean over all places: it looks for a texture, wherever it is."""
    layers = [convolution(1, 16, 2), convolution(16, 32, 2), convolution(32, 64, 2)]
    network = nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(64, 1))
    return network.to(memory_format=torch.channels_last)


def _train(network: nn.Module, images: Tensor, truth: Tensor, generator: Generator) -> None:
    """Train by cross-entropy, in place; ends in eval mode."""
    optimiser = torch.optim.AdamW(network.parameters(), weight_decay=0.01, fused=True)
    batch = min(max(len(images) // 20, BATCHES[0]), BATCHES[1])
    each_epoch = ceil(len(images) / batch)
    epochs = min(max(ceil(STEPS / each_epoch), EPOCHS[0]), EPOCHS[1])
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, max_lr=3e-3, total_steps=epochs * each_epoch)
    for _ in range(epochs):
        for rows in torch.randperm(len(images), generator=generator).split(batch):
            logits = network(to_signed(images[rows]))[:, 0]
            loss = F.binary_cross_entropy_with_logits(logits, truth[rows].float())
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            schedule.step()
    network.eval()


def _halves(
    real: Tensor, generated: Tensor, most: int, generator: Generator
) -> tuple[Tensor, Tensor, Tensor]:
    """What is learned from, what is asked about, (2H, ...) each, and of both which are generated, (2H,)."""
    half = min(len(real), len(generated), most) // 2
    kinds = [drawn(kind, 2 * half, generator) for kind in (real, generated)]
    learned, asked = (torch.cat([kind[part] for kind in kinds]) for part in (slice(half), slice(half, None)))
    return learned, asked, torch.arange(2).repeat_interleave(half)


def _result(right: Tensor) -> TwoSample:
    """Of which answers, (2H,), were right."""
    n, accuracy = len(right), right.double().mean().item()
    error = (accuracy * (1 - accuracy) / n) ** 0.5
    return TwoSample(accuracy, error, float(binom.sf(int(right.sum()) - 1, n, 0.5)))


def _seeded(seed: int) -> Generator:
    return torch.Generator().manual_seed(seed)
