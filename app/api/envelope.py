"""The envelope of `/api/v1` and of the system routes: `data` or `error`, and `meta` with the request's id in both."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import orjson
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Scope

from app.api.request_id import request_id
from app.domain.instant import WRITTEN, format_instant, now

MEDIA_TYPE = "application/json"


def success(
    request: Request,
    data: Any,
    *,
    status: int = 200,
    page_info: Mapping[str, Any] | None = None,
    headers: Mapping[str, str] | None = None,
) -> Response:
    """An answer. `data` is JSON as orjson takes it; exact numbers come as fragments, since orjson refuses decimals."""
    body: dict[str, Any] = {"data": data}
    if page_info is not None:
        body["page_info"] = page_info
    return _response(request.scope, body, status, headers)


def failure(
    scope: Scope, status: int, code: str, message: str, detail: str | None = None, headers: Mapping[str, str] | None = None
) -> Response:
    """An error, with `detail` where there is more to say."""
    error = {"code": code, "message": message} | ({"detail": detail} if detail else {})
    return _response(scope, {"error": error}, status, headers)


def _response(scope: Scope, body: dict[str, Any], status: int, headers: Mapping[str, str] | None) -> Response:
    body["meta"] = {"request_id": request_id(scope), "timestamp": format_instant(now())}
    return Response(orjson.dumps(body, None, WRITTEN), status, dict(headers or {}), MEDIA_TYPE)
