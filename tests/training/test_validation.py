import pytest
import torch

from genlab.data import Dataset, to_signed
from genlab.errors import GenlabError
from genlab.training.validation import hold_out, validation_losses
from genlab.vae import VAE
from genlab.vae.loss import kl_divergence
from genlab.zoo import build, load_config


def test_every_image_is_on_one_side(dataset: Dataset) -> None:
    for n in (0, 1, 13, 39):
        rest, held = hold_out(dataset, n)
        assert (len(rest), len(held)) == (40 - n, n)
        both = torch.cat([rest.images, held.images]).flatten(1)
        assert sorted(map(tuple, both.tolist())) == sorted(map(tuple, dataset.images.flatten(1).tolist()))
        again = hold_out(dataset, n)[1]
        assert torch.equal(held.images, again.images)
        assert torch.equal(held.labels, again.labels)
    assert torch.equal(hold_out(dataset, 0)[0].images, dataset.images)
    with pytest.raises(GenlabError, match=r"train\.validation_images 40 leaves none of the 40 images"):
        hold_out(dataset, 40)


@pytest.mark.parametrize("name", ["vae", "gan", "diffusion-mlp"])
def test_the_mean_of_the_losses_with_the_same_noise_every_time(name: str, dataset: Dataset) -> None:
    family = build(load_config(name, {"model.network.hidden_dim": 16}))
    before = [p.clone() for p in family.networks.parameters()]
    family.networks.train()
    torch.manual_seed(1)
    state = torch.get_rng_state()
    losses = validation_losses(family, dataset, 16)
    assert torch.equal(torch.get_rng_state(), state)
    assert family.networks.training
    torch.manual_seed(2)
    assert validation_losses(family, dataset, 16) == losses
    assert all(torch.equal(a, b) for a, b in zip(before, family.networks.parameters(), strict=True))
    assert all(p.grad is None for p in family.networks.parameters())
    assert all(name.startswith("validation/") for name in losses)


def test_a_short_last_batch_weighs_what_it_holds(dataset: Dataset) -> None:
    """The KL depends on no noise, so it is the plain mean over all images, whatever the batches."""
    family = build(load_config("vae", {"model.network.hidden_dim": 16}))
    assert isinstance(family, VAE)
    expected = kl_divergence(*family.posterior(to_signed(dataset.images))).item()
    for batch_size in (1, 7, 39, 64):
        found = validation_losses(family, dataset, batch_size)["validation/kl"]
        assert found == pytest.approx(expected, rel=1e-5)
