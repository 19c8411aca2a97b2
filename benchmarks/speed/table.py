"""The rows of the table of speeds, and the Markdown that they become."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from statistics import median

HEAD = (
    "what",
    "against",
    "ratio",
    "min",
    "max",
    "target",
    "of the product",
    "of the copy",
    "peak memory",
)


@dataclass(frozen=True)
class Row:
    """Two things timed in turn, a number of each a round.

    Attributes:
        what: ours.
        against: the other, or what ours is allowed to take.
        ours, theirs: seconds.
        target: what the ratio should be at least.
        of_product, of_copy: shares of the rates of this machine, a number a round; empty where that makes no
            sense.
        memory: bytes held at most, in words too where there are several.
    """

    what: str
    against: str
    ours: Sequence[float]
    theirs: Sequence[float]
    target: float | None = None
    of_product: Sequence[float] = ()
    of_copy: Sequence[float] = ()
    memory: str = "-"

    @property
    def ratios(self) -> list[float]:
        """Our speed over theirs, round by round."""
        return [theirs / ours for ours, theirs in zip(self.ours, self.theirs, strict=True)]


def rates(work: float, seconds: Sequence[float], unit: float, unit_seconds: Sequence[float]) -> list[float]:
    """The rate of some work as a share of that of a unit of it, round by round."""
    return [work / a / (unit / b) for a, b in zip(seconds, unit_seconds, strict=True)]


def in_markdown(rows: Iterable[Row]) -> str:
    """The table."""
    lines = [HEAD, ("---",) * len(HEAD), *(cells(row) for row in rows)]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def cells(row: Row) -> tuple[str, ...]:
    """One line of it."""
    middle = median(row.ratios)
    target = "-" if row.target is None else f"{row.target:g}"
    if row.target is not None and round(middle, 2) < row.target:
        target += ", missed"
    numbers = (number(ratio) for ratio in (middle, min(row.ratios), max(row.ratios)))
    shares = (f"{median(share):.0%}" if share else "-" for share in (row.of_product, row.of_copy))
    return (row.what, row.against, *numbers, target, *shares, row.memory)


def number(ratio: float) -> str:
    """Two digits behind the point, none where there are three before it."""
    return f"{ratio:.2f}" if ratio < 100 else f"{ratio:.0f}"


def megabytes(size: int) -> str:
    """Bytes, for people."""
    return f"{size / 2**20:,.0f} MiB"
