"""The formats that come with the gateway, read once from their documents."""

from __future__ import annotations

import json
from functools import cache
from importlib.resources import files
from typing import Any

from app.domain.errors import NotFound
from app.ledger.formats.definition import Format, load

DEFAULT = "default"
NAMES = (DEFAULT, "focus", "cloudevents", "openmeter", "stripe-meter-event", "access-log")


@cache
def named(name: str) -> Format:
    """The format of that name; raises NotFound."""
    return load(document_of(name))


def sample_of(name: str) -> tuple[str, bytes]:
    """A sample of what the format of that name reads: the file's name, and what is in it. Raises NotFound."""
    document_of(name)
    (found,) = [each for each in (files(__package__) / "samples").iterdir() if each.name.rpartition(".")[0] == name]
    return found.name, found.read_bytes()


def document_of(name: str) -> dict[str, Any]:
    """The document of that name; raises NotFound."""
    if name not in NAMES:
        raise NotFound(f"no format {name[:64]}; there are {', '.join(NAMES)}")
    document: dict[str, Any] = json.loads((files(__package__) / "documents" / f"{name}.json").read_text(encoding="utf-8"))
    return document
