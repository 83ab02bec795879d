"""The middleware that counts and times calls, by the template of the route that took them."""

from __future__ import annotations

import time
from typing import Any

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.observability.counters import calls_under_way, count_call, sockets_open

UNMATCHED = "unmatched"
"""The route of calls to paths that do not exist: a path is the caller's own text and would make labels without end."""
_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})


class Measured:
    """Stands inside the request ids and outside of everything else."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "websocket":
            with sockets_open.track_inprogress():
                await self._app(scope, receive, send)
            return
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        status = 500  # what the server makes of an error that comes through here before an answer has begun

        async def noted(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        began = time.perf_counter()
        try:
            with calls_under_way.track_inprogress():
                await self._app(scope, receive, noted)
        finally:
            method = scope["method"] if scope["method"] in _METHODS else "other"
            count_call(method, route_template(scope), status, time.perf_counter() - began)


def route_template(scope: Scope) -> str:
    """The path of the route that took the call, with names in place of values; known once the call was routed."""
    route = scope.get("route")
    if route is None and scope.get("endpoint") is not None:
        # FastAPI notes its own routes only; of the others it leaves the endpoint, or the application that is mounted.
        plain = (each for each in scope["router"].routes if scope["endpoint"] in (_of(each, "endpoint"), _of(each, "app")))
        route = next(plain, None)
    return _of(route, "path") or UNMATCHED


def _of(route: object, name: str) -> Any:
    return getattr(route, name, None)
