"""The losses of discriminator and generator, on logits: five pairs from the literature, side by side.

The output of the discriminator D is a logit: positive for "real". Where a probability is meant, everything
is written with ``softplus`` or ``binary_cross_entropy_with_logits``, the sigmoid and the logarithm as one
function. Apart, a confident discriminator gives log(0), and training ends in NaN.
"""

from collections.abc import Callable
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor

Game = Literal["non_saturating", "least_squares", "hinge", "wgan_gp", "relativistic"]


def discriminator_loss(
    real_logits: Tensor, fake_logits: Tensor, label_smoothing: float = 0.0, game: Game = "non_saturating"
) -> Tensor:
    """The discriminator's loss: real images should be called real and fakes fake; averaged over the batch.

    ``non_saturating``  -log D(x) - log(1 - D(G(z))), D a probability (Goodfellow et al. 2014, equation 1)
    ``least_squares``   half of (D(x) - 1)^2 + D(G(z))^2 (Mao et al. 2017, arXiv:1611.04076, equation 9)
    ``hinge``           max(0, 1 - D(x)) + max(0, 1 + D(G(z))) (Miyato et al. 2018, arXiv:1802.05957, eq. 16)
    ``wgan_gp``         D(G(z)) - D(x), which needs ``slope_penalty`` (Gulrajani et al. 2017, equation 3)
    ``relativistic``    -log sigmoid(D(x) - D(G(z))), by pairs (Jolicoeur-Martineau 2018, arXiv:1807.00734)

    Args:
        real_logits, fake_logits: (N,).
        label_smoothing: aim at 1 - label_smoothing for real images, where the game aims at 1 (the first
            two). One-sided: smoothing the fake side as well would pull the generator towards its own
            mistakes (Salimans et al. 2016, section 3.4).
        game: which one.
    """
    match game:
        case "least_squares":
            return ((real_logits - 1 + label_smoothing).square().mean() + fake_logits.square().mean()) / 2
        case "hinge":
            return F.relu(1 - real_logits).mean() + F.relu(1 + fake_logits).mean()
        case "wgan_gp":
            return fake_logits.mean() - real_logits.mean()
        case "relativistic":
            return F.softplus(fake_logits - real_logits).mean()
        case "non_saturating":
            real_target = torch.full_like(real_logits, 1 - label_smoothing)
            called_real = F.binary_cross_entropy_with_logits(real_logits, real_target)
            return called_real + F.softplus(fake_logits).mean()


def generator_loss(
    fake_logits: Tensor, real_logits: Tensor | None = None, game: Game = "non_saturating"
) -> Tensor:
    """The generator's loss: the discriminator should call the fakes real.

    ``non_saturating`` is -log D(G(z)), not the game's own log(1 - D(G(z))): that is flat where the
    discriminator is sure, which is where the generator needs a slope most. The others turn the sign of the
    discriminator's output on fakes; ``relativistic`` compares it with that on real images.

    Args:
        fake_logits: (N,).
        real_logits: (N,), for ``relativistic``.
        game: which one.
    """
    match game:
        case "least_squares":
            return (fake_logits - 1).square().mean() / 2
        case "hinge" | "wgan_gp":
            return -fake_logits.mean()
        case "relativistic":
            assert real_logits is not None
            return F.softplus(real_logits - fake_logits).mean()
        case "non_saturating":
            return F.softplus(-fake_logits).mean()


def decision_boundary(real_logits: Tensor, fake_logits: Tensor, game: Game) -> Tensor | float:
    """The logit above which an image is called real: to count how often the discriminator is right.

    Halfway between the two targets, or, where only differences count, between the two means.
    """
    match game:
        case "least_squares":
            return 0.5
        case "wgan_gp" | "relativistic":
            return (real_logits.mean() + fake_logits.mean()).detach() / 2
        case "hinge" | "non_saturating":
            return 0.0


def gradient_penalty(discriminator: Callable[[Tensor], Tensor], inputs: Tensor) -> Tensor:
    """The zero-centred gradient penalty: the squared gradient of the logit by the input, averaged.

    Called R1 on real inputs and R2 on fakes (Mescheder et al. 2018, arXiv:1801.04406, section 4.1). Where
    real and fake agree, a discriminator at its optimum has no slope left to push them apart.

    Args:
        discriminator: inputs to logits, one per input and each from its own input alone.
        inputs: (N, ...).

    Returns:
        A scalar that can be differentiated again, by the discriminator's weights.
    """
    return _squared_slope(discriminator, inputs).mean()


def slope_penalty(discriminator: Callable[[Tensor], Tensor], real: Tensor, fake: Tensor) -> Tensor:
    """The gradient penalty of WGAN-GP: (|gradient| - 1)^2 of D between a real and a fake image, averaged.

    A slope of at most 1 everywhere makes D(x) - D(G(z)) a distance (Gulrajani et al. 2017,
    arXiv:1704.00028, equation 3); it is asked for at a random point of the line between the two.

    Args:
        discriminator: as for ``gradient_penalty``.
        real, fake: (N, ...).
    """
    share = torch.rand((len(real), *[1] * (real.ndim - 1)), device=real.device)
    between = share * real + (1 - share) * fake
    # The root's own slope is infinite at 0.
    slope = (_squared_slope(discriminator, between) + 1e-12).sqrt()
    return (slope - 1).square().mean()


def _squared_slope(discriminator: Callable[[Tensor], Tensor], inputs: Tensor) -> Tensor:
    """Of the logit by its own input, summed over the input's dimensions: (N,)."""
    inputs = inputs.detach().requires_grad_()
    (slope,) = torch.autograd.grad(discriminator(inputs).sum(), inputs, create_graph=True)
    return slope.square().flatten(1).sum(1)
