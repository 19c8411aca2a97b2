"""Settings: typed, frozen, read from YAML, overridden by dotted names.

This file knows how to read and check settings and holds those of the training loop. Each family
declares its own beside its model; ``genlab.zoo`` puts the two halves together.
"""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar, get_args

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from pydantic.fields import FieldInfo

from genlab.errors import GenlabError, did_you_mean

Where = dict[tuple[str, ...], str]  # the place each key was written: a file and line, or an override


def project_dir() -> Path:
    """The clone that this package runs from, else the current folder: home of ``data/`` and ``runs/``."""
    clone = Path(__file__).resolve().parent.parent
    return clone if (clone / "pyproject.toml").is_file() else Path.cwd()


class Settings(BaseModel):
    """Base of every settings class: nothing unknown is accepted, nothing changes after checking."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False, protected_namespaces=())


class TrainConfig(Settings):
    """What the training loop needs to know; it never asks for the family."""

    dataset: str = Field("auto", description="data set name, see genlab.data.load_dataset")
    epochs: int = Field(10, ge=1, description="passes over the training images")
    max_steps: int | None = Field(None, ge=1, description="stop after so many steps, if that is sooner")
    batch_size: int = Field(128, ge=1, description="images per step")
    lr: float = Field(1e-3, gt=0, description="Adam's learning rate")
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
    mixed_precision: Literal["no", "bf16", "fp16"] = Field("no", description="autocast, by accelerate")
    seed: int = Field(0, ge=0, lt=2**63, description="decides initial weights, order and noise")


S = TypeVar("S", bound=Settings)


def read_settings(kind: type[S], path: Path, overrides: Mapping[str, object] | None = None) -> S:
    """Read a YAML file, apply overrides such as ``{"train.lr": 1e-3}`` and check the result.

    Raises:
        GenlabError: the file cannot be read or is not YAML, a key is unknown or stands twice, a value
            is of the wrong type or out of range; the line names the file, its line and the field.
    """
    values, where = _read_yaml(path)
    for name, value in (overrides or {}).items():
        _override(values, where, name, value)
    try:
        return kind.model_validate(values)
    except ValidationError as error:
        raise GenlabError(_explain(error, kind, values, where, str(path))) from None


def write_settings(settings: Settings, path: Path) -> None:
    """Write settings as YAML that ``read_settings`` reads back to an equal object."""
    path.write_text(yaml.safe_dump(settings.model_dump(mode="json"), sort_keys=False), "utf-8")


def parse_override(text: str) -> tuple[str, object]:
    """``train.epochs=5`` to ``("train.epochs", 5)``; the value is read as YAML."""
    name, equals, value = text.partition("=")
    if not equals or not name.strip():
        raise GenlabError(f"--set {text}: write it as NAME=VALUE, for example train.epochs=5")
    try:
        return name.strip(), yaml.safe_load(value)
    except yaml.YAMLError:
        raise GenlabError(f"--set {text}: the value is not valid YAML") from None


def _read_yaml(path: Path) -> tuple[dict[str, Any], Where]:
    try:
        text = path.read_text("utf-8")
        root = yaml.compose(text, Loader=yaml.SafeLoader)
        values = yaml.safe_load(text)
    except UnicodeDecodeError:
        raise GenlabError(f"{path} is not a text file: it should be YAML in UTF-8") from None
    except OSError as error:
        raise GenlabError(f"{path} cannot be read: {error.strerror}") from None
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        line = f", line {mark.line + 1}" if mark else ""
        what = getattr(error, "problem", None) or str(error).splitlines()[0]
        raise GenlabError(f"{path}{line}: not valid YAML ({what})") from None
    if root is None or not isinstance(values, dict):
        raise GenlabError(f"{path} should hold the sections 'model:' and 'train:', and holds neither")
    return values, dict(_places(root, (), path))


def _places(node: yaml.Node, at: tuple[str, ...], path: Path) -> Iterator[tuple[tuple[str, ...], str]]:
    """Every key with the place it stands at. PyYAML lets a later duplicate win; this does not."""
    if not isinstance(node, yaml.MappingNode):
        return
    seen: dict[str, int] = {}
    for key, value in node.value:
        name, line = str(key.value), key.start_mark.line + 1
        if name in seen:
            raise GenlabError(
                f"{path}, line {line}: {'.'.join((*at, name))} stands twice (first in line "
                f"{seen[name]}): keep one"
            )
        seen[name] = line
        yield (*at, name), f"{path}, line {line}"
        yield from _places(value, (*at, name), path)


def _override(values: dict[str, Any], where: Where, name: str, value: object) -> None:
    *sections, key = name.split(".")
    place = " ".join(f"the override {name}={value}".split())  # one line, whatever the value
    for section in sections:
        values = values.setdefault(section, {})
        if not isinstance(values, dict):
            raise GenlabError(f"{place}: {section} is a value, not a section")
    values[key] = value
    where[(*sections, key)] = place


def _explain(
    error: ValidationError, kind: type[Settings], values: dict[str, Any], where: Where, file: str
) -> str:
    """The first problem as one line: the place, the field, what is wrong, what to do."""
    problems = error.errors()
    problem = problems[0]
    path = _path_in(values, problem["loc"], absent=problem["type"] == "missing")
    field, place = ".".join(path), _nearest_place(where, path, file)
    more = f" (and {len(problems) - 1} more)" if len(problems) > 1 else ""
    context = problem.get("ctx", {})
    match problem["type"]:
        case "extra_forbidden":
            known = _known_keys(kind, path[:-1], values)
            what = f"unknown key {field!r}, {did_you_mean(path[-1], known)}"
        case "missing":
            what = f"{field} is missing, add it"
        case "union_tag_not_found":
            what = f"{field} needs the key {context['discriminator']}"
        case "union_tag_invalid":
            expected = context["expected_tags"].replace("'", "").split(", ")
            what = f"unknown {context['discriminator']} {context['tag']!r} of {field}, "
            what += did_you_mean(context["tag"], expected)
            place = _nearest_place(where, (*path, context["discriminator"].strip("'")), file)
        case "model_type" | "model_attributes_type":
            what = f"{field} should be a section with keys of its own, got {problem['input']!r}"
        case "value_error":
            what = f"{field}: {context['error']}" if field else str(context["error"])
        case _:
            message = problem["msg"].removeprefix("Input ")
            what = f"{field} {message}, got {problem['input']!r}"
    return f"{place}: {what}{more}"


def _path_in(values: object, location: tuple[int | str, ...], *, absent: bool) -> tuple[str, ...]:
    """Pydantic's location without the tags of discriminated unions that it inserts.

    Args:
        values: what was checked.
        location: where the problem is.
        absent: the problem is that the last part is not among the values.
    """
    path: list[str] = []
    for index, part in enumerate(location):
        missing = absent and index == len(location) - 1
        if isinstance(values, dict) and part not in values and not missing:
            continue
        path.append(str(part))
        values = values.get(part) if isinstance(values, dict) else None
    return tuple(path)


def _nearest_place(where: Where, path: tuple[str, ...], file: str) -> str:
    for length in range(len(path), 0, -1):
        if path[:length] in where:
            return where[path[:length]]
    return file


def _known_keys(kind: type[Settings], path: tuple[str, ...], values: Any) -> list[str]:
    """The keys that the section at ``path`` may have."""
    for part in path:
        values = values[part]
        kind = _section_class(kind.model_fields[part], values)
    return list(kind.model_fields)


def _section_class(field: FieldInfo, values: Mapping[str, Any]) -> type[Settings]:
    """The settings class of a section; of a union, the member that the section's tag names."""
    members: tuple[Any, ...] = get_args(field.annotation) or (field.annotation,)
    tag = field.discriminator
    if isinstance(tag, str):
        members = tuple(m for m in members if m.model_fields[tag].default == values.get(tag))
    member: type[Settings] = members[0]
    return member
