"""How good is a model? ``genlab evaluate my-vae``, and ``genlab.evaluate("my-vae")`` in Python."""

import json
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter
from typing import Literal

import numpy as np
import torch
from torch import Tensor

from genlab import plots
from genlab.commands.find import find_run
from genlab.commands.sample import load, sample_in_batches
from genlab.config import read_settings
from genlab.data import IMAGE_SHAPE, Dataset, load_dataset, to_unit
from genlab.errors import GenlabError
from genlab.evaluation.judges.features import check_measurable
from genlab.evaluation.measure import Yardstick, make_yardstick, report_on
from genlab.evaluation.metrics.likelihood import mean_bound
from genlab.evaluation.metrics.memorisation import closest_pairs, nearest
from genlab.evaluation.reference import QUERIES
from genlab.evaluation.report import Metric, Report, report_from_json, report_text
from genlab.family import Family, HasLikelihood, NoLikelihood, count_parameters
from genlab.files import make_writable, write_aside, writing
from genlab.nn.device import find_device
from genlab.runs.display import say
from genlab.runs.folder import CONFIG, read_summary
from genlab.zoo import Config

EVALUATION, REPORT = "evaluation", "report.json"  # where a run keeps what was measured of it

NATS_IMAGES = 1000


@dataclass(frozen=True, eq=False)
class Evaluation:
    """A model's report, and what it is of.

    Attributes:
        report: all figures.
        images: that were measured, (N, 1, 28, 28).
        yardstick: what they were measured with.
    """

    report: Report
    images: Tensor
    yardstick: Yardstick


def evaluate(
    target: str | Path,
    *,
    n: int | None = None,
    seed: int = 0,
    checkpoint: Literal["newest", "best"] = "newest",
    overrides: Mapping[str, object] | None = None,
    dataset: str | None = None,
    data_root: str | Path | None = None,
    out: Path | None = None,
    device: str | None = None,
) -> Evaluation:
    """Measure a run, or images in a file.

    Args:
        target: a run's folder, or its name in ``runs/``; or a file of images, .npy, as ``genlab sample``
            writes it: (N, 28, 28), uint8 or float in [0, 1].
        n: how many images to draw and compare; as many as there are test images, at most 10,000, if
            left out.
        seed: decides which are drawn, and which real ones they are compared with.
        checkpoint, overrides: of the run, as for ``genlab.commands.sample.load``; a file has neither.
        dataset, data_root: what to measure against; what the run was trained on if left out.
        out: the folder that ``write_evaluation`` will be given: made before minutes are spent on measuring.
        device: where model and judges compute, as for ``genlab.load``.

    Raises:
        GenlabError: no such run or file, no whole checkpoint, images that nothing can be computed from, or
            a folder that cannot be written to.
    """
    find_device(device)
    path = Path(target)
    if path.suffix == ".npy":
        if checkpoint == "best" or overrides:
            given = "best" if checkpoint == "best" else "set"
            raise GenlabError(f"{path} holds images and no model: leave --{given} out")
        images = read_images(path, n)
        if dataset is None:
            raise GenlabError(f"{path}: say what its images should look like, --dataset mnist")
        yardstick = yardstick_for(dataset, data_root, len(images), seed=seed, out=out, device=device)
        return Evaluation(report_on(images, yardstick, name=path.name, seed=seed), images, yardstick)
    if path.is_file():
        raise GenlabError(
            f"{path} is neither a run folder nor a .npy of images: genlab sample --out x.npy writes one, "
            "and so does numpy.save"
        )
    path = find_run(target)
    family = load(path, checkpoint, overrides=overrides, device=device)
    name, root = data_of(path)
    yardstick = yardstick_for(dataset or name, data_root or root, n, seed=seed, out=out, device=device)
    changed = [f"{key.rpartition('.')[2]} {value}" for key, value in (overrides or {}).items()]
    title = ", ".join([path.name, *changed])
    return evaluate_family(family, yardstick, name=title, seed=seed, training_seconds=training_seconds(path))


def yardstick_for(
    dataset: str,
    data_root: str | Path | None,
    n: int | None,
    *,
    seed: int = 0,
    out: Path | None = None,
    device: str | None = None,
) -> Yardstick:
    """Real images to measure with; ``out`` is made before minutes are spent on judging them."""
    train, test = load_both(dataset, data_root)
    open_out(out)
    return make_yardstick(train, test, n, seed=seed, device=device, say=say)


def evaluate_family(
    family: Family,
    yardstick: Yardstick,
    *,
    name: str,
    seed: int = 0,
    training_seconds: float | None = None,
) -> Evaluation:
    """Draw N images from a model, time it, show them to the judges.

    Args:
        family: in eval mode.
        yardstick: real images, and N.
        name: for the report.
        seed: decides which images are drawn; their classes are as frequent as in the data.
        training_seconds: how long it was trained, where that is known.
    """
    reference = yardstick.reference
    labels = None
    if family.num_classes is not None:
        labels = frequent_labels(reference.train, reference.n, seed)
    started = perf_counter()
    images = sample_in_batches(family, reference.n, seed=seed, labels=labels)
    each = (perf_counter() - started) / reference.n
    more = [Metric("parameters", count_parameters(family.networks))]
    if training_seconds is not None:
        more.append(Metric("training_seconds", training_seconds))
    more.append(Metric("sample_milliseconds", 1000 * each))
    if isinstance(family, HasLikelihood):
        with suppress(NoLikelihood):
            bound = mean_bound(family, reference.test, n=min(NATS_IMAGES, len(reference.test)), seed=seed)
            more.append(Metric("nats", bound.nats, bound.error))
    report = report_on(images, yardstick, name=name, seed=seed, labels=labels, more=more)
    return Evaluation(report, images, yardstick)


def frequent_labels(train: Dataset, n: int, seed: int = 0) -> Tensor:
    """Classes to ask for, as frequent as in the data: int64, (n,)."""
    rows = torch.randint(len(train), (n,), generator=torch.Generator().manual_seed(seed))
    return train.labels[rows]


def open_out(out: Path | None) -> None:
    """Make the folder that results will be written to, if any: before minutes are spent on measuring.

    Raises:
        GenlabError: it cannot be written to.
    """
    if out is not None:
        with writing(out):
            make_writable(out)


def known_report(run: str | Path) -> Report | None:
    """What was measured of a run, where it was kept in the run's folder; None where it was not.

    ``genlab evaluate my-vae --out runs/my-vae/evaluation`` keeps it there; models that ship have theirs.

    Raises:
        GenlabError: there is no such run, or its report is damaged.
    """
    path = find_run(run) / EVALUATION / REPORT
    try:
        return report_from_json(json.loads(path.read_text("utf-8")))
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, TypeError):
        raise GenlabError(f"{path} is damaged: delete it, and evaluate the run again") from None


def write_evaluation(evaluation: Evaluation, out: Path) -> None:
    """Write report.json, report.txt and closest.png, the pairs most like copies, into a folder.

    Raises:
        GenlabError: it cannot be written to.
    """
    sheet = plots.grid(closest_pairs_sheet(evaluation), columns=12)
    with writing(out):
        out.mkdir(parents=True, exist_ok=True)
        text = json.dumps(evaluation.report.as_json(), indent=1)
        write_aside(out / REPORT, text + "\n")
        write_aside(out / "report.txt", report_text(evaluation.report) + "\n")
        write_aside(out / "closest.png", plots.to_png(sheet, scale=2))


def closest_pairs_sheet(evaluation: Evaluation, n: int = 36) -> Tensor:
    """The generated images most like copies, each followed by its nearest training image: (2n, 1, 28, 28)."""
    images, training = evaluation.images[:QUERIES], evaluation.yardstick.reference.train.images
    found = nearest(images, training)
    pairs = closest_pairs(found, min(n, len(images)))
    generated, originals = images[pairs], training[found.indices[pairs, 0]]
    if generated.dtype != torch.uint8:
        originals = to_unit(originals)
    return torch.stack([generated, originals], dim=1).flatten(0, 1)


def training_seconds(run: Path) -> float | None:
    """How long a run has been trained, by its summary."""
    seconds = read_summary(run).get("seconds")
    return float(seconds) if isinstance(seconds, (int, float)) else None


def data_of(run: Path) -> tuple[str, str | None]:
    """Name of the data set that a run was trained on, and the folder it was looked for in."""
    summary = read_summary(run)
    return summary.get("dataset", read_settings(Config, run / CONFIG).train.dataset), summary.get("data_root")


def load_both(dataset: str, data_root: str | Path | None) -> tuple[Dataset, Dataset]:
    """The training and the test images of a data set."""
    train = load_dataset(dataset, "train", data_root)
    return train, load_dataset(train.name, "test", data_root)


def read_images(path: Path, n: int | None = None) -> Tensor:
    """The first ``n`` images of a .npy file, (n, 1, 28, 28), with the numbers that are in it; all if None.

    Raises:
        GenlabError: it cannot be read, is no array of so many images, or nothing can be computed from them.
    """
    try:
        with path.open("rb") as file:  # not np.load, which would also open an archive of this name
            array = np.lib.format.read_array(file, allow_pickle=False)
    except FileNotFoundError:
        raise GenlabError(f"there is no file {path}") from None
    except (OSError, ValueError, EOFError, MemoryError):
        raise GenlabError(
            f"{path} is not a .npy file of numbers: genlab sample --out x.npy writes one"
        ) from None
    if array.dtype != np.uint8 and array.dtype.kind != "f":
        raise GenlabError(f"{path} holds {array.dtype} numbers: images are uint8, or float in [0, 1]")
    if array.ndim == 3:
        array = array[:, None]
    if array.ndim != 4 or array.shape[1:] != IMAGE_SHAPE:
        raise GenlabError(f"{path} is of shape {array.shape}: images are (N, 28, 28)")
    if n is not None and n > len(array):
        raise GenlabError(f"{path} holds {len(array):,} images, {n:,} were asked for")
    with np.errstate(over="ignore"):  # infinities are refused as such
        images = torch.from_numpy(array if array.dtype == np.uint8 else array.astype(np.float32))[:n]
    try:
        check_measurable(images)  # before judges spend minutes on the real ones
    except GenlabError as error:
        raise GenlabError(f"{path}: {error}") from None
    return images
