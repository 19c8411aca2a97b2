"""The command line in float64: rounding is then too small to be seen in a loss.

    python -m tests.oracles.double_precision train --config vae ...

Two ways to add up the same gradients round differently. In float32 that shows now and then: a unit
that just touches zero is on in one run and off in the other, and Adam turns even the smallest first
gradient into a step of full length. ``trials.two_processes`` runs both precisions side by side.
"""

import torch
from torch import Tensor

import genlab.training.batches
from genlab.cli import main
from genlab.data import to_signed


def to_signed_double(images: Tensor) -> Tensor:
    """As ``to_signed``, in float64."""
    return to_signed(images).double()


if __name__ == "__main__":
    torch.set_default_dtype(torch.float64)
    vars(genlab.training.batches)["to_signed"] = to_signed_double
    main()
