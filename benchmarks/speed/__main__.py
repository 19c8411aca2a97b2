r"""One table of speeds: genlab's training, UNet, sampling, evaluation, sliders and import beside others.

    python -m benchmarks.speed                       all of it, into benchmarks/results/README.md
    python -m benchmarks.speed --only unet --rounds 3    some of it, printed alone

Each part runs in a process of its own and times two things in turn there: see the files beside this one.
"""

from pathlib import Path
from typing import Annotated

import typer

from benchmarks.speed.parts import MODULES, Part, measure
from benchmarks.speed.report import machine, text
from benchmarks.speed.table import Row, in_markdown
from genlab.files import write_aside

RESULTS = Path(__file__).parents[1] / "results" / "README.md"


def main(
    only: Annotated[Part | None, typer.Option(help="One part, which is printed and not written.")] = None,
    rounds: Annotated[int, typer.Option(min=1, help="Measurements of each.")] = 7,
) -> None:
    """Measure part by part, then print the table and write it down."""
    where = machine()
    rows: list[Row] = []
    for part in [only] if only else MODULES:
        rows += measure(part, rounds)
        typer.echo(f"{part}: done", err=True)
    if only is None:
        write_aside(RESULTS, text(rows, where, rounds))
    typer.echo(f"{where}\n\n{in_markdown(rows)}")


if __name__ == "__main__":
    typer.run(main)
