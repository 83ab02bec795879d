"""One item from one JSON value, and from a line of a rejects file that somebody has mended."""

from __future__ import annotations

from typing import Any

from app.domain.errors import InvalidEvent
from app.ledger.exact_json import Decoder, Unreadable
from app.ledger.intake.item import LINE, REJECTED, Item


def item_of(json: Decoder, index: int, line: int, value: Any, text: str) -> Item:
    """The item that the value is which `json` read last; `text` is how it was written."""
    fault = json.fault
    if fault is None and not isinstance(value, dict):
        fault = "must be an object of keys and values"
    if fault is not None:
        return Item(index, line, None, InvalidEvent("", fault), text)
    if REJECTED in value or LINE in value:
        value.pop(REJECTED, None)
        if value.keys() == {LINE} and isinstance(value[LINE], str):
            return item_in(json, index, line, value[LINE])
    return Item(index, line, value, None, text)


def item_in(json: Decoder, index: int, line: int, text: str) -> Item:
    """The item that is written in a text of its own."""
    try:
        value = json.read(text)
    except Unreadable as error:
        reason = error.reason
        if error.position is not None:
            reason = f"is not JSON: {reason} at column {error.position + 1:,}"
        return Item(index, line, None, InvalidEvent("", reason), text)
    return item_of(json, index, line, value, text)
