"""Every way in which a read is refused: status, code and words, and that the order of checks tells nobody more than it may."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import httpx2
import pytest
from structlog.contextvars import merge_contextvars
from structlog.testing import capture_logs

from app.domain.account import Permission
from app.domain.errors import Unavailable
from app.ports import Transaction
from tests.events import START
from tests.vendors.conftest import Gateway

READS = (
    ("/api/v1/activities", ()),
    ("/api/v1/reports/usage-summary", ()),
    ("/api/v1/reports/usage-ledger", ()),
    ("/api/v1/reports/license-audit", (("license_id", "l1"),)),
    ("/api/v1/reports/customer-summary", (("customer_id", "c1"),)),
    ("/api/v1/reports/subscription-settlement", (("subscription_id", "s1"),)),
)
PATHS = tuple(path for path, _ in READS)

TAKEN = {
    "activities": "action, as_of, cursor, customer_id, feature_code, from, license_id, limit, order_id, product_id, request_id,"
    " result_class, source, status_code, subscription_id, to",
    "usage-summary": "as_of, bucket, customer_id, feature_code, from, group_by, license_id, limit, order_id, product_id,"
    " subscription_id, time_zone, to",
    "usage-ledger": "action, as_of, cursor, customer_id, feature_code, from, license_id, limit, order_id, product_id,"
    " subscription_id, to",
    "license-audit": "as_of, from, license_id, limit, time_zone, to",
    "customer-summary": "as_of, customer_id, from, limit, to",
    "subscription-settlement": "as_of, from, group_by, limit, order_id, subscription_id, to",
}
"""What each route takes, as its refusal of anything else lists it."""

MALFORMED = (
    ("activities", "limit=0", "limit: must be a whole number from 1"),
    ("activities", "limit=-1", "limit: must be a whole number from 1"),
    ("activities", "limit=1.5", "limit: must be a whole number from 1"),
    ("activities", "limit=", "limit: must be a whole number from 1"),
    ("activities", "limit=٣", "limit: must be a whole number from 1"),
    ("activities", "limit=1&limit=2", "limit: is given more than once"),
    ("activities", "cursor=0", "cursor: must be a whole number from 1"),
    ("usage-ledger", "cursor=000", "cursor: must be a whole number from 1"),
    ("usage-ledger", "cursor=9223372036854775808", "cursor: must be at most 9223372036854775807"),
    ("usage-ledger", "cursor=" + "9" * 30, "cursor: must be at most 9223372036854775807"),
    ("usage-ledger", "cursor=abc", "cursor: must be a whole number from 1"),
    ("usage-ledger", "cursor=5&cursor=5", "cursor: is given more than once"),
    ("activities", "from=yesterday", "from: is not an RFC 3339 date and time, such as 2026-04-01T00:00:00Z"),
    ("activities", "from=2026-04-01T00:00:00", "from: has no UTC offset; end it with Z or an offset such as +02:00"),
    ("activities", "to=2026-02-30", "to: names a date that does not exist"),
    ("activities", "to=2026-04-01T25:00:00Z", "to: names a date or time that does not exist"),
    ("activities", "from=", "from: is empty; leave it out instead"),
    ("activities", "from=2026-04-01&from=2026-04-02", "from: is given more than once"),
    ("activities", "from=2026-04-02&to=2026-04-01", "from: must be before `to`"),
    ("activities", "from=2026-04-01&to=2026-04-01T00:00:00Z", "from: must be before `to`"),
    ("activities", "product_id=", "product_id: is empty; leave it out instead"),
    ("activities", "product_id=" + "x" * 257, "product_id: must have 1 to 256 characters"),
    ("activities", "product_id=a%00b", "product_id: contains the character NUL"),
    ("activities", "&".join(f"source=s{at}" for at in range(201)), "source: names more than 200 values"),
    ("activities", "status_code=99", "status_code: must be a whole number from 100 to 599"),
    ("activities", "status_code=600", "status_code: must be a whole number from 100 to 599"),
    ("activities", "status_code=ok", "status_code: must be a whole number from 100 to 599"),
    ("activities", "as_of=806", "as_of: is not in the ledger, which has the sequences 1 to 805"),
    ("activities", "as_of=2999-01-01", "as_of: lies in the future"),
    ("activities", "as_of=now", "as_of: is not an RFC 3339 date and time, such as 2026-04-01T00:00:00Z"),
    ("activities", "as_of=1&as_of=2", "as_of: is given more than once"),
    (
        "usage-summary",
        "group_by=color",
        "group_by: color is not one of "
        + ", ".join(("product_id", "customer_id", "license_id", "order_id", "subscription_id", "feature_code")),
    ),
    ("usage-summary", "group_by=", "group_by: is empty; leave it out instead"),
    ("usage-summary", "group_by=product_id,", "group_by: is empty; leave it out instead"),
    ("usage-summary", "group_by=product_id&group_by=product_id", "group_by: names a dimension twice"),
    ("usage-summary", "bucket=1w", "bucket: must be 1h or 1d"),
    ("usage-summary", "bucket=day", "bucket: must be 1h or 1d"),
    ("usage-summary", "bucket=1h&bucket=1d", "bucket: is given more than once"),
    ("usage-summary", "time_zone=Mars/Olympus", "time_zone: is not the name of an IANA time zone, such as Europe/Berlin"),
    (
        "usage-summary",
        "bucket=1h&from=1900-01-01&to=2026-01-01",
        "bucket: cuts the period into more than 25,000 buckets; name a shorter one with from and to",
    ),
    ("license-audit", "", "license_id: is missing: which one is the report about?"),
    ("license-audit", "license_id=l1&license_id=l2", "license_id: names several; the report is about one"),
    ("customer-summary", "", "customer_id: is missing: which one is the report about?"),
    ("subscription-settlement", "", "subscription_id: is missing, and so is order_id: which one is the report about?"),
)


def path_of(route: str) -> str:
    return f"/api/v1/{route}" if route == "activities" else f"/api/v1/reports/{route}"


def refused(response: httpx2.Response, status: int, error: dict[str, Any]) -> None:
    """The whole answer is what the contract says of an error."""
    assert response.status_code == status, response.text
    body = response.json()
    assert list(body) == ["error", "meta"]
    assert body["error"] == error
    assert body["meta"]["request_id"] == response.headers["x-request-id"]
    assert response.headers["content-type"] == "application/json"


@pytest.mark.parametrize(("route", "query", "message"), MALFORMED)
def test_a_malformed_query_is_refused(reader: httpx2.Client, route: str, query: str, message: str) -> None:
    refused(reader.get(f"{path_of(route)}?{query}"), 400, {"code": "INVALID_QUERY", "message": message})


@pytest.mark.parametrize("route", TAKEN)
@pytest.mark.parametrize("name", ["color", "order", "fill", "page", "Limit", "time_zone", "bucket", "cursor"])
def test_unknown_names_are_refused_and_not_ignored(reader: httpx2.Client, route: str, name: str) -> None:
    taken = TAKEN[route].split(", ")
    response = reader.get(path_of(route), params=[(name, "1h")])

    if name in taken:
        assert not response.json().get("error", {}).get("message", "").startswith(f"{name}: is not a parameter here")
    else:
        message = f"{name}: is not a parameter here; these are: {TAKEN[route]}"
        refused(response, 400, {"code": "INVALID_QUERY", "message": message})


@pytest.mark.parametrize(("path", "query"), READS)
def test_each_read_needs_its_scope(gateway: Gateway, path: str, query: tuple[tuple[str, str], ...]) -> None:
    denied = {"code": "TOKEN_SCOPE_DENIED", "message": "token scope denied", "detail": "requires report:read"}
    for token in (gateway.exporter, gateway.recorder):
        with gateway.served.client(token) as client:
            refused(client.get(path, params=list(query)), 403, denied)
            refused(client.get(path, params=[("color", "red")]), 403, denied)
    with gateway.served.client(gateway.admin) as client:
        assert client.get(path, params=list(query)).status_code == 200


def revoked(gateway: Gateway) -> str:
    token = gateway.served.token(gateway.account, Permission.ADMIN)
    store = gateway.served.services.store
    key = gateway.served.run(store.key(token.split("_")[1]))
    assert key is not None

    async def body(tx: Transaction) -> None:
        await tx.put_key(replace(key, revoked_at=START))

    gateway.served.run(store.transact(gateway.account.id, body))
    return f"Bearer {token}"


UNAUTHORIZED = (
    ("no header", lambda gateway: None, "the Authorization header is missing; send `Authorization: Bearer <token>`"),
    ("another scheme", lambda gateway: f"License {gateway.admin}", "the Authorization header must be `Bearer <token>`"),
    ("no token", lambda gateway: "Bearer", "the Authorization header must be `Bearer <token>`"),
    ("a malformed token", lambda gateway: "Bearer lk_live_1234", "the token is malformed"),
    ("an unknown key", lambda gateway: f"Bearer gwk_{'a' * 16}_{'b' * 43}", "the token is unknown"),
    ("another secret", lambda gateway: f"Bearer {gateway.admin[:-43]}{'b' * 43}", "the token is unknown"),
    (
        "an expired token",
        lambda gateway: (
            "Bearer " + gateway.served.token(gateway.account, Permission.ADMIN, expires_at=START + timedelta(seconds=1))
        ),
        "the token has expired",
    ),
    ("a revoked token", revoked, "the token was revoked"),
    (
        "another network",
        lambda gateway: "Bearer " + gateway.served.token(gateway.account, Permission.ADMIN, cidrs=["192.0.2.0/24"]),
        "the token is not accepted from this address",
    ),
)


@pytest.mark.parametrize(("_case", "header", "message"), UNAUTHORIZED, ids=[each[0] for each in UNAUTHORIZED])
def test_a_call_without_a_good_token_is_refused(gateway: Gateway, _case: str, header: Any, message: str) -> None:
    stated = header(gateway)
    with gateway.served.client() as client:
        for path in PATHS:
            response = client.get(path, params=[("color", "red")], headers={} if stated is None else {"Authorization": stated})
            refused(response, 401, {"code": "UNAUTHORIZED", "message": message})
            assert response.headers["www-authenticate"] == "Bearer"


@pytest.mark.parametrize(
    ("route", "query", "message"),
    [
        ("license-audit", ("license_id", "nobody"), "no license nobody"),
        ("customer-summary", ("customer_id", "nobody"), "no customer nobody"),
        ("subscription-settlement", ("subscription_id", "nobody"), "no subscription nobody"),
        ("subscription-settlement", ("order_id", "nobody"), "no order nobody"),
    ],
)
def test_an_unknown_subject_is_not_found(reader: httpx2.Client, route: str, query: tuple[str, str], message: str) -> None:
    refused(reader.get(path_of(route), params=[query]), 404, {"code": "NOT_FOUND", "message": message})


def test_what_another_account_has_is_not_found_in_the_same_words(stranger: httpx2.Client) -> None:
    response = stranger.get(path_of("customer-summary"), params=[("customer_id", "c2")])

    refused(response, 404, {"code": "NOT_FOUND", "message": "no customer c2"})


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize(
    ("raised", "status", "error"),
    [
        (Unavailable("the store is busy"), 503, {"code": "UNAVAILABLE", "message": "the store is busy"}),
        (
            RuntimeError("password=hunter2"),
            500,
            {"code": "INTERNAL_ERROR", "message": "the gateway failed to answer; the request id finds the reason in its log"},
        ),
    ],
)
def test_a_store_that_fails_is_told_without_its_inside(
    gateway: Gateway,
    reader: httpx2.Client,
    monkeypatch: pytest.MonkeyPatch,
    path: str,
    raised: Exception,
    status: int,
    error: Any,
) -> None:
    async def head(_account_id: int) -> None:
        raise raised

    monkeypatch.setattr(gateway.served.services.store, "head", head)
    with capture_logs([merge_contextvars]) as logged:
        response = reader.get(path, params=[("license_id", "l1")] if path.endswith("audit") else [])

    refused(response, status, error)
    failed = [each for each in logged if each["event"] == "call failed"]
    assert [each["request_id"] for each in failed] == ([response.headers["x-request-id"]] if status == 500 else [])


@pytest.mark.parametrize("sent", ["req_1", "a" * 128, "0af7651916cd43dd8448eb211c80319c"])
def test_a_sane_request_id_is_echoed(reader: httpx2.Client, sent: str) -> None:
    for query in ([], [("limit", "0")]):
        response = reader.get("/api/v1/activities", params=query, headers={"X-Request-Id": sent})
        assert response.headers["x-request-id"] == sent
        assert response.json()["meta"]["request_id"] == sent


@pytest.mark.parametrize("sent", ["", "two words", "a" * 129, "<script>", "a\tb"])
def test_any_other_request_id_gives_way_to_a_new_one(reader: httpx2.Client, sent: str) -> None:
    response = reader.get("/api/v1/activities", headers={"X-Request-Id": sent})

    assert response.headers["x-request-id"].startswith("req_")
    assert response.json()["meta"]["request_id"] == response.headers["x-request-id"]
