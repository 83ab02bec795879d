"""What is counted for Prometheus: calls, what became of recorded items, and how long the store takes to commit.

Labels hold route templates, methods, statuses and outcomes only: never an account, an id or anything that a row says.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4
from prometheus_client.gc_collector import GCCollector
from prometheus_client.platform_collector import PlatformCollector
from prometheus_client.process_collector import ProcessCollector

MEDIA_TYPE = CONTENT_TYPE_PLAIN_0_0_4

# Half a millisecond is a cached read; ten seconds is where proxies begin to give up.
_BUCKETS = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)

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
    buckets=_BUCKETS,
    registry=_registry,
)
calls_under_way = Gauge("gateway_http_requests_in_progress", "Calls that are being answered.", registry=_registry)
sockets_open = Gauge("gateway_websockets_open", "WebSocket connections that are open.", registry=_registry)
_items = Counter("gateway_recorded_items", "Items of recording calls, by what became of them.", ("outcome",), registry=_registry)
_transactions = Histogram(
    "gateway_store_transaction_seconds",
    "From handing a transaction to the store's writer to its commit: what it waits for others is in it.",
    buckets=_BUCKETS,
    registry=_registry,
)
_pending = Gauge("gateway_store_transactions_pending", "Transactions that wait for their commit.", registry=_registry)


def page() -> bytes:
    """Everything that is counted, in Prometheus's text format."""
    return generate_latest(_registry)


def count_call(method: str, route: str, status: int, seconds: float) -> None:
    """Count one answered call."""
    _calls.labels(method, route, str(status)).inc()
    _seconds.labels(method, route).observe(seconds)


def count_items(outcomes: Mapping[str, int]) -> None:
    """Count what became of the items of one recording call: how many, by outcome."""
    for outcome, number in outcomes.items():
        _items.labels(outcome).inc(number)


@contextmanager
def transaction() -> Iterator[None]:
    """Time one transaction, from handing it over to its commit or its failure."""
    with _pending.track_inprogress(), _transactions.time():
        yield
