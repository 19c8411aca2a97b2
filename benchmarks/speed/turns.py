"""Things timed in turn in one process: what counts is their ratio, since other work slows all alike."""

from collections.abc import Callable, Iterable, Mapping
from contextlib import ExitStack
from functools import partial
from time import perf_counter
from typing import Any

import torch
from torch import nn
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.flop_counter import flop_registry

Action = Callable[[], object]
Seconds = dict[str, list[float]]  # of each thing, one number a round

PRODUCT, COPY = "product", "copy"
SIDE, PRODUCTS = 2048, 3  # products of SIDE x SIDE to a round
COPIED = 2**28  # bytes that a copy reads, and writes again: far more than caches hold


def in_turn(actions: Mapping[str, Action], rounds: int, dtype: torch.dtype = torch.float32) -> Seconds:
    """Time each action once a round, every other round backwards; and with them a product and a copy.

    Args:
        actions: by name; each is done once before it is timed.
        rounds: how often.
        dtype: of the matrices multiplied.
    """
    matrix, source = torch.ones(SIDE, SIDE, dtype=dtype), torch.zeros(COPIED, dtype=torch.uint8)
    units: dict[str, Action] = {
        PRODUCT: lambda: [torch.matmul(matrix, matrix) for _ in range(PRODUCTS)],
        COPY: partial(torch.empty_like(source).copy_, source),
    }
    return alternately({**actions, **units}, rounds)


def alternately(actions: Mapping[str, Action], rounds: int) -> Seconds:
    """``in_turn`` for what torch has no part in."""
    for action in actions.values():
        action()
    seconds: Seconds = {name: [] for name in actions}
    for i in range(rounds):
        for name in list(actions)[:: 1 if i % 2 == 0 else -1]:
            started = perf_counter()
            actions[name]()
            seconds[name].append(perf_counter() - started)
    return seconds


class Operations(TorchDispatchMode):
    """Counts floating-point operations of matrix products, convolutions and attention, both ways.

    ``FlopCounterMode`` itself asks which module they are in, and fails at ``torch.autograd.grad``.
    """

    def __init__(self) -> None:
        super().__init__()
        self.total = 0

    def __torch_dispatch__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        """Do it, and count it if torch knows how."""
        options = dict(kwargs or {})
        answer = func(*args, **options)
        if count := flop_registry.get(func.overloadpacket):
            self.total += int(count(*args, **options, out_val=answer))
        return answer


def flops_of(action: Action) -> int:
    """How many operations an action makes."""
    with Operations() as counted:
        action()
    return counted.total


def least_bytes(network: nn.Module, averaged: bool = False) -> int:
    """What a training step moves at the least, for its weights alone.

    A weight is read forwards and backwards, and its gradient written; Adam reads weight, gradient and two
    means and writes all but the gradient. An average of the weights reads two and writes one.
    """
    return (13 if averaged else 10) * 4 * sum(weight.numel() for weight in network.parameters())


def bare_calls(networks: Iterable[nn.Module], action: Action) -> tuple[Action, int]:
    """The calls of the networks that an action makes, to be made again with nothing around them.

    And how many floating-point operations the whole action makes.
    """
    calls: list[tuple[nn.Module, tuple[Any, ...]]] = []
    with ExitStack() as hooks:
        for network in networks:
            hooks.enter_context(network.register_forward_pre_hook(lambda *call: calls.append(call)))
        flops = flops_of(action)

    @torch.no_grad()
    def again() -> None:
        for network, arguments in calls:
            network(*arguments)

    return again, flops
