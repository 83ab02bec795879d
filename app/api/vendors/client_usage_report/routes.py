"""The routes: a token for a client's id and secret, the report of its API transactions, and the workbook behind its link."""

from __future__ import annotations

from typing import Annotated, Any

import orjson
from fastapi import APIRouter, Depends, Request
from pydantic import BaseModel, Field
from starlette.exceptions import HTTPException
from starlette.responses import Response, StreamingResponse

from app.access.tokens import check_standing, key_named, token_of
from app.api import openapi
from app.api.body import bounded, query_items
from app.api.envelope import MEDIA_TYPE
from app.api.head import is_head
from app.api.identity import authenticate_session, client_address, open_session
from app.api.services import services_of
from app.api.vendors.client_usage_report.answering import FILES, PURPOSE, answer
from app.api.vendors.client_usage_report.asking import read
from app.api.vendors.client_usage_report.refusals import INCORRECT, NOT_AUTHENTICATED, NOT_VALID, Route, refusals
from app.api.vendors.client_usage_report.rows import UsageReport
from app.domain.account import Permission, Principal
from app.domain.errors import InvalidEvent, InvalidQuery, KeyEnded, LinkRefused, Unauthenticated
from app.domain.instant import format_instant
from app.exports.sheet import CONTENT_TYPE
from app.exports.workbooks import opened, size_of

KEY_HEADER = "x-api-key"
LARGEST_FORM = 65_536
"""Bytes of a form."""
_FIELDS = ("client_id", "client_secret")

router = APIRouter(prefix="/v1", tags=["API usage report"], route_class=Route)


class Authorized(BaseModel):
    """A session's token."""

    access_token: str = Field(description="A JWT.")
    token_type: str = Field(examples=["bearer"])
    expiry: str = Field(description="When it ends: RFC 3339, 24 hours from now.", json_schema_extra={"format": "date-time"})


_FORM: dict[str, Any] = {
    "schema": {
        "type": "object",
        "required": list(_FIELDS),
        "properties": {
            "client_id": {"type": "string", "minLength": 1, "description": "A key's id."},
            "client_secret": {"type": "string", "minLength": 1, "description": "The key's secret."},
        },
    }
}
_FORMS: dict[str, Any] = {
    "required": True,
    "content": {"application/x-www-form-urlencoded": _FORM, "multipart/form-data": _FORM},
}
_DATE = {"type": "string", "anyOf": [{"format": "date"}, {"format": "date-time"}]}
_PARAMETERS = (
    {
        "name": KEY_HEADER,
        "in": "header",
        "required": True,
        "description": "The secret of the client that the token is of.",
        "schema": {"type": "string"},
    },
    {
        "name": "since_date",
        "in": "query",
        "required": True,
        "description": "The first day, UTC, or the first instant.",
        "schema": _DATE,
    },
    {
        "name": "until_date",
        "in": "query",
        "required": True,
        "description": "The last day, UTC, or the last instant: at most 7 days later.",
        "schema": _DATE,
    },
    {
        "name": "product_id",
        "in": "query",
        "required": False,
        "description": "Only this product.",
        "schema": {"type": "string", "minLength": 1, "maxLength": 256, "pattern": r"^[^\u0000]*$"},
    },
    {
        "name": "generate_excel",
        "in": "query",
        "required": False,
        "description": "Whether to make a workbook too.",
        "schema": {"type": "boolean", "default": False},
    },
)


@router.post(
    "/authorize",
    operation_id="authorize",
    response_model=Authorized,
    responses=refusals(400, 401, 413, 422),
    openapi_extra=openapi.operation(requestBody=_FORMS),
)
async def authorize(request: Request) -> Response:
    """Open a session that may do what the key may, for 24 hours."""
    client_id, client_secret = await _form(request)
    try:
        token, session = await open_session(services_of(request.scope), request.scope, PURPOSE, client_id, client_secret)
    except KeyEnded:
        raise
    except Unauthenticated:
        raise Unauthenticated(INCORRECT) from None
    expiry = format_instant(session.expires_at).replace(".000000", "")
    return _json({"access_token": token, "token_type": "bearer", "expiry": expiry})


async def client(request: Request) -> Principal:
    """Who asks, as a FastAPI dependency: the client of the token, which shows its secret too. Raises Unauthenticated."""
    services = services_of(request.scope)
    secret = request.headers.get(KEY_HEADER)
    if not request.headers.get("authorization", "").lower().startswith("bearer ") or secret is None:
        raise Unauthenticated(NOT_AUTHENTICATED)
    try:
        principal, _ = await authenticate_session(services, request.scope, PURPOSE)
    except KeyEnded:
        raise
    except Unauthenticated:
        raise Unauthenticated(NOT_VALID) from None
    try:
        await services.doorkeeper.admit(
            token_of(principal.key_id, secret), client_address(request.scope, services.trusted_proxies)
        )
    except KeyEnded:
        raise
    except Unauthenticated:
        raise Unauthenticated(INCORRECT) from None
    return principal


@router.get(
    "/client/usage-report",
    operation_id="getClientUsageReport",
    response_model=UsageReport,
    responses=refusals(400, 401, 403, 422),
    openapi_extra=openapi.operation(Permission.REPORT_READ, scheme=openapi.SESSION, parameters=_PARAMETERS),
)
async def usage_report(request: Request, principal: Annotated[Principal, Depends(client)]) -> Response:
    """The API transactions of at most seven days, the one that happened last first, and a workbook with the same rows."""
    principal.require(Permission.REPORT_READ)
    try:
        query = query_items(request.scope)
    except InvalidQuery as error:
        raise InvalidEvent(error.field, error.reason) from None
    asked = read(query)
    if is_head(request.scope):
        return Response(media_type=MEDIA_TYPE)  # a workbook is not made for its headers
    return StreamingResponse(await answer(services_of(request.scope), principal, asked), media_type=MEDIA_TYPE)


@router.get(
    FILES.removeprefix(router.prefix) + "/{link}.xlsx",
    operation_id="downloadClientUsageReport",
    response_class=Response,
    response_description="The workbook.",
    responses={200: {"content": {CONTENT_TYPE: {"schema": {"type": "string", "format": "binary"}}}}, **refusals(403, 404)},
    openapi_extra=openapi.operation(
        parameters=(
            {
                "name": "link",
                "in": "path",
                "required": True,
                "description": "The signed part of `file_url`.",
                "schema": {"type": "string"},
            },
        )
    ),
)
async def workbook(request: Request) -> Response:
    """The workbook that a link leads to, for as long as it holds; no token is needed."""
    services = services_of(request.scope)
    link = await services.links.check(request.path_params["link"], PURPOSE, at=services.rules.clock())
    await _check_issuer(request, link.account_id, link.issuer)
    headers = {
        "Content-Type": CONTENT_TYPE,
        "Content-Disposition": 'attachment; filename="usage-report.xlsx"',
        "Cache-Control": "private, no-store",
        "X-Content-Type-Options": "nosniff",
    }
    if is_head(request.scope):
        size = await size_of(services.files, link.subject)
        return Response(headers=headers | {"Content-Length": str(size)})
    size, chunks = await opened(
        services.store, services.files, link.account_id, link.subject, actor=link.issuer, rules=services.rules
    )
    return StreamingResponse(chunks, headers=headers | {"Content-Length": str(size)})


async def _check_issuer(request: Request, account_id: int, issuer: str) -> None:
    """Return if whoever asked for the link may still ask; raises LinkRefused. From where it is opened does not matter."""
    services = services_of(request.scope)
    try:
        _, key = await key_named(services.store, account_id, issuer.removeprefix("key "))
        check_standing(key, at=services.rules.clock())
    except Unauthenticated:
        raise LinkRefused("the key that this link was made with is no longer accepted") from None


async def _form(request: Request) -> tuple[str, str]:
    """The two fields of a form, urlencoded or multipart. Raises InvalidEvent for what is missing or is no form."""
    try:
        async with Request(request.scope, bounded(request.receive, LARGEST_FORM)).form(max_files=0, max_fields=20) as form:
            found = {name: form.get(name) for name in _FIELDS}
    except HTTPException as error:
        raise InvalidEvent("", f"the form cannot be read: {error.detail}") from None
    for name, value in found.items():
        if not isinstance(value, str) or not value:
            raise InvalidEvent(name, "is missing: send it as a form field")
    return str(found["client_id"]), str(found["client_secret"])


def _json(body: Any) -> Response:
    return Response(orjson.dumps(body), media_type=MEDIA_TYPE)
