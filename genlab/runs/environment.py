"""What a run was made with: enough to say why another machine's numbers differ."""

import platform
from typing import Any

import torch

from genlab import __version__
from genlab.nn.device import processes


def environment(device: torch.device) -> dict[str, Any]:
    """Versions, numbers of threads and processes, and the device that the run is trained on."""
    gpu = torch.cuda.get_device_name(device) if device.type == "cuda" else None
    return {
        "genlab": __version__,
        "torch": torch.__version__,
        "python": platform.python_version(),
        "system": f"{platform.system()} {platform.machine()}",
        "device": gpu or device.type,
        "threads": torch.get_num_threads(),
        "processes": int(processes().num_processes),
    }
