"""The command line: train a model, sample from it, look at data and configs."""

import signal
import sys
from pathlib import Path
from typing import Annotated

import typer

from genlab.errors import GenlabError

app = typer.Typer(
    help="Train and sample VAEs, GANs and diffusion models on small images.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
configs = typer.Typer(help="The configs that come with the package.", no_args_is_help=True)
app.add_typer(configs, name="config")


def main() -> None:
    """Run the command line; anything a user can mend becomes one line and exit status 2."""
    try:
        app()
    except GenlabError as error:
        print(f"genlab: {error}", file=sys.stderr)
        sys.exit(2)


@app.command(epilog="Example: genlab train --config vae --dataset mnist --run runs/my-vae")
def train(
    run: Annotated[Path, typer.Option(help="A new folder for the results.")],
    config: Annotated[str, typer.Option(help="Name of a config (genlab config list) or path of a .yaml.")],
    dataset: Annotated[
        str | None,
        typer.Option(help="mnist, fashion_mnist, digits or auto; the config's if left out."),
    ] = None,
    data_root: Annotated[Path | None, typer.Option(help="Folder to look for data in first.")] = None,
    set_: Annotated[
        list[str] | None,
        typer.Option("--set", help="Override one setting, for example train.epochs=5; may be repeated."),
    ] = None,
) -> None:
    """Train a model; leaves loss history, weights and a sheet of samples in the run folder."""
    from genlab.config import parse_override
    from genlab.data import load_dataset
    from genlab.training.run import SHEET, refuse_existing
    from genlab.zoo import fit, load_config

    overrides = dict(parse_override(text) for text in set_ or [])
    if dataset is not None:
        overrides["train.dataset"] = dataset
    settings = load_config(config, overrides)
    refuse_existing(run)  # before the data is read, which takes longer
    data = load_dataset(settings.train.dataset, "train", data_root)
    typer.echo(repr(data))
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # a scheduler's stop saves as Ctrl-C does
    try:
        fit(settings, data, run)
    except KeyboardInterrupt:
        typer.echo(f"\nStopped. The weights so far are in {run}; genlab sample {run} uses them.")
        raise typer.Exit(130) from None
    typer.echo(f"Done: {run / SHEET} shows samples; genlab sample {run} --n 16 --out x.png makes more.")


@app.command(epilog="Example: genlab sample runs/my-vae --n 10000 --seed 0 --out x.npy")
def sample(
    run: Annotated[Path, typer.Argument(help="A run folder.")],
    out: Annotated[Path, typer.Option(help="x.npy: float32 (N, 28, 28) in [0, 1]; x.png: a sheet.")],
    n: Annotated[int, typer.Option(min=1, help="How many images.")] = 100,
    seed: Annotated[int, typer.Option(min=0, max=2**63 - 1, help="The same seed gives the same images.")] = 0,
    label: Annotated[
        int | None,
        typer.Option(min=0, max=2**63 - 1, help="One class for all, for a class-conditional model."),
    ] = None,
) -> None:
    """Draw images from a trained model into a file."""
    from genlab.sampling import sample_in_batches, write_samples
    from genlab.zoo import load

    if out.suffix not in (".npy", ".png"):
        raise GenlabError(f"--out {out}: the name should end in .npy or .png")
    if not out.parent.is_dir():
        raise GenlabError(f"--out {out}: there is no folder {out.parent}, make it first")
    images = sample_in_batches(load(run), n, seed=seed, label=label)
    write_samples(images, out)
    typer.echo(f"Wrote {n} images to {out}.")


@app.command(epilog="Example: genlab data fashion_mnist")
def data(
    name: Annotated[str, typer.Argument(help="mnist, fashion_mnist, digits or auto.")] = "auto",
    root: Annotated[Path | None, typer.Option(help="Folder to look in first and download into.")] = None,
) -> None:
    """Find, fetch if need be, and verify a data set; says where it lies."""
    from genlab.data import load_dataset

    for split in ("train", "test"):
        typer.echo(repr(load_dataset(name, split, root)))


@configs.command("list")
def config_list() -> None:
    """The names that --config takes."""
    from genlab.zoo import config_names

    for name in config_names():
        typer.echo(name)


@configs.command("show", epilog="Example: genlab config show vae")
def config_show(
    name: Annotated[str, typer.Argument(help="Name of a config or path of a .yaml.")],
) -> None:
    """A config with every setting filled in."""
    import yaml

    from genlab.zoo import load_config

    typer.echo(yaml.safe_dump(load_config(name).model_dump(mode="json"), sort_keys=False), nl=False)
