"""The system routes, which need no token: whether the process lives, and whether its store can answer."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Request
from starlette.responses import JSONResponse, Response

from app.api.request_id import request_id
from app.api.services import services_of
from app.domain.errors import Unavailable
from app.domain.instant import format_instant, now

router = APIRouter(tags=["System"])


@router.get("/health", operation_id="health", openapi_extra={"x-required-scopes": []})
@router.get("/healthz", operation_id="healthz", openapi_extra={"x-required-scopes": []})
async def health(request: Request) -> Response:
    """The process lives."""
    return _told(request, {"status": "ok"})


@router.get("/readyz", operation_id="readyz", openapi_extra={"x-required-scopes": []})
async def readyz(request: Request) -> Response:
    """The store can answer. Otherwise 503, with the reason beside the status: probes and the vendor's client read `data`."""
    try:
        await services_of(request.scope).store.ready()
    except Unavailable as error:
        return _told(request, {"status": "unavailable", "reason": error.message}, 503)
    return _told(request, {"status": "ok"})


def _told(request: Request, data: dict[str, Any], status: int = 200) -> Response:
    meta = {"request_id": request_id(request.scope), "timestamp": format_instant(now())}
    return JSONResponse({"data": data, "meta": meta}, status)
