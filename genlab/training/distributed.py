"""Several processes that train as one: each draws, averages and stops as a single one would.

A launcher (``torchrun``, ``accelerate launch``) starts the processes. What is left for us is that the result
does not depend on how many there are: a step on two processes with 64 images each is the step of one
process with 128, up to rounding. Three things see to that. Every process takes its part of one order
of images (``genlab.training.batches``). Every process draws the noise of the whole batch, from the same
seed, and keeps its part. And gradients and logged losses are averaged.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Any

import torch
from accelerate.utils import reduce
from torch import Tensor
from torch.overrides import TorchFunctionMode

from genlab.errors import GenlabError
from genlab.nn.device import processes


def whole_batch_noise() -> AbstractContextManager[object]:
    """Inside the ``with`` block, ``torch.randn(n, ...)`` and its like draw for all processes and keep n.

    All processes have the same seed, so each draws the same numbers, and each keeps other rows. The
    generators stay in step, which is also why one process's random state resumes them all. Nothing
    changes for a single process. Draws made by other functions than these four would be the same on
    every process.
    """
    return _WholeBatchNoise() if processes().num_processes > 1 else nullcontext()


class _WholeBatchNoise(TorchFunctionMode):
    def __torch_function__(
        self,
        func: Any,
        types: Sequence[type],
        args: tuple[Any, ...] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:
        ranks, options = processes(), dict(kwargs or {})
        if func not in (torch.randn, torch.rand, torch.randint, torch.randn_like):
            return func(*args, **options)
        if func is torch.randn_like:
            like = args[0]
            func, args = torch.randn, tuple(like.shape)
            options = {"dtype": like.dtype, "device": like.device} | options
        before, shape = _split_size(func, args)
        n = shape[0]
        whole = func(*before, (n * ranks.num_processes, *shape[1:]), **options)
        return whole[ranks.process_index * n :][:n]


def _split_size(func: Any, args: tuple[Any, ...]) -> tuple[tuple[Any, ...], tuple[int, ...]]:
    """The arguments before the size, and the size: ``randint(10, (n,))`` to ``(10,)`` and ``(n,)``."""
    if func is torch.randint:
        return args[:-1], tuple(args[-1])
    sizes = args[0] if isinstance(args[0], (tuple, list)) else args
    return (), tuple(sizes)


@torch.no_grad()
def average_gradients(parameters: Sequence[Tensor]) -> None:
    """Replace each gradient by its mean over the processes."""
    if processes().num_processes == 1:
        return
    gradients = [p.grad for p in parameters if p.grad is not None]
    flat = torch.cat([g.flatten() for g in gradients])  # one message rather than one per tensor
    with _lost_processes_named():
        mean = reduce(flat, reduction="mean")
    for gradient, part in zip(gradients, mean.split([g.numel() for g in gradients]), strict=True):
        gradient.copy_(part.view_as(gradient))


def average_values(values: Sequence[Tensor]) -> list[float]:
    """Scalars as floats, averaged over the processes: one trip from the device for all of them."""
    stacked = torch.stack([value.detach().float() for value in values])
    if processes().num_processes > 1:
        with _lost_processes_named():
            stacked = reduce(stacked, reduction="mean")
    averages: list[float] = stacked.tolist()
    return averages


def agreed(number: float) -> float:
    """The mean of what each process has measured: all get the same number, and decide alike by it."""
    if processes().num_processes == 1:
        return number
    return average_values([torch.tensor(number, device=processes().device)])[0]


def any_process(wish: bool) -> bool:
    """Whether the wish is held on any process: all get the same answer."""
    return agreed(float(wish)) > 0


@contextmanager
def _lost_processes_named() -> Iterator[None]:
    """A broken connection as one line rather than as the transport's own."""
    try:
        yield
    except RuntimeError:
        raise GenlabError(
            f"process {processes().process_index} lost the others: one of them died (its own message "
            "stands above) or the network failed; genlab resume goes on from the last checkpoint"
        ) from None
