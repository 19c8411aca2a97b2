"""Settings: typed, frozen, read from YAML, overridden by dotted names.

This file knows how to read and check settings. Those of the training loop are declared beside it, those of
each family beside its model; ``genlab.zoo`` puts the two halves together.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError, field_validator

from genlab.config.messages import OVERRIDE, explain
from genlab.config.show import as_yaml
from genlab.config.yaml_reader import MAX_DEPTH, Where, parse_yaml, read_yaml
from genlab.errors import GenlabError, cut, one_line, quoted
from genlab.files import write_aside


class Settings(BaseModel):
    """Base of every settings class: nothing unknown is accepted, nothing changes after checking."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False, protected_namespaces=())

    SAMPLING: ClassVar[tuple[str, ...]] = ()  # settings of a model that training does not see

    @field_validator("*", mode="after")
    @classmethod
    def _no_number_that_torch_cannot_hold(cls, value: Any) -> Any:
        for item in value if isinstance(value, tuple) else [value]:
            if isinstance(item, int) and abs(item) >= 2**63:
                raise ValueError(f"should be below 2**63, got {quoted(item)}")
        return value


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
        # As JSON, where strict means: no true for 1, no '5' for 5, but a list for a tuple.
        return kind.model_validate_json(json.dumps(values, default=str), strict=True)
    except ValidationError as error:
        raise GenlabError(explain(error, kind, values, where, one_line(str(path)))) from None


def write_settings(settings: Settings, path: Path) -> None:
    """Write settings, whole or not at all, as YAML that ``read_settings`` reads back to an equal object."""
    write_aside(path, as_yaml(settings.model_dump(mode="json")))


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
