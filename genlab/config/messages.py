"""The first of pydantic's complaints as one line that names the place, the field and the nearest key."""

import re
from collections.abc import Iterator, Mapping
from typing import Any, Literal, get_args, get_origin

from pydantic import BaseModel, ValidationError
from pydantic.fields import FieldInfo

from genlab.config.yaml_reader import Where
from genlab.errors import did_you_mean, field_name, quoted

OVERRIDE = "the override"  # how the place of a setting begins that stands in no file


def explain(error: ValidationError, kind: type[BaseModel], values: object, where: Where, file: str) -> str:
    """The first problem as one line: the place, the field, what is wrong, what to do.

    Args:
        error: what pydantic found.
        kind: the settings class.
        values: what was checked.
        where: the places that keys were written at; ``file`` is named for others.
        file: name of the file.
    """
    problems = error.errors(include_url=False)
    # A misspelt key first: that the right one is missing follows from it.
    problem = next((p for p in problems if p["type"] == "extra_forbidden"), problems[0])
    path, section = _locate(kind, problem["loc"])
    field, place = field_name(path), _nearest_place(where, path, file)
    more = f" (and {len(problems) - 1} more)" if len(problems) > 1 else ""
    context = problem.get("ctx", {})
    message = _plainer(problem["msg"])
    match problem["type"]:
        case "extra_forbidden" if section is not None:
            known = _elsewhere(kind, values, path) or _nearest_key(path[-1], section)
            what = f"unknown key {quoted('.'.join(path))}, {known}"
        case "missing":
            what = f"{field} is missing, add it"
        case "union_tag_not_found":
            what = f"{field} needs the key {context['discriminator']}"
        case "union_tag_invalid":
            expected = context["expected_tags"].replace("'", "").split(", ")
            what = f"unknown {context['discriminator']} {quoted(context['tag'])} of {field}, "
            what += did_you_mean(context["tag"], expected)
            place = _nearest_place(where, (*path, context["discriminator"].strip("'")), file)
        case "literal_error" if section is not None:
            choices = choices_of(section.model_fields[path[-1]])
            word = problem["input"] if isinstance(choices[0], str) else ""
            what = f"unknown {path[-1]} {quoted(problem['input'])} of {field}, "
            what += did_you_mean(word if isinstance(word, str) else "", map(str, choices))
        case "model_type" | "model_attributes_type" | "dict_type":
            what = f"{field} should be a section of 'key: value' lines, got {quoted(problem['input'])}"
        case "value_error":
            what = f"{field}: {context['error']}" if field else str(context["error"])
            place = _blamed_override(where, str(context["error"])) or place
        case _:
            what = f"{field} {message}, got {quoted(problem['input'])}"
    if isinstance(problem["input"], str) and problem["input"].lower() == "none":
        what += " (YAML's word for none is null)"
    return f"{place}: {what}{more}"


def _plainer(message: str) -> str:
    """What pydantic says, without what only a programmer would ask."""
    message = message.removeprefix("Input ").removeprefix("Tuple ").replace(" after validation", "")
    message = message.replace("a valid boolean", "true or false")
    message = message.replace("Unable to parse input string as an integer, exceeded", "is above the")
    return re.sub(r", (unable to|got a number|not \d).*", "", message)


def _locate(
    kind: type[BaseModel], location: tuple[int | str, ...]
) -> tuple[tuple[str, ...], type[BaseModel] | None]:
    """Pydantic's location without the tags of unions that it inserts, and the class of the last section.

    No class where the last key is inside a plain value.
    """
    path: list[str] = []
    section: type[BaseModel] | None = kind
    owner: type[BaseModel] | None = kind
    parts = iter(location)
    for part in parts:
        path.append(str(part))
        field = section.model_fields.get(str(part)) if section else None
        owner, section = section, None
        members = sections_of(field)
        if field is not None and isinstance(field.discriminator, str):
            section = _tagged(members, field.discriminator, next(parts, None))
        elif members:
            section = members[0]
    return tuple(path), owner


def sections_of(field: FieldInfo | None) -> list[type[BaseModel]]:
    """The settings classes that a field may hold; none for a plain value."""
    if field is None:
        return []
    members = get_args(field.annotation) or (field.annotation,)
    return [member for member in members if isinstance(member, type) and issubclass(member, BaseModel)]


def choices_of(field: FieldInfo) -> list[object]:
    """The values that a field may have if its type is a ``Literal``, or one or None; else none."""
    kinds = (field.annotation, *get_args(field.annotation))
    return list(next((get_args(kind) for kind in kinds if get_origin(kind) is Literal), ()))


def _tagged(members: list[type[BaseModel]], key: str, tag: object) -> type[BaseModel] | None:
    """The member of a union that the tag names."""
    return next((member for member in members if member.model_fields[key].default == tag), None)


def _nearest_place(where: Where, path: tuple[str, ...], file: str) -> str:
    for length in range(len(path), 0, -1):
        if path[:length] in where:
            return where[path[:length]]
    return file


def _blamed_override(where: Where, complaint: str) -> str | None:
    """The last override of a setting that the complaint names: in the file, they may have fitted."""
    named = [place for keys, place in where.items() if re.search(rf"\b{re.escape(keys[-1])}\b", complaint)]
    return next((place for place in reversed(named) if place.startswith(OVERRIDE)), None)


def _nearest_key(key: str, section: type[BaseModel]) -> str:
    known = did_you_mean(key, section.model_fields)
    return known if len(known) < 200 else "see what genlab config show lists"


def _elsewhere(kind: type[BaseModel], values: object, path: tuple[str, ...]) -> str:
    """``did you mean train.lr?`` where a key has the name of one in another section, else nothing."""
    known = [keys for keys in _keys(kind, values) if keys[-1] == path[-1] and keys != path]
    return f"did you mean {'.'.join(known[0])!r}?" if known else ""


def _keys(kind: type[BaseModel], values: object, at: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    """Every key that settings may have whose unions are settled by these values."""
    for name, field in kind.model_fields.items():
        yield (*at, name)
        inner = values.get(name) if isinstance(values, Mapping) else None
        section: Any = next(iter(sections_of(field)), None)
        if isinstance(field.discriminator, str):
            tag = inner.get(field.discriminator) if isinstance(inner, Mapping) else None
            section = _tagged(sections_of(field), field.discriminator, tag)
        if section is not None:
            yield from _keys(section, inner, (*at, name))
