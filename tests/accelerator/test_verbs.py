"""Every verb computes where it is told to, answers on the CPU, and says what a wrong device is."""

from collections.abc import Callable
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest
import torch

import genlab
from genlab.cli import main
from genlab.data import Dataset
from genlab.errors import GenlabError
from genlab.evaluation.judges.files import judges_for
from genlab.evaluation.judges.networks import Judge
from genlab.evaluation.measure import make_yardstick
from genlab.evaluation.metrics import two_sample
from genlab.family import device_of
from genlab.widgets import Comparison, Interpolation, LatentExplorer, WalkExplorer
from tests.accelerator.test_families import SETTINGS
from tests.accelerator.test_training import TRAIN


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished run of a VAE with a fitted prior, trained on the pretended device."""
    folder = tmp_path_factory.mktemp("runs") / "vae"
    genlab.fit(genlab.load_config("vae", SETTINGS["vae"] | TRAIN), "digits", folder, device="pretended")
    return folder


@pytest.fixture(autouse=True)
def quick_judges(monkeypatch: pytest.MonkeyPatch) -> None:
    """Judges of two steps, wherever some are wanted."""

    def glance(train: Dataset, test: Dataset, **options: Any) -> dict[Any, Judge]:
        return judges_for(train, test, steps=2, device=options.get("device"), say=lambda line: None)

    monkeypatch.setattr("genlab.evaluation.measure.judges_for", glance)
    monkeypatch.setattr("genlab.evaluation.judges.files.find_judge", lambda *_: None)


VERBS: dict[str, Callable[[Path, str | None], Any]] = {
    "fit": lambda run, d: genlab.fit(genlab.load_config("gan", SETTINGS["gan"] | TRAIN), "digits", device=d)[
        0
    ],
    "fit_or_load": lambda run, d: genlab.fit_or_load(
        genlab.load_config("vae", SETTINGS["vae"] | TRAIN), genlab.load_dataset("digits"), run, device=d
    )[0],
    "load": lambda run, d: genlab.load(run, device=d),
    "load_pretrained": lambda run, d: genlab.load_pretrained("gan-mnist", device=d),
    "sample": lambda run, d: genlab.sample(run, 3, device=d),
    "nats": lambda run, d: genlab.nats(run, n=4, device=d),
    "evaluate": lambda run, d: genlab.evaluate(run, n=80, device=d),
    "compare": lambda run, d: genlab.compare([run], n=80, device=d),
}


@pytest.mark.parametrize("verb", VERBS)
def test_a_verb_computes_where_it_is_told_to(verb: str, run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: set[str] = set()
    forward = torch.nn.Linear.forward

    def spy(layer: torch.nn.Linear, x: torch.Tensor) -> torch.Tensor:
        seen.add(layer.weight.device.type)
        return forward(layer, x)

    monkeypatch.setattr(torch.nn.Linear, "forward", spy)
    chance = two_sample.TwoSample(0.5, 0.1, 0.5)  # a small network that is trained on the CPU everywhere
    monkeypatch.setattr("genlab.evaluation.metrics.pixel_two_sample_test", lambda *_: chance)
    for asked, expected in (("cpu", "cpu"), ("pretended", "pretended"), (None, "pretended")):
        seen.clear()
        answer = VERBS[verb](run, asked)
        if hasattr(answer, "networks"):
            assert device_of(answer.networks).type == expected
        if isinstance(answer, torch.Tensor):
            assert answer.device.type == "cpu"
        assert seen <= {expected}, asked
        assert seen or verb in ("load", "load_pretrained", "fit_or_load")


@pytest.mark.parametrize("verb", VERBS)
def test_a_device_that_is_not_here_is_refused_in_a_line(verb: str, run: Path) -> None:
    with pytest.raises(GenlabError, match=r"device: .*cuda.*cpu, pretended"):
        VERBS[verb](run, "cuda")


def test_a_class_may_set_the_device_for_all(run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GENLAB_DEVICE", "cpu")
    assert device_of(genlab.load(run).networks).type == "cpu"


def test_figures_by_judges_on_the_device_are_those_on_the_cpu() -> None:
    train, test = (genlab.load_dataset("digits", split) for split in ("train", "test"))
    here = judges_for(train, test, steps=2, device="cpu")
    there = {kind: deepcopy(judge).to("pretended") for kind, judge in here.items()}
    floor, other = (make_yardstick(train, test, 80, judges=judges).floor for judges in (here, there))
    assert floor.keys() == other.keys()
    for key, figure in floor.items():
        assert other[key].value == pytest.approx(figure.value, rel=0.01, abs=0.03)


@pytest.mark.parametrize(
    "call",
    [
        ["train", "--config", "gan-small", "--set=train.max_steps=1", "--dataset=digits", "--run={new}"],
        ["resume", "{run}", "--set", "train.max_steps=5"],
        ["sample", "{run}", "--n", "2", "--out", "{new}.npy"],
        ["evaluate", "{run}", "--n", "80"],
        ["nats", "{run}", "--n", "2"],
        ["compare", "{run}", "--n", "80", "--out", "{new}"],
        ["judge", "digits", "--steps", "1", "--out", "{new}"],
    ],
)  # fmt: skip
def test_the_command_line_has_the_option_everywhere(
    call: list[str], run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for device, status in (("pretended", 0), ("mps", 2)):
        words = [word.format(run=run, new=tmp_path / device) for word in call]
        with pytest.raises(SystemExit) as stopped:
            main([*words, "--device", device])
        said = capsys.readouterr().err
        assert stopped.value.code == status, said
    assert "device" in said
    assert "mps" in said


def test_explorers_show_models_wherever_they_are() -> None:
    models: dict[str, Any] = {
        name: genlab.zoo.build(genlab.load_config(name, SETTINGS[name]))
        for name in ("vae", "gan", "diffusion-mlp")
    }
    for model in models.values():
        model.networks.eval()
        assert device_of(model.networks).type == "pretended"
    assert Comparison(models)
    assert Interpolation(models)
    assert LatentExplorer(models["gan"])
    assert WalkExplorer(models["diffusion-mlp"])
