"""Reading what callers send: bodies no larger than their bound, JSON without floats, query strings that are UTF-8."""

from __future__ import annotations

from typing import Any
from urllib.parse import parse_qsl

from starlette.requests import ClientDisconnect, Request
from starlette.types import Message, Receive, Scope

from app.domain.errors import InvalidBody, InvalidQuery, PayloadTooLarge
from app.ledger.exact_json import Unreadable, read_json

LARGEST_BODY = 1_048_576
"""Bytes that the body of one GraphQL request may have, or one message of a WebSocket."""


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


async def whole_body(request: Request, largest: int) -> bytes:
    """The bytes of a body. Raises PayloadTooLarge beyond `largest` of them, InvalidBody where the connection ends before."""
    try:
        return await Request(request.scope, bounded(request.receive, largest)).body()
    except ClientDisconnect:
        raise InvalidBody("the connection ended before the body did") from None


def query_items(scope: Scope) -> list[tuple[str, str]]:
    """The names and values of the query string, in order. Raises InvalidQuery for what is not UTF-8.

    Read leniently, every byte that is none would become the same character, and different senders the same one.
    """
    try:
        return parse_qsl(scope["query_string"].decode("ascii"), keep_blank_values=True, errors="strict", max_num_fields=5_000)
    except ValueError:  # UnicodeDecodeError is one
        raise InvalidQuery("", "the query string is not percent-encoded UTF-8, or has more than 5,000 parameters") from None


def exact_json(data: str | bytes) -> Any:
    """What a JSON text says, numbers with a point or an exponent as Decimal.

    Raises InvalidBody for what is not JSON (RFC 8259) in UTF-8, and for what JSON readers do not agree on, such as a key that
    stands twice in an object.
    """
    try:
        return read_json(data if isinstance(data, str) else data.decode())
    except UnicodeDecodeError:
        raise InvalidBody("the body is not UTF-8") from None
    except Unreadable as error:
        if error.position is None:
            raise InvalidBody(f"the body {error.reason}") from None
        raise InvalidBody(f"the body is not JSON: {error.reason} at character {error.position}") from None
