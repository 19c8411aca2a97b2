"""``register()`` makes ``torch.device("pretended")``, which torch and accelerate find and choose.

It takes a C++ compiler and half a minute, once. GENLAB_PRETEND says which devices it is like: ``cuda`` has
float64, ``mps`` has not.
"""

import os
import shutil
import sys
import sysconfig
from pathlib import Path
from types import ModuleType

import torch
from accelerate import PartialState
from torch.utils.cpp_extension import load

NAME = "pretended"
os.environ["PATH"] = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"  # ninja may be there


class Module(ModuleType):
    """What stands under ``torch.pretended``, as ``torch.cuda`` does for CUDA: one device, always ready.

    Its random numbers come from the CPU's generator.
    """

    def is_available(self) -> bool:
        return True

    def is_initialized(self) -> bool:
        return True

    def device_count(self) -> int:
        return 1

    def current_device(self) -> int:
        return 0

    def set_device(self, device: object) -> None:
        pass

    def synchronize(self, device: object = None) -> None:
        pass

    def empty_cache(self) -> None:
        pass

    def _is_in_bad_fork(self) -> bool:
        return False

    def manual_seed_all(self, seed: int) -> None:
        torch.default_generator.manual_seed(seed)

    def get_rng_state(self, device: object = 0) -> torch.Tensor:
        return torch.get_rng_state()

    def set_rng_state(self, state: torch.Tensor, device: object = 0) -> None:
        torch.set_rng_state(state)

    def get_amp_supported_dtype(self) -> list[torch.dtype]:
        return [torch.bfloat16, torch.float16]


def register() -> None:
    """Build the device and make it the one that is found; raises where something is ``missing``."""
    torch.utils.rename_privateuse1_backend(NAME)
    torch._register_device_module(NAME, Module(f"torch.{NAME}"))
    build = Path(__file__).parents[2] / "build" / f"pretended-{torch.__version__}"
    build.mkdir(parents=True, exist_ok=True)
    source = str(Path(__file__).with_suffix(".cpp"))
    native = load("genlab_pretended", [source], extra_cflags=["-O1"], build_directory=str(build))
    torch.utils.generate_methods_for_privateuse1_backend()
    native.allow_float64(os.environ.get("GENLAB_PRETEND") == "cuda")
    PartialState.default_device = property(lambda _: torch.device(NAME, 0))


def missing() -> str | None:
    """What this machine lacks to build it, or None."""
    if shutil.which("c++") is None:
        return "no C++ compiler (c++)"
    if shutil.which("ninja") is None:
        return "no ninja"
    if not Path(sysconfig.get_path("include"), "Python.h").is_file():
        return "no headers of Python (Python.h)"
    return None


if __name__ == "__main__":
    print(missing() or "")
