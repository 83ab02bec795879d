"""The vendor's own client library, unchanged, against the gateway: every reporting and system call that it has."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from datetime import UTC, date, datetime
from itertools import count
from typing import Any

import httpx
import licensekit
import pytest
from licensekit.generated.metadata import OPERATION_METADATA
from licensekit.generated.operation_scopes import OPERATION_SCOPES
from licensekit.scopes import has_required_scopes

from app.domain.account import Account, Permission
from tests.vendors.conftest import Gateway
from tests.vendors.world import fill

REPORTING = (
    *("listActivities", "getUsageSummary", "listUsageLedger", "getLicenseAuditReport", "getCustomerSummary"),
    *("getSubscriptionSettlement", "createReportExport", "getReportExport", "downloadReportExport"),
)
_NUMBERS = count(1)
SYSTEM = ("health", "healthz", "readyz", "getMetrics")


@pytest.fixture(scope="module")
def account(gateway: Gateway) -> Account:
    """An account whose exports disturb nobody."""
    made = gateway.served.account(f"sdk-{next(_NUMBERS)}")  # a module may be begun twice, where workers share it
    gateway.served.run(fill(gateway.served.services.store, gateway.served.principal(made), events=120))
    return made


@pytest.fixture
def management(gateway: Gateway, account: Account) -> Iterator[licensekit.ManagementClient]:
    """The vendor's management client, with a token that may read reports and export them."""
    token = gateway.served.token(account, Permission.REPORT_READ, Permission.REPORT_EXPORT)
    # Its retries are on, as an application would have them; a trailing slash is what people type.
    with licensekit.ManagementClient(
        base_url=gateway.served.url + "/", token=token, timeout=30, retry=licensekit.RetryOptions(retries=2)
    ) as client:
        yield client


@pytest.fixture
def system(gateway: Gateway) -> Iterator[licensekit.SystemClient]:
    """The vendor's system client."""
    with licensekit.SystemClient(base_url=gateway.served.url, timeout=30) as client:
        yield client


def test_activities_are_walked_to_their_end(management: licensekit.ManagementClient) -> None:
    rows: list[dict[str, Any]] = []
    query: dict[str, Any] = {"limit": 50}
    while True:
        page = management.list_activities(query=query)
        rows += page["data"]
        if page["page_info"]["next_cursor"] is None:
            break
        query["cursor"] = page["page_info"]["next_cursor"]

    assert [row["sequence"] for row in rows] == list(range(len(rows), 0, -1))
    assert {"usage.consumed", "license.updated"} <= {row["action"] for row in rows}


def test_the_clients_own_values_are_understood(management: licensekit.ManagementClient) -> None:
    """It writes datetimes in ISO 8601, dates as they are, lists as repeated names, and leaves None out."""
    whole = management.list_usage_ledger(query={"limit": 200})["data"]
    moment = datetime(2026, 3, 10, 12, 30, tzinfo=UTC)
    query = {"from": date(2026, 3, 1), "to": moment, "customer_id": None, "limit": 200}
    found = management.list_usage_ledger(query=query)["data"]

    assert found == [row for row in whole if "2026-03-01" <= row["occurred_at"] < "2026-03-10T12:30:00.000000Z"]
    assert 0 < len(found) < len(whole)
    by = management.get_usage_summary(query={"group_by": ["product_id", "customer_id"]})["data"]
    assert by["group_by"] == ["product_id", "customer_id"]
    assert by == management.get_usage_summary(query={"group_by": "product_id,customer_id"})["data"]


def test_each_report_is_read(management: licensekit.ManagementClient) -> None:
    summary = management.get_usage_summary(query={"feature_code": "lookup", "group_by": "product_id", "bucket": "1d"})
    audit = management.get_license_audit_report(query={"license_id": "l1"})
    customer = management.get_customer_summary(query={"customer_id": "c1"})
    settlement = management.get_subscription_settlement(query={"order_id": "o1"})

    told = [each["data"]["report"] for each in (summary, audit, customer, settlement)]
    assert told == ["usage-summary", "license-audit", "customer-summary", "subscription-settlement"]
    assert audit["data"]["license"]["id"] == "l1"
    assert customer["data"]["customer"]["id"] == "c1"
    assert [each["id"] for each in settlement["data"]["subject"]] == ["o1"]


@pytest.mark.parametrize("format_", ["json", "csv"])
def test_an_export_is_made_inspected_and_fetched(management: licensekit.ManagementClient, format_: str) -> None:
    body = {"report_kind": "usage-ledger", "format": format_, "filters": {"customer_id": "c1"}}
    made = management.create_report_export(body=body, idempotency_key=f"sdk-{format_}")["data"]
    again = management.raw.create_report_export(body=body, idempotency_key=f"sdk-{format_}")

    assert (again.status, again.data["data"], again.headers["Idempotency-Replayed"]) == (201, made, "true")
    assert management.get_report_export(path={"id": made["id"]})["data"] == made
    content = management.download_report_export(path={"id": made["id"]})
    assert isinstance(content, bytes)
    assert f"sha256:{hashlib.sha256(content).hexdigest()}" == made["artifact_digest"]


def test_the_system_calls(system: licensekit.SystemClient) -> None:
    for call in (system.health, system.healthz, system.readyz):
        assert call()["data"] == {"status": "ok"}
    text = system.get_metrics()
    assert isinstance(text, str)
    assert "# TYPE gateway_http_requests_total counter" in text


def test_a_store_that_cannot_answer_is_no_error_to_the_readiness_call(
    gateway: Gateway, system: licensekit.SystemClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    from app.domain.errors import Unavailable

    async def ready() -> None:
        raise Unavailable("the store is closed")

    monkeypatch.setattr(gateway.served.services.store, "ready", ready)
    answer = system.raw.readyz()

    assert (answer.status, answer.data["data"]) == (503, {"status": "unavailable", "reason": "the store is closed"})


@pytest.mark.parametrize(
    ("call", "status", "code", "detail"),
    [
        (lambda client: client.list_activities(query={"limit": 0}), 400, "INVALID_QUERY", None),
        (lambda client: client.get_license_audit_report(query={"license_id": "nobody"}), 404, "NOT_FOUND", None),
        (lambda client: client.get_report_export(path={"id": "rptx_none"}), 404, "NOT_FOUND", None),
        (lambda client: client.create_report_export(body={"report_kind": "x"}), 422, "VALIDATION_ERROR", None),
        (lambda client: client.create_report_export(body={"kind": "x"}), 400, "INVALID_JSON", None),
    ],
)
def test_errors_arrive_as_the_client_knows_them(
    management: licensekit.ManagementClient, call: Any, status: int, code: str, detail: str | None
) -> None:
    with pytest.raises(licensekit.ApiError) as caught:
        call(management)

    error = caught.value
    assert (error.status, error.code, error.detail) == (status, code, detail)
    assert error.request_id is not None
    assert error.timestamp is not None


def test_a_missing_scope_and_a_bad_token_arrive_as_the_client_knows_them(gateway: Gateway) -> None:
    with licensekit.ManagementClient(base_url=gateway.served.url, token=gateway.reader) as client:
        with pytest.raises(licensekit.ApiError) as caught:
            client.create_report_export(body={"report_kind": "usage-summary"})
        assert (caught.value.status, caught.value.code) == (403, "TOKEN_SCOPE_DENIED")
        assert (str(caught.value), caught.value.detail) == ("token scope denied", "requires report:export")
    with (
        licensekit.ManagementClient(base_url=gateway.served.url, token="lk_1") as client,
        pytest.raises(licensekit.ApiError) as caught,
    ):
        client.list_activities()
    assert (caught.value.status, caught.value.code) == (401, "UNAUTHORIZED")


def test_the_request_id_of_a_caller_is_its_own(management: licensekit.ManagementClient) -> None:
    options = licensekit.RequestOptions(headers={"X-Request-Id": "trace.42"})
    answer = management.raw.list_activities(options=options)

    assert answer.headers["X-Request-Id"] == answer.data["meta"]["request_id"] == "trace.42"


def test_operations_have_the_clients_paths_methods_and_scopes(gateway: Gateway) -> None:
    document = httpx.get(f"{gateway.served.url}/api/v1/openapi.json").json()
    ours = {
        each["operationId"]: (method, path, each) for path, item in document["paths"].items() for method, each in item.items()
    }

    for name in (*REPORTING, *SYSTEM):
        method, path, operation = ours[name]
        theirs = OPERATION_METADATA[name]
        assert (method.upper(), path) == (theirs["method"], theirs["path"])
        assert set(map(str, theirs["success"])) <= set(operation["responses"])
        assert operation["x-required-scopes"] == list(OPERATION_SCOPES.get(name, {"scopes": ()})["scopes"])
        assert operation["summary"] == theirs["summary"] or name in SYSTEM
        assert has_required_scopes(name, ["admin"])
