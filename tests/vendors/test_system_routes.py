"""The routes that need no token, HEAD, what is refused by method or path, and what is counted."""

from __future__ import annotations

from collections.abc import Iterator

import httpx2
import pytest
from prometheus_client.parser import text_string_to_metric_families

from app.domain.account import Permission
from tests.vendors.conftest import Gateway


@pytest.fixture
def nobody(gateway: Gateway) -> Iterator[httpx2.Client]:
    """A client without a token."""
    with gateway.served.client() as client:
        yield client


def samples(client: httpx2.Client) -> dict[tuple[str, frozenset[tuple[str, str]]], float]:
    """What is counted now, by name and labels."""
    families = text_string_to_metric_families(client.get("/metrics").text)
    return {(each.name, frozenset(each.labels.items())): each.value for family in families for each in family.samples}


@pytest.mark.parametrize("path", ["/health", "/healthz", "/readyz"])
def test_the_system_routes_say_ok_without_a_token(nobody: httpx2.Client, path: str) -> None:
    response = nobody.get(path, headers={"X-Request-Id": "probe-1"})

    assert response.status_code == 200
    assert response.json()["data"] == {"status": "ok"}
    assert response.json()["meta"]["request_id"] == "probe-1"


def test_metrics_are_prometheus_text(nobody: httpx2.Client) -> None:
    response = nobody.get("/metrics", headers={"Accept": "application/json"})

    assert response.status_code == 200
    assert response.headers["content-type"] == "text/plain; version=0.0.4; charset=utf-8"
    names = {family.name for family in text_string_to_metric_families(response.text)}
    assert {"gateway_http_requests", "gateway_http_request_seconds", "process_cpu_seconds"} <= names


def test_calls_are_counted_by_method_route_template_and_status(nobody: httpx2.Client) -> None:
    def counted(method: str, route: str, status: str) -> tuple[str, frozenset[tuple[str, str]]]:
        labels = {"method": method, "route": route, "status": status}
        return "gateway_http_requests_total", frozenset(labels.items())

    before = samples(nobody)
    nobody.get("/health", params={"account": "acme"})
    nobody.head("/health")
    nobody.get("/api/v1/activities", params={"customer_id": "c1"})
    nobody.get("/api/v1/no/such/route")
    nobody.request("PROPFIND", "/health")
    nobody.post("/graphql")
    after = samples(nobody)

    for key in (
        counted("GET", "/health", "200"),
        counted("HEAD", "/health", "200"),
        counted("GET", "/api/v1/activities", "401"),
        counted("GET", "unmatched", "404"),
        counted("other", "/health", "405"),
        counted("POST", "/graphql", "401"),
    ):
        assert after[key] == before.get(key, 0) + 1
    timed = ("gateway_http_request_seconds_count", frozenset({"method": "GET", "route": "/health"}.items()))
    assert after[timed] == before.get(timed, 0) + 1


def test_recorded_items_are_counted_by_outcome_at_every_door(gateway: Gateway, nobody: httpx2.Client) -> None:
    recorder = gateway.served.token(gateway.served.account("counted"), Permission.USAGE_WRITE)
    items = [{"id": each, "occurred_at": "2026-04-01T09:00:00Z", "quantity": "1"} for each in ("a", "b", "a")] + [{"id": "c"}]
    mutation = (
        """mutation { recordUsageEvent(input: {id: "a", occurredAt: "2026-04-01T09:00:00Z", quantity: "2"}) { __typename } }"""
    )

    before = samples(nobody)
    with gateway.served.client(recorder) as client:
        assert client.post("/api/v1/usage-events", json=items).status_code == 200
        assert "errors" not in client.post("/graphql", json={"query": mutation}).json()
    after = samples(nobody)

    for outcome, number in {"inserted": 2, "duplicate": 1, "rejected": 1, "conflict": 1}.items():
        key = ("gateway_recorded_items_total", frozenset({"outcome": outcome}.items()))
        assert after[key] - before.get(key, 0) == number
    committed = ("gateway_store_transaction_seconds_count", frozenset[tuple[str, str]]())
    assert after[committed] - before[committed] >= 2


def test_labels_tell_nothing_of_accounts_and_rows(gateway: Gateway, nobody: httpx2.Client) -> None:
    with gateway.served.client(gateway.reader) as reader:
        reader.get("/api/v1/activities", params={"customer_id": "c1", "product_id": "Größe 7"})
    labels = {pair for _, labels in samples(nobody) for pair in labels if pair[0] not in ("le", "generation", "version")}

    assert {name for name, _ in labels} <= {
        "method",
        "route",
        "status",
        "outcome",
        "implementation",
        "major",
        "minor",
        "patchlevel",
    }
    assert not {value for _, value in labels} & {"acme", "c1", "Größe 7", gateway.reader, gateway.account.name}
    routes = {value for name, value in labels if name == "route"}
    assert all("?" not in value and "c1" not in value for value in routes)


@pytest.mark.parametrize("path", ["/health", "/metrics", "/api/v1/activities", "/api/v1/openapi.json"])
def test_head_answers_as_get_does_without_a_body(reader: httpx2.Client, path: str) -> None:
    get, head = reader.get(path), reader.head(path)

    assert (head.status_code, head.content) == (200, b"")
    assert head.headers["content-type"] == get.headers["content-type"]


@pytest.mark.parametrize("path", ["/health", "/api/v1/activities", "/api/v1/reports/usage-summary"])
@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE"])
def test_other_methods_are_refused_with_those_that_are_taken(reader: httpx2.Client, method: str, path: str) -> None:
    response = reader.request(method, path)

    assert response.status_code == 405
    assert response.headers["allow"] == "GET"
    assert response.json()["error"] == {"code": "METHOD_NOT_ALLOWED", "message": "method not allowed"}


@pytest.mark.parametrize("path", ["/api/v1", "/api/v1/activities/", "/api/v2/activities", "/api/v1/reports/no-such-report"])
def test_unknown_routes_are_not_found_in_the_envelope(reader: httpx2.Client, path: str) -> None:
    response = reader.get(path)

    assert response.status_code == 404
    assert response.json()["error"] == {"code": "NOT_FOUND", "message": "not found"}
    assert response.json()["meta"]["request_id"] == response.headers["x-request-id"]
