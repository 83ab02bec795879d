"""Reading request bodies: no more than their bound, and JSON in which no number becomes a float."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

import orjson
from starlette.types import Message, Receive

from app.domain.errors import InvalidBody, PayloadTooLarge


def bounded(receive: Receive, largest: int) -> Receive:
    """The same channel, which raises PayloadTooLarge as soon as a body has more than `largest` bytes."""
    read = 0

    async def receive_bounded() -> Message:
        nonlocal read
        message = await receive()
        read += len(message.get("body", b""))
        if read > largest:
            raise PayloadTooLarge(f"the body is larger than {largest:,} bytes")
        return message

    return receive_bounded


def exact_json(data: str | bytes) -> Any:
    """What a JSON text says, numbers with a point or an exponent as Decimal.

    Raises InvalidBody for what is not JSON (RFC 8259), and for duplicate keys, lone surrogates and NaN or Infinity, which JSON
    readers do not agree on.
    """
    try:
        value = json.loads(data, parse_float=Decimal, parse_constant=_constant, object_pairs_hook=_unique)
        # Only an escape can bring in half of a surrogate pair, and orjson refuses those.
        if ("\\u" if isinstance(data, str) else b"\\u") in data:  # type: ignore[operator]
            orjson.loads(data)
    except (ValueError, ArithmeticError, RecursionError) as error:
        if isinstance(error, _Refused):
            raise InvalidBody(str(error)) from None
        raise InvalidBody("the body is not JSON") from None
    return value


class _Refused(ValueError):
    """JSON that readers do not agree on."""


def _constant(name: str) -> Any:
    raise _Refused(f"the body holds {name}, which JSON does not have")


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    made = dict(pairs)
    if len(made) != len(pairs):
        raise _Refused("the body holds an object with the same key twice")
    return made
