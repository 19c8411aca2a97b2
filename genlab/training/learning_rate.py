"""The learning rate as a function of the step, so that there is nothing to save or to restore."""

from math import cos, pi

from genlab.training.settings import TrainConfig


def learning_rate(step: int, total: int, config: TrainConfig) -> float:
    """The rate of a step: a linear rise over the warm-up, then constant, or half a cosine towards 0.

    Args:
        step: from 1 to ``total``.
        total: steps of the whole run.
        config: its ``lr``, ``lr_warmup_steps`` and ``lr_schedule`` (Loshchilov and Hutter 2017,
            arXiv:1608.03983, equation 5 without restarts).
    """
    warmup = config.lr_warmup_steps
    if step <= warmup:
        return config.lr * step / warmup
    if config.lr_schedule == "constant":
        return config.lr
    done = (step - warmup - 1) / max(total - warmup, 1)
    return config.lr * (1 + cos(pi * done)) / 2
