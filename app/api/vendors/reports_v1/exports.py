"""The export routes: order a frozen report, ask how it stands, fetch its file."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Annotated, Any

import orjson
from fastapi import APIRouter, Depends, Request
from starlette.requests import ClientDisconnect
from starlette.responses import Response

from app.api import openapi
from app.api.body import bounded, query_items
from app.api.delivery import deliver, delivery_of
from app.api.envelope import success
from app.api.identity import caller
from app.api.services import services_of
from app.api.vendors.reports_v1 import orders
from app.api.vendors.reports_v1.export_models import ExportAnswer, download_content, order_body
from app.domain.account import Permission, Principal
from app.domain.errors import InvalidBody, InvalidQuery
from app.domain.export import Export, ExportStatus
from app.domain.instant import format_instant
from app.exports import downloads
from app.exports.freeze import Beside, create
from app.exports.once import LONGEST_KEY, Once, create_once
from app.exports.register import find

LARGEST_BODY = 65_536
"""Bytes of an order: 200 ids of 256 characters, and some more."""
REPLAYED = "Idempotency-Replayed"

router = APIRouter(prefix="/api/v1/reports/exports", tags=["Exports"])

_Caller = Annotated[Principal, Depends(caller)]
_ID = {"name": "id", "in": "path", "required": True, "description": "The export's id.", "schema": {"type": "string"}}
_KEY = {
    "name": "Idempotency-Key",
    "in": "header",
    "required": False,
    "description": "Of the caller's own making: a repeated call with the same key and body is answered as the first one was.",
    "schema": {"type": "string", "minLength": 1, "maxLength": LONGEST_KEY, "pattern": "^[!-~]+$"},
}
_PART = {"Content-Range": {"description": "Which bytes these are, and of how many.", "schema": {"type": "string"}}}
_REFUSED = ("UNAUTHORIZED", "TOKEN_SCOPE_DENIED")
_STATES = {
    ExportStatus.RUNNING: ExportStatus.PENDING,
    ExportStatus.CANCELLED: ExportStatus.FAILED,
    ExportStatus.EXPIRED: ExportStatus.READY,
}
"""The contract knows pending, ready and failed, and its callers poll for as long as an export is pending. One that was called
off will never have a file. One whose file was deleted is as ready as it was, digests included; its download says it is gone."""


@router.post(
    "",
    status_code=201,
    operation_id="createReportExport",
    summary="Create a frozen report export",
    response_model=ExportAnswer,
    response_description="Frozen. A small export is ready at once; a larger one is pending, and is asked for again.",
    responses=openapi.failures(
        *(
            "INVALID_QUERY",
            "INVALID_JSON",
            *_REFUSED,
            "NOT_FOUND",
            "IDEMPOTENCY_CONFLICT",
            "PAYLOAD_TOO_LARGE",
            "VALIDATION_ERROR",
        ),
    ),
    openapi_extra=openapi.operation(Permission.REPORT_EXPORT, parameters=(_KEY,), requestBody=order_body()),
)
async def create_report_export(request: Request, principal: _Caller) -> Response:
    """Freeze a report as of now, or of an earlier point, into a file that never changes again."""
    principal.require(Permission.REPORT_EXPORT)
    _no_query(request)
    services = services_of(request.scope)
    ordered = orders.read(await _body(request))

    async def freeze(beside: Beside | None = None) -> Export:
        return await create(
            services.store,
            services.files,
            principal,
            ordered.kind,
            ordered.format,
            ordered.filters,
            rules=services.rules,
            as_of=ordered.as_of,
            notify=services.notify_exports,
            beside=beside,
        )

    key = _idempotency_key(request)
    if key is None:
        return success(request, _told(await freeze()), status=201)
    call = Once(key, ordered.digest, 201, lambda export: orjson.dumps(_told(export)).decode())
    answered = await create_once(services.store, principal, call, freeze, rules=services.rules)
    headers = {REPLAYED: "true"} if answered.replayed else {}
    return success(request, orjson.Fragment(answered.data), status=answered.status, headers=headers)


@router.get(
    "/{id}",
    operation_id="getReportExport",
    summary="Get report export metadata",
    response_model=ExportAnswer,
    responses=openapi.failures("INVALID_QUERY", *_REFUSED, "NOT_FOUND"),
    openapi_extra=openapi.operation(Permission.REPORT_EXPORT, parameters=(_ID,)),
)
async def get_report_export(request: Request, principal: _Caller) -> Response:
    """How an export stands, and the digests to check its file by."""
    principal.require(Permission.REPORT_EXPORT)
    _no_query(request)
    return success(request, _told(await find(services_of(request.scope).store, principal, request.path_params["id"])))


@router.get(
    "/{id}/download",
    operation_id="downloadReportExport",
    summary="Download a frozen report export snapshot",
    response_class=Response,
    responses={
        200: {"description": "The stored file, always the same bytes.", "content": download_content()},
        206: {"description": "The part of it that `Range` names.", "content": download_content(), "headers": _PART},
        304: {"description": "The caller has it already, as `If-None-Match` or `If-Modified-Since` says."},
        **openapi.failures("INVALID_QUERY", *_REFUSED, "NOT_FOUND", "EXPORT_NOT_READY", "RANGE_NOT_SATISFIABLE"),
    },
    openapi_extra=openapi.operation(Permission.REPORT_EXPORT, parameters=(_ID,)),
)
async def download_report_export(request: Request, principal: _Caller) -> Response:
    """The file, whatever `Accept` says: an export has one format."""
    principal.require(Permission.REPORT_EXPORT)
    _no_query(request)
    services = services_of(request.scope)
    export = await downloads.ready(services.store, services.files, principal, request.path_params["id"])

    async def hand(start: int, end: int) -> AsyncIterator[bytes]:
        return await downloads.hand_out(
            services.store, services.files, export, actor=principal.actor, rules=services.rules, start=start, end=end
        )

    # Not compressed, whatever is asked: most clients ask without knowing, and some of them keep the bytes as they come.
    return await deliver(request, delivery_of(export), hand, compress=False)


def _told(export: Export) -> dict[str, Any]:
    status = _STATES.get(export.status, export.status)
    return {
        "id": export.id,
        "report_kind": export.report.replace("_", "-"),
        "format": export.format,
        "status": status.value,
        "as_of": export.as_of,
        "filters": {name: texts[0] if len(texts) == 1 else list(texts) for name, texts in export.parameters.items()},
        "digest": export.digest,
        "artifact_digest": export.artifact_digest,
        "content_type": export.content_type,
        "created_by": export.created_by,
        "created_at": format_instant(export.created_at),
        "updated_at": format_instant(export.updated_at),
        "download_url": f"{router.prefix}/{export.id}/download",
    }


async def _body(request: Request) -> bytes:
    try:
        return await Request(request.scope, bounded(request.receive, LARGEST_BODY)).body()
    except ClientDisconnect:
        raise InvalidBody("the connection ended before the body did") from None


def _no_query(request: Request) -> None:
    for name, _ in query_items(request.scope):
        raise InvalidQuery(name[:64], "is not a parameter here; there are none")


def _idempotency_key(request: Request) -> str | None:
    """The caller's key. Raises InvalidQuery for one that cannot be told from others: empty, too long, or sent twice."""
    sent = request.headers.getlist("idempotency-key")
    if not sent:
        return None
    if len(sent) > 1 or not 1 <= len(sent[0]) <= LONGEST_KEY or not all("!" <= each <= "~" for each in sent[0]):
        raise InvalidQuery("Idempotency-Key", f"must have 1 to {LONGEST_KEY} visible ASCII characters")
    return sent[0]
