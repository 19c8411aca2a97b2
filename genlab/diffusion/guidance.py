"""Classifier-free guidance (Ho and Salimans 2022, arXiv:2207.12598).

One network learns both to draw a given class and to draw anything: in training, a class is now and
then replaced by the null class, whose id is ``num_classes``.
"""

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor


def drop_labels(labels: Tensor, num_classes: int, probability: float) -> Tensor:
    """Replace each label, on its own and with the given probability, by the null class. Training only."""
    dropped = torch.rand(len(labels), device=labels.device) < probability
    return torch.where(dropped, num_classes, labels)


def guided(
    network: Callable[[Tensor, Tensor, Tensor], Tensor],
    labels: Tensor,
    num_classes: int,
    guidance_scale: float = 1.0,
    interval: tuple[int, int] | None = None,
) -> Callable[[Tensor, Tensor], Tensor]:
    """The network as a function of (x_t, t) that leans towards the labels (equation 6, w = scale - 1).

    Scale 0 is unconditional, 1 conditional, more exaggerates what tells the class from the others.
    Labels may be a blend, float (N, num_classes): the null class gets a column of its own.

    With an interval the class is exaggerated at its times alone, first included, last not, and heard as
    trained at others (Kynkäänniemi et al. 2024, arXiv:2404.07724): in much noise guidance takes variety
    away, and in little it has nothing left to decide.
    """
    if labels.is_floating_point():
        labels = F.pad(labels, (0, 1))
        null = torch.zeros_like(labels)
        null[:, -1] = 1
    else:
        null = torch.full_like(labels, num_classes)

    def predict(x: Tensor, t: Tensor) -> Tensor:
        if guidance_scale == 1:
            return network(x, t, labels)
        if guidance_scale == 0:
            return network(x, t, null)
        inside = torch.ones_like(t, dtype=torch.bool)
        if interval is not None and guidance_scale > 1:
            inside = (t >= interval[0]) & (t < interval[1])
        if not inside.any():
            return network(x, t, labels)
        both = network(torch.cat([x, x]), torch.cat([t, t]), torch.cat([labels, null]))
        conditional, unconditional = both.chunk(2)
        towards = unconditional + guidance_scale * (conditional - unconditional)
        return torch.where(inside[:, None, None, None], towards, conditional)

    return predict
