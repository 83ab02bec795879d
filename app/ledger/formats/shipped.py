"""The formats that come with the gateway, read once from their documents."""

from __future__ import annotations

import json
from functools import cache
from importlib.resources import files

from app.domain.errors import NotFound
from app.ledger.formats.definition import Format, load

DEFAULT = "default"
NAMES = (DEFAULT, "focus")


@cache
def named(name: str) -> Format:
    """The format of that name; raises NotFound."""
    if name not in NAMES:
        raise NotFound(f"no format {name[:64]}; there are {', '.join(NAMES)}")
    return load(json.loads((files(__package__) / "documents" / f"{name}.json").read_text(encoding="utf-8")))
