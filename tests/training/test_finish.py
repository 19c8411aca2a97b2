"""What a family does after its last step: once, as it will be sampled, and kept wherever weights are."""

from itertools import count
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from genlab.commands.sample import load
from genlab.commands.train import fit, resume
from genlab.data import Dataset, load_dataset
from genlab.family import HasFinish
from genlab.runs.checkpoint import AVERAGED, NETWORKS, read_checkpoint, saved_steps
from genlab.runs.folder import CHECKPOINTS, RunFolder
from genlab.training.loop import train
from genlab.training.settings import TrainConfig
from genlab.training.state import TrainingState
from genlab.vae import VAE, VAEConfig
from genlab.vae.config import MLPAutoencoderConfig
from genlab.zoo import Config, load_config


class Watched(VAE):
    """A VAE that writes down how it was finished, and leaves a mark in a buffer."""

    def __init__(self) -> None:
        torch.manual_seed(0)
        super().__init__(VAEConfig(network=MLPAutoencoderConfig(hidden_dim=4), latent_dim=2))
        self.networks["autoencoder"].register_buffer("mark", torch.zeros(2))
        self.calls: list[dict[str, Any]] = []

    @property
    def mark(self) -> Tensor:
        return self.networks["autoencoder"].get_buffer("mark")

    def finish(self, dataset: Dataset) -> None:
        weights = [p.detach().clone() for p in self.networks.parameters()]
        self.calls.append({"images": len(dataset), "training": self.networks.training, "weights": weights})
        self.mark.copy_(1 + torch.rand(2))


def weights_of(networks: nn.Module) -> list[Tensor]:
    return [p.detach().clone() for p in networks.parameters()]


@pytest.mark.parametrize("ema_decay", [None, 0.5])
def test_it_is_done_once_after_the_last_step(ema_decay: float | None, dataset: Dataset) -> None:
    family, config = Watched(), TrainConfig(batch_size=8, epochs=2, ema_decay=ema_decay)
    state = TrainingState(family, config)
    done = [len(family.calls) for _ in train(family, dataset, config, state=state)]
    assert done == [0] * 9 + [1]
    [call] = family.calls
    assert call["images"] == 40
    assert not call["training"]
    own = weights_of(family.networks)
    sampled = own if state.ema is None else weights_of(state.ema.averaged.module)
    torch.testing.assert_close(call["weights"], sampled, rtol=0, atol=0)
    assert (family.mark > 0).all()
    if state.ema is not None:
        assert not torch.equal(own[0], sampled[0])
        averaged = state.ema.averaged.module.state_dict()
        assert torch.equal(averaged["autoencoder.mark"], family.mark)
    assert list(train(family, dataset, config, state=state)) == []  # it is over: nothing is done again
    assert len(family.calls) == 1


def test_seconds_can_be_the_end(dataset: Dataset, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("genlab.training.loop.perf_counter", count(100, 0.5).__next__)
    family, config = Watched(), TrainConfig(batch_size=8, epochs=2, max_seconds=1)
    state = TrainingState(family, config)
    assert [step.seconds for step in train(family, dataset, config, state=state)] == [0.5, 1.5]
    assert len(family.calls) == 1
    assert state.seconds == 1.5  # what finishing took is counted


def test_the_noise_of_finishing_changes_nothing_in_a_run_that_goes_on(dataset: Dataset) -> None:
    short, long = (TrainConfig(batch_size=8, epochs=epochs, lr=0.01) for epochs in (1, 2))
    one, other = Watched(), Watched()
    state = TrainingState(one, short)
    list(train(one, dataset, short, state=state))
    list(train(one, dataset, long, state=state))
    list(train(other, dataset, long))
    assert (len(one.calls), len(other.calls)) == (2, 1)
    torch.testing.assert_close(one.networks.state_dict(), other.networks.state_dict(), rtol=0, atol=0)


# --- a VAE that fits its prior ----------------------------------------------------------------

PRIOR = ("weights", "means", "factors")


@pytest.fixture(scope="module")
def digits() -> Dataset:
    return load_dataset("digits", "train")


def config_for(**train_settings: object) -> Config:
    model: dict[str, object] = {
        "model.network.hidden_dim": 16,
        "model.latent_dim": 3,
        "model.beta": 0.01,
        "model.prior_components": 2,
    }
    settings = {"batch_size": 64, "max_steps": 6, "checkpoint_every": 2, "lr": 0.003, "ema_decay": 0.8}
    settings |= {"keep_checkpoints": 9}
    return load_config("vae", model | {f"train.{key}": v for key, v in (settings | train_settings).items()})


def prior_in(tensors: dict[str, Tensor]) -> list[Tensor]:
    return [tensors[f"autoencoder.prior.{name}"] for name in PRIOR]


Run = tuple[Path, VAE]


@pytest.fixture(scope="module")
def whole(digits: Dataset, tmp_path_factory: pytest.TempPathFactory) -> Run:
    """A run of six steps from its beginning to its end."""
    folder = tmp_path_factory.mktemp("fitted") / "run"
    family, _ = fit(config_for(), digits, folder)
    assert isinstance(family, VAE)
    assert isinstance(family, HasFinish)
    return folder, family


def test_the_fitted_prior_is_in_the_model_and_in_both_files_of_the_last_checkpoint(whole: Run) -> None:
    folder, family = whole
    fitted = prior_in(family.networks.state_dict())
    assert fitted[1].abs().max() > 0.01
    for step in (2, 4, 6):
        tensors = read_checkpoint(folder / CHECKPOINTS, step).tensors
        assert not torch.equal(
            *(tensors[file]["autoencoder.encoder.layers.0.weight"] for file in (NETWORKS, AVERAGED))
        )
        for file in (NETWORKS, AVERAGED):
            saved = prior_in(tensors[file])
            if step == 6:
                torch.testing.assert_close(saved, fitted, rtol=0, atol=0)
            else:
                assert not saved[1].any()  # not fitted yet: N(0, I)
    for averaged in (True, False):
        loaded = load(folder, averaged=averaged).networks.state_dict()
        torch.testing.assert_close(prior_in(loaded), fitted, rtol=0, atol=0)


def broken_off(config: Config, dataset: Dataset, folder: Path, after: int) -> None:
    """A run whose process dies after so many steps."""
    real = RunFolder.log

    def log(self: RunFolder, step: Any) -> None:
        if step.step == after + 1:
            raise RuntimeError("power cut")
        real(self, step)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(RunFolder, "log", log)
        with pytest.raises(RuntimeError, match="power cut"):
            fit(config, dataset, folder)


@pytest.mark.parametrize("after", [3, 5])
def test_an_interrupted_run_fits_the_same(after: int, whole: Run, digits: Dataset, tmp_path: Path) -> None:
    """Also if it died after the prior was fitted and before that was saved."""
    broken_off(config_for(), digits, tmp_path / "run", after)
    assert saved_steps(tmp_path / "run" / CHECKPOINTS)[-1] == after - 1
    torch.manual_seed(99)  # another process has other random states
    again, history = resume(tmp_path / "run", dataset=digits)
    assert len(history) == 6
    folder, family = whole
    torch.testing.assert_close(again.networks.state_dict(), family.networks.state_dict(), rtol=0, atol=0)
    one, other = (read_checkpoint(run / CHECKPOINTS, 6).tensors for run in (folder, tmp_path / "run"))
    torch.testing.assert_close(one, other, rtol=0, atol=0)


def test_a_run_that_goes_on_gets_another_prior(whole: Run, digits: Dataset, tmp_path: Path) -> None:
    _, family = whole
    fitted = prior_in(family.networks.state_dict())
    folder = tmp_path / "run"
    fit(config_for(max_steps=4), digits, folder)
    over, _ = resume(folder, dataset=digits)
    first = prior_in(over.networks.state_dict())
    assert first[1].any()
    longer, _ = resume(folder, {"train.max_steps": 6}, dataset=digits)
    assert not torch.equal(prior_in(longer.networks.state_dict())[1], first[1])
    torch.testing.assert_close(prior_in(longer.networks.state_dict()), fitted, rtol=0, atol=0)
