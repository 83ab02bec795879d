"""Exports over REST: what is ordered, inspected and fetched, what is refused, and that a repeated order freezes nothing anew."""

from __future__ import annotations

import csv
import hashlib
import io
import re
import socket
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

import httpx2
import pytest
from structlog.testing import capture_logs

from app.api.body import exact_json
from app.api.vendors.reports_v1.orders import FORMATS
from app.domain.account import Account, Permission
from app.domain.export import Export, ExportStatus
from app.exports.register import find
from app.ledger.commands import Rules, record
from app.ports import Transaction
from tests.conftest import Clock
from tests.events import START, usage
from tests.vendors.served import Served, serving
from tests.vendors.test_reports_v1_refusals import refused
from tests.vendors.world import fill

EXPORTS = "/api/v1/reports/exports"
KINDS = {
    "usage-summary": {"group_by": ["product_id", "customer_id"]},
    "usage-ledger": {"customer_id": "c1"},
    "license-audit": {"license_id": "l1"},
    "customer-summary": {"customer_id": "c1"},
    "subscription-settlement": {"subscription_id": "s1", "group_by": "feature_code"},
}
FIELDS = [
    *("id", "report_kind", "format", "status", "as_of", "filters", "digest", "artifact_digest"),
    *("content_type", "created_by", "created_at", "updated_at", "download_url"),
]
DIGEST = re.compile(r"sha256:[0-9a-f]{64}")


@dataclass
class Exporting:
    """A gateway of its own, since exports are recorded: its clock, its account and a client that may export and nothing else."""

    served: Served
    clock: Clock
    account: Account
    client: httpx2.Client

    def order(self, body: Any, **headers: str) -> httpx2.Response:
        """Order an export."""
        return self.client.post(EXPORTS, json=body, headers={name.replace("_", "-"): text for name, text in headers.items()})

    def made(self, body: Any) -> dict[str, Any]:
        """Order an export, and give its metadata."""
        response = self.order(body)
        assert response.status_code == 201, response.text
        data: dict[str, Any] = response.json()["data"]
        return data

    def head(self) -> int:
        """The ledger's last sequence."""
        return self.served.run(self.served.services.store.head(self.account.id)).sequence

    def actions(self, since: int) -> list[str]:
        """What was recorded after that sequence, oldest first."""
        with self.served.client(self.served.token(self.account, Permission.REPORT_READ)) as reader:
            rows = reader.get("/api/v1/activities", params={"limit": "200"}).json()["data"]
        return [row["action"] for row in reversed(rows) if row["sequence"] > since]


@pytest.fixture(scope="module")
def exporting(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Exporting]:
    """Made once for the module."""
    clock = Clock(START)
    with serving(tmp_path_factory.mktemp("exporting"), rules=Rules(clock=clock)) as served:
        account = served.account("acme")
        served.run(fill(served.services.store, served.principal(account), events=200))
        with served.client(served.token(account, Permission.REPORT_EXPORT)) as client:
            yield Exporting(served, clock, account, client)


@pytest.mark.parametrize("kind", KINDS)
def test_an_order_answers_201_with_the_metadata(exporting: Exporting, kind: str) -> None:
    response = exporting.order({"report_kind": kind, "filters": KINDS[kind]})

    assert response.status_code == 201
    assert list(response.json()) == ["data", "meta"]
    data = response.json()["data"]
    assert list(data) == FIELDS
    assert re.fullmatch(r"rptx_[0-9a-f]{24}", data["id"])
    assert (data["report_kind"], data["format"], data["status"]) == (kind, "json", "ready")
    assert data["filters"] == KINDS[kind]
    assert DIGEST.fullmatch(data["digest"])
    assert DIGEST.fullmatch(data["artifact_digest"])
    assert data["content_type"] == "application/json"
    assert data["created_by"].startswith("key ")
    assert data["created_at"] == data["updated_at"] == "2026-04-01T12:00:00.000000Z"
    assert data["download_url"] == f"{EXPORTS}/{data['id']}/download"
    found = exporting.client.get(f"{EXPORTS}/{data['id']}")
    assert (found.status_code, found.json()["data"]) == (200, data)


def test_the_minimal_order_is_a_report_kind_alone(exporting: Exporting) -> None:
    data = exporting.made({"report_kind": "usage-summary"})

    assert (data["format"], data["filters"]) == ("json", {})


def test_the_documented_order_is_taken_as_it_stands(exporting: Exporting) -> None:
    filters = {"from": "2026-04-01T00:00:00Z", "to": "2026-05-01T00:00:00Z", "product_id": "prod_123"}
    data = exporting.made({"report_kind": "usage-summary", "format": "csv", "filters": filters})

    assert (data["format"], data["status"], data["content_type"], data["filters"]) == ("csv", "ready", "text/csv", filters)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("made", FORMATS, ids=[each.name for each in FORMATS])
def test_a_download_is_the_stored_file_in_the_matching_type(exporting: Exporting, kind: str, made: Any) -> None:
    data = exporting.made({"report_kind": kind, "format": made.name, "filters": KINDS[kind]})
    response = exporting.client.get(data["download_url"], headers={"Accept": "application/json"})

    assert response.status_code == 200
    assert response.headers["content-type"] == data["content_type"] == made.content_type
    assert response.headers["content-length"] == str(len(response.content))
    name = f"{kind}-as-of-{data['as_of']}{made.extension}"
    assert response.headers["content-disposition"] == f'attachment; filename="{name}"'
    assert f"sha256:{hashlib.sha256(response.content).hexdigest()}" == data["artifact_digest"]
    assert response.headers["etag"] == f'"{data["artifact_digest"]}"'
    assert exporting.client.get(data["download_url"]).content == response.content


@pytest.mark.parametrize("kind", KINDS)
def test_one_report_has_one_digest_in_every_format(exporting: Exporting, kind: str) -> None:
    as_of = str(exporting.head())
    order = {"report_kind": kind, "filters": {**KINDS[kind], "as_of": as_of}}
    made = [exporting.made({**order, "format": each.name}) for each in FORMATS]

    assert len({each["digest"] for each in made}) == 1
    assert len({each["artifact_digest"] for each in made}) == len(FORMATS)
    assert {each["as_of"] for each in made} == {int(as_of)}
    assert exporting.made(order)["artifact_digest"] == made[0]["artifact_digest"]


def test_an_export_does_not_change_when_the_ledger_does(exporting: Exporting) -> None:
    store, principal = exporting.served.services.store, exporting.served.principal(exporting.account)
    data = exporting.made({"report_kind": "usage-ledger", "format": "csv"})
    before = exporting.client.get(data["download_url"]).content
    exporting.served.run(record(store, principal, [usage()], rules=exporting.served.services.rules))

    assert exporting.client.get(data["download_url"]).content == before
    assert exporting.client.get(f"{EXPORTS}/{data['id']}").json()["data"] == data
    rows = csv.DictReader(io.StringIO(before.decode()))
    assert max(int(row["sequence"]) for row in rows) <= data["as_of"]
    assert exporting.made({"report_kind": "usage-ledger", "format": "csv"})["digest"] != data["digest"]


def test_an_export_tells_the_same_numbers_as_the_read_route(exporting: Exporting) -> None:
    data = exporting.made({"report_kind": "usage-summary", "filters": {"group_by": "product_id"}})
    frozen = exact_json(exporting.client.get(data["download_url"]).content)["sections"]
    with exporting.served.client(exporting.served.token(exporting.account, Permission.REPORT_READ)) as reader:
        query = {"group_by": "product_id", "as_of": str(data["as_of"])}
        live = exact_json(reader.get("/api/v1/reports/usage-summary", params=query).content)["data"]

    assert [row["events"] for row in frozen["groups"]] == [group["events"] for group in live["groups"]]
    told = [
        (group["product_id"], part["unit"], str(part["quantity"])) for group in live["groups"] for part in group["quantities"]
    ]
    assert [(row["product_id"], row["unit"], row["quantity"]) for row in frozen["group_quantities"]] == told


def test_ordering_and_fetching_are_recorded_and_looking_is_not(exporting: Exporting) -> None:
    before = exporting.head()
    data = exporting.made({"report_kind": "usage-summary"})
    exporting.client.get(f"{EXPORTS}/{data['id']}")
    exporting.client.head(f"{EXPORTS}/{data['id']}")
    head = exporting.client.head(data["download_url"])
    assert exporting.actions(before) == ["export.created"]
    get = exporting.client.get(data["download_url"])

    assert exporting.actions(before) == ["export.created", "export.downloaded"]
    assert (head.status_code, head.content) == (200, b"")
    for name in ("content-type", "content-length", "content-disposition", "etag"):
        assert head.headers[name] == get.headers[name]


@pytest.mark.parametrize(
    ("status", "told", "message", "detail"),
    [
        (ExportStatus.PENDING, "pending", "is pending; its status tells when it is ready", None),
        (ExportStatus.RUNNING, "pending", "is running; its status tells when it is ready", None),
        (ExportStatus.FAILED, "failed", "failed and has no file", "too many rows"),
    ],
)
def test_an_export_that_is_not_ready_has_no_digests_and_no_file(
    exporting: Exporting,
    monkeypatch: pytest.MonkeyPatch,
    status: ExportStatus,
    told: str,
    message: str,
    detail: str | None,
) -> None:
    monkeypatch.setattr(exporting.served.services.store, "unfinished", nothing_to_do)
    served, principal = exporting.served, exporting.served.principal(exporting.account)
    ready = exporting.made({"report_kind": "usage-summary"})
    kept = served.run(find(served.services.store, principal, ready["id"]))
    unready = replace(
        kept,
        id=f"rptx_{status.value}",
        sequence=10**9 + list(ExportStatus).index(status),
        status=status,
        digest=None,
        artifact_digest=None,
        size=None,
        file=None,
        reason=detail,
    )
    put(exporting, unready)

    data = exporting.client.get(f"{EXPORTS}/{unready.id}").json()["data"]
    assert (data["status"], data["digest"], data["artifact_digest"]) == (told, None, None)
    before = exporting.head()
    error = {"code": "EXPORT_NOT_READY", "message": f"export {unready.id} {message}"} | ({"detail": detail} if detail else {})
    refused(exporting.client.get(data["download_url"]), 409, error)
    assert exporting.head() == before
    put(exporting, replace(kept, id=unready.id, sequence=unready.sequence))  # nothing is left for the worker


async def nothing_to_do() -> list[Export]:
    """What the worker finds, which would otherwise make the export ready."""
    return []


def put(exporting: Exporting, export: Export) -> None:
    """Put an export in the store, whatever its state."""

    async def body(tx: Transaction) -> None:
        await tx.lock()
        await tx.put_export(export)

    exporting.served.run(exporting.served.services.store.transact(export.account_id, body))


BROKEN = (
    ("", 400, "INVALID_JSON", "the body is not JSON: expecting value at character 0"),
    ('{"report_kind": "usage-summary"', 400, "INVALID_JSON", None),
    ('{"report_kind": "usage-summary", "report_kind": "usage-ledger"}', 400, "INVALID_JSON", None),
    (
        '{"report_kind": "usage-summary", "color": 1}',
        400,
        "INVALID_JSON",
        "color is not a field here; these are: report_kind, format, filters",
    ),
    (
        '{"report_kind": "customer-summary", "filters": {"customer_id": "c1", "product_id": "p"}}',
        400,
        "INVALID_JSON",
        "filters.product_id is not a field here; these are: customer_id, from, to, as_of",
    ),
    ('{"report_kind": "usage-summary", "filters": {"limit": 5}}', 400, "INVALID_JSON", None),
    ('{"report_kind": "usage-ledger", "filters": {"cursor": 5}}', 400, "INVALID_JSON", None),
    ("[]", 422, "VALIDATION_ERROR", "the body must be an object"),
    ("null", 422, "VALIDATION_ERROR", "the body must be an object"),
    ("{}", 422, "VALIDATION_ERROR", f"report_kind: is missing; the kinds are {', '.join(KINDS)}"),
    ('{"report_kind": 1}', 422, "VALIDATION_ERROR", "report_kind: must be a string"),
    ('{"report_kind": "activities"}', 422, "VALIDATION_ERROR", f"report_kind: must be one of {', '.join(KINDS)}"),
    ('{"report_kind": "usage_summary"}', 422, "VALIDATION_ERROR", f"report_kind: must be one of {', '.join(KINDS)}"),
    (
        '{"report_kind": "usage-summary", "format": "doc"}',
        422,
        "VALIDATION_ERROR",
        f"format: is not a format of exports; these are: {', '.join(each.name for each in FORMATS)}",
    ),
    # What other doors offer, and the contract does not.
    ('{"report_kind": "usage-summary", "format": "jsonl"}', 422, "VALIDATION_ERROR", None),
    ('{"report_kind": "usage-ledger", "format": "csv", "filters": {"decimals": "comma"}}', 400, "INVALID_JSON", None),
    ('{"report_kind": "usage-ledger", "options": {}}', 400, "INVALID_JSON", None),
    ('{"report_kind": "usage-summary", "format": null}', 422, "VALIDATION_ERROR", "format: must be a string"),
    ('{"report_kind": "usage-summary", "filters": []}', 422, "VALIDATION_ERROR", "filters: must be an object"),
    (
        '{"report_kind": "usage-summary", "filters": {"product_id": {}}}',
        422,
        "VALIDATION_ERROR",
        "filters.product_id: must be a string, a whole number, or a list of them",
    ),
    ('{"report_kind": "usage-summary", "filters": {"product_id": 1.5}}', 422, "VALIDATION_ERROR", None),
    ('{"report_kind": "usage-summary", "filters": {"product_id": true}}', 422, "VALIDATION_ERROR", None),
    (
        '{"report_kind": "usage-summary", "filters": {"product_id": []}}',
        422,
        "VALIDATION_ERROR",
        "filters.product_id: names no value; leave it out instead",
    ),
    (
        '{"report_kind": "usage-summary", "filters": {"product_id": ""}}',
        422,
        "VALIDATION_ERROR",
        "filters.product_id: is empty; leave it out instead",
    ),
    (
        '{"report_kind": "usage-summary", "filters": {"from": "yesterday"}}',
        422,
        "VALIDATION_ERROR",
        "filters.from: is not an RFC 3339 date and time, such as 2026-04-01T00:00:00Z",
    ),
    (
        '{"report_kind": "usage-summary", "filters": {"from": "2026-04-02", "to": "2026-04-01"}}',
        422,
        "VALIDATION_ERROR",
        "filters.from: must be before `to`",
    ),
    (
        '{"report_kind": "usage-summary", "filters": {"bucket": "1w"}}',
        422,
        "VALIDATION_ERROR",
        "filters.bucket: must be 1h or 1d",
    ),
    ('{"report_kind": "usage-summary", "filters": {"as_of": 1000000}}', 422, "VALIDATION_ERROR", None),
    (
        '{"report_kind": "usage-summary", "filters": {"as_of": [1, 2]}}',
        422,
        "VALIDATION_ERROR",
        "filters.as_of: is given more than once",
    ),
    ('{"report_kind": "license-audit"}', 422, "VALIDATION_ERROR", "filters.license_id: is missing: what is the report about?"),
    (
        '{"report_kind": "customer-summary", "filters": {}}',
        422,
        "VALIDATION_ERROR",
        "filters.customer_id: is missing: what is the report about?",
    ),
    (
        '{"report_kind": "subscription-settlement"}',
        422,
        "VALIDATION_ERROR",
        "filters.subscription_id: is missing, or order_id: what is the report about?",
    ),
    ('{"report_kind": "license-audit", "filters": {"license_id": "nobody"}}', 404, "NOT_FOUND", "no license nobody"),
    ('"' + "x" * 65_536 + '"', 413, "PAYLOAD_TOO_LARGE", "the body is larger than 65,536 bytes"),
)


@pytest.mark.parametrize(("body", "status", "code", "message"), BROKEN)
def test_a_broken_order_is_refused_and_nothing_is_recorded(
    exporting: Exporting, body: str, status: int, code: str, message: str | None
) -> None:
    before = exporting.head()
    response = exporting.client.post(EXPORTS, content=body, headers={"Content-Type": "application/json"})

    refused(response, status, {"code": code, "message": message or response.json()["error"]["message"]})
    assert exporting.head() == before


def test_query_parameters_are_refused(exporting: Exporting) -> None:
    data = exporting.made({"report_kind": "usage-summary"})
    error = {"code": "INVALID_QUERY", "message": "as_of: is not a parameter here; there are none"}

    refused(exporting.client.post(EXPORTS, params={"as_of": "1"}, json={"report_kind": "usage-summary"}), 400, error)
    refused(exporting.client.get(f"{EXPORTS}/{data['id']}", params={"as_of": "1"}), 400, error)
    refused(exporting.client.get(data["download_url"], params={"as_of": "1"}), 400, error)


def test_each_route_needs_its_scope_and_reading_is_not_enough(exporting: Exporting) -> None:
    data = exporting.made({"report_kind": "usage-summary"})
    before = exporting.head()
    denied = {"code": "TOKEN_SCOPE_DENIED", "message": "token scope denied", "detail": "requires report:export"}
    with exporting.served.client(exporting.served.token(exporting.account, Permission.REPORT_READ)) as reader:
        refused(reader.post(EXPORTS, json={"report_kind": "usage-summary"}), 403, denied)
        refused(reader.post(EXPORTS, content="not JSON"), 403, denied)
        refused(reader.get(f"{EXPORTS}/{data['id']}"), 403, denied)
        refused(reader.get(data["download_url"]), 403, denied)
        refused(reader.get(f"{EXPORTS}/rptx_none"), 403, denied)
    with exporting.served.client() as nobody:
        for response in (nobody.post(EXPORTS, json={}), nobody.get(data["download_url"]), nobody.get(f"{EXPORTS}/x")):
            assert (response.status_code, response.headers["www-authenticate"]) == (401, "Bearer")
    assert exporting.head() == before


def test_what_another_account_froze_is_not_found_in_the_same_words_as_what_nobody_did(exporting: Exporting) -> None:
    data = exporting.made({"report_kind": "usage-summary"})
    stranger = exporting.served.account("globex")
    with exporting.served.client(exporting.served.token(stranger, Permission.ADMIN)) as client:
        for export_id in (data["id"], "rptx_000000000000000000000000", "..%2f..", "x" * 300):
            shown = "../.." if "%" in export_id else export_id[:64]
            error = {"code": "NOT_FOUND", "message": f"no export {shown}"}
            if "%" not in export_id:  # a slash, also an escaped one, is another route
                refused(client.get(f"{EXPORTS}/{export_id}"), 404, error)
                refused(client.get(f"{EXPORTS}/{export_id}/download"), 404, error)
    assert exporting.served.run(exporting.served.services.store.head(stranger.id)).sequence == 0


def test_a_repeated_order_is_answered_as_the_first_and_freezes_nothing(exporting: Exporting) -> None:
    body = {"report_kind": "usage-ledger", "format": "csv", "filters": {"customer_id": "c1"}}
    first = exporting.order(body, Idempotency_Key="order-1")
    before = exporting.head()
    again = exporting.order(body, Idempotency_Key="order-1")

    assert (first.status_code, again.status_code) == (201, 201)
    assert "idempotency-replayed" not in first.headers
    assert again.headers["idempotency-replayed"] == "true"
    assert again.json()["data"] == first.json()["data"]
    assert again.json()["meta"]["request_id"] == again.headers["x-request-id"] != first.json()["meta"]["request_id"]
    assert exporting.head() == before


def test_the_same_order_spelled_otherwise_is_the_same(exporting: Exporting) -> None:
    first = exporting.order({"report_kind": "usage-summary", "filters": {"product_id": ["api"]}}, Idempotency_Key="spelled")
    again = exporting.client.post(
        EXPORTS,
        content='{ "filters": {"product_id": "api"},\n "format": "json", "report_kind": "usage-summary" }',
        headers={"Idempotency-Key": "spelled"},
    )

    assert again.headers["idempotency-replayed"] == "true"
    assert again.json()["data"] == first.json()["data"]


def test_another_order_under_the_same_key_is_a_conflict(exporting: Exporting) -> None:
    exporting.order({"report_kind": "usage-summary"}, Idempotency_Key="order-2")
    before = exporting.head()
    response = exporting.order({"report_kind": "usage-summary", "format": "csv"}, Idempotency_Key="order-2")

    message = "the idempotency key order-2 was used before with another body"
    refused(response, 409, {"code": "IDEMPOTENCY_CONFLICT", "message": message})
    assert exporting.head() == before


def test_a_refused_order_takes_no_key(exporting: Exporting) -> None:
    assert (
        exporting.order({"report_kind": "license-audit", "filters": {"license_id": "later"}}, Idempotency_Key="k").status_code
        == 404
    )
    assert exporting.order({"report_kind": "usage-summary"}, Idempotency_Key="k").status_code == 201


def test_keys_belong_to_their_account(exporting: Exporting) -> None:
    first = exporting.order({"report_kind": "usage-summary"}, Idempotency_Key="shared")
    other = exporting.served.account("initech")
    with exporting.served.client(exporting.served.token(other, Permission.REPORT_EXPORT)) as client:
        response = client.post(EXPORTS, json={"report_kind": "usage-ledger"}, headers={"Idempotency-Key": "shared"})

    assert response.status_code == 201
    assert "idempotency-replayed" not in response.headers
    assert response.json()["data"]["id"] != first.json()["data"]["id"]


def test_of_several_orders_at_once_under_one_key_one_freezes(exporting: Exporting) -> None:
    before = exporting.head()
    body = {"report_kind": "usage-ledger"}
    with ThreadPoolExecutor(8) as pool:
        responses = list(pool.map(lambda _: exporting.order(body, Idempotency_Key="at-once"), range(8)))

    assert {response.status_code for response in responses} == {201}
    assert len({response.json()["data"]["id"] for response in responses}) == 1
    assert sum("idempotency-replayed" not in response.headers for response in responses) == 1
    assert exporting.actions(before) == ["export.created"]


def test_a_key_is_as_good_as_new_after_a_day(exporting: Exporting) -> None:
    first = exporting.order({"report_kind": "usage-summary"}, Idempotency_Key="daily")
    exporting.clock.advance(hours=23, minutes=59)
    assert exporting.order({"report_kind": "usage-summary"}, Idempotency_Key="daily").json()["data"] == first.json()["data"]
    exporting.clock.advance(minutes=1)
    again = exporting.order({"report_kind": "usage-ledger"}, Idempotency_Key="daily")
    exporting.clock.now = START + timedelta(days=1)

    assert again.status_code == 201
    assert "idempotency-replayed" not in again.headers
    assert again.json()["data"]["id"] != first.json()["data"]["id"]


def test_the_first_answer_survives_a_restart_of_the_process(tmp_path_factory: pytest.TempPathFactory) -> None:
    folder = tmp_path_factory.mktemp("restarted")
    answers = []
    token = None
    for _ in range(2):
        with serving(folder) as served:
            token = token or served.token(served.account("acme"), Permission.REPORT_EXPORT)
            with served.client(token) as client:
                order = {"report_kind": "usage-summary"}
                answers.append(client.post(EXPORTS, json=order, headers={"Idempotency-Key": "k"}))

    assert answers[1].json()["data"] == answers[0].json()["data"]
    assert answers[1].headers["idempotency-replayed"] == "true"


@pytest.mark.parametrize("key", ["", "x" * 256, "two words", "schlüssel"])
def test_a_key_that_cannot_be_kept_is_refused(exporting: Exporting, key: str) -> None:
    response = exporting.client.post(
        EXPORTS, json={"report_kind": "usage-summary"}, headers=[(b"Idempotency-Key", key.encode("latin-1"))]
    )

    message = "Idempotency-Key: must have 1 to 255 visible ASCII characters"
    refused(response, 400, {"code": "INVALID_QUERY", "message": message})


def test_a_connection_that_ends_within_the_body_is_no_failure_of_the_gateway(exporting: Exporting) -> None:
    before = exporting.head()
    url = httpx2.URL(exporting.served.url)
    authorization = exporting.client.headers["authorization"]
    head = f"POST {EXPORTS} HTTP/1.1\r\nHost: {url.host}\r\nAuthorization: {authorization}\r\nContent-Length: 40\r\n\r\n"

    with capture_logs() as logged:
        with socket.create_connection((url.host, url.port or 80)) as connection:
            connection.sendall(head.encode() + b'{"report_kind": ')
        deadline = time.monotonic() + 10
        while not any(each["event"] == "call" for each in logged) and time.monotonic() < deadline:
            time.sleep(0.01)

    assert [(each["event"], each["status"]) for each in logged] == [("call", 400)]
    assert exporting.head() == before
