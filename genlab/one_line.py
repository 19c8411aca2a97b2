"""What a user wrote, as part of a message: in one line, printable, and not too long."""

from datetime import date

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
