"""The judge learns, and looks at bytes and at floats alike."""

import pytest
import torch

from genlab.data import load_dataset
from genlab.evaluation.classifier import (
    FEATURES,
    Classifier,
    accuracy,
    features_of,
    probabilities_of,
    train_classifier,
)


def test_learns_the_digits_that_come_with_scikit_learn() -> None:
    torch.manual_seed(0)
    judge = Classifier()
    losses = list(train_classifier(judge, load_dataset("digits", "train"), steps=60))
    assert len(losses) == 60
    assert accuracy(judge, load_dataset("digits", "test")) > 0.85
    assert not judge.training


def test_trains_for_as_many_steps_as_asked_across_epochs() -> None:
    assert len(list(train_classifier(Classifier(), load_dataset("digits", "test"), steps=5))) == 5


def test_bytes_and_floats_of_the_same_images_are_judged_alike() -> None:
    images = load_dataset("digits", "test").images[:30]
    judge = Classifier()
    features = features_of(judge, images)
    assert features.shape == (30, FEATURES)
    torch.testing.assert_close(features, features_of(judge, images.float() / 255, batch_size=7))
    assert probabilities_of(judge, images).sum(1).tolist() == pytest.approx([1] * 30)
