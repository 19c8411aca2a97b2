import pytest
import torch

from genlab.errors import GenlabError
from genlab.nn import device
from genlab.nn.device import find_device
from genlab.zoo import build, load_config


class FourGPUs:
    """The processes of a machine with four GPUs, as ``accelerate`` would describe them to the third."""

    device = torch.device("cuda", 2)
    num_processes = 1


@pytest.fixture
def four_gpus(monkeypatch: pytest.MonkeyPatch) -> type[FourGPUs]:
    monkeypatch.setattr(device, "processes", lambda: FourGPUs)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 4)
    return FourGPUs


@pytest.mark.parametrize("name", [None, "auto", "cpu"])
def test_without_a_gpu_it_is_the_cpu(name: str | None) -> None:
    assert find_device(name) == torch.device("cpu")


def test_auto_and_the_bare_name_are_this_processs_own_gpu(four_gpus: type[FourGPUs]) -> None:
    assert find_device("auto") == find_device("cuda") == torch.device("cuda:2")
    assert find_device("cuda:3") == torch.device("cuda:3")
    assert find_device("cpu") == torch.device("cpu")


def test_the_variable_decides_where_nothing_is_asked_for(
    four_gpus: type[FourGPUs], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GENLAB_DEVICE", "cpu")
    assert find_device() == torch.device("cpu")
    assert find_device("cuda:1") == torch.device("cuda:1")


@pytest.mark.parametrize("name", ["gpu", "cuda", "cuda:0", "mps", "cuda:x", "meta", "cpu:7"])
def test_a_device_that_is_not_here_is_named(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(GenlabError, match=rf"device.*{name}"):
        find_device(name)
    monkeypatch.setenv("GENLAB_DEVICE", name)
    with pytest.raises(GenlabError, match=rf"GENLAB_DEVICE.*{name}"):
        build(load_config("gan-small"))


@pytest.mark.parametrize("name", ["cuda:4", "mps"])
def test_a_gpu_beyond_the_last_is_named(name: str, four_gpus: type[FourGPUs]) -> None:
    with pytest.raises(GenlabError, match=name):
        find_device(name)


def test_several_processes_share_no_gpu(four_gpus: type[FourGPUs], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(FourGPUs, "num_processes", 2)
    assert find_device("cuda") == torch.device("cuda:2")
    with pytest.raises(GenlabError, match=r"device cuda:1"):
        find_device("cuda:1")


def test_a_device_of_torchs_own_is_taken_as_its_name(four_gpus: type[FourGPUs]) -> None:
    assert find_device(torch.device("cuda")) == torch.device("cuda:2")  # type: ignore[arg-type]


@pytest.mark.parametrize("size", ["two", "2"])
def test_half_a_launchers_environment_is_refused(size: str, monkeypatch: pytest.MonkeyPatch) -> None:
    device.processes.cache_clear()
    monkeypatch.setenv("WORLD_SIZE", size)
    with pytest.raises(GenlabError, match="WORLD_SIZE"):
        device.processes()


def test_tasks_of_slurm_that_do_not_know_of_each_other_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    device.processes.cache_clear()
    monkeypatch.setenv("SLURM_STEP_NUM_TASKS", "2")
    with pytest.raises(GenlabError, match="Slurm"):
        device.processes()
