r"""How the models that come with the package were made, and what is measured of them.

    python tools/pretrained.py train gan-mnist      trains runs/pretrained/gan-mnist (all: hours)
    python tools/pretrained.py ship gan-mnist       exports it, and measures the copy
    python tools/pretrained.py measure gan-mnist    measures anew what ships, and draws its sheet
    python tools/pretrained.py table                writes the table, benchmarks/results/pretrained/README.md
    python tools/pretrained.py steps mnist          8 steps of the sampler against 50
    python tools/pretrained.py haze diffusion-mnist the share of pixels that are nearly black, and not black

What is measured is the copy in half precision, by all judges, with as many images as there are test
images; and with fewer images the run it was copied from beside it, to see that nothing was lost.
"""

import shlex
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Annotated

import torch
import typer

from genlab import plots
from genlab.commands.evaluate import EVALUATION, evaluate, known_report, write_evaluation
from genlab.commands.export import export
from genlab.commands.find import SHIPPED_MODELS
from genlab.commands.pretrained import load_pretrained, pretrained_names
from genlab.commands.sample import sample_in_batches
from genlab.data import load_dataset, to_bytes
from genlab.errors import GenlabError, did_you_mean
from genlab.evaluation.report import KNOWN_METRICS, Report, printed
from genlab.files import size_in_bytes, write_aside
from genlab.runs.folder import read_summary

# The diffusion models went on from a first sitting in runs/first, stopped after 6,778 and 7,490 steps:
# genlab train --config pretrained-diffusion --run runs/first/diffusion-mnist --set model.clipped_loss=false
FURTHER = (
    " --set train.start_from=runs/first/diffusion-{} --set train.max_steps={} --set train.half_size_steps=0"
)
COMMANDS = {
    name: f"genlab train --config pretrained-{family} --dataset {dataset} --run runs/pretrained/{name}{more}"
    for family, dataset, more in (
        ("vae", "mnist", ""),
        ("vae", "fashion_mnist", ""),
        ("gan", "mnist", ""),
        ("gan", "fashion_mnist", ""),
        ("diffusion", "mnist", FURTHER.format("mnist", 10_000)),
        ("diffusion", "fashion_mnist", FURTHER.format("fashion_mnist", 10_500)),
    )
    for name in [f"{family}-{dataset}"]
} | {
    "diffusion-mnist-1step": "genlab train --config diffusion-1step --dataset mnist "
    "--run runs/pretrained/diffusion-mnist-1step"
}
FOLDER = Path(__file__).parent.parent / "benchmarks" / "results" / "pretrained"
README = Path(__file__).parent.parent / "README.md"
BEGIN, END = "<!-- written by tools/pretrained.py table -->", "<!-- end -->"
FEW = 1000  # images, where two things are compared with each other
PER_CLASS = 10
SHOWN = (
    "frechet_ratio", "precision", "recall", "coverage", "class_accuracy", "copied_features",
    "two_sample_pixels", "sharpness",
)  # fmt: skip

app = typer.Typer(help=__doc__, no_args_is_help=True, rich_markup_mode=None)
Names = Annotated[list[str], typer.Argument(help="Models: " + ", ".join(COMMANDS))]


@app.command()
def train(names: Names) -> None:
    """Run the command of each."""
    for name in known(names):
        subprocess.run([sys.executable, "-m", *shlex.split(COMMANDS[name])], check=True)


def known(names: list[str]) -> list[str]:
    """The names, if all are those of models that ship."""
    for name in names:
        if name not in COMMANDS:
            raise SystemExit(f"no model {name!r} ships: {did_you_mean(name, COMMANDS)}")
    return names


@app.command()
def ship(names: Names) -> None:
    """Export in place of what ships now, measure, draw."""
    FOLDER.mkdir(exist_ok=True)
    for name in known(names):
        run, folder = Path("runs/pretrained") / name, SHIPPED_MODELS / name
        fresh = export(run, SHIPPED_MODELS / f"{name}.fresh", command=COMMANDS[name])
        shutil.rmtree(folder, ignore_errors=True)  # not before there is another
        fresh.rename(folder)
        print(f"{name}: {size_in_bytes(folder) / 1e6:.1f} MB")
        for path in (run, folder):
            print(f"  {path.parent}: {by_all(evaluate(path, n=FEW).report)} at N = {FEW:,}", flush=True)
        measure([name])


@app.command()
def measure(names: Names) -> None:
    """Evaluate what ships, keep the figures beside it, draw its sheet."""
    for name in known(names):
        evaluation = evaluate(SHIPPED_MODELS / name)
        write_evaluation(evaluation, SHIPPED_MODELS / name / EVALUATION)
        plots.save_image(sheet(name), FOLDER / f"{name}.png")
        print(f"{name}: {by_all(evaluation.report)} at N = {evaluation.report.n:,}", flush=True)


def by_all(report: Report, name: str = "frechet_ratio") -> str:
    """A figure by each judge that has it; the Fréchet distance over the floor if left out."""
    return " | ".join(printed(figure) for figure in report.figures.values() if figure.name == name)


def sheet(name: str) -> plots.Picture:
    """Rows by class: ten images of the model on the left, ten real ones on the right."""
    data = load_dataset(name.split("-")[1], "test")
    labels = torch.arange(data.num_classes).repeat_interleave(PER_CLASS)
    made = sample_in_batches(load_pretrained(name), len(labels), labels=labels)
    real = torch.cat([data.images[data.labels == label][:PER_CLASS] for label in range(data.num_classes)])
    return plots.beside(
        plots.labelled(plots.grid(made, PER_CLASS), name), plots.labelled(plots.grid(real, PER_CLASS), "real")
    )


@app.command()
def steps(
    dataset: Annotated[str, typer.Argument(help="mnist or fashion_mnist.")],
    n: Annotated[int, typer.Option(min=100, help="Images.")] = FEW,
) -> None:
    """The diffusion model with few steps and with many, on the same noise."""
    for count in (8, 50):
        measured = evaluate(
            SHIPPED_MODELS / f"diffusion-{dataset}", n=n, overrides={"model.num_inference_steps": count}
        )
        print(f"{count:>3} steps: {by_all(measured.report)} at N = {n:,}", flush=True)


@app.command()
def haze(names: Names) -> None:
    """Grey levels 1 to 10 of 255, as a share of all pixels: an eye sees them as a veil over the black."""
    for name in known(names):
        data = load_dataset(name.split("-")[1], "test")
        labels = torch.arange(FEW) % data.num_classes
        made = veil(sample_in_batches(load_pretrained(name), FEW, labels=labels))
        real = veil(data.images)
        print(f"{name}: {made:.1%} of the pixels of {FEW:,} images; real ones {real:.1%}", flush=True)


def veil(images: torch.Tensor) -> float:
    """The share of pixels with grey levels 1 to 10, of images in [0, 1] or uint8."""
    levels = to_bytes(images)
    return ((levels >= 1) & (levels <= 10)).float().mean().item()


@app.command()
def table() -> None:
    """Write the table of all that ship, as it was measured, and its short form in the README."""
    write_aside(FOLDER / "README.md", whole_table())
    write_aside(README, with_short_table(README.read_text("utf-8")))
    print(whole_table())


def whole_table() -> str:
    """What stands in benchmarks/results/pretrained/README.md."""
    titles = ["model", "MB", "weights", "N", *(KNOWN_METRICS[name].title for name in SHOWN)]
    lines = [[*titles, "trained", "command"], ["---"] * (len(titles) + 2)]
    for name in pretrained_names():
        summary, report = read_summary(SHIPPED_MODELS / name), measured(name)
        lines.append([
            name,
            f"{size_in_bytes(SHIPPED_MODELS / name) / 1e6:.1f}",
            f"{sum(summary['parameters'].values()):,}",
            f"{report.n:,}",
            *(by_all(report, figure).replace("|", "\\|") for figure in SHOWN),
            f"{summary['seconds'] / 60:.0f} min, {summary['sessions'][-1]['threads']} thread(s)",
            f"`{summary['command']}`",
        ])  # fmt: skip
    total = sum(size_in_bytes(SHIPPED_MODELS / name) for name in pretrained_names()) / 1e6
    rows = ("| " + " | ".join(line) + " |\n" for line in lines)
    return INTRODUCTION.format(total=total) + "".join(rows)


def measured(name: str) -> Report:
    """The figures that were kept beside a model."""
    report = known_report(SHIPPED_MODELS / name)
    if report is None:
        raise SystemExit(f"{name} is not measured yet: python tools/pretrained.py measure {name}")
    return report


def with_short_table(readme: str) -> str:
    """The project's README with today's distances between its two marks."""
    lines = ["| | VAE | GAN | diffusion |", "| --- | --- | --- | --- |"]
    for dataset, title in (("mnist", "MNIST"), ("fashion_mnist", "Fashion-MNIST")):
        families = ("vae", "gan", "diffusion")
        cells = [by_all(measured(f"{family}-{dataset}")).replace(" |", ",") for family in families]
        lines.append(f"| {title} | {' | '.join(cells)} |")
    before, rest = readme.split(BEGIN)
    return before + BEGIN + "\n\n" + "\n".join(lines) + "\n\n" + END + rest.split(END, 1)[1]


INTRODUCTION = """# The models that come with the package

Written by `python tools/pretrained.py table`. Figures are of the weights as they ship, in half
precision, by three judges (plain \\| residual \\| contrastive, without classes): `genlab evaluate NAME`
measures them again. In the last two figures no judge has a say: they are of the pixels alone. {total:.1f} MB
in all. Minutes are those of a clock, beside another training on the same two cores and pauses included.
The pictures beside this file hold ten images of every class, not chosen, and on their right ten real test
images.

"""

if __name__ == "__main__":
    try:
        app()
    except GenlabError as error:
        raise SystemExit(str(error)) from None
