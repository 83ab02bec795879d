"""The first page that a visitor sees: what this is, and where to go."""

from __future__ import annotations

from functools import cache
from html import escape
from importlib.resources import files


def page(*, style: str, openapi: str, version: str, demo: bool) -> str:
    """The page; `style` and `openapi` are paths, and `demo` says that a demonstration's key is in place."""
    where = (
        "This server shows a demonstration: an account with three months of usage, its key in place."
        if demo
        else "Every question needs a key: <code>gateway key create</code> makes one."
    )
    return _html().format(style=escape(style), openapi=escape(openapi), version=escape(version), where=where)


@cache
def _html() -> str:
    return files(__package__).joinpath("welcome.html").read_text("utf-8")
