"""How the judges are trained: on real images, shifted, turned and scaled a little, and averaged.

    python -m genlab.evaluation.judge_training mnist plain --out judge.safetensors

A judge that has seen a digit only in its place would call a shifted one strange. So each image is
moved by a random affine map first; clothes may also be mirrored. What is kept is an average of the
weights, and what is reported is the accuracy on the test images, which take no part in training.
"""

from collections.abc import Iterator
from math import pi
from pathlib import Path
from typing import Annotated

import torch
import torch.nn.functional as F
import typer
from safetensors.torch import save_file
from torch import Tensor
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn
from tqdm import tqdm

from genlab.data import Dataset, load_dataset, to_signed
from genlab.evaluation.judges import JUDGES, Judge


def moved(images: Tensor, generator: torch.Generator, *, mirror: bool) -> Tensor:
    """Each image turned by up to 10 degrees, scaled and sheared by up to a tenth, shifted by up to 2 pixels.

    Args:
        images: (N, 1, 28, 28), in [-1, 1].
        generator: decides all.
        mirror: left and right change places for half of them.
    """
    n = len(images)
    angle, size, shear = (torch.rand(3, n, generator=generator) * 2 - 1) * torch.tensor(
        [[pi / 18], [0.1], [0.1]]
    )
    shift = (torch.rand(n, 2, generator=generator) * 2 - 1) * (2 / 14)
    scale_x = 1 + size
    if mirror:
        scale_x = scale_x * (1 - 2 * (torch.rand(n, generator=generator) < 0.5).float())
    rows = [
        torch.stack([scale_x * angle.cos(), -angle.sin() + shear, shift[:, 0]], dim=1),
        torch.stack([scale_x * angle.sin(), (1 + size) * angle.cos(), shift[:, 1]], dim=1),
    ]
    places = F.affine_grid(torch.stack(rows, dim=1), list(images.shape), align_corners=False)
    return F.grid_sample(images + 1, places, align_corners=False) - 1  # outside is black, which is -1


def train_judge(
    judge: Judge, dataset: Dataset, *, epochs: int, mirror: bool, seed: int = 0, batch_size: int = 128
) -> Iterator[float]:
    """Train in place; yields the cross-entropy of every step and ends with averaged weights in eval mode."""
    steps = epochs * (len(dataset) // batch_size)
    optimiser = torch.optim.AdamW(judge.parameters(), weight_decay=0.01, fused=True)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, max_lr=5e-3, total_steps=steps)
    average = AveragedModel(judge, multi_avg_fn=get_ema_multi_avg_fn(0.998), use_buffers=True)
    generator = torch.Generator().manual_seed(seed)
    batches = (batch for _ in range(epochs) for batch in dataset.batches(batch_size, generator=generator))
    judge.train()
    for images, labels in batches:
        loss = F.cross_entropy(judge(moved(images, generator, mirror=mirror)), labels, label_smoothing=0.05)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        schedule.step()
        average.update_parameters(judge)
        yield loss.item()
    judge.load_state_dict(average.module.state_dict())
    judge.eval()


@torch.no_grad()
def accuracy(judge: Judge, dataset: Dataset) -> float:
    """Share of a data set's images that the judge puts into the right class, in [0, 1]."""
    right = 0
    for start in range(0, len(dataset), 1000):
        answers = judge(to_signed(dataset.images[start : start + 1000])).argmax(1)
        right += int((answers == dataset.labels[start : start + 1000]).sum())
    return right / len(dataset)


def main(
    dataset: Annotated[str, typer.Argument(help="mnist, fashion_mnist or a path.")],
    kind: Annotated[str, typer.Argument(help="plain or residual.")],
    out: Annotated[Path, typer.Option(help="The safetensors file to write.")],
    epochs: Annotated[int, typer.Option(min=1)] = 15,
    seed: Annotated[int, typer.Option()] = 0,
) -> None:
    """Train a judge and say how often it is right on the test images."""
    train, test = load_dataset(dataset, "train"), load_dataset(dataset, "test")
    torch.manual_seed(seed)
    judge = JUDGES[kind](train.num_classes)
    per_epoch = len(train) // 128
    mirror = train.name == "fashion_mnist"
    with tqdm(total=epochs * per_epoch, unit=" steps", mininterval=5) as bar:
        for loss in train_judge(judge, train, epochs=epochs, mirror=mirror, seed=seed):
            bar.update()
            bar.set_postfix(loss=f"{loss:.3f}", refresh=False)
    save_file({name: t.contiguous() for name, t in judge.state_dict().items()}, out)
    print(f"{out}: {kind} judge of {train.name}, {100 * accuracy(judge, test):.2f} % of the test images right")


if __name__ == "__main__":
    typer.run(main)
