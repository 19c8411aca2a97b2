"""Many samples from any model, and the files they go to."""

from collections.abc import Mapping
from operator import itemgetter
from pathlib import Path
from typing import Literal

import numpy as np
import torch
from accelerate.utils import gather_object
from torch import Tensor

from genlab import plots
from genlab.commands.find import find_run
from genlab.config import read_settings
from genlab.data import to_unit
from genlab.errors import GenlabError, did_you_mean
from genlab.family import Family, Walks, device_of
from genlab.files import writing
from genlab.nn.device import memory_named, processes
from genlab.progress import bar
from genlab.runs.checkpoint import AVERAGED, NETWORKS, best, load_weights, newest
from genlab.runs.display import say
from genlab.runs.folder import CHECKPOINTS, CONFIG, read_summary, resume_command
from genlab.zoo import Config, build

FEWER = "draw fewer at once (batch_size), or on the CPU (--device cpu)"


def load(
    run: str | Path,
    checkpoint: Literal["newest", "best"] = "newest",
    *,
    averaged: bool = True,
    overrides: Mapping[str, object] | None = None,
    device: str | None = None,
) -> Family:
    """The model of a finished or interrupted run, in eval mode.

    Args:
        run: the folder, or the name of one in ``runs/``.
        checkpoint: the newest that is whole, or the best by the run's ``train.monitor``.
        averaged: with averaged weights if it has them, else as training left them.
        overrides: settings of the model that training did not see, such as those of a diffusion sampler:
            ``{"model.num_inference_steps": 10}``.
        device: where it computes: ``cpu``, ``cuda``, ``mps``, or ``auto``, the GPU if there is one; the
            variable GENLAB_DEVICE decides if left out, and else ``auto``. Images and codes come back on the
            CPU wherever that is.

    Raises:
        GenlabError: not a run folder, a file in it is missing, damaged or of another model, or a setting
            that is not one of sampling; this machine has no such device.
    """
    if checkpoint not in ("newest", "best"):
        raise GenlabError(f"unknown checkpoint {checkpoint!r}: newest or best")
    path = find_run(run)
    if checkpoint == "best" and read_summary(path).get("exported"):
        raise GenlabError(f"{path} was exported: it has its newest weights alone, leave 'best' out")
    config = read_settings(Config, path / CONFIG)
    if overrides:
        allowed = [f"model.{name}" for name in config.model.SAMPLING]
        for name in overrides:
            if name not in allowed:
                raise GenlabError(f"{name} is no setting of sampling: {did_you_mean(name, allowed)}")
        config = read_settings(Config, path / CONFIG, overrides)
    family = build(config, device)
    saved = best(path / CHECKPOINTS) if checkpoint == "best" else newest(path / CHECKPOINTS, say)
    if saved is None:
        raise GenlabError(f"{path} has no checkpoint yet: {resume_command(path)} trains it")
    file = AVERAGED if averaged and AVERAGED in saved.tensors else NETWORKS
    if file not in saved.tensors:
        raise GenlabError(f"{path} was exported with averaged weights alone: leave averaged=False out")
    load_weights(family.networks, saved.tensors[file])
    family.networks.eval()
    return family


def sample(
    run: str | Path,
    n: int = 100,
    *,
    seed: int = 0,
    label: int | None = None,
    checkpoint: Literal["newest", "best"] = "newest",
    overrides: Mapping[str, object] | None = None,
    device: str | None = None,
) -> Tensor:
    """``n`` images in [0, 1], (n, 1, 28, 28), from a run: ``genlab sample``.

    Args:
        run, checkpoint, overrides, device: as for ``load``.
        n, seed: as for ``genlab.commands.sample.sample_in_batches``.
        label: one class for all; classes are drawn uniformly if left out.
    """
    family = load(run, checkpoint, overrides=overrides, device=device)
    return sample_in_batches(family, n, seed=seed, labels=label)


def sample_in_batches(
    family: Family,
    n: int,
    *,
    seed: int = 0,
    labels: Tensor | int | None = None,
    num_inference_steps: int | None = None,
    batch_size: int = 500,
) -> Tensor:
    """``n`` images in [0, 1], (n, 1, 28, 28), on the CPU, drawn a batch at a time behind a progress bar.

    Several processes share the batches, and each gets all images: those that one process would draw.

    Args:
        family: any model.
        n: how many, at least 1.
        seed: decides all of them; the batch size does too.
        labels: the class of each, int64 (n,), or one class for all; drawn uniformly if left out.
        num_inference_steps: of the sampler, for a model that walks from noise to image.
        batch_size: how many at once: memory stays bounded by it.

    Raises:
        GenlabError: no image asked for; a number of steps that the model cannot make; labels as for
            ``Family.sample``; no memory is left.
    """
    if n < 1:
        raise GenlabError(f"n should be at least 1, got {n}")
    if isinstance(labels, int):
        labels = torch.full((n,), labels)
    if labels is not None and labels.shape != (n,):
        raise GenlabError(f"labels should be of shape ({n},), one per image, got {tuple(labels.shape)}")
    ranks, device, starts = processes(), device_of(family.networks), range(0, n, batch_size)
    drawn: list[tuple[int, Tensor]] = []
    hidden = n <= batch_size or not ranks.is_main_process
    with bar(n, "images", what="samples", hidden=hidden) as progress, memory_named(device, FEWER):
        for start in starts[ranks.process_index :: ranks.num_processes]:
            size = min(batch_size, n - start)
            part = None if labels is None else labels[start : start + size]
            generator = torch.Generator().manual_seed(_seed_of_batch(seed, start // batch_size))
            drawn.append((start, _draw(family, size, part, generator, num_inference_steps)))
            progress.update(min(size * ranks.num_processes, n - start))
    if ranks.num_processes > 1:
        drawn = gather_object(drawn)
    return torch.cat([images for _, images in sorted(drawn, key=itemgetter(0))])


def _seed_of_batch(seed: int, index: int) -> int:
    """A seed for each batch, so that any process can draw it: the first batch has the seed itself."""
    return (seed + index * 0x9E3779B97F4A7C15) % 2**63  # the golden ratio's bits: no two seeds share a batch


def _draw(
    family: Family, n: int, labels: Tensor | None, generator: torch.Generator, steps: int | None
) -> Tensor:
    if steps is None:
        return family.sample(n, labels=labels, generator=generator)
    if not isinstance(family, Walks):
        raise GenlabError("this model draws an image in one step: leave num_inference_steps out")
    for state in family.trajectory(n, labels=labels, generator=generator, num_inference_steps=steps):
        x = state.x
    return to_unit(x)


def sample_sheet(family: Family, seed: int = 0) -> Tensor:
    """About a hundred images to look at, (N, 1, 28, 28) in [0, 1]: of every class as many, ten at most."""
    generator, classes = torch.Generator().manual_seed(seed), family.num_classes
    if classes is None:
        return family.sample(100, generator=generator)
    labels = torch.arange(classes).repeat_interleave(min(10, max(1, 100 // classes)))
    return family.sample(len(labels), labels=labels, generator=generator)


def write_samples(images: Tensor, path: Path) -> None:
    """Write images in [0, 1] as float32 (N, H, W) where the name ends in .npy, else as a PNG sheet."""
    with writing(path):
        if path.suffix == ".npy":
            np.save(path, images[:, 0].float().numpy())
        else:
            plots.save_image(plots.grid(images, columns=max(10, round(len(images) ** 0.5))), path)
