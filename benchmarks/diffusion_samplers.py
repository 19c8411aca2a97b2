"""Quality against the number of sampler steps, for one trained diffusion model: a table and the sheets.

    python benchmarks/diffusion_samplers.py runs/my-diffusion --n 2000 --out runs/my-diffusion/samplers

For each guidance scale, sampler and number of steps: the Fréchet distance over the floor by the worst
judge, 1 is as good as real images; how many of the images the first judge takes for the class that was asked
for; and the time an image takes, over that of the row above all. The first hundred images go to
``--out`` as a sheet, one class per column.
"""

from pathlib import Path
from time import perf_counter
from typing import Annotated

import torch
import typer

from genlab import plots
from genlab.commands.evaluate import data_of, open_out
from genlab.commands.find import find_run
from genlab.commands.sample import load, sample_in_batches
from genlab.data import load_dataset
from genlab.diffusion import Diffusion
from genlab.errors import GenlabError
from genlab.evaluation.curves import frechet_ratio
from genlab.evaluation.judges.features import look
from genlab.evaluation.measure import make_yardstick
from genlab.files import write_aside

ROWS = (
    ("ddim", 10), ("ddim", 20), ("ddim", 50), ("dpm_solver_pp", 8), ("dpm_solver_pp", 15), ("heun", 8),
)  # fmt: skip


def main(
    run: Annotated[str, typer.Argument(help="A run of a class-conditional diffusion model.")],
    n: Annotated[int, typer.Option(min=100, help="Images per row.")] = 2000,
    guidance: Annotated[list[float] | None, typer.Option(help="A scale to try; 1, 1.5 and 2.")] = None,
    out: Annotated[Path | None, typer.Option(help="A folder for the sheets.")] = None,
) -> None:
    """Measure row by row."""
    path = find_run(run)
    if not isinstance(load(path), Diffusion):
        raise GenlabError(f"{path} is no diffusion model")
    name, root = data_of(path)
    train = load_dataset(name, "train", root)
    reference = make_yardstick(train, load_dataset(train.name, "test", root), n).reference
    open_out(out)
    labels = torch.arange(n) % train.num_classes
    print(f"{path}, {n:,} images of {train.name}\n")
    print(f"{'guidance':>8}  {'sampler':<14}{'steps':>6}{'Fréchet/floor':>15}{'class right':>13}{'time':>7}")
    first = None
    for scale in guidance or (1.0, 1.5, 2.0):
        for sampler, steps in ROWS:
            settings = {"sampler": sampler, "num_inference_steps": steps, "guidance_scale": scale}
            family = load(path, overrides={f"model.{key}": value for key, value in settings.items()})
            started = perf_counter()
            images = sample_in_batches(family, n, labels=labels)
            seconds = perf_counter() - started
            first = first or seconds
            answers = look(reference.judges[reference.first], images).answers
            right = (answers == labels).float().mean().item()
            row = f"{scale:>8}  {sampler:<14}{steps:>6}{frechet_ratio(images, reference):>15.2f}"
            print(f"{row}{right:>13.1%}{seconds / first:>7.2f}", flush=True)
            if out is not None:
                sheet = plots.to_png(plots.grid(images[:100], columns=10), scale=2)
                write_aside(out / f"{sampler}-{steps}-guidance-{scale}.png", sheet)


if __name__ == "__main__":
    typer.run(main)
