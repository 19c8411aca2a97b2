"""YAML of settings: plain values and the line of every key, or one line that says what is wrong.

Settings need little of YAML: sections, lists, words, numbers. Aliases (a few lines of them can stand
for more values than fit in memory), tags, merge keys and duplicate keys are refused, and nothing is
ever constructed: a value is null, true or false, a number, and else a word.
"""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError
from ruamel.yaml.nodes import MappingNode, Node, SequenceNode
from ruamel.yaml.reader import ReaderError
from ruamel.yaml.tokens import AliasToken, AnchorToken, TagToken

from genlab.errors import GenlabError, cut, field_name, one_line, quoted

MAX_BYTES = 100_000  # a config has a thousand or two
MAX_DEPTH = 12  # a config has four

Where = dict[tuple[str, ...], str]  # the place each key was written: a file and line, or an override
Place = Callable[[int], str]

_DECIMAL = re.compile(r"[-+]?(0|[1-9][0-9_]*)")
_HALF_CHARACTER = re.compile("[\ud800-\udfff]")


def read_yaml(path: Path) -> tuple[dict[str, Any], Where]:
    """What a YAML file says, and the line of every key.

    Raises:
        GenlabError: not a file of at most ``MAX_BYTES`` that can be read, not text in UTF-8, or not
            YAML of the kind above.
    """
    name, where = one_line(str(path)), Where()
    values = parse_yaml(_read_text(path, name), lambda line: f"{name}, line {line}", where)
    if not isinstance(values, dict):
        raise GenlabError(f"{name} should hold the sections 'model:' and 'train:', not {quoted(values)}")
    return values, where


def parse_yaml(text: str, place: Place, where: Where | None = None) -> Any:
    """The value that a YAML text stands for; None for an empty one.

    Args:
        text: YAML.
        place: what to call a line in a message: 3 to ``my.yaml, line 3``.
        where: filled in with the place of every key and list item.

    Raises:
        GenlabError: not YAML, or of a kind that is refused.
    """
    line = 0
    try:
        # Token by token, which is flat: no alias costs more than its own length.
        for token in YAML(typ="safe", pure=True).scan(text):
            line = token.start_mark.line
            if isinstance(token, AliasToken | AnchorToken | TagToken):
                written = one_line(cut(text[token.start_mark.index : token.end_mark.index].strip()))
                kind = type(token).__name__.removesuffix("Token").lower()
                raise _refusal(place, line, f"{written} ({kind}) is not for configs: write the value out")
            if _HALF_CHARACTER.search(str(getattr(token, "value", ""))):
                raise _refusal(place, line, "half a character: write the character itself")
        root = YAML(typ="safe", pure=True).compose(text)
        return None if root is None else _value(root, (), place, {} if where is None else where)
    except ReaderError as error:
        line, sign = text.count("\n", 0, error.position), text[error.position]
        raise _refusal(place, line, f"the character {sign!r} does not belong in text") from None
    except MarkedYAMLError as error:
        lines, mark = text.splitlines() or [""], error.problem_mark
        if mark.line >= len(lines) and error.context_mark:  # what was never closed
            mark = error.context_mark
        line = min(mark.line, len(lines) - 1)
        written = cut(one_line(lines[line]))
        raise _refusal(place, line, f"not valid YAML, {one_line(error.problem)}: '{written}'") from None
    except RecursionError:
        raise _refusal(place, 0, "nested too deeply") from None
    except (ValueError, OverflowError) as error:  # chr() of an escape that is no character
        if isinstance(error, GenlabError):
            raise
        raise _refusal(place, line, f"not valid YAML, {error}") from None


def _refusal(place: Place, line: int, what: str) -> GenlabError:
    """The error for a line, counted from 0."""
    return GenlabError(f"{place(line + 1)}: {what}")


def _read_text(path: Path, name: str) -> str:
    try:
        if path.exists() and not path.is_file() and not path.is_dir():
            raise OSError("it is a pipe or a device")
        with path.open("rb") as file:  # whatever size it claims to have
            content = file.read(MAX_BYTES + 1)
    except (OSError, ValueError) as error:  # a name with a null byte is a ValueError
        raise GenlabError(f"{name} cannot be read: {getattr(error, 'strerror', None) or error}") from None
    if len(content) > MAX_BYTES:
        raise GenlabError(f"{name} is too large for a config: at most {MAX_BYTES:,} bytes")
    try:
        return content.decode("utf-8-sig")  # some editors put a mark in front
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise GenlabError(f"{name}, line {line}: not text in UTF-8: save it as UTF-8") from None


def _value(node: Node, at: tuple[str, ...], place: Place, where: Where) -> Any:
    """A node as Python values; fills in ``where``."""
    line = node.start_mark.line
    where.setdefault(at, place(line + 1))
    if len(at) > MAX_DEPTH:
        raise _refusal(place, line, f"nested more than {MAX_DEPTH} levels deep, which no setting is")
    if isinstance(node, SequenceNode):
        return [_value(item, (*at, str(index)), place, where) for index, item in enumerate(node.value)]
    if not isinstance(node, MappingNode):
        return _plain_value(str(node.tag).rpartition(":")[2], node.value, f"{where[at]}: {field_name(at)}")
    values: dict[str, Any] = {}
    for key, inner in node.value:
        keys, line = (*at, str(key.value)), key.start_mark.line
        if not isinstance(key.value, str) or str(key.tag).endswith(":merge"):
            raise _refusal(place, line, f"a key in {field_name(at)} should be a word (no list, no <<)")
        if key.value in values:
            raise _refusal(place, line, f"{field_name(keys)} stands twice, first in {where[keys]}: keep one")
        where[keys] = place(line + 1)
        values[key.value] = _value(inner, keys, place, where)
    return values


def _plain_value(kind: str, text: str, at: str) -> Any:
    match kind:
        case "null":
            return None
        case "bool":
            return text.lower() == "true"
        case "int" if not _DECIMAL.fullmatch(text):  # 010 is eight to one reader and ten to another
            raise GenlabError(f"{at}: write {quoted(text)} in decimals, or in quotes")
        case "int" if len(text) < 1000:  # Python reads no more than 4300 digits
            return int(text)
        case "float":
            return float(text.lower().replace(".inf", "inf").replace(".nan", "nan"))
    return text
