"""What a run was made with: enough to say why another machine's numbers differ."""

import platform
from typing import Any

import torch

from genlab import __version__
from genlab.training.distributed import processes


def environment() -> dict[str, Any]:
    """Versions, device and numbers of threads and processes."""
    ranks = processes()
    gpu = torch.cuda.get_device_name(ranks.device) if ranks.device.type == "cuda" else None
    return {
        "genlab": __version__,
        "torch": torch.__version__,
        "python": platform.python_version(),
        "system": f"{platform.system()} {platform.machine()}",
        "device": gpu or str(ranks.device.type),
        "threads": torch.get_num_threads(),
        "processes": int(ranks.num_processes),
    }
