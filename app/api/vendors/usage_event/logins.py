"""Logging in with a key's id and secret, for a JWT; and logging out, which revokes it."""

from __future__ import annotations

from typing import Annotated, Any

import orjson
from fastapi import APIRouter, Depends, Request
from pydantic import BaseModel
from starlette.responses import Response

from app.access.sessions import Session
from app.api import openapi
from app.api.envelope import MEDIA_TYPE
from app.api.identity import bearer_token, open_session
from app.api.services import services_of
from app.api.vendors.usage_event.manners import PURPOSE, VERSION_PARAMETER, check_version, needed, read_object, session
from app.domain.account import Principal
from app.domain.errors import KeyEnded, Unauthenticated

FIELDS = ("api_key", "password")

router = APIRouter(prefix="/auth", tags=["Usage events"])


class LoggedOut(BaseModel):
    """The token is refused from now on."""


_TEXT = {"type": "string", "minLength": 1}
_BODY: dict[str, Any] = {
    "required": True,
    "content": {
        "application/json": {
            "schema": {
                "type": "object",
                "required": list(FIELDS),
                "additionalProperties": False,
                "properties": {
                    "api_key": {**_TEXT, "description": "A key's id."},
                    "password": {**_TEXT, "description": "The key's secret."},
                },
            }
        }
    },
}


@router.post(
    "/login",
    operation_id="login",
    response_model=str,
    response_description="The session's token, which lives 24 hours.",
    responses=openapi.failures("INVALID_QUERY", "INVALID_JSON", "UNAUTHORIZED", "PAYLOAD_TOO_LARGE", "VALIDATION_ERROR"),
    openapi_extra=openapi.operation(parameters=({**VERSION_PARAMETER, "required": False},), requestBody=_BODY),
)
async def login(request: Request) -> Response:
    """Open a session that may do what the key may, and answer its token: a JSON string and nothing around it."""
    check_version(request, required=False)
    body = await read_object(request, FIELDS)
    api_key, password = needed(body, "api_key"), needed(body, "password")
    try:
        token, _ = await open_session(services_of(request.scope), request.scope, PURPOSE, api_key, password)
    except KeyEnded:
        raise
    except Unauthenticated:
        raise Unauthenticated("api_key or password is wrong, or not accepted from this address") from None
    return Response(orjson.dumps(token), media_type=MEDIA_TYPE)


@router.post(
    "/logout",
    operation_id="logout",
    response_model=LoggedOut,
    responses=openapi.failures("INVALID_QUERY", "UNAUTHORIZED"),
    openapi_extra=openapi.operation(scheme=openapi.SESSION, parameters=(VERSION_PARAMETER,)),
)
async def logout(request: Request, found: Annotated[tuple[Principal, Session], Depends(session)]) -> Response:
    """Revoke the token that the call carries."""
    services = services_of(request.scope)
    await services.sessions.end(bearer_token(request.headers), found[1], at=services.rules.clock())
    return Response(b"{}", media_type=MEDIA_TYPE)
