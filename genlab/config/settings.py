"""Settings: typed, frozen, read from YAML, overridden by dotted names.

This file knows how to read and check settings and holds those of the training loop. Each family
declares its own beside its model; ``genlab.zoo`` puts the two halves together.
"""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal, TypeVar, get_args, get_origin

import yaml
from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    ValidationError,
    field_validator,
    model_validator,
)
from pydantic_core import PydanticCustomError

from genlab.errors import GenlabError
from genlab.explain import OVERRIDE, explain
from genlab.files import write_aside
from genlab.one_line import cut, one_line, quoted
from genlab.yaml_file import MAX_DEPTH, Where, parse_yaml, read_yaml


def project_dir() -> Path:
    """The clone that this package runs from, else the current folder: home of ``data/`` and ``runs/``."""
    clone = Path(__file__).resolve().parent.parent
    return clone if (clone / "pyproject.toml").is_file() else Path.cwd()


class Settings(BaseModel):
    """Base of every settings class: nothing unknown is accepted, nothing changes after checking."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False, protected_namespaces=())

    SAMPLING: ClassVar[tuple[str, ...]] = ()  # settings of a model that training does not see

    @model_validator(mode="before")
    @classmethod
    def _no_truth_for_a_number(cls, values: Any) -> Any:
        """Pydantic would take True for 1, and YAML takes ``yes`` and ``on`` for True."""
        wrong = PydanticCustomError("bool_for_number", "Input should be a number (YAML reads yes as true)")
        for name, value in values.items() if isinstance(values, dict) else ():
            field = cls.model_fields.get(name)
            for inside, item in _parts(field.annotation, value) if field else ():
                if isinstance(item, bool):
                    loc = (name, *inside)
                    raise ValidationError.from_exception_data(
                        cls.__name__, [{"type": wrong, "loc": loc, "input": item}]
                    )
        return values

    @field_validator("*", mode="after")
    @classmethod
    def _no_number_that_torch_cannot_hold(cls, value: Any) -> Any:
        for item in value if isinstance(value, tuple) else [value]:
            if isinstance(item, int) and abs(item) >= 2**63:
                raise ValueError(f"should be below 2**63, got {quoted(item)}")
        return value


class TrainConfig(Settings):
    """What the training loop needs to know; it never asks for the family."""

    dataset: str = Field("auto", description="data set name, see genlab.data.load_dataset")
    epochs: int = Field(10, ge=1, description="passes over the training images")
    max_steps: int | None = Field(
        None, ge=1, description="train for so many steps, whatever the epochs; none: the epochs decide"
    )
    max_seconds: float | None = Field(
        None, gt=0, description="stop earlier, after so many seconds of steps in all sessions; none: no limit"
    )
    batch_size: int = Field(128, ge=1, description="images per step, in each process")
    gradient_accumulation_steps: int = Field(
        1, ge=1, description="batches whose gradients are averaged before a step"
    )
    lr: float = Field(1e-3, gt=0, description="Adam's learning rate")
    lr_factors: dict[str, Annotated[float, Field(gt=0)]] = Field(
        {}, description="of networks that learn faster or slower: {discriminator: 4} learns at 4 lr"
    )
    lr_schedule: Literal["constant", "cosine"] = Field("constant", description="cosine falls towards 0")
    lr_warmup_steps: int = Field(0, ge=0, description="steps over which the learning rate rises from 0")
    adam_betas: tuple[Annotated[float, Field(ge=0, lt=1)], Annotated[float, Field(ge=0, lt=1)]] = Field(
        (0.9, 0.999), description="Adam's decay rates of the two moments"
    )
    clip_grad_norm: float | None = Field(None, gt=0, description="largest gradient norm, none: no limit")
    ema_decay: float | None = Field(
        None,
        gt=0,
        lt=1,
        description="decay of the averaged weights that sampling uses, none: no average",
    )
    mixed_precision: Literal["no", "auto", "bf16", "fp16"] = Field(
        "no", description="autocast, by accelerate; auto: bf16 where the processor or the GPU has it"
    )
    seed: int = Field(0, ge=0, lt=2**63, description="decides initial weights, order and noise")
    half_size_steps: int = Field(
        0, ge=0, description="first steps on 14x14 images, for a network that takes any size (the UNet)"
    )
    validation_images: int = Field(0, ge=0, description="images kept out of training to measure the loss on")
    monitor: str | None = Field(
        None, description="logged value, kl or validation/kl say, whose lowest marks the best checkpoint"
    )
    checkpoint_every: int | None = Field(
        None, ge=1, description="steps between checkpoints, none: an epoch, at least 200"
    )
    keep_checkpoints: int = Field(2, ge=2, description="newest checkpoints kept, besides the best")
    sample_every: int | None = Field(
        None, ge=1, description="steps between sample sheets, none: an epoch, at least 200"
    )
    tracker: Literal["none", "tensorboard"] = Field("none", description="where else losses are logged")

    @field_validator("mixed_precision", mode="before")
    @classmethod
    def _no_is_a_word_here(cls, value: Any) -> Any:
        return "no" if value is False else value  # YAML reads a plain no as False

    @model_validator(mode="after")
    def _a_cosine_needs_a_known_end(self) -> "TrainConfig":
        if self.max_seconds is not None and self.lr_schedule == "cosine":
            raise ValueError(
                "max_seconds needs lr_schedule 'constant': a cosine falls towards a last step that must be "
                "known, use max_steps"
            )
        return self


S = TypeVar("S", bound=Settings)


def read_settings(kind: type[S], path: Path, overrides: Mapping[str, object] | None = None) -> S:
    """Read a YAML file, apply overrides such as ``{"train.lr": 1e-3}`` and check the result.

    Raises:
        GenlabError: the file cannot be read or is not YAML, a key is unknown or stands twice, a value
            is of the wrong type or out of range; the line names the file, its line and the field.
    """
    values, where = read_yaml(path)
    # Another kind of network has other settings: those given with it come after it.
    for name, value in sorted((overrides or {}).items(), key=lambda item: not item[0].endswith(".kind")):
        _override(values, where, name, value)
    try:
        return kind.model_validate(values)
    except ValidationError as error:
        raise GenlabError(explain(error, kind, values, where, one_line(str(path)))) from None


def write_settings(settings: Settings, path: Path) -> None:
    """Write settings, whole or not at all, as YAML that ``read_settings`` reads back to an equal object."""
    write_aside(path, yaml.safe_dump(settings.model_dump(mode="json"), sort_keys=False))


def parse_override(text: str) -> tuple[str, object]:
    """``train.epochs=5`` to ``("train.epochs", 5)``; the value is read as YAML.

    Raises:
        GenlabError: no ``=`` or no name, or a value that is not YAML for a setting.
    """
    name, equals, value = text.partition("=")
    place = f"--set {_short(text)}"
    if not equals or not name.strip():
        raise GenlabError(f"{place}: write it as NAME=VALUE, for example train.epochs=5")
    return name.strip(), parse_yaml(value, lambda line: place)


def _override(values: dict[str, Any], where: Where, name: str, value: object) -> None:
    """Set one value in place; ``where`` no longer points at what it replaces."""
    *sections, key = keys = tuple(name.split("."))
    given = value if isinstance(value, str) else quoted(value)
    place = f"{OVERRIDE} {_short(f'{name}={given}')}"
    if len(keys) > MAX_DEPTH:
        raise GenlabError(f"{place}: {len(keys)} names deep, which no setting is")
    for depth, section in enumerate(sections, start=1):
        where.setdefault(keys[:depth], place)
        values = values.setdefault(section, {})
        if not isinstance(values, dict):
            raise GenlabError(f"{place}: {_short(section)} is a value, not a section")
    replaced = keys
    if key == "kind" and values.get(key, value) != value:  # the file's settings are of the kind it names
        values.clear()
        replaced = tuple(sections)
    values[key] = value
    for old in [old for old in where if old[: len(replaced)] == replaced]:
        del where[old]
    where[keys] = place


def _short(text: str) -> str:
    """Words of the user's in a message: one line, cut."""
    return cut(one_line(" ".join(text.split())))


def _parts(kind: Any, value: Any) -> Iterator[tuple[tuple[int | str, ...], Any]]:
    """The numbers that a value for a field of this type should be or hold, and where in it."""
    if not _is_number(kind):
        return
    if get_origin(kind) is dict:
        yield from (((str(key),), item) for key, item in value.items()) if isinstance(value, dict) else ()
    elif isinstance(value, (list, tuple)):
        yield from (((index,), item) for index, item in enumerate(value))
    else:
        yield (), value


def _is_number(kind: Any) -> bool:
    """Whether a type is one of numbers: int, float | None, a tuple of them, Literal[1, 2]."""
    return kind in (int, float) or type(kind) is int or any(_is_number(part) for part in get_args(kind))
