"""The one canonical byte encoding: RFC 8785 JSON, with decimals and instants as strings.

orjson with sorted keys writes these bytes for everything that is allowed here (no floats, no integers past 2**53 - 1); only
keys beyond the Basic Multilingual Plane sort differently, and are put into UTF-16 order first.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

import orjson

from app.domain.decimal import parse_decimal, plain
from app.domain.errors import InvalidEvent

SAFE_INTEGER = 2**53 - 1
DEEPEST = 16
LARGEST = 65_536
"""Bytes of the canonical encoding of one entry's additional data."""
_LONGEST_KEY = 256
_DECIMAL_KEY = "$decimal"
_TELLING = (b"\\u0000", b'"$decimal"')
"""What encoded bytes hold that have NUL or the reserved key in them, and others too."""


def canonical_bytes(value: Any) -> bytes:
    """The RFC 8785 bytes of `value`: None, booleans, safe integers, strings, and lists and string-keyed dicts of these."""
    encoded = orjson.dumps(value, option=orjson.OPT_SORT_KEYS)
    if _beyond_bmp(encoded):
        return orjson.dumps(_utf16_ordered(value))
    return encoded


def sha256(data: bytes) -> bytes:
    """The 32 bytes of SHA-256 over `data`."""
    return hashlib.sha256(data).digest()


def additional_data(value: Any, field: str) -> str | None:
    """The canonical text of one entry's additional data: a JSON object of the sender's own keys; None for none or an empty one.

    Numbers that are not safe integers become {"$decimal": "…"}. Refused, naming the path: what is no object, the reserved key,
    NUL, lone surrogates, non-finite and over-long numbers, nesting deeper than 16, more than 65,536 bytes.
    """
    if value is None:
        return None
    if not isinstance(value, Mapping):
        raise InvalidEvent(field, "must be an object of keys and values")
    if not value:
        return None
    if _plain(value, 1):
        try:
            encoded = canonical_bytes(value)
        except orjson.JSONEncodeError:
            encoded = b""  # half of a surrogate pair: the careful way finds where
        if 0 < len(encoded) <= LARGEST and not any(sign in encoded for sign in _TELLING):
            return encoded.decode()
    encoded = canonical_bytes(_allowed(value, field, 1))
    if len(encoded) > LARGEST:
        raise InvalidEvent(field, f"is larger than {LARGEST:,} bytes")
    return encoded.decode()


def check_text(text: str, field: str, *, longest: int) -> str:
    """`text` if it can be kept and encoded: no NUL, no lone surrogate, at most `longest` characters. Raises InvalidEvent."""
    if len(text) > longest:
        raise InvalidEvent(field, f"is longer than {longest:,} characters")
    if not text.isascii() or "\0" in text:
        if "\0" in text:
            raise InvalidEvent(field, "contains the character NUL")
        try:
            text.encode()
        except UnicodeEncodeError:
            raise InvalidEvent(field, "contains half of a surrogate pair") from None
    return text


def _plain(value: Any, depth: int) -> bool:
    """Whether an object holds only what is encoded as it stands, at no great depth. Most do, and looking at types is quick."""
    for key, item in value.items():
        if type(key) is not str or len(key) > _LONGEST_KEY:
            return False
        kind = type(item)
        if kind is str or item is None or kind is bool or (kind is int and -SAFE_INTEGER <= item <= SAFE_INTEGER):
            continue
        if kind is not dict or depth == DEEPEST or not _plain(item, depth + 1):
            return False
    return True


def _allowed(value: Any, path: str, depth: int) -> Any:
    if depth > DEEPEST and isinstance(value, (Mapping, list, tuple)):
        raise InvalidEvent(path, f"is nested deeper than {DEEPEST} levels")
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, str):
        return check_text(value, path, longest=LARGEST)
    if isinstance(value, int) and -SAFE_INTEGER <= value <= SAFE_INTEGER:
        return value
    if isinstance(value, (int, Decimal)):
        number = parse_decimal(value, path)
        if number == number.to_integral_value() and -SAFE_INTEGER <= number <= SAFE_INTEGER:
            return int(number)
        return {_DECIMAL_KEY: plain(number)}
    if isinstance(value, Mapping):
        checked = {}
        for key, item in value.items():
            if not isinstance(key, str):
                raise InvalidEvent(path, "has a key that is not a string")
            check_text(key, path, longest=_LONGEST_KEY)
            if key == _DECIMAL_KEY:
                raise InvalidEvent(f"{path}.{key}", "is a reserved key")
            checked[key] = _allowed(item, f"{path}.{key}", depth + 1)
        return checked
    if isinstance(value, (list, tuple)):
        return [_allowed(item, f"{path}[{index}]", depth + 1) for index, item in enumerate(value)]
    raise InvalidEvent(path, f"holds a {type(value).__name__}, which JSON does not have exactly")


def additional_value(text: str | None) -> Any:
    """The object behind a canonical additional-data text, decimals as Decimal; None for None."""
    return None if text is None else _restored(orjson.loads(text))


def _restored(value: Any) -> Any:
    if isinstance(value, dict):
        if len(value) == 1 and _DECIMAL_KEY in value:
            return Decimal(value[_DECIMAL_KEY])
        return {key: _restored(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_restored(item) for item in value]
    return value


def _beyond_bmp(encoded: bytes) -> bool:
    # In UTF-8 the lead bytes F0 to F4 begin a character past U+FFFF, and occur nowhere else.
    return not encoded.isascii() and any(lead in encoded for lead in (b"\xf0", b"\xf1", b"\xf2", b"\xf3", b"\xf4"))


def _utf16_ordered(value: Any) -> Any:
    if isinstance(value, Mapping):
        ordered = sorted(value.items(), key=lambda pair: pair[0].encode("utf-16-be"))
        return {key: _utf16_ordered(item) for key, item in ordered}
    if isinstance(value, list):
        return [_utf16_ordered(item) for item in value]
    return value
