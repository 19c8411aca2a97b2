"""Show the code that runs, so that what a notebook explains cannot drift from it."""

import inspect
import textwrap
from collections.abc import Callable
from pathlib import Path
from typing import Any

from genlab.files import project_dir


def show_source(*objects: Callable[..., Any]) -> None:
    """Display the source of functions, classes or methods, each under the file and line it stands in."""
    from IPython.display import Markdown, display

    for thing in objects:
        display(Markdown(source_of(thing)))


def source_of(thing: Callable[..., Any]) -> str:
    """What ``show_source`` displays of one of them, in Markdown."""
    thing = inspect.unwrap(thing)  # what a decorator like no_grad has wrapped, not the wrapper
    source, line = inspect.getsourcelines(thing)
    path = Path(inspect.getsourcefile(thing) or "")
    place = path.relative_to(project_dir()) if path.is_relative_to(project_dir()) else path.name
    code = textwrap.dedent("".join(source))
    return f"`{place}`, line {line}\n```python\n{code.rstrip()}\n```"
