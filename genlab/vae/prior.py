"""A prior that goes to the codes: a Gaussian mixture, fitted after training.

A VAE pulls its codes towards N(0, I) and never gets them there altogether. What is left between the
prior and where the codes are (the aggregate posterior, Hoffman and Johnson 2016) is where samples go
wrong. Fitting a distribution to the codes afterwards mends that without touching the networks (Ghosh
et al. 2020, arXiv:1903.12436, section 4.3), and tightens the bound on log p(x) as well.
"""

from math import log, pi

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.mixture import GaussianMixture
from torch import Tensor, nn

from genlab.errors import GenlabError

ENOUGH = 1e-2  # nats per code: what a round of the search has to gain for another one to follow
CODES_PER_COMPONENT = 50  # with fewer, a Gaussian's shape would be that of a handful of codes
SMALLEST_VARIANCE = 1e-4  # added to every variance, in units of the codes' own


class MixturePrior(nn.Module):
    """sum_k weight_k N(z; mean_k, C_k), one mixture per class: N(0, I) until ``fit``.

    Args:
        latent_dim: width of the code.
        components: Gaussians in each mixture.
        num_classes: a mixture per class; none: one for all.
    """

    weights: Tensor  # (classes, components), sum to 1 in each class
    means: Tensor  # (classes, components, latent_dim)
    factors: Tensor  # (classes, components, latent_dim, latent_dim): L, lower triangular, C = L L^T

    def __init__(self, latent_dim: int, components: int, num_classes: int | None = None) -> None:
        super().__init__()
        self.num_classes = num_classes
        shape = (num_classes or 1, components)
        self.register_buffer("weights", torch.full(shape, 1 / components))
        self.register_buffer("means", torch.zeros(*shape, latent_dim))
        self.register_buffer("factors", torch.eye(latent_dim).repeat(*shape, 1, 1))

    def fit(self, codes: Tensor, labels: Tensor, *, seed: int = 0) -> None:
        """Fit each mixture by expectation maximisation; a class with few codes gets fewer components.

        Args:
            codes: (N, latent_dim), at least 2, draws from the encoder's Gaussians.
            labels: int64 (N,); all the same to a model without classes.
            seed: of the start of the search.

        Raises:
            GenlabError: a code that is not finite.
        """
        if len(codes) < 2:
            raise GenlabError(f"a prior is fitted to at least 2 codes, got {len(codes)}")
        if not codes.isfinite().all():
            raise GenlabError("the codes are not finite: no prior can be fitted to them, lower train.lr")
        for index in range(len(self.weights)):
            own = codes if self.num_classes is None else codes[labels == index]
            # A class without two codes is drawn from where the codes of all classes are.
            own = own if len(own) > 1 else codes
            self._fit_one(index, own.double().cpu().numpy(), seed)

    @property
    def is_fitted(self) -> bool:
        """Whether ``fit`` has moved it from N(0, I)."""
        return bool(self.means.any())

    def _fit_one(self, index: int, codes: NDArray[np.float64], seed: int) -> None:
        found = max(1, min(self.weights.shape[1], len(codes) // CODES_PER_COMPONENT))
        scale = max(codes.var(0).mean(), 1e-12)
        search = GaussianMixture(found, tol=ENOUGH, reg_covar=SMALLEST_VARIANCE * scale, random_state=seed)
        mixture = search.fit(codes)
        self.weights[index] = 0
        self.weights[index, :found] = torch.from_numpy(mixture.weights_)
        self.means[index, :found] = torch.from_numpy(mixture.means_)
        self.factors[index, :found] = torch.linalg.cholesky(torch.from_numpy(mixture.covariances_))

    def log_prob(self, z: Tensor, labels: Tensor | None = None) -> Tensor:
        """log p(z), or log p(z | label), in nats: (N, latent_dim) to (N,)."""
        densities = [self._log_prob_in(index, z) for index in range(len(self.weights))]
        if self.num_classes is None:
            return densities[0]
        assert labels is not None
        return torch.stack(densities, dim=1).gather(1, labels[:, None])[:, 0]

    def _log_prob_in(self, index: int, z: Tensor) -> Tensor:
        per_component = []
        for weight, mean, factor in zip(
            self.weights[index], self.means[index], self.factors[index], strict=True
        ):
            white = torch.linalg.solve_triangular(factor, (z - mean).T, upper=False)
            volume = factor.diagonal().log().sum() + z.shape[1] / 2 * log(2 * pi)
            per_component.append(weight.log() - volume - white.square().sum(0) / 2)
        return torch.stack(per_component).logsumexp(0)

    def sample(
        self, n: int, *, labels: Tensor | None = None, generator: torch.Generator | None = None
    ) -> Tensor:
        """``n`` codes, (n, latent_dim), on the CPU.

        Args:
            n: how many.
            labels: the classes, int64 (n,), where there are any.
            generator: a CPU generator.
        """
        rows = (
            torch.zeros(n, dtype=torch.int64) if self.num_classes is None or labels is None else labels.cpu()
        )
        chosen = torch.multinomial(self.weights.cpu()[rows], 1, generator=generator)[:, 0]
        noise = torch.randn(n, self.means.shape[2], 1, generator=generator)
        return self.means.cpu()[rows, chosen] + (self.factors.cpu()[rows, chosen] @ noise)[:, :, 0]
