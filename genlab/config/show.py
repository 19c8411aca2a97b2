"""Settings as YAML with the meaning of every field behind it, for ``genlab config show``."""

import io
import sys
from collections.abc import Iterator
from types import NoneType
from typing import get_args

from pydantic import BaseModel
from pydantic.fields import FieldInfo
from ruamel.yaml import YAML

from genlab.config.messages import choices_of, sections_of

_SIGNS = {"gt": ">", "ge": ">=", "lt": "<", "le": "<="}
_WIDEST = 40  # comments line up behind code of at most this width


def with_comments(settings: BaseModel) -> str:
    """YAML with a comment on every field, its meaning and range; reads back to an equal object."""
    lines = list(_commented(settings, ""))
    width = max(len(code) for code, _ in lines if len(code) <= _WIDEST)
    return "".join(f"{code:{width}}  # {comment}\n" if comment else f"{code}\n" for code, comment in lines)


def as_yaml(value: object, in_line: bool = False) -> str:
    """Plain values as YAML, their order kept."""
    yaml, text = YAML(typ="safe", pure=True), io.StringIO()
    yaml.default_flow_style, yaml.width = in_line, sys.maxsize
    yaml.sort_base_mapping_type_on_output = False  # type: ignore[assignment]  # it says None
    yaml.dump(value, text)
    return text.getvalue().strip() if in_line else text.getvalue()


def _commented(settings: BaseModel, indent: str, tag: str = "", tags: str = "") -> Iterator[tuple[str, str]]:
    """Lines of YAML, each with its comment; ``tags`` are the values that the key ``tag`` may have."""
    values = settings.model_dump(mode="json")
    for name, field in type(settings).model_fields.items():
        value, description = getattr(settings, name), " ".join((field.description or "").split())
        if isinstance(value, BaseModel):
            yield f"{indent}{name}:", description
            key, members = str(field.discriminator), sections_of(field)
            choices = _one_of([m.model_fields[key].default for m in members if key in m.model_fields])
            yield from _commented(value, indent + "  ", key, choices)
        else:
            limits = tags if name == tag else _limits(field)
            comment = f"{description} ({limits})" if description and limits else description or limits
            yield f"{indent}{name}: {as_yaml([values[name]], in_line=True)[1:-1]}", comment


def _limits(field: FieldInfo) -> str:
    """``> 0, < 1`` or ``no, bf16 or fp16``, as far as the field's type says."""
    if choices := choices_of(field):
        return _one_of(choices)
    known = [
        f"{sign} {_number(getattr(limit, name))}"
        for limit in field.metadata
        for name, sign in _SIGNS.items()
        if hasattr(limit, name)
    ]
    return ", ".join(known) + (", or null" if known and NoneType in get_args(field.annotation) else "")


def _number(limit: float) -> str:
    exponent = int(limit).bit_length() - 1
    return f"2**{exponent}" if exponent > 30 and limit == 2**exponent else str(limit)


def _one_of(choices: list[object]) -> str:
    *most, last = map(str, choices) if choices else ("",)
    return f"{', '.join(most)} or {last}" if most else ""
