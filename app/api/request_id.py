"""An id for every call: echoed where the caller sent a sane one, bound to every log line, and one access line at the end.

What a call left of its caller's budget is told on the way out too.
"""

from __future__ import annotations

import re
import secrets
import time
from typing import cast

import structlog
from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

HEADER = "X-Request-Id"
_SANE = re.compile(r"[A-Za-z0-9._-]{1,128}", re.ASCII)
# A signed link opens what it leads to for whoever reads it in a log.
_LINK = re.compile(r"(?<=^/downloads/)(?!exports/).*", re.DOTALL)
_QUIET = frozenset({"/health", "/healthz", "/readyz", "/metrics"})

_log = structlog.stdlib.get_logger("gateway.access")


def request_id(scope: Scope) -> str:
    """The id of this call."""
    return cast(str, scope["state"]["request_id"])


def new_request_id() -> str:
    """An id for a call that brought none."""
    return f"req_{secrets.token_hex(12)}"


class RequestIds:
    """The outermost middleware. What a call carries or answers is never logged: no query, no body, no rows."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in ("http", "websocket"):
            await self._app(scope, receive, send)
            return
        sent = Headers(scope=scope).get(HEADER, "")
        identifier = sent if _SANE.fullmatch(sent) else new_request_id()
        # A copy: the server hands every call the state that the lifespan made.
        scope["state"] = {**scope.get("state", {}), "request_id": identifier}
        status = 0

        async def send_with_id(message: Message) -> None:
            nonlocal status
            if message["type"] in ("http.response.start", "websocket.accept"):
                status = message.get("status", 101)
                headers = MutableHeaders(scope=message)
                headers[HEADER] = identifier
                balance = scope["state"].get("balance")
                if balance is not None:
                    headers.update(balance.headers)
            await send(message)

        began = time.perf_counter()
        with structlog.contextvars.bound_contextvars(request_id=identifier):
            try:
                await self._app(scope, receive, send_with_id)
            finally:
                _note(scope, status, time.perf_counter() - began)


def _shown(path: str) -> str:
    return _LINK.sub("…", path)


def _note(scope: Scope, status: int, seconds: float) -> None:
    principal = scope["state"].get("principal")
    # Probes come every few seconds and would bury everything else.
    write = _log.debug if scope["path"] in _QUIET and status < 400 else _log.info
    write(
        "call",
        method=scope.get("method", "WEBSOCKET"),
        path=_shown(scope["path"]),
        status=status,
        ms=round(seconds * 1000, 2),
        account=None if principal is None else principal.account.name,
        key=None if principal is None else principal.key_id,
    )
