"""The README as a page: rendered from the text itself, with the pictures beside it."""

from __future__ import annotations

import re
from functools import cache
from html import escape
from pathlib import Path

from markdown_it import MarkdownIt

_HERE = Path(__file__).parent
# An installed package carries both within itself; a working copy has them at its top.
_ROOT = _HERE if (_HERE / "README.md").is_file() else _HERE.parents[2]
_PICTURE = re.compile(r"[a-z0-9-]+\.png", re.ASCII)
_FILE = re.compile(r'<a href="(?!https?:|#|/|schema\.graphql)[^"]*">(.*?)</a>')
_INLINE = re.compile(r"<code>[^<\n]*</code>")
_OPTION = re.compile(r"--[a-z-]+")
_HTML = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>README · Usage gateway</title>
<link rel="icon" href="data:,">
<link rel="stylesheet" href="{style}">
</head>
<body>
<nav aria-label="Pages"><a href="/">Start</a><a href="/graphql">GraphiQL</a><a href="/reference">REST reference</a></nav>
<main class="text">
{text}</main>
</body>
</html>
"""


@cache
def text() -> str:
    """The README, as Markdown. Empty where it is not there, as in an application packed by other means."""
    path = _ROOT / "README.md"
    return path.read_text("utf-8") if path.is_file() else ""


def page(*, style: str) -> str:
    """The same as HTML. Markup in the text is shown, never passed on."""
    return _HTML.format(style=escape(style), text=_rendered())


def picture(name: str) -> Path | None:
    """The file of a picture that the text shows; None where there is none of that name."""
    path = _ROOT / "docs" / name
    return path if _PICTURE.fullmatch(name) and path.is_file() else None


@cache
def _rendered() -> str:
    html: str = MarkdownIt("commonmark", {"html": False}).enable("table").render(text())
    # Files of a working copy that no page shows are named, not linked.
    html = _FILE.sub(r"\1", html)
    # Nor is an option broken after one of its hyphens.
    html = _INLINE.sub(lambda code: _OPTION.sub(r'<span class="option">\g<0></span>', code[0]), html)
    # What scrolls sideways can be reached by keyboard.
    return html.replace("<pre>", '<pre tabindex="0">').replace("<table>", '<table tabindex="0">')
