"""An evaluation against the bare calls of its judges: images are given, everything else is done.

Of the training images there are few here, so that a round takes seconds: the real side looks at all of them.
"""

from collections.abc import Iterator
from dataclasses import replace
from functools import partial

import torch

from benchmarks.speed.memory import peak
from benchmarks.speed.table import Row, megabytes, rates
from benchmarks.speed.turns import PRODUCT, PRODUCTS, SIDE, Action, bare_calls, in_turn
from genlab.data import load_dataset, to_unit
from genlab.evaluation.corruptions import add_noise
from genlab.evaluation.judges.files import judges_for
from genlab.evaluation.measure import make_yardstick, report_on

TRAINING, N = 3000, 400  # images


def rows(rounds: int) -> Iterator[Row]:
    """The real side, done once for each data set, and the figures of one set of images."""
    train, test = load_dataset("mnist", "train"), load_dataset("mnist", "test")
    judges = judges_for(train, test, say=lambda _: None)
    few = replace(train, images=train.images[:TRAINING], labels=train.labels[:TRAINING])
    real = partial(make_yardstick, few, test, N, judges=judges)
    images = add_noise(to_unit(test.images[:N]), 0.1, torch.Generator().manual_seed(0))
    figures = partial(report_on, images, real(), name="noisy test images")
    actions: dict[str, Action] = {
        f"real side, {TRAINING:,} images": real,
        f"figures of {N} images": figures,
    }
    figures()
    memory = megabytes(peak())  # of both; what is timed beside them takes memory of its own
    for what, action in actions.items():
        parts = [part for judge in judges.values() for part in (judge.body, judge.head)]
        bare, flops = bare_calls(parts, action)
        seconds = in_turn({"ours": action, "bare": bare}, rounds)
        of_product = rates(flops, seconds["ours"], 2 * SIDE**3 * PRODUCTS, seconds[PRODUCT])
        yield Row(
            f"evaluation, {what}",
            "its calls of the judges",
            seconds["ours"],
            seconds["bare"],
            None,
            of_product,
            memory=memory,
        )
