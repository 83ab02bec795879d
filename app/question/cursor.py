"""Opaque cursors: a place in an ordered answer, bound to the question that it was given for.

Bound means: to account, kind of answer, filters, order and asOf, not to the page size, so a caller may change it along the walk.
A cursor holds values, never offsets, so it survives inserts and corrections. The layout starts with a version byte and
grows only at the end; cursors of an unknown version are refused with a clear word.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import fields, is_dataclass
from typing import Any

import orjson

from app.domain.errors import InvalidQuery

_VERSION = 1
_BINDING_BYTES = 8
_URL_SAFE = bytes.maketrans(b"+/", b"-_")


def binding(*parts: Any) -> bytes:
    """Eight bytes that stand for everything a cursor is bound to: frozen dataclasses, tuples, sets and plain values."""
    return hashlib.sha256(repr(_steady(parts)).encode()).digest()[:_BINDING_BYTES]


def _steady(value: Any) -> Any:
    """The same for equal values in every process: a set's own repr follows the process's hash seed."""
    if isinstance(value, (set, frozenset)):
        return sorted(repr(_steady(each)) for each in value)
    if isinstance(value, (tuple, list)):
        return [_steady(each) for each in value]
    if is_dataclass(value) and not isinstance(value, type):
        return [type(value).__name__, *((each.name, _steady(getattr(value, each.name))) for each in fields(value))]
    return value


def encode(bound: bytes, values: Sequence[Any]) -> str:
    """The cursor for a place: `values` are JSON scalars."""
    return encode_all(bound, [list(values)])[0]


def encode_all(bound: bytes, places: Iterable[list[Any]]) -> list[str]:
    """The cursors for the places of a page."""
    # Version and binding are nine bytes, which are twelve characters, whatever follows them: made once for all.
    start = base64.urlsafe_b64encode(bytes([_VERSION]) + bound).decode()
    dumps, told = orjson.dumps, binascii.b2a_base64
    return [start + told(dumps(place), newline=False).translate(_URL_SAFE).rstrip(b"=").decode() for place in places]


def decode(text: str, bound: bytes, field: str) -> list[Any]:
    """The values of a cursor; raises InvalidQuery naming `field` for one that is damaged or was given for another question."""
    try:
        raw = base64.b64decode(text.encode("ascii") + b"=" * (-len(text) % 4), altchars=b"-_", validate=True)
    except (ValueError, binascii.Error):
        raise InvalidQuery(field, "is not a cursor of this gateway") from None
    if len(raw) < 1 + _BINDING_BYTES or raw[0] != _VERSION:
        raise InvalidQuery(field, "is not a cursor of this version of the gateway")
    if raw[1 : 1 + _BINDING_BYTES] != bound:
        raise InvalidQuery(field, "was given for another question; filters, order and asOf must stay the same on a walk")
    try:
        values = orjson.loads(raw[1 + _BINDING_BYTES :])
    except orjson.JSONDecodeError:
        raise InvalidQuery(field, "is not a cursor of this gateway") from None
    if not isinstance(values, list):
        raise InvalidQuery(field, "is not a cursor of this gateway")
    return values
