"""The one exception for anything that a user can mend.

Its text is one line: which file or field, what is wrong, what to do. The command line prints that
line and exits with status 2; a notebook shows it as the last line of the traceback.
"""

from collections.abc import Iterable
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
