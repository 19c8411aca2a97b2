"""The mixture prior, against torch.distributions, scikit-learn and Gaussians that are known."""

import math

import pytest
import torch
from sklearn.mixture import GaussianMixture
from torch import Tensor
from torch.distributions import Categorical, MixtureSameFamily, MultivariateNormal, Normal

from genlab.errors import GenlabError
from genlab.vae.prior import CODES_PER_COMPONENT, SMALLEST_VARIANCE, MixturePrior
from tests.vae.conftest import seeded


def nobody(n: int) -> Tensor:
    """Labels for a model without classes."""
    return torch.zeros(n, dtype=torch.int64)


def made_up(latent_dim: int, components: int, num_classes: int | None = None, seed: int = 0) -> MixturePrior:
    """Mixtures of arbitrary weights, means and covariances."""
    prior, generator = MixturePrior(latent_dim, components, num_classes), seeded(seed)
    shape = (num_classes or 1, components)
    root = torch.randn(*shape, latent_dim, latent_dim, generator=generator)
    prior.weights.copy_(torch.rand(shape, generator=generator).add(0.1))
    prior.weights.div_(prior.weights.sum(1, keepdim=True))
    prior.means.copy_(2 * torch.randn(*shape, latent_dim, generator=generator))
    prior.factors.copy_(torch.linalg.cholesky(root @ root.mT + 0.2 * torch.eye(latent_dim)))
    return prior


def reference(prior: MixturePrior, index: int = 0) -> MixtureSameFamily:
    """The same mixture by torch.distributions."""
    components = MultivariateNormal(prior.means[index].double(), scale_tril=prior.factors[index].double())
    return MixtureSameFamily(Categorical(prior.weights[index].double()), components)


# --- density and draws ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("latent_dim", "components", "num_classes"), [(1, 1, None), (1, 5, None), (20, 2, None), (3, 4, 4)]
)
def test_its_density_is_torchs(latent_dim: int, components: int, num_classes: int | None) -> None:
    prior = made_up(latent_dim, components, num_classes)
    z, labels = 3 * torch.randn(50, latent_dim, generator=seeded(1)), torch.arange(50) % (num_classes or 1)
    got = prior.log_prob(z, labels if num_classes else None)
    for index in range(num_classes or 1):
        own = labels == index
        expected = reference(prior, index).log_prob(z[own].double()).float()
        torch.testing.assert_close(got[own], expected, rtol=1e-4, atol=1e-3)


def moments(prior: MixturePrior, index: int = 0) -> tuple[Tensor, Tensor]:
    """Mean and covariance of a mixture: the law of total variance."""
    weights, means = prior.weights[index, :, None], prior.means[index]
    mean = (weights * means).sum(0)
    within = prior.factors[index] @ prior.factors[index].mT
    between = (means - mean)[:, :, None] * (means - mean)[:, None, :]
    return mean, (weights[:, :, None] * (within + between)).sum(0)


def test_draws_of_a_class_are_from_its_mixture() -> None:
    prior = made_up(2, 3, num_classes=3)
    labels = torch.arange(90_000) % 3
    z = prior.sample(90_000, labels=labels, generator=seeded())
    for index in range(3):
        mean, covariance = moments(prior, index)
        size = covariance.diagonal().max().item()
        torch.testing.assert_close(z[labels == index].mean(0), mean, atol=0.03 * size**0.5, rtol=0)
        torch.testing.assert_close(z[labels == index].T.cov(), covariance, atol=0.05 * size, rtol=0)


@pytest.mark.parametrize("num_classes", [None, 3])
def test_it_is_a_standard_normal_until_fit(num_classes: int | None) -> None:
    prior = MixturePrior(4, 5, num_classes)
    z, labels = 2 * torch.randn(60, 4, generator=seeded()), torch.arange(60) % 3
    torch.testing.assert_close(prior.log_prob(z, labels), Normal(0.0, 1.0).log_prob(z).sum(1))
    draws = prior.sample(60_000, labels=torch.arange(60_000) % 3 if num_classes else None, generator=seeded())
    torch.testing.assert_close(draws.T.cov(), torch.eye(4), atol=0.03, rtol=0)
    torch.testing.assert_close(draws.mean(0), torch.zeros(4), atol=0.03, rtol=0)


def test_the_generator_decides_and_the_global_one_is_left_alone() -> None:
    prior, state = made_up(3, 4), torch.get_rng_state()
    first, again, other = (prior.sample(20, generator=seeded(seed)) for seed in (1, 1, 2))
    assert torch.equal(first, again)
    assert not torch.equal(first, other)
    assert torch.equal(state, torch.get_rng_state())
    assert not torch.equal(prior.sample(20), prior.sample(20))
    assert prior.sample(0).shape == (0, 3)


# --- the fit ----------------------------------------------------------------------------------


CENTRES = torch.tensor([[-8.0, 0.0], [8.0, 4.0], [0.0, -9.0]])
ROOTS = torch.tensor([[[1.0, 0.0], [0.5, 0.7]], [[0.3, 0.0], [0.0, 2.0]], [[1.5, 0.0], [-1.0, 0.5]]])
SHARES = (3000, 2000, 1000)


def three_clouds(seed: int = 0) -> Tensor:
    generator = seeded(seed)
    clouds = [
        centre + torch.randn(share, 2, generator=generator) @ root.T
        for centre, root, share in zip(CENTRES, ROOTS, SHARES, strict=True)
    ]
    return torch.cat(clouds)


def test_it_finds_gaussians_that_are_apart() -> None:
    codes, prior = three_clouds(), MixturePrior(2, 3)
    prior.fit(codes, nobody(len(codes)))
    for centre, root, share in zip(CENTRES, ROOTS, SHARES, strict=True):
        found = (prior.means[0] - centre).norm(dim=1).argmin()
        torch.testing.assert_close(prior.means[0, found], centre, atol=0.2, rtol=0)
        torch.testing.assert_close(prior.weights[0, found], torch.tensor(share / 6000), atol=1e-3, rtol=0)
        factor = prior.factors[0, found]
        torch.testing.assert_close(factor @ factor.T, root @ root.T, atol=0.35, rtol=0)
        assert torch.equal(factor, factor.tril())


def test_it_scores_codes_as_scikit_learn_does() -> None:
    codes, prior = three_clouds(), MixturePrior(2, 3)
    prior.fit(codes, nobody(len(codes)), seed=3)
    scale = codes.double().var(0, correction=0).mean().item()
    other = GaussianMixture(3, reg_covar=SMALLEST_VARIANCE * scale, random_state=3).fit(codes.double())
    unseen = three_clouds(1)[::60]
    got = prior.log_prob(unseen).double()
    expected = torch.from_numpy(other.score_samples(unseen.double()))
    torch.testing.assert_close(got, expected, rtol=1e-4, atol=1e-3)


def test_the_seed_decides_the_fit() -> None:
    """Which Gaussian comes first is chance: the seed's, and the global generators have no part in it."""
    codes, state = three_clouds(), torch.get_rng_state()

    def means(seed: int) -> Tensor:
        prior = MixturePrior(2, 3)
        prior.fit(codes, nobody(6000), seed=seed)
        return prior.means[0]

    first = means(0)
    torch.testing.assert_close(means(0), first, atol=1e-3, rtol=0)
    assert any(not torch.allclose(means(seed), first, atol=1) for seed in range(1, 6))
    assert torch.equal(state, torch.get_rng_state())


def test_each_class_has_a_mixture_of_its_own() -> None:
    codes, labels = three_clouds(), torch.arange(3).repeat_interleave(torch.tensor(SHARES))
    order = torch.randperm(6000, generator=seeded())
    prior = MixturePrior(2, 1, num_classes=3)
    prior.fit(codes[order], labels[order])
    for index in range(3):
        own = codes[labels == index]
        torch.testing.assert_close(prior.means[index, 0], own.mean(0), atol=1e-4, rtol=0)
        factor = prior.factors[index, 0]
        expected = own.T.cov(correction=0)
        expected = expected + SMALLEST_VARIANCE * own.var(0, correction=0).mean() * torch.eye(2)
        torch.testing.assert_close(factor @ factor.T, expected, atol=1e-3, rtol=1e-3)


@pytest.mark.parametrize(
    ("n", "latent_dim", "found"),
    [(2, 3, 1), (20, 80, 1), (CODES_PER_COMPONENT, 3, 1), (99, 3, 1), (100, 3, 2), (250, 3, 5), (900, 3, 5)],
)
def test_few_codes_get_few_components(n: int, latent_dim: int, found: int) -> None:
    codes, prior = torch.randn(n, latent_dim, generator=seeded()), MixturePrior(latent_dim, 5)
    prior.fit(codes, nobody(n))
    assert int((prior.weights > 0).sum()) == found
    assert prior.weights.sum().item() == pytest.approx(1, abs=1e-5)
    assert prior.log_prob(codes).isfinite().all()
    draws = prior.sample(500, generator=seeded())
    assert draws.isfinite().all()
    assert (draws - codes.mean(0)).norm(dim=1).max() < 20


def test_a_component_of_weight_0_adds_nothing_to_the_density() -> None:
    """One Gaussian found, far away; the other, of weight 0, is still N(0, I): at 0, not even 1e-7 of it."""
    codes, prior = 30 + torch.randn(60, 2, generator=seeded()), MixturePrior(2, 2)
    prior.fit(codes, nobody(60))
    assert prior.weights.tolist() == [[1, 0]]
    expected = MultivariateNormal(prior.means[0, 0], scale_tril=prior.factors[0, 0]).log_prob(
        torch.zeros(1, 2)
    )
    torch.testing.assert_close(prior.log_prob(torch.zeros(1, 2)), expected)


def test_a_second_fit_forgets_the_first() -> None:
    prior, fresh = MixturePrior(2, 3), MixturePrior(2, 3)
    prior.fit(three_clouds(), nobody(6000))
    few = torch.randn(60, 2, generator=seeded())
    for one in (prior, fresh):
        one.fit(few, nobody(60))
    z = torch.randn(9, 2)
    assert torch.equal(prior.log_prob(z), fresh.log_prob(z))


@pytest.mark.parametrize("n", [0, 1])
def test_a_class_of_no_codes_or_one_is_drawn_from_where_all_codes_are(n: int) -> None:
    codes = 5 + torch.randn(60 + n, 2, generator=seeded())
    labels = torch.cat([nobody(60), torch.full((n,), 2)])
    prior = MixturePrior(2, 3, num_classes=3)
    prior.fit(codes, labels)
    for index in (1, 2):
        drawn = prior.sample(2000, labels=torch.full((2000,), index), generator=seeded())
        torch.testing.assert_close(drawn.mean(0), codes.mean(0), atol=0.1, rtol=0)
    assert prior.sample(50, labels=nobody(50), generator=seeded()).mean() > 4


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize("n", [10, 300])
@pytest.mark.parametrize("value", [0.0, 5.0, -1234.567])
def test_codes_that_are_all_the_same_are_drawn_again(value: float, n: int) -> None:
    prior = MixturePrior(3, 2)
    prior.fit(torch.full((n, 3), value), nobody(n))
    assert prior.log_prob(torch.full((1, 3), value)).isfinite().all()
    draws = prior.sample(20, generator=seeded())
    torch.testing.assert_close(draws, torch.full((20, 3), value), atol=1e-3, rtol=0)


@pytest.mark.parametrize("scale", [1e-4, 1.0, 1e4])
def test_a_dimension_that_never_changes_does_no_harm_at_any_scale(scale: float) -> None:
    codes = scale * torch.randn(300, 3, generator=seeded())
    codes[:, 1] = scale
    prior = MixturePrior(3, 2)
    prior.fit(codes, nobody(300))
    draws = prior.sample(1000, generator=seeded()) / scale
    torch.testing.assert_close(draws[:, 1], torch.ones(1000), atol=0.1, rtol=0)
    torch.testing.assert_close(draws[:, 0].std(), torch.tensor(1.0), atol=0.2, rtol=0)


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_codes_that_are_no_numbers_are_refused(value: float) -> None:
    codes = torch.randn(100, 3)
    codes[7, 1] = value
    with pytest.raises(GenlabError, match="codes are not finite: no prior can be fitted"):
        MixturePrior(3, 2).fit(codes, nobody(100))
