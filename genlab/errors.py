"""The one exception for anything that a user can mend.

Its text is one line: which file or field, what is wrong, what to do. The command line prints that
line and exits with status 2; a notebook shows it as the last line of the traceback.
"""

from collections.abc import Iterable
from datetime import date
from difflib import get_close_matches


class GenlabError(ValueError):
    """A wrong input, described in one line that says what to do about it."""


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """The nearest of the known names as a question, else all of them: for the end of a message."""
    known = list(known)
    near = get_close_matches(word, known, n=2, cutoff=0.6)
    if near:
        return f"did you mean {' or '.join(repr(name) for name in near)}?"
    return f"choose from {', '.join(known)}"


SHOWN = 60  # characters of a value or a key


def quoted(value: object) -> str:
    """A value for a message: its repr, in one line, cut to ``SHOWN`` characters."""
    try:
        text = "nothing" if value is None else str(value) if isinstance(value, date) else repr(value)
    except (ValueError, RecursionError):  # Python refuses to write integers of over 4300 digits
        text = f"a huge {type(value).__name__}"
    return cut(one_line(text))


def field_name(keys: tuple[str, ...]) -> str:
    """``model.network.kind``, in one line, cut to ``SHOWN`` characters."""
    return cut(one_line(".".join(keys)))


def one_line(text: str) -> str:
    """Text with every line break and every character that cannot be printed escaped."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


def cut(text: str) -> str:
    """The first and last of ``SHOWN`` characters."""
    return text if len(text) <= SHOWN else f"{text[: SHOWN - 15]} ... {text[-10:]}"
