"""What is counted for Prometheus: calls by route and status, what became of recorded items, and how long commits take.

Labels hold route templates, methods, statuses and outcomes only: never an account, an id or anything that a row says.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4
from prometheus_client.gc_collector import GCCollector
from prometheus_client.platform_collector import PlatformCollector
from prometheus_client.process_collector import ProcessCollector
from starlette.types import ASGIApp, Message, Receive, Scope, Send

MEDIA_TYPE = CONTENT_TYPE_PLAIN_0_0_4
UNMATCHED = "unmatched"
"""The route of calls to paths that do not exist: a path is the caller's own text and would make labels without end."""
_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})

# Half a millisecond is a cached read; ten seconds is where proxies begin to give up.
_CALL_BUCKETS = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)

# One for the process and not for the application: a process is what Prometheus watches.
_registry = CollectorRegistry()
ProcessCollector(registry=_registry)
PlatformCollector(registry=_registry)
GCCollector(registry=_registry)

_calls = Counter(
    "gateway_http_requests", "Calls answered, by route template and status.", ("method", "route", "status"), registry=_registry
)
_seconds = Histogram(
    "gateway_http_request_seconds",
    "From the call's arrival to the last byte of its answer.",
    ("method", "route"),
    buckets=_CALL_BUCKETS,
    registry=_registry,
)
_under_way = Gauge("gateway_http_requests_in_progress", "Calls that are being answered.", registry=_registry)
_sockets = Gauge("gateway_websockets_open", "WebSocket connections that are open.", registry=_registry)
_items = Counter("gateway_recorded_items", "Items of recording calls, by what became of them.", ("outcome",), registry=_registry)
_commits = Histogram(
    "gateway_store_commit_seconds",
    "How long one group of transactions took, from its beginning to its commit.",
    buckets=_CALL_BUCKETS,
    registry=_registry,
)
_grouped = Counter("gateway_store_transactions", "Transactions that were committed or undone.", registry=_registry)
_queued = Gauge("gateway_store_queue", "Transactions that wait for the writer.", registry=_registry)


def page() -> bytes:
    """Everything that is counted, in Prometheus's text format."""
    return generate_latest(_registry)


def count_items(outcomes: Mapping[str, int]) -> None:
    """Count what became of the items of one recording call: how many, by outcome."""
    for outcome, number in outcomes.items():
        _items.labels(outcome).inc(number)


def count_commit(transactions: int, seconds: float, waiting: int) -> None:
    """Count one group commit: how many transactions it held, how long it took, and how many are still waiting."""
    _commits.observe(seconds)
    _grouped.inc(transactions)
    _queued.set(waiting)


class Measured:
    """The middleware that counts and times calls. It stands inside the request ids and outside of everything else."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "websocket":
            with _sockets.track_inprogress():
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
            with _under_way.track_inprogress():
                await self._app(scope, receive, noted)
        finally:
            method = scope["method"] if scope["method"] in _METHODS else "other"
            route = route_template(scope)
            _calls.labels(method, route, str(status)).inc()
            _seconds.labels(method, route).observe(time.perf_counter() - began)


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
