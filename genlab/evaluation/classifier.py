"""The judge: a small convolutional classifier whose features measure images (notebook 04).

It is trained on real images only, in a minute or two, and never sees a generated one before it
judges it. What it says of images that look like no class at all is not defined.
"""

from collections.abc import Iterator
from math import ceil

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from genlab.data import Dataset, to_signed

FEATURES = 64


class Classifier(nn.Module):
    """Two convolutions, one hidden layer of 64 features, and a logit per class.

    Args:
        num_classes: how many classes.
    """

    def __init__(self, num_classes: int = 10) -> None:
        super().__init__()
        self.body = nn.Sequential(
            nn.Conv2d(1, 16, 5, padding=2),
            nn.ReLU(),
            nn.MaxPool2d(2),
            nn.Conv2d(16, 32, 5, padding=2),
            nn.ReLU(),
            nn.MaxPool2d(2),
            nn.Flatten(),
            nn.Linear(32 * 7 * 7, FEATURES),
            nn.ReLU(),
        )
        self.head = nn.Linear(FEATURES, num_classes)

    def forward(self, images: Tensor) -> Tensor:
        """(N, 1, 28, 28) in [-1, 1] to logits (N, num_classes)."""
        logits: Tensor = self.head(self.body(images))
        return logits


def train_classifier(
    classifier: Classifier, dataset: Dataset, *, steps: int, batch_size: int = 128, seed: int = 0
) -> Iterator[float]:
    """Train in place with Adam and a one-cycle learning rate; yields the cross-entropy of every step."""
    optimiser = torch.optim.Adam(classifier.parameters(), fused=True)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, max_lr=4e-3, total_steps=steps)
    generator = torch.Generator().manual_seed(seed)
    epochs = ceil(steps / max(len(dataset) // batch_size, 1))
    batches = (batch for _ in range(epochs) for batch in dataset.batches(batch_size, generator=generator))
    classifier.train()
    for _, (images, labels) in zip(range(steps), batches, strict=False):
        loss = F.cross_entropy(classifier(images), labels)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        schedule.step()
        yield loss.item()
    classifier.eval()


@torch.no_grad()
def features_of(classifier: Classifier, images: Tensor, batch_size: int = 1000) -> Tensor:
    """What the judge sees: images, uint8 or float in [0, 1], (N, 1, 28, 28), to features (N, 64)."""
    return torch.cat([classifier.body(to_signed(part)) for part in torch.split(images, batch_size)])


@torch.no_grad()
def probabilities_of(classifier: Classifier, images: Tensor, batch_size: int = 1000) -> Tensor:
    """What the judge says: images, uint8 or float in [0, 1], (N, 1, 28, 28), to (N, num_classes)."""
    return torch.cat([classifier(to_signed(part)).softmax(1) for part in torch.split(images, batch_size)])


def accuracy(classifier: Classifier, dataset: Dataset) -> float:
    """Share of a data set's images that the judge puts into the right class, in [0, 1]."""
    answers = probabilities_of(classifier, dataset.images).argmax(1)
    return (answers == dataset.labels).float().mean().item()
