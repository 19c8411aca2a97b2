"""A prior fitted to the aggregate posterior after training: a Gaussian mixture.

A VAE pulls its codes towards N(0, I) and never gets them there altogether. Samples go wrong in the gap
between the prior and where the codes are (the aggregate posterior, Hoffman and Johnson 2016). Fitting a
distribution to the codes afterwards closes it without touching the networks (Ghosh et al. 2020,
arXiv:1903.12436, section 4.3), and tightens the bound on log p(x) as well.
"""

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.mixture import GaussianMixture
from torch import Tensor, nn
from torch.distributions import Categorical, MixtureSameFamily, MultivariateNormal

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
        codes, labels = codes.cpu(), labels.cpu()
        if len(codes) < 2:
            raise GenlabError(f"a prior is fitted to at least 2 codes, got {len(codes)}")
        if not codes.isfinite().all():
            raise GenlabError("the codes are not finite: no prior can be fitted to them, lower train.lr")
        for index in range(len(self.weights)):
            own = codes if self.num_classes is None else codes[labels == index]
            # A class without two codes is drawn from where the codes of all classes are.
            own = own if len(own) > 1 else codes
            self._fit_one(index, own.double().numpy(), seed)

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
        mixtures = MixtureSameFamily(
            Categorical(logits=self.weights.log()),  # not probs: those of 0 would be raised to 1e-7
            MultivariateNormal(self.means, scale_tril=self.factors, validate_args=False),
            validate_args=False,
        )
        of_each_class = mixtures.log_prob(z.to(self.means.device)[:, None])
        rows = self._rows(len(z), labels).to(self.means.device)
        return of_each_class.gather(1, rows[:, None])[:, 0].to(z.device)

    def _rows(self, n: int, labels: Tensor | None) -> Tensor:
        """Which mixture each of ``n`` codes belongs to."""
        return torch.zeros(n, dtype=torch.int64) if self.num_classes is None or labels is None else labels

    def sample(
        self, n: int, *, labels: Tensor | None = None, generator: torch.Generator | None = None
    ) -> Tensor:
        """``n`` codes, (n, latent_dim), on the CPU.

        Args:
            n: how many.
            labels: the classes, int64 (n,), where there are any.
            generator: a CPU generator.
        """
        rows = self._rows(n, labels).cpu()
        chosen = torch.multinomial(self.weights.cpu()[rows], 1, generator=generator)[:, 0]
        noise = torch.randn(n, self.means.shape[2], 1, generator=generator)
        return self.means.cpu()[rows, chosen] + (self.factors.cpu()[rows, chosen] @ noise)[:, :, 0]
