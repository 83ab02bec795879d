"""What every call of this contract has in common: the `Version` header, the session's token, and JSON bodies."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from starlette.requests import Request

from app.access.sessions import Session
from app.api.body import exact_json, whole_body
from app.api.identity import authenticate_session
from app.api.services import services_of
from app.domain.account import Principal
from app.domain.errors import InvalidBody, InvalidEvent, InvalidQuery

PURPOSE = "usage_event"
"""What this contract's sessions are opened for."""
VERSION = "V0"
LARGEST_BODY = 1024 * 1024
"""Bytes of a body: far more than one event may have."""
VERSION_PARAMETER: dict[str, Any] = {
    "name": "Version",
    "in": "header",
    "required": True,
    "description": "The version of this contract.",
    "schema": {"type": "string", "enum": [VERSION]},
}


async def caller(request: Request) -> Principal:
    """Who calls, as a FastAPI dependency. Raises InvalidQuery for another version, Unauthenticated without a session."""
    return (await session(request))[0]


async def session(request: Request) -> tuple[Principal, Session]:
    """The same, with the session whose token was shown."""
    check_version(request, required=True)
    return await authenticate_session(services_of(request.scope), request.scope, PURPOSE)


def check_version(request: Request, *, required: bool) -> None:
    """Return if the call is of this contract's version; raises InvalidQuery naming the header."""
    sent = request.headers.getlist("version")
    if not sent and required:
        raise InvalidQuery("Version", f"the header is missing; send `Version: {VERSION}`")
    if sent and sent != [VERSION]:
        raise InvalidQuery("Version", f"the header must be {VERSION}, not {', '.join(sent)[:64]}")


async def read_object(request: Request, known: Collection[str]) -> dict[str, Any]:
    """The body, an object with none but these keys. Raises InvalidBody, InvalidEvent and PayloadTooLarge."""
    body = exact_json(await whole_body(request, LARGEST_BODY))
    if not isinstance(body, dict):
        raise InvalidEvent("", "the body must be an object")
    for name in body:
        if name not in known:
            raise InvalidBody(f"{name[:64]} is not a field here; these are: {', '.join(known)}")
    return body


def text(body: dict[str, Any], name: str) -> str | None:
    """A text of the body; None where it is absent, null or empty. Raises InvalidEvent for anything else."""
    value = body.get(name)
    if value is not None and not isinstance(value, str):
        raise InvalidEvent(name, "must be a string")
    return value or None


def needed(body: dict[str, Any], name: str) -> str:
    """A text that must be there. Raises InvalidEvent."""
    value = text(body, name)
    if value is None:
        raise InvalidEvent(name, "is missing")
    return value
