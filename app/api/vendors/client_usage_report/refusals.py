"""How this contract refuses: `{"detail": "<text>"}` and nothing else, in its own words where it has some."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Any

import orjson
import structlog
from fastapi import Request
from fastapi.routing import APIRoute
from pydantic import BaseModel, Field
from starlette.responses import Response

from app.api.envelope import MEDIA_TYPE
from app.api.errors import INTERNAL_MESSAGE, headers_of, status_of
from app.domain.errors import GatewayError, KeyEnded, LinkRefused, RateLimited, ScopeDenied, Unauthenticated

NOT_AUTHENTICATED = "Not authenticated"
NOT_VALID = "Not a valid token"
INCORRECT = "Incorrect client_id or client_secret"
_INACTIVE = "Inactive client_id"
_LIMITED = "Rate limit exceeded. Please retry after some time."
_WORDS = {
    400: "The range is too long or ends before it begins, or the client is inactive.",
    401: "The token or the key is missing or wrong.",
    403: "The client has no access, or the link was changed or has expired.",
    404: "The file is not there any more.",
    413: "The body is too large.",
    422: "A parameter or a field is missing or malformed.",
    429: "Too many calls.",
    500: "The gateway failed.",
    503: "The store cannot answer now.",
}
_log = structlog.stdlib.get_logger("gateway.api")


class Refusal(BaseModel):
    """Why a call was refused."""

    detail: str = Field(description="The reason, for people.")


class Route(APIRoute):
    """A route of this contract."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """The handler, whose refusals are told in this contract's way."""
        handle = super().get_route_handler()

        async def told(request: Request) -> Response:
            try:
                return await handle(request)
            except GatewayError as error:
                return _refusal(*_meant(error), headers_of(error))
            except Exception:
                _log.exception("call failed")
                return _refusal(500, INTERNAL_MESSAGE)

        return told


def refusals(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """FastAPI's `responses` for these statuses, and for those that every route can meet."""
    return {status: {"model": Refusal, "description": _WORDS[status]} for status in (*statuses, 500, 503)}


def _meant(error: GatewayError) -> tuple[int, str]:
    match error:
        case KeyEnded():
            return 400, _INACTIVE
        case Unauthenticated():
            return 401, error.message
        case ScopeDenied():
            return 403, f"No access: it requires {error.scope}"
        case LinkRefused():
            return 403, error.message
        case RateLimited():
            return 429, _LIMITED
    return status_of(error), error.message


def _refusal(status: int, detail: str, headers: dict[str, str] | None = None) -> Response:
    return Response(orjson.dumps({"detail": detail}), status, headers, MEDIA_TYPE)
