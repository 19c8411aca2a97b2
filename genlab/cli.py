"""The command line: train a model, sample from it, look at data and configs."""

import os
import shlex
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from genlab.errors import GenlabError, one_line

try:
    from typer.exceptions import TyperException as WrongCall
except ImportError:  # older versions of typer leave their errors to click
    from click import ClickException as WrongCall  # type: ignore[assignment]

_LONGEST_LINE = 380

app = typer.Typer(
    help="Train and sample VAEs, GANs and diffusion models on small images.",
    epilog="Example: genlab train --config vae --dataset mnist --run runs/my-vae",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
configs = typer.Typer(
    help="The configs that come with the package.",
    epilog="Example: genlab config show vae > my.yaml",
    no_args_is_help=True,
)
app.add_typer(configs, name="config")

SetOption = Annotated[
    list[str] | None,
    typer.Option("--set", help="Override one setting, for example train.epochs=5; may be repeated."),
]
BestFlag = Annotated[bool, typer.Option("--best", help="The best checkpoint by train.monitor.")]
DataArgument = Annotated[
    str, typer.Argument(help="mnist, fashion_mnist, digits, auto or a path such as ./shapes.")
]
SetSizeOption = Annotated[
    int | None, typer.Option("--n", "-n", min=1, help="Images per set; 10,000 if there are as many real.")
]
DeviceOption = Annotated[
    str | None, typer.Option(help="cpu, cuda, mps or auto; GENLAB_DEVICE if left out, else auto.")
]
DataRootOption = Annotated[Path | None, typer.Option(help="Folder to look for data in first.")]
SeedOption = Annotated[int, typer.Option(min=0, max=2**63 - 1, help="The same seed draws the same.")]


def main(argv: Sequence[str] | None = None) -> None:
    """Run the command line; whatever a user can mend becomes one line and exit status 2.

    Args:
        argv: the words after ``genlab``; those of this process if left out.

    Raises:
        SystemExit: always, with the exit status.
    """
    command = typer.main.get_command(app)
    status = 0
    try:
        # Not `app()`, which would show its own errors over several lines.
        status = command.main(argv, prog_name="genlab", standalone_mode=False) or 0
        if status == 130:  # newer versions of typer turn Ctrl-C into this, older ones into Abort
            _complain("stopped")
        if sys.stdout is not None:
            sys.stdout.flush()  # a closed pipe shows here, not when Python exits
    except GenlabError as error:
        status = _complain(str(error))
    except WrongCall as error:
        status = _wrong_call(error)
    except (KeyboardInterrupt, typer.Abort):
        _complain("stopped")
        status = 130
    except BrokenPipeError:  # `genlab config show vae | head -1`: who reads has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # Python flushes when it exits
        status = 1
    sys.exit(status)


def _complain(message: str) -> int:
    """One line on standard error, whatever a file or an argument has put into the message."""
    line = one_line(message)
    if len(line) > _LONGEST_LINE:  # the beginning says where, the end what to do
        line = f"{line[: _LONGEST_LINE - 205]} ... {line[-200:]}"
    rank = os.environ.get("RANK", "0")
    who = "genlab" if rank == "0" else f"genlab, process {rank}"
    print(f"{who}: {line}", file=sys.stderr)
    return 2


def _wrong_call(error: Any) -> int:
    """The line for a call that click cannot read: an unknown option, a missing one, a wrong type."""
    if type(error).__name__ == "NoArgsIsHelpError":  # newer versions of click; older ones exit with 0
        typer.echo(error.format_message())
        return 0
    context = getattr(error, "ctx", None)
    command = context.command_path if context else "genlab"
    message = " ".join(error.format_message().replace(": Input should", ": should").split())
    return _complain(f"{message.rstrip('.')} (see {command} --help)")


@app.command(epilog="Example: genlab train --config vae --dataset mnist --run runs/my-vae")
def train(
    run: Annotated[Path, typer.Option("--run", "--out", help="A new folder for the results.")],
    config: Annotated[str, typer.Option(help="Name of a config (genlab config list) or path of a .yaml.")],
    dataset: Annotated[
        str | None,
        typer.Option(
            help="mnist, fashion_mnist, digits, auto or a path such as ./shapes; the config's if left out."
        ),
    ] = None,
    data_root: DataRootOption = None,
    device: DeviceOption = None,
    set_: SetOption = None,
) -> None:
    """Train a model; the run folder keeps config, loss history, checkpoints and sheets of samples.

    On several processes, GPUs or machines: torchrun --nproc_per_node 2 -m genlab train --out ...
    """
    from genlab.commands.train import fit
    from genlab.runs.display import say
    from genlab.runs.folder import SHEET
    from genlab.zoo import load_config

    overrides = _overrides(set_)
    if dataset is not None:
        overrides["train.dataset"] = dataset
    with _stopping():
        fit(load_config(config, overrides), None, run, data_root=data_root, device=device)
    say(f"Done: {run / SHEET} shows samples; genlab sample {run} --n 16 --out x.png makes more.")


@app.command(epilog="Example: genlab resume runs/my-vae --set train.epochs=20")
def resume(
    run: Annotated[str, typer.Argument(help="A run folder, or the name of one in runs/.")],
    dataset: Annotated[
        str | None, typer.Option(help="Name or path of the same data, if it lies elsewhere now.")
    ] = None,
    data_root: DataRootOption = None,
    device: DeviceOption = None,
    set_: SetOption = None,
) -> None:
    """Go on with a run that was stopped, crashed or killed, as if it had not been."""
    from genlab.commands.find import find_run
    from genlab.commands.train import resume
    from genlab.runs.display import say
    from genlab.runs.folder import SHEET

    with _stopping():
        resume(run, _overrides(set_), dataset=dataset, data_root=data_root, device=device)
    say(f"Done: {find_run(run) / SHEET} shows samples.")


@app.command(epilog="Example: genlab runs")
def runs(
    folder: Annotated[Path | None, typer.Argument(help="Where they lie; runs/ if left out.")] = None,
) -> None:
    """List the runs: what they train, how far they are, their last losses."""
    from genlab.commands.find import list_runs

    found = list_runs(folder)
    for run in found:
        losses = "  ".join(f"{name} {value:.4g}" for name, value in run.losses.items())
        steps, data = f"{run.steps:,} of {run.total_steps:,}", Path(run.dataset).name
        typer.echo(f"{run.path.name:<20} {run.family:<10} {data:<14} {steps:>18}  {run.status:<9} {losses}")
    if not found:
        typer.echo("No runs yet: genlab train --config vae-small --run runs/my-vae makes one.")


@app.command(epilog="Example: genlab export my-vae --out vae-to-share")
def export(
    run: Annotated[str, typer.Argument(help="A finished run, or the name of one in runs/.")],
    out: Annotated[Path, typer.Option(help="A new folder.")],
    full: Annotated[bool, typer.Option("--full", help="Weights in single precision, not half.")] = False,
) -> None:
    """Make a small copy of a run to share: weights to sample from, without what training needs."""
    from genlab.commands.export import export
    from genlab.files import size_in_bytes

    folder = export(run, out, half=not full)
    size, name = size_in_bytes(folder) / 1e6, shlex.quote(str(folder))
    typer.echo(f"Wrote {folder} ({size:.1f} MB): genlab sample {name} --out x.png")


@app.command(epilog="Example: genlab machine")
def machine(device: DeviceOption = None) -> None:
    """Say what this machine has, and about how long the series trains on it."""
    from genlab.commands.machine import describe_machine

    text = describe_machine(device)
    if _is_first():
        typer.echo(text)


@app.command(epilog="Example: genlab pretrained")
def pretrained() -> None:
    """List the models that come with the package: sample, evaluate and compare take their names."""
    from genlab.commands.pretrained import as_table

    typer.echo(as_table())


@app.command(epilog="Example: genlab sample runs/my-vae --n 10000 --seed 0 --out x.npy")
def sample(
    run: Annotated[str, typer.Argument(help="Folder or name of a run, or a model of genlab pretrained.")],
    out: Annotated[Path, typer.Option(help="x.npy: float32 (N, 28, 28) in [0, 1]; x.png: a sheet.")],
    n: Annotated[int, typer.Option("--n", "-n", min=1, help="How many images.")] = 100,
    seed: SeedOption = 0,
    label: Annotated[
        int | None,
        typer.Option(min=0, max=2**63 - 1, help="One class for all, for a class-conditional model."),
    ] = None,
    best: BestFlag = False,
    device: DeviceOption = None,
    set_: SetOption = None,
) -> None:
    """Draw images from a trained model into a file."""
    from genlab.commands.sample import sample, write_samples

    if out.suffix not in (".npy", ".png"):
        raise GenlabError(f"--out {out}: the name should end in .npy or .png")
    if not out.parent.is_dir():
        raise GenlabError(f"--out {out}: there is no folder {out.parent}, make it first")
    checkpoint: Literal["best", "newest"] = "best" if best else "newest"
    changes = _overrides(set_)
    images = sample(run, n, seed=seed, label=label, checkpoint=checkpoint, overrides=changes, device=device)
    if _is_first():
        write_samples(images, out)
        typer.echo(f"Wrote {n} images to {out}.")


@app.command(epilog="Example: genlab evaluate my-vae --out runs/my-vae/evaluation")
def evaluate(
    target: Annotated[str, typer.Argument(help="Folder or name of a run, or a .npy of images.")],
    n: SetSizeOption = None,
    seed: SeedOption = 0,
    dataset: Annotated[str | None, typer.Option(help="Real images; the run's own if left out.")] = None,
    data_root: DataRootOption = None,
    best: BestFlag = False,
    device: DeviceOption = None,
    set_: SetOption = None,
    out: Annotated[Path | None, typer.Option(help="A folder for the report and closest.png.")] = None,
) -> None:
    """How good a model is: distances to real images beside their floor, and whether it copies."""
    from genlab.commands.evaluate import evaluate, write_evaluation
    from genlab.evaluation.report import report_text

    evaluation = evaluate(
        target,
        n=n,
        seed=seed,
        checkpoint="best" if best else "newest",
        overrides=_overrides(set_),
        dataset=dataset,
        data_root=data_root,
        out=out,
        device=device,
    )
    if not _is_first():
        return
    typer.echo(report_text(evaluation.report))
    if out is not None:
        write_evaluation(evaluation, out)
        typer.echo(f"Wrote report.json, report.txt and closest.png to {out}.")


@app.command(epilog="Example: genlab nats vae-binary --k 1 --k 500 --set model.prior=standard")
def nats(
    run: Annotated[str, typer.Argument(help="A run folder, or the name of one in runs/.")],
    k: Annotated[list[int] | None, typer.Option(min=1, help="Codes per image; 1 and 50 if left out.")] = None,
    n: Annotated[
        int | None, typer.Option("--n", "-n", min=2, help="The first N test images; all if left out.")
    ] = None,
    seed: SeedOption = 0,
    best: BestFlag = False,
    device: DeviceOption = None,
    set_: SetOption = None,
) -> None:
    """A bound on -log p(x) of the test images in nats per image, for a VAE: lower is better."""
    from genlab.commands.nats import nats

    checkpoint: Literal["best", "newest"] = "best" if best else "newest"
    changes = _overrides(set_)
    bounds = nats(
        run, k=k or (1, 50), n=n, seed=seed, checkpoint=checkpoint, overrides=changes, device=device
    )
    for bound in bounds if _is_first() else ():
        images = f"{bound.n:,} test images"
        typer.echo(f"k = {bound.k:<6,} {bound.nats:9.2f} +- {bound.error:.2f} nats per image, {images}")


@app.command(epilog="Example: genlab compare --dataset mnist --seconds 600 --out runs/fair-mnist")
def compare(
    out: Annotated[Path, typer.Option(help="A folder for comparison.md, .json and .png, and for runs.")],
    runs: Annotated[list[str] | None, typer.Argument(help="Finished runs, also beside a bench.")] = None,
    config: Annotated[
        list[str] | None,
        typer.Option(help="A model of the bench, fair-vae, fair-gan and fair-diffusion if left out."),
    ] = None,
    seconds: Annotated[
        float | None, typer.Option(min=0.1, help="Train so long each; only finished runs if left out.")
    ] = None,
    seeds: Annotated[
        int, typer.Option(min=1, help="How often each is trained; more that --out holds stay in the table.")
    ] = 3,
    n: SetSizeOption = None,
    dataset: Annotated[str | None, typer.Option(help="Real images; auto, or the runs' own.")] = None,
    data_root: DataRootOption = None,
    device: DeviceOption = None,
) -> None:
    """Compare models: train the three families alike (--seconds), or take finished runs."""
    from genlab.commands.compare import compare, comparison_text, write_comparison
    from genlab.commands.fair import FAIR_CONFIGS, train_and_compare

    if seconds is not None:
        with _stopping(out):
            comparison = train_and_compare(
                out,
                configs=config or FAIR_CONFIGS,
                dataset=dataset or "auto",
                data_root=data_root,
                seconds=seconds,
                seeds=seeds,
                n=n,
                also=runs or (),
                device=device,
            )
    elif runs:
        if config:
            raise GenlabError("--config is trained with --seconds; finished runs are named without it")
        comparison = compare(runs, n=n, dataset=dataset, data_root=data_root, out=out, device=device)
    else:
        raise GenlabError("name finished runs, or say how long to train each family: --seconds 600")
    if not _is_first():
        return
    typer.echo(comparison_text(comparison))
    write_comparison(comparison, out)
    typer.echo(f"Wrote comparison.md, comparison.json and comparison.png to {out}.")


@app.command(epilog="Example: genlab judge ./shapes")
def judge(
    dataset: DataArgument,
    kind: Annotated[str | None, typer.Option(help="plain, residual or contrastive; all if left out.")] = None,
    steps: Annotated[
        int | None, typer.Option(min=1, help="Of training; 6 passes over the images, or 4, if left out.")
    ] = None,
    seed: Annotated[
        int | None, typer.Option(min=0, max=2**63 - 1, help="Each kind has its own if left out.")
    ] = None,
    out: Annotated[Path | None, typer.Option(help="Folder to keep them in; data/judges if left out.")] = None,
    data_root: DataRootOption = None,
    device: DeviceOption = None,
) -> None:
    """Train the judges that evaluate looks through, for data that none come with the package for."""
    from genlab.commands.evaluate import load_both
    from genlab.errors import did_you_mean
    from genlab.evaluation.judges.files import SHIPPED, doubt_about, find_card, make_judge
    from genlab.evaluation.judges.networks import JUDGES
    from genlab.evaluation.judges.training import best_guess

    if kind is not None and kind not in JUDGES:
        raise GenlabError(f"unknown kind of judge {kind!r}: {did_you_mean(kind, JUDGES)}")
    train, test = load_both(dataset, data_root)
    for each in [each for each in JUDGES if kind in (None, each)]:
        if out is None and (known := find_card(train, each)) is not None and known[0] == SHIPPED:
            typer.echo(
                f"A {each} judge of {train.name} comes with genlab, and evaluate goes on using that one."
            )
        trained, card = make_judge(each, train, test, folder=out, steps=steps, seed=seed, device=device)
        typer.echo(f"{card.file}: right on {card.accuracy:.2%} of the {len(test):,} test images")
        if (doubt := doubt_about(each, card.accuracy, len(test), best_guess(trained, test))) is not None:
            typer.echo(doubt)


@app.command(epilog="Example: genlab data fashion_mnist")
def data(
    name: DataArgument = "auto",
    root: Annotated[Path | None, typer.Option(help="Folder to look in first and download into.")] = None,
) -> None:
    """Find, fetch if need be, and verify a data set; says where it lies."""
    from genlab.data import load_dataset

    for split in ("train", "test"):
        typer.echo(repr(load_dataset(name, split, root)))


@configs.command("list", epilog="Example: genlab config list")
def config_list() -> None:
    """The names that --config takes."""
    from genlab.zoo import config_names

    typer.echo("\n".join(config_names()))


@configs.command("show", epilog="Example: genlab config show vae --set train.epochs=5 > my.yaml")
def config_show(
    name: Annotated[str, typer.Argument(help="Name of a config or path of a .yaml.")],
    set_: SetOption = None,
) -> None:
    """A config with every setting filled in and explained; what it prints is a config too."""
    from genlab.config.show import with_comments
    from genlab.zoo import load_config

    typer.echo(with_comments(load_config(name, _overrides(set_))), nl=False)


def _is_first() -> bool:
    """Whether this is the process that speaks and writes: of several that a launcher started, one does."""
    from genlab.nn.device import processes

    return bool(processes().is_main_process)


def _overrides(texts: list[str] | None) -> dict[str, object]:
    from genlab.config import parse_override

    return dict(parse_override(text) for text in texts or [])


@contextmanager
def _stopping(bench: Path | None = None) -> Iterator[None]:
    """Exit with the status of Ctrl-C and no further line: a run that was stopped has said so itself.

    A bench has not, and loses little: say what is kept in its folder, and how to go on.
    """
    from genlab.runs.interrupt import Stopped

    try:
        yield
    except KeyboardInterrupt as stop:
        if bench is not None and (bench / "bench.json").exists():
            kept = f"all that was trained and measured is kept in {bench}"
            _complain(f"stopped; {kept}: the same command goes on")
        elif not isinstance(stop, Stopped):
            raise
        raise SystemExit(130) from None
