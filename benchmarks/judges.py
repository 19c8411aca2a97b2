r"""What do the judges notice? Every figure of known images: the models that ship, spoilt and real ones.

    python benchmarks/judges.py models              six models by every judge, of today and of before
    python benchmarks/judges.py sensitivity mnist   the level from which on each figure notices a disease
    python benchmarks/judges.py sensitivity mnist --before      the same by the judges of before
    python benchmarks/judges.py null mnist          real images against real ones, five draws
    python benchmarks/judges.py lessons fashion_mnist      which part of its lesson made a judge mind blur
    python benchmarks/judges.py blind fashion_mnist sheets without names, for your own eyes

The judges "of before" are the two that came with earlier versions, trained on images moved by less than a
pixel (``training.moved``). They are trained first where ``runs/judges-before`` has none, which takes half an
hour for each data set; so do the images of the diffusion models, which are kept in ``runs/judges-images``.
``--out`` writes what is printed into a file as well.
"""

from collections.abc import Mapping
from itertools import product
from pathlib import Path
from statistics import fmean, stdev
from typing import Annotated

import numpy as np
import torch
import typer
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from genlab import plots
from genlab.commands.evaluate import frequent_labels
from genlab.commands.pretrained import load_pretrained
from genlab.commands.sample import sample_in_batches
from genlab.data import Dataset, load_dataset, to_bytes, to_unit
from genlab.evaluation.corruptions import DISEASES, blur
from genlab.evaluation.judges.features import look
from genlab.evaluation.judges.files import SEEDS, judges_for
from genlab.evaluation.judges.networks import FEATURES, Judge, Kind, Residual, convolution, plain_judge
from genlab.evaluation.judges.training import Move, moved, shifted, train_judge
from genlab.evaluation.measure import Yardstick, make_yardstick, report_on
from genlab.evaluation.metrics import frechet_distance, pixel_two_sample_test
from genlab.evaluation.report import KNOWN_METRICS, Key, Report, printed
from genlab.evaluation.sensitivity import Figures, curves_of, threshold
from genlab.evaluation.table import Row, ranking
from genlab.files import write_aside
from genlab.progress import bar

BEFORE, IMAGES = Path("runs/judges-before"), Path("runs/judges-images")
FAMILIES, DATASETS = ("vae", "gan", "diffusion"), ("mnist", "fashion_mnist")
PASSES_BEFORE = {"mnist": 12, "fashion_mnist": 14}
DARK = 24  # grey levels that count as black in the second test on pixels

app = typer.Typer(help=__doc__, no_args_is_help=True, rich_markup_mode=None)
DatasetArgument = Annotated[str, typer.Argument(help="mnist or fashion_mnist.")]
SizeOption = Annotated[int, typer.Option("--n", help="Images per set.")]
OutOption = Annotated[Path | None, typer.Option(help="A file for what is printed.")]


def both_splits(dataset: str) -> tuple[Dataset, Dataset]:
    """The training and the test images."""
    return load_dataset(dataset, "train"), load_dataset(dataset, "test")


def judges_of_today(train: Dataset, test: Dataset) -> dict[Kind, Judge]:
    """Those that come with the package."""
    return judges_for(train, test, say=lambda _: None)


def judges_of_before(train: Dataset) -> dict[Kind, Judge]:
    """The two that were trained on resampled images; trained again where they are not on disk."""
    judges: dict[Kind, Judge] = {}
    kinds: tuple[Kind, ...] = ("plain", "residual")
    for kind in kinds:
        path = BEFORE / f"{train.name}-{kind}.safetensors"
        judge = new_judge_of_before(kind, train.num_classes).eval()
        if path.exists():
            judge.load_state_dict(load_file(path))
        else:
            steps = PASSES_BEFORE[train.name] * (len(train) // 128)
            teach(
                judge,
                train,
                steps,
                f"{kind} judge of before",
                seed=SEEDS[kind],
                move=moved,
                label_smoothing=0.05,
            )
            BEFORE.mkdir(parents=True, exist_ok=True)
            save_file({name: each.contiguous() for name, each in judge.state_dict().items()}, path)
        judges[kind] = judge
    return judges


def new_judge_of_before(kind: Kind, num_classes: int) -> Judge:
    """One whose 64 features are all of the last layer."""
    ends = [nn.Flatten(), nn.Linear(64 * 7 * 7, FEATURES), nn.ReLU()]
    stem = [convolution(1, 16), nn.MaxPool2d(2), convolution(16, 32), convolution(32, 32), nn.MaxPool2d(2)]
    bodies = {
        "plain": [*stem, convolution(32, 64), convolution(64, 64), *ends],
        "residual": [
            *(convolution(1, 16), Residual(16, 32), Residual(32, 64), Residual(64, FEATURES)),
            *(nn.AdaptiveAvgPool2d(1), nn.Flatten()),
        ],
    }
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(SEEDS[kind])
        return Judge(nn.Sequential(*bodies[kind]), num_classes)


def teach(
    judge: Judge, train: Dataset, steps: int, what: str, *, seed: int = 0, move: Move, label_smoothing: float
) -> None:
    """Train a judge behind a progress bar."""
    with bar(steps, "steps", what=what) as progress:
        for _ in train_judge(
            judge, train, steps=steps, seed=seed, move=move, label_smoothing=label_smoothing
        ):
            progress.update()


def images_of(name: str, labels: Tensor) -> Tensor:
    """What a shipped model draws for these classes by seed 0, as bytes; kept on disk."""
    path = IMAGES / f"{name}-{len(labels)}.npy"
    if not path.exists():
        made = to_bytes(sample_in_batches(load_pretrained(name), len(labels), labels=labels))
        IMAGES.mkdir(parents=True, exist_ok=True)
        np.save(path, made.numpy())
    return torch.from_numpy(np.load(path))


def finish(lines: list[str], out: Path | None) -> None:
    """Print, and write if there is a place to."""
    text = "\n".join(lines) + "\n"
    print(text)
    if out is not None:
        write_aside(out, text)


# --- the models ---------------------------------------------------------------------------------


@app.command()
def models(n: SizeOption = 10_000, out: OutOption = None) -> None:
    """Fréchet / floor by the judges of today and of before, the tests on pixels, sharpness, fine detail."""
    lines = [f"{n:,} images of each, seed 0; ± is the standard error of the choice of images.", ""]
    for dataset in DATASETS:
        train, test = both_splits(dataset)
        today = make_yardstick(train, test, n, judges=judges_of_today(train, test))
        before = make_yardstick(train, test, n, judges=judges_of_before(train))
        labels = frequent_labels(train, n)
        rows: list[Row] = []
        for name in ("real test images", *(f"{family}-{dataset}" for family in FAMILIES)):
            real = name == "real test images"
            images = test.images[today.reference.held_out] if real else images_of(name, labels)
            reports = [report_on(images, yardstick, name=name) for yardstick in (today, before)]
            titles, cells = model_row(name, images, reports, today)
            lines += [] if rows else table_head(titles)
            rows.append(Row(name, reports[:1]))
            lines.append(f"| {' | '.join(cells)} |")
        lines += ["", *order_of(rows[1:], list(today.reference.judges)), ""]
    finish(lines, out)


def model_row(
    name: str, images: Tensor, reports: list[Report], yardstick: Yardstick
) -> tuple[list[str], list[str]]:
    """Titles and cells of a line of the table."""
    today, before = (report.figures for report in reports)
    cells = {"model": name}
    for figures, suffix in ((today, ""), (before, " before")):
        for figure in ("frechet_ratio", "two_sample"):
            judges = [judge for known, judge in figures if known == figure]
            title = f"{KNOWN_METRICS[figure].title}{suffix}: {', '.join(map(str, judges))}"
            cells[title] = "; ".join(printed(figures[figure, judge]) for judge in judges)
    for figure in ("two_sample_pixels", "sharpness", "fine_detail"):
        cells[KNOWN_METRICS[figure].title] = printed(today[figure, None])
        if figure == "two_sample_pixels":
            cells[f"the same, grey up to {DARK} black"] = printed_accuracy(images, yardstick)
    return list(cells), list(cells.values())


def printed_accuracy(images: Tensor, yardstick: Yardstick) -> str:
    """The test on pixels with the faintest of them set to black: is haze all that it sees?"""
    real = yardstick.reference.train.images[yardstick.reference.chosen]
    test = pixel_two_sample_test(*(part.masked_fill(part <= DARK, 0) for part in (real, images)))
    return f"{test.accuracy:.3f} ± {test.standard_error:.3f}"


def table_head(titles: list[str]) -> list[str]:
    """The first two lines of a table."""
    return [f"| {' | '.join(titles)} |", "|" + " --- |" * len(titles)]


def order_of(rows: list[Row], judges: list[Kind]) -> list[str]:
    """The models from best to worst by each figure."""
    names = ("frechet_ratio", "two_sample", "two_sample_pixels", "sharpness", "fine_detail")
    return [f"- {KNOWN_METRICS[name].title}: {ranking(rows, name, judges)}" for name in names]


# --- diseases -----------------------------------------------------------------------------------


@app.command()
def sensitivity(
    dataset: DatasetArgument,
    n: SizeOption = 2000,
    before: Annotated[bool, typer.Option("--before", help="By the judges of before.")] = False,
    out: OutOption = None,
) -> None:
    """For each figure and judge, the smallest level from which on it notices each of eight diseases."""
    train, test = both_splits(dataset)
    judges = judges_of_before(train) if before else judges_of_today(train, test)
    curves = curves_of(make_yardstick(train, test, n, judges=judges))
    keys = [key for key in curves["blur"][0.0] if key in curves["blur"][DISEASES["blur"].levels[0]]]
    titles = [f"{name}, {DISEASES[name].unit}" for name in curves]
    lines = [
        f"{train.name}, {n:,} images per set, judges of {'before' if before else 'today'}. A figure notices "
        "a level if it is worse than for healthy images by more than twice its error, there and at every "
        "higher level tried; > stands for not even at the highest.",
        "",
        *table_head(["figure", "judge", *titles]),
    ]
    for key in keys:
        cells = [noticed_from(curves[name], key) for name in curves]
        lines.append(f"| {' | '.join([KNOWN_METRICS[key[0]].title, key[1] or '', *cells])} |")
    finish(lines, out)


def noticed_from(curve: Mapping[float, Figures], key: Key) -> str:
    """A level, or that the highest is not enough."""
    level = threshold(curve, key)
    return f"> {max(curve):g}" if level is None else f"{level:g}"


# --- real against real --------------------------------------------------------------------------


@app.command()
def null(dataset: DatasetArgument, n: SizeOption = 2000, out: OutOption = None) -> None:
    """Real images in place of a model's, five draws of both: each figure, its error, and how far it moved."""
    train, test = both_splits(dataset)
    judges = judges_of_today(train, test)
    draws = [make_yardstick(train, test, n, seed=seed, judges=judges).floor for seed in range(5)]
    lines = [
        f"{train.name}: {n:,} test images against {n:,} training images, five draws of both.",
        "",
        *table_head(["figure", "judge", "five draws", "mean", "spread", "error as stated"]),
    ]
    for key in draws[0]:
        values = [draw[key].value for draw in draws]
        stated = [draw[key].error for draw in draws]
        error = "" if stated[0] is None else f"{fmean(each or 0 for each in stated):.3g}"
        five = ", ".join(f"{value:.3g}" for value in values)
        cells = [KNOWN_METRICS[key[0]].title, key[1] or "", five, f"{fmean(values):.3g}"]
        lines.append(f"| {' | '.join([*cells, f'{stdev(values):.3g}', error])} |")
    lines += ["", "Training images against other training images, which no writer tells apart, by pixels:"]
    for seed in range(5):
        order = torch.randperm(len(train), generator=torch.Generator().manual_seed(seed))
        test_of = pixel_two_sample_test(train.images[order[:n]], train.images[order[n : 2 * n]], seed=seed)
        lines.append(f"{test_of.accuracy:.3f} ± {test_of.standard_error:.3f}")
    finish(lines, out)


# --- lessons ------------------------------------------------------------------------------------


@app.command()
def lessons(
    dataset: DatasetArgument,
    steps: Annotated[int, typer.Option(min=1, help="Of training, for each judge.")] = 2000,
    n: SizeOption = 5000,
    out: OutOption = None,
) -> None:
    """The plain judge taught in several ways: how far the VAE and the GAN are, and blurred real images."""
    train, test = both_splits(dataset)
    chosen = torch.randperm(len(train), generator=torch.Generator().manual_seed(0))[:n]
    held_out = test.images[torch.randperm(len(test), generator=torch.Generator().manual_seed(0))[:n]]
    real, sick = train.images[chosen], to_bytes(blur(to_unit(held_out), 0.5))
    sets = {
        name: images_of(f"{name}-{dataset}", frequent_labels(train, 10_000))[:n] for name in ("vae", "gan")
    }
    sets["blur 0.5"] = sick
    lines = [
        f"{dataset}: plain judges, {steps:,} steps each; Fréchet / floor, {n:,} images.",
        "",
        *table_head(["features", "labels", "moved by", *sets]),
    ]
    for depths in ("last layer", "two depths"):
        for soft, move in product((0.05, 0.0), (moved, shifted)):
            if depths == "two depths" and soft:
                continue
            judge = new_judge_of_before("plain", train.num_classes)
            if depths == "two depths":
                with torch.random.fork_rng(devices=[]):
                    torch.manual_seed(SEEDS["plain"])
                    judge = plain_judge(train.num_classes)
            teach(judge, train, steps, f"{depths}, {soft}, {move.__name__}", move=move, label_smoothing=soft)
            seen = look(judge, real).features
            floor = frechet_distance(look(judge, held_out).features, seen)
            ratios = [frechet_distance(look(judge, each).features, seen) / floor for each in sets.values()]
            way = "interpolation" if move is moved else "whole pixels"
            cells = [depths, "softened" if soft else "as they are", way, *(f"{r:.1f}" for r in ratios)]
            lines.append(f"| {' | '.join(cells)} |")
            print(lines[-1], flush=True)
    finish(lines, out)


# --- eyes ---------------------------------------------------------------------------------------


@app.command()
def blind(dataset: DatasetArgument, seed: Annotated[int, typer.Option(help="Shuffles.")] = 0) -> None:
    """Four sheets in random order, of three models and of real images; the key is in a file of its own."""
    train, test = both_splits(dataset)
    labels = frequent_labels(train, 10_000)
    sheets = {f"{family}-{dataset}": images_of(f"{family}-{dataset}", labels) for family in FAMILIES}
    sheets["real"] = test.images
    names = list(sheets)
    generator = torch.Generator().manual_seed(seed)
    order = [names[i] for i in torch.randperm(len(names), generator=generator)]
    folder = Path("runs/judges-blind")
    folder.mkdir(parents=True, exist_ok=True)
    for letter, name in zip("ABCD", order, strict=True):
        some = sheets[name][torch.randperm(len(sheets[name]), generator=generator)[:100]]
        plots.save_image(plots.grid(some, 20), folder / f"{dataset}-{letter}.png", scale=2)
    write_aside(folder / f"{dataset}-key.txt", "\n".join(map(" ".join, zip("ABCD", order, strict=True))))
    print(f"Look at {folder}/{dataset}-A.png to -D.png, write your order down, then open {dataset}-key.txt.")


if __name__ == "__main__":
    app()
