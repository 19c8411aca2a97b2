"""Which noise levels a sampler visits: the jumps from T - 1, or somewhere near it, down to the image."""

from typing import Literal, get_args

import numpy as np

from genlab.errors import GenlabError, did_you_mean

Spacing = Literal["trailing", "leading", "linspace"]


def timestep_pairs(
    num_train_timesteps: int, num_inference_steps: int, spacing: Spacing = "trailing"
) -> list[tuple[int, int]]:
    """The jumps ``(t, t_prev)`` of a sampler, evenly down, -1 (the finished image) last.

    Args:
        num_train_timesteps: T.
        num_inference_steps: N, how many jumps, 1..T.
        spacing: as in table 2 of Lin et al. 2023 (arXiv:2305.08891). ``trailing`` and ``linspace`` start
            at T - 1, where training ended, in pure noise; ``linspace`` also visits 0, which spends a
            step on almost nothing. ``leading`` leaves the noisiest levels out: it is the habit of early
            libraries, and hands the network an input that is noisier than it is told.

    Raises:
        GenlabError: fewer than 1 or more than T steps, a spacing that there is not.
    """
    total, n = num_train_timesteps, num_inference_steps
    if not isinstance(n, int) or isinstance(n, bool) or not 1 <= n <= total:
        raise GenlabError(f"num_inference_steps should be in 1..{total}, got {n}")
    if spacing == "trailing":
        times = np.rint(total * np.arange(n, 0, -1) / n) - 1
    elif spacing == "leading":
        times = np.arange(n - 1, -1, -1) * (total // n)
    elif spacing == "linspace":
        times = np.rint(np.linspace(total - 1, 0, n))
    else:
        raise GenlabError(f"unknown spacing {spacing!r}: {did_you_mean(spacing, get_args(Spacing))}")
    timesteps = [int(t) for t in times]
    return list(zip(timesteps, [*timesteps[1:], -1], strict=True))
