"""YAML from anyone: plain values and the line of every key, or one line that says what is wrong.

Settings need little of YAML: sections, lists, words, numbers. All else is refused by name rather than
guessed at: aliases (a few lines of them can stand for more values than fit in memory), tags, merge
keys, duplicate keys, nesting deeper than any section.
"""

import re
import stat
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import yaml

from genlab.errors import GenlabError, cut, field_name, one_line, quoted

MAX_BYTES = 100_000  # a config has a thousand or two
MAX_DEPTH = 12  # a config has four

Where = dict[tuple[str, ...], str]  # the place each key was written: a file and line, or an override
Place = Callable[[int], str]  # line, counted from 0, to "my.yaml, line 3"

_YAMLS_OWN = "tag:yaml.org,2002:"
_LINE_BREAK = re.compile("\r\n|[\r\n\x85\u2028\u2029]")
_HALF_CHARACTER = re.compile("[\ud800-\udfff]")
_DECIMAL = re.compile(r"[-+]?(0|[1-9][0-9_]*)")

# What PyYAML finds, and what a person did.
_MEANINGS = {
    "found character '\\t'": "a tab: use spaces",
    "mapping values are not allowed here": "a second colon in one line, or a wrong indentation",
    "could not find expected ':'": "a key without a colon",
    "but found '<block sequence start>'": "a list item where a key should be, or a wrong indentation",
    "<block end>, but found '<scalar>'": "text after a closing quote or bracket",
    "<block end>, but found ']'": "a bracket ] closes nothing",
    "<block end>, but found '}'": "a brace } closes nothing",
    "expected <block end>": "the indentation does not fit the lines above",
    "expected ',' or ']'": "a bracket [ is not closed, or a comma is missing",
    "expected ',' or '}'": "a brace { is not closed, or a comma is missing",
    "found unexpected end of stream": "a quote is not closed",
    "found unexpected document separator": "a quote is not closed",
    "that cannot start any token": "a value that begins with this character needs quotes",
    "found unknown escape character": "an unknown escape in double quotes: use single quotes",
    "sequence entries are not allowed": "a list item where none belongs: begin the list in a line of its own",
    "mapping keys are not allowed": "a question mark begins a key in YAML: put text in quotes",
    "expected alphabetic or numeric": "* and & begin names in YAML: put text in quotes",
    "expected the node content": "a value is missing, or a bracket closes nothing",
    "expected '<document start>'": "these are not lines of 'key: value'",
}


def read_yaml(path: Path) -> tuple[dict[str, Any], Where]:
    """What a YAML file says, and the line of every key.

    Raises:
        GenlabError: not a file of at most ``MAX_BYTES`` that can be read, not text in UTF-8, or not
            YAML of the kind above.
    """
    name = one_line(str(path))
    text = _read_text(path, name)

    def place(line: int) -> str:
        return f"{name}, line {line + 1}"

    where: Where = {}
    values = parse_yaml(text, place, where)
    if not isinstance(values, dict):
        holds = "nothing" if values is None else quoted(values)
        raise GenlabError(f"{name} should hold the sections 'model:' and 'train:', and holds {holds}")
    return values, where


def parse_yaml(text: str, place: Place, where: Where | None = None) -> Any:
    """The value that a YAML text stands for; None for an empty one.

    Args:
        text: YAML.
        place: what to call a line in a message.
        where: filled in with the place of every key and list item.

    Raises:
        GenlabError: not YAML, or of a kind that is refused.
    """
    try:
        _refuse_what_no_config_needs(text, place)
        root = yaml.compose(text, Loader=yaml.SafeLoader)
    except yaml.reader.ReaderError as error:
        line, sign = text.count("\n", 0, error.position), text[error.position]
        raise GenlabError(
            f"{place(line)}: the character {sign!r} does not belong in text: take it out, or save as UTF-8"
        ) from None
    except yaml.MarkedYAMLError as error:
        raise GenlabError(_not_yaml(error, place)) from None
    except GenlabError:
        raise
    except (ValueError, OverflowError):  # PyYAML lets chr() fail
        line = text.count("\n", 0, text.find("\\U"))
        raise GenlabError(f"{place(line)}: a \\U escape in double quotes that is no character") from None
    if root is None:
        return None
    found = where if where is not None else {}
    return _value(root, (), place, found)


def _read_text(path: Path, name: str) -> str:
    try:
        status = path.stat()
        endless = not stat.S_ISREG(status.st_mode) and not stat.S_ISDIR(status.st_mode)
        content = b"" if endless else _read_some(path)
    except OSError as error:
        raise GenlabError(f"{name} cannot be read: {error.strerror}") from None
    except ValueError:  # a name with a null byte
        raise GenlabError(f"{name} cannot be read: no file has such a name") from None
    if endless:
        raise GenlabError(f"{name} is not a file but a pipe or a device: name a YAML file")
    if len(content) > MAX_BYTES:
        raise GenlabError(
            f"{name} is too large for a config: it should be YAML of at most {MAX_BYTES:,} bytes"
        )
    if content.startswith((b"\xff\xfe", b"\xfe\xff")):
        raise GenlabError(f"{name} is not text in UTF-8 but probably in UTF-16: save it as UTF-8")
    try:
        return content.decode("utf-8-sig")  # some editors put a mark in front
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise GenlabError(
            f"{name}, line {line}: not text in UTF-8: name a YAML file, or save it as UTF-8"
        ) from None


def _read_some(path: Path) -> bytes:
    """At most one byte too many, whatever size the file claims to have."""
    with path.open("rb") as file:
        return file.read(MAX_BYTES + 1)


def _refuse_what_no_config_needs(text: str, place: Place) -> None:
    """By the stream of events, which is flat: no nesting or alias costs more than its own length."""
    depth = documents = 0
    for event in yaml.parse(text, Loader=yaml.SafeLoader):
        at = place(event.start_mark.line if event.start_mark else 0)
        anchor, tag = getattr(event, "anchor", None), getattr(event, "tag", None)
        if anchor:
            name = (
                f"*{anchor} is an alias" if isinstance(event, yaml.AliasEvent) else f"&{anchor} is an anchor"
            )
            raise GenlabError(
                f"{at}: {cut(name)}, which configs do not have: write the value out, or put it in quotes"
            )
        if tag:
            tag = cut(one_line(tag.replace(_YAMLS_OWN, "!!")))
            raise GenlabError(f"{at}: {tag} is a tag, which configs do not have: take it out, or use quotes")
        half = _HALF_CHARACTER.search(getattr(event, "value", ""))
        if half:
            raise GenlabError(f"{at}: {half.group()!r} is half a character: write the character itself")
        documents += isinstance(event, yaml.DocumentStartEvent)
        if documents > 1:
            raise GenlabError(f"{at}: a second document begins ('---'): keep one")
        depth += isinstance(event, yaml.CollectionStartEvent)
        depth -= isinstance(event, yaml.CollectionEndEvent)
        if depth > MAX_DEPTH:
            raise GenlabError(f"{at}: nested more than {MAX_DEPTH} levels deep, which no setting is")


def _not_yaml(error: yaml.MarkedYAMLError, place: Place) -> str:
    problem = error.problem or "unknown problem"
    meaning = next((meaning for sign, meaning in _MEANINGS.items() if sign in problem), problem)
    mark = error.problem_mark or error.context_mark
    if meaning.endswith(
        ("is not closed", "comma is missing", "without a colon")
    ):  # found later than it was opened
        mark = error.context_mark or mark
    at = place(mark.line if mark else 0)
    line = _LINE_BREAK.split(mark.buffer)[mark.line].strip("\0") if mark and mark.buffer else ""
    return f"{at}: not valid YAML, {one_line(meaning)}" + (f": '{cut(one_line(line))}'" if line else "")


def _value(node: yaml.Node, at: tuple[str, ...], place: Place, where: Where) -> Any:
    """A node as Python values; fills in ``where``."""
    if isinstance(node, yaml.SequenceNode):
        items = []
        for index, item in enumerate(node.value):
            where[(*at, str(index))] = place(item.start_mark.line)
            items.append(_value(item, (*at, str(index)), place, where))
        return items
    if isinstance(node, yaml.MappingNode):
        return {key: _value(value, (*at, key), place, where) for key, value in _pairs(node, at, place, where)}
    return _plain_value(node, at, place)


def _plain_value(node: yaml.Node, at: tuple[str, ...], place: Place) -> Any:
    field, kind = f"{place(node.start_mark.line)}: {field_name(at)}".rstrip(": "), node.tag
    kind = kind.removeprefix(_YAMLS_OWN)
    try:
        value = yaml.SafeLoader("").construct_object(node)
    except (ValueError, yaml.YAMLError):  # 2001-02-30, a number of 5000 digits, =
        wrong = {"timestamp": "is no date", "int": "is no number, or has too many digits"}
        what = wrong.get(kind, "means something else in YAML")
        raise GenlabError(
            f"{field}: {quoted(node.value)} {what}: if text is meant, put it in quotes"
        ) from None
    if (kind == "int" and not _DECIMAL.fullmatch(node.value)) or (kind == "float" and ":" in node.value):
        raise GenlabError(
            f"{field}: YAML reads {quoted(node.value)} as {quoted(value)}: write it in decimals, or in quotes"
        )
    return value


def _pairs(
    node: yaml.MappingNode, at: tuple[str, ...], place: Place, where: Where
) -> Iterator[tuple[str, yaml.Node]]:
    """Key and value. PyYAML lets a later duplicate win and takes any value for a key; this does not."""
    first: dict[str, int] = {}
    for key, value in node.value:
        line = key.start_mark.line
        if key.tag == f"{_YAMLS_OWN}merge":
            raise GenlabError(f"{place(line)}: merge keys (<<) are not for configs: write the keys out")
        if key.tag != f"{_YAMLS_OWN}str":
            section = f" in {field_name(at)}" if at else ""
            what = quoted(key.value) if isinstance(key, yaml.ScalarNode) else "a list or section"
            raise GenlabError(f"{place(line)}: a key{section} should be a word, got {what}")
        if key.value in first:
            raise GenlabError(
                f"{place(line)}: {field_name((*at, key.value))} stands twice (first in line "
                f"{first[key.value] + 1}): keep one"
            )
        first[key.value] = line
        where[(*at, key.value)] = place(line)
        yield key.value, value
