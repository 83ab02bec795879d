"""The pages that are built from npm packages, served from this origin alone: GraphiQL and the REST reference.

Here are their HTML, the policy that keeps them at home, and where their bundle lies.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import Any

import orjson

STATIC_PATH = "/graphiql/static"
"""Where the page expects the files of `static_directory()`. All but the manifest are named after their content, so they
may be cached for ever."""

CONTENT_SECURITY_POLICY = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "worker-src 'self'",
        "connect-src 'self'",
        # GraphiQL's typefaces and icons are data: addresses in its style sheet.
        "font-src 'self' data:",
        "img-src 'self' data:",
        # The editor (Monaco) writes its colours and measures into style elements as it goes and takes no nonce for them.
        "style-src 'self' 'unsafe-inline'",
        "base-uri 'none'",
        "form-action 'none'",
        "frame-ancestors 'none'",
    )
)
"""The value of the page's Content-Security-Policy header: nothing leaves the origin, nothing inline or evaluated runs."""

_BUILT = Path(__file__).with_name("static")

# Inside a script element only `<` can end it or open a comment; the others are line ends to older readers of scripts.
_ESCAPES = {"<": "\\u003c", ">": "\\u003e", "&": "\\u0026", "\u2028": "\\u2028", "\u2029": "\\u2029"}
_ESCAPED = str.maketrans(_ESCAPES)

_HEAD = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="robots" content="noindex">
<title>{title}</title>
<link rel="icon" href="data:,">
<link rel="stylesheet" href="{static}/{style}">
<script type="application/json" id="{name}-config">{config}</script>
<script type="module" src="{static}/{script}"></script>
</head>
"""
_PAGE = (
    _HEAD
    + """<body>
<div id="graphiql"><div class="loading">Loading GraphiQL…</div></div>
<noscript>GraphiQL needs JavaScript. The GraphQL endpoint works without it.</noscript>
</body>
</html>
"""
)
_REFERENCE = (
    _HEAD
    + """<body>
<nav class="bar">
<strong>Usage gateway: REST</strong>
<a href="/">Start</a> <a href="/graphql">GraphiQL</a> <a href="{document}">OpenAPI</a>
</nav>
<main id="reference"></main>
<noscript>This page needs JavaScript. What it shows is in <a href="{document}">the OpenAPI document</a>.</noscript>
</body>
</html>
"""
)


class NotBuilt(RuntimeError):
    """The page's bundle is not there: the project was not set up, or only in part."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Tab:
    """An example that a visitor's first visit opens as a tab; its title is the operation's name."""

    query: str
    variables: Mapping[str, Any] | None = None


def static_directory() -> Path:
    """The directory to serve at `STATIC_PATH`. Raises NotBuilt when it has not been made."""
    if not (_BUILT / "manifest.json").is_file():
        raise NotBuilt(f"the GraphiQL bundle is not in {_BUILT}: run scripts/setup")
    return _BUILT


def page(*, endpoint: str, token: str | None, tabs: Sequence[Tab], title: str = "GraphiQL") -> str:
    """The HTML of GraphiQL: it sends its requests to `endpoint`, a path of this origin.

    `token` is in place from the start; it is part of the page, so only what each visitor may know belongs there. To be sent with
    `CONTENT_SECURITY_POLICY`. Raises NotBuilt.
    """
    config = {
        "endpoint": endpoint,
        "token": token,
        "tabs": [{"query": tab.query, "variables": _editor_text(tab.variables)} for tab in tabs],
    }
    return _filled(_PAGE, "graphiql", title, config)


def reference(*, document: str, token: str | None, title: str = "REST reference") -> str:
    """The HTML of the REST reference: it reads the OpenAPI document at `document`, a path of this origin.

    `token` as for `page`. To be sent with `CONTENT_SECURITY_POLICY`. Raises NotBuilt.
    """
    return _filled(_REFERENCE, "reference", title, {"document": document, "token": token}, document=escape(document))


def _filled(html: str, name: str, title: str, config: Mapping[str, Any], **more: str) -> str:
    built = orjson.loads((static_directory() / "manifest.json").read_bytes())[name]
    return html.format(
        name=name,
        title=escape(title),
        static=STATIC_PATH,
        style=escape(built["style"]),
        script=escape(built["script"]),
        config=orjson.dumps(config).decode().translate(_ESCAPED),
        **more,
    )


def _editor_text(value: Mapping[str, Any] | None) -> str | None:
    """What an editor shows for `value`: JSON as a person would lay it out."""
    return None if value is None else orjson.dumps(dict(value), option=orjson.OPT_INDENT_2).decode()
