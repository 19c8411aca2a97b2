"""The first of pydantic's complaints as one line that names the place, the field and the nearest key."""

import re
from collections.abc import Iterator, Mapping
from typing import Any, Literal, get_args, get_origin

from pydantic import BaseModel, ValidationError
from pydantic.fields import FieldInfo

from genlab.config.yaml_reader import Where
from genlab.errors import did_you_mean, field_name, quoted

OVERRIDE = "the override"  # how the place of a setting begins that stands in no file
Keys = tuple[str, ...]  # ("train", "lr")


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
    known = list(_known_keys(kind, values))
    keys = _without_tags(problem["loc"], known)
    if problem["type"] == "value_error" and keys not in known:  # of a whole section: its tag comes last
        keys = keys[:-1]
    place, field, given = _nearest_place(where, keys, file), field_name(keys), quoted(problem["input"])
    context = problem.get("ctx", {})
    match problem["type"]:
        case "extra_forbidden":
            what = f"unknown key '{field}', {_nearest_key(keys, known)}"
        case "missing":
            what = f"{field} is missing, add it"
        case "union_tag_not_found":
            what = f"{field} needs the key {context['discriminator']}"
        case "union_tag_invalid":
            tag, choices = context["discriminator"], re.findall(r"'(.*?)'", context["expected_tags"])
            place = _nearest_place(where, (*keys, tag.strip("'")), file)
            what = (
                f"unknown {tag} {quoted(context['tag'])} of {field}, {did_you_mean(context['tag'], choices)}"
            )
        case "model_type" | "model_attributes_type" | "dict_type":
            what = f"{field} should be a section of 'key: value' lines, got {given}"
        case "too_short":
            what = f"{field} needs {context['min_length']} or more values, got {given}"
        case "too_long":
            what = f"{field} takes {context['max_length']} values at most, got {given}"
        case "value_error":
            what = f"{field}: {context['error']}" if field else str(context["error"])
            place = _blamed_override(where, what) or place
        case _:
            what = f"{field} {problem['msg'].removeprefix('Input ')}, got {given}"
    if given.lower() == "'none'":
        what += " (YAML's word for none is null)"
    more = f" (and {len(problems) - 1} more)" if len(problems) > 1 else ""
    return f"{place}: {what}{more}"


def sections_of(field: FieldInfo) -> list[type[BaseModel]]:
    """The settings classes that a field may hold; none for a plain value."""
    members = get_args(field.annotation) or (field.annotation,)
    return [member for member in members if isinstance(member, type) and issubclass(member, BaseModel)]


def choices_of(field: FieldInfo) -> list[object]:
    """The values that a field may have if its type is a ``Literal``, or one or None; else none."""
    kinds = (field.annotation, *get_args(field.annotation))
    return list(next((get_args(kind) for kind in kinds if get_origin(kind) is Literal), ()))


def _known_keys(kind: type[BaseModel], values: object, at: Keys = ()) -> Iterator[Keys]:
    """Every key that settings may have whose unions are settled by these values."""
    for name, field in kind.model_fields.items():
        yield (*at, name)
        inner: Any = values.get(name) if isinstance(values, Mapping) else None
        sections, tag = sections_of(field), field.discriminator
        if isinstance(tag, str):
            given = inner.get(tag) if isinstance(inner, Mapping) else None
            sections = [section for section in sections if section.model_fields[tag].default == given]
        for section in sections:
            yield from _known_keys(section, inner, (*at, name))


def _without_tags(location: tuple[int | str, ...], known: list[Keys]) -> Keys:
    """Pydantic's location without the tags of unions that it inserts: ``("model", "vae", "beta")``."""
    keys: Keys = ()
    for depth, part in enumerate(map(str, location), start=1):
        if (*keys, part) in known or depth == len(location):
            keys = (*keys, part)
    return keys


def _nearest_place(where: Where, keys: Keys, file: str) -> str:
    parents = (keys[:length] for length in range(len(keys), 0, -1))
    return next((where[parent] for parent in parents if parent in where), file)


def _nearest_key(keys: Keys, known: list[Keys]) -> str:
    """``did you mean 'train.lr'?`` where another section has a key of this name, else one of this section."""
    elsewhere = [".".join(other) for other in known if other[-1] == keys[-1]]
    if elsewhere:
        return f"did you mean {elsewhere[0]!r}?"
    nearest = did_you_mean(keys[-1], [other[-1] for other in known if other[:-1] == keys[:-1]])
    return nearest if len(nearest) < 200 else "see what genlab config show lists"


def _blamed_override(where: Where, complaint: str) -> str | None:
    """The last override of a setting that the complaint names: in the file, they may have fitted."""
    named = [
        place for keys, place in where.items() if keys and re.search(rf"\b{re.escape(keys[-1])}\b", complaint)
    ]
    return next((place for place in reversed(named) if place.startswith(OVERRIDE)), None)
