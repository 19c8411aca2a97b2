"""The two sides of the game, on logits (Goodfellow et al. 2014, equation 1 and section 3).

Everything is written with ``binary_cross_entropy_with_logits``: the sigmoid and the logarithm as one
function. Apart, a confident detective gives log(0), and training ends in NaN.
"""

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor


def discriminator_loss(real_logits: Tensor, fake_logits: Tensor, label_smoothing: float = 0.0) -> Tensor:
    """Call the real real and the fake fake: -log D(x) - log(1 - D(G(z))), each averaged over the batch.

    Args:
        real_logits, fake_logits: (N,).
        label_smoothing: aim at 1 - label_smoothing for real images. One-sided: smoothing the fake side
            as well would pull the generator towards its own mistakes (Salimans et al. 2016, section 3.4).
    """
    real_target = torch.full_like(real_logits, 1 - label_smoothing)
    fake_target = torch.zeros_like(fake_logits)
    return F.binary_cross_entropy_with_logits(real_logits, real_target) + F.binary_cross_entropy_with_logits(
        fake_logits, fake_target
    )


def generator_loss(fake_logits: Tensor) -> Tensor:
    """Have the fakes called real: -log D(G(z)), the non-saturating form.

    The game's own term, log(1 - D(G(z))), is flat where the detective is sure, which is where the
    generator needs a slope most.
    """
    return F.binary_cross_entropy_with_logits(fake_logits, torch.ones_like(fake_logits))


def gradient_penalty(discriminator: Callable[[Tensor], Tensor], inputs: Tensor) -> Tensor:
    """How steep the detective is at these inputs: the squared slope of its logit, averaged.

    Zero-centred (Mescheder et al. 2018, arXiv:1801.04406, section 4.1): called R1 on real inputs and
    R2 on fakes. Where real and fake agree, a detective at rest has no slope left to push them apart.

    Args:
        discriminator: inputs to logits, one per input and each from its own input alone.
        inputs: (N, ...).

    Returns:
        A scalar that can be differentiated again, by the detective's weights.
    """
    inputs = inputs.detach().requires_grad_()
    (slope,) = torch.autograd.grad(discriminator(inputs).sum(), inputs, create_graph=True)
    return slope.square().flatten(1).sum(1).mean()
