"""Texts that a spreadsheet would run, made inert so that it can be undone.

A cell runs that begins with = + - @ (or the full-width forms of these), or with a tab or a line end before them, unless it is a
plain number. A file may be cut where it was not meant to: by a semicolon or a tab where commas stand between the cells, or by a
line end in the middle of a text. So what stands after one of these within a text is looked at as well, and after a comma where
semicolons stand between the cells.

Such a place gets an apostrophe. So that this can be undone, a place where apostrophes of its own stand before the sign gets one
too. Undoing it: each place where apostrophes and then a sign stand loses the first one.
"""

from __future__ import annotations

import re
from collections.abc import Callable

_RUNNING = "=+\\-@\uff1d\uff0b\uff0d\uff20"
_FIRST = f"{_RUNNING}\t\r\n"
FIRST = frozenset("'=+-@\t\r\n\uff1d\uff0b\uff0d\uff20")
"""What a text begins with that may have to be made inert at its beginning: a set tells that sooner than a pattern."""
_NUMBER = re.compile(r"-?\d+(?:\.\d+)?", re.ASCII)
_RUNS = re.compile(f"'*[{_FIRST}]")


def runs(text: str) -> bool:
    """Whether a cell of this text alone would run, or would if apostrophes before it were lost."""
    return text[:1] in FIRST and _RUNS.match(text) is not None and _NUMBER.fullmatch(text) is None


def marking(cuts: str, *, also: str = "") -> tuple[Callable[[str], str], Callable[[str], str]]:
    """How a text is made inert and how it is undone, in a file that may be cut by these characters besides the line ends.

    A text that begins with one of the signs `also` is marked in the same way.
    """
    first, inside = _FIRST + re.escape(also), f"(?<=[{re.escape(cuts)}\r\n])"
    running = re.compile(f"(?:^'*[{first}]|{inside}'*[{_RUNNING}])")
    marked = re.compile(f"(?:^''*[{first}]|{inside}''*[{_RUNNING}])")

    def inert(text: str) -> str:
        return text if _NUMBER.fullmatch(text) else running.sub(lambda found: "'" + found[0], text)

    def original(cell: str) -> str:
        return marked.sub(lambda found: found[0][1:], cell)

    return inert, original
