"""The doors as HTTP: statuses, shapes of refusals, media types, request ids, health, and the page for people."""

from __future__ import annotations

import dataclasses
from typing import Any

import httpx2
import orjson
import pytest
from fastapi import FastAPI
from structlog.testing import capture_logs

from app.api.body import LARGEST_BODY
from app.api.errors import STATUSES
from app.api.factory import create_app
from app.api.graphql import page
from app.api.services import Services
from app.domain import errors
from app.domain.account import Account, Permission
from app.ports import Store
from tests.asking import nothing_written
from tests.contract.conftest import ORIGIN, Door

VIEWER = "{ viewer { account { name } } }"
NEWER = "application/graphql-response+json"


async def test_a_query_may_come_with_get(door: Door) -> None:
    query = "query Q($ids: [ID!]!) { nodes(ids: $ids) { id } } query R { viewer { account { name } } }"
    asked = {"query": query, "variables": '{"ids": ["acc_1"]}', "operationName": "Q"}
    answer = await door.client.get("/graphql", params=asked, headers=door.headers)
    assert (answer.status_code, answer.json()["data"]) == (200, {"nodes": [{"id": "acc_1"}]})
    assert answer.headers["cache-control"] == "no-store"


async def test_a_get_without_a_query_is_refused(door: Door) -> None:
    for accept in ("*/*", "application/json"):
        answer = await door.client.get("/graphql", headers=door.headers | {"Accept": accept})
        assert (answer.status_code, set(answer.json())) == (400, {"errors"})


async def test_a_mutation_does_not_come_with_get(door: Door, store: Store, account: Account) -> None:
    query = 'mutation { recordUsageEvent(input: { occurredAt: "2026-04-01T11:00:00Z", quantity: 1 }) { status } }'
    async with nothing_written(store, account):
        answer = await door.client.get("/graphql", params={"query": query}, headers=door.headers)
    assert (answer.status_code, answer.headers["allow"]) == (405, "GET, POST")
    assert answer.json()["errors"][0]["extensions"]["code"] == "METHOD_NOT_ALLOWED"


@pytest.mark.parametrize("method", ["PUT", "PATCH", "DELETE", "OPTIONS"])
async def test_other_methods_are_refused(method: str, door: Door) -> None:
    answer = await door.client.request(method, "/graphql", headers=door.headers)
    assert (answer.status_code, answer.headers["allow"]) == (405, "GET, POST")


@pytest.mark.parametrize(
    "content_type", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x", ""]
)
async def test_only_json_is_taken_so_no_form_of_another_site_gets_in(content_type: str, door: Door) -> None:
    answer = await door.client.post(
        "/graphql", headers=door.headers | {"Content-Type": content_type}, content=orjson.dumps({"query": VIEWER})
    )
    assert answer.status_code == 415
    assert answer.json()["errors"][0]["extensions"]["code"] == "UNSUPPORTED_MEDIA_TYPE"


async def test_json_may_name_its_charset(door: Door) -> None:
    assert (await door.post({"query": VIEWER}, Content_Type="Application/JSON; charset=utf-8")).status == 200


async def test_a_body_has_at_most_a_mebibyte(door: Door) -> None:
    def padded(size: int) -> bytes:
        body = orjson.dumps({"query": VIEWER})
        return body + b" " * (size - len(body))

    assert (await door.post(padded(LARGEST_BODY))).status == 200
    answer = await door.post(padded(LARGEST_BODY + 1))
    assert (answer.status, answer.code, answer.error["message"]) == (
        413,
        "PAYLOAD_TOO_LARGE",
        "the body is larger than 1,048,576 bytes",
    )


async def test_a_body_in_pieces_is_bounded_too(door: Door) -> None:
    async def pieces() -> Any:
        for _ in range(2_000):
            yield b" " * 1_000

    answer = await door.client.post("/graphql", headers=door.headers | {"Content-Type": "application/json"}, content=pieces())
    assert answer.status_code == 413


@pytest.mark.parametrize(
    ("body", "status"),
    [({}, 400), ({"query": ""}, 400), ({"query": VIEWER, "operationName": "Nope"}, 400), ([{"query": VIEWER}], 400)],
)
async def test_a_request_without_an_operation_is_refused(body: Any, status: int, door: Door) -> None:
    answer = await door.post(body)
    assert (answer.status, set(answer.body)) == (status, {"errors"})


async def test_the_newer_media_type_is_spoken_to_whoever_asks_for_it(door: Door, nobody: Door) -> None:
    fine = await door.post({"query": VIEWER}, Accept=f"{NEWER}, application/json;q=0.9")
    assert (fine.status, fine.headers["content-type"], fine.data["viewer"]) == (200, NEWER, {"account": {"name": "acme"}})
    invalid = await door.post({"query": "{ nope }"}, Accept=NEWER)
    assert (invalid.status, invalid.headers["content-type"], set(invalid.body)) == (400, NEWER, {"errors"})
    failed = await door.post({"query": "{ usageLedger(first: 201) { asOf } }"}, Accept=NEWER)
    assert (failed.status, failed.body["data"]) == (200, None)
    refused = await nobody.post({"query": VIEWER}, Accept=NEWER)
    assert (refused.status, refused.headers["content-type"]) == (401, NEWER)


async def test_plain_json_is_always_200_once_an_operation_is_read(door: Door) -> None:
    answer = await door.post({"query": "{ nope }"})
    assert (answer.status, answer.headers["content-type"], answer.code) == (200, "application/json", "INVALID_QUERY")
    assert answer.error["message"] == "Cannot query field 'nope' on type 'Query'. Did you mean 'node' or 'nodes'?"
    assert set(answer.body) == {"errors"}


@pytest.mark.parametrize("sent", ["abc", "A.b_c-1", "x" * 128])
async def test_a_sane_request_id_is_echoed_everywhere(sent: str, door: Door) -> None:
    answer = await door.post({"query": "{ nope }"}, X_Request_Id=sent)
    assert answer.headers["x-request-id"] == sent
    assert answer.error["extensions"]["requestId"] == sent
    missing = await door.client.get("/nope", headers={"X-Request-Id": sent})
    assert (missing.headers["x-request-id"], missing.json()["meta"]["request_id"]) == (sent, sent)


@pytest.mark.parametrize("sent", ["", "a b", "x" * 129, "ü", "a\tb", "<script>"])
async def test_any_other_request_id_is_made_anew(sent: str, door: Door) -> None:
    answer = await door.client.get("/health", headers=[(b"x-request-id", sent.encode())])
    made = answer.headers["x-request-id"]
    assert made.startswith("req_")
    assert len(made) == 28
    assert answer.json()["meta"]["request_id"] == made


async def test_a_call_is_logged_in_one_line_without_what_it_carries(door: Door) -> None:
    with capture_logs() as lines:
        await door.client.get("/graphql", params={"query": VIEWER, "secret": "customer-name"}, headers=door.headers)
    (line,) = lines
    assert {name: line[name] for name in ("event", "log_level", "method", "path", "status", "account")} == {
        "event": "call",
        "log_level": "info",
        "method": "GET",
        "path": "/graphql",
        "status": 200,
        "account": "acme",
    }
    assert set(line) - {"event", "log_level", "method", "path", "status", "account"} == {"ms", "key"}
    assert door.token is not None
    assert door.token.split("_", 2)[2] not in str(line)


@pytest.mark.parametrize("path", ["/health", "/healthz", "/readyz"])
async def test_health_needs_no_token(path: str, nobody: Door) -> None:
    answer = await nobody.client.get(path)
    assert (answer.status_code, answer.json()["data"]) == (200, {"status": "ok"})
    assert set(answer.json()["meta"]) == {"request_id", "timestamp"}
    assert answer.json()["meta"]["timestamp"].endswith("Z")


async def test_a_store_that_cannot_answer_is_not_ready(nobody: Door, store: Store, monkeypatch: Any) -> None:
    async def busy() -> None:
        raise errors.Unavailable("the store is closed")

    monkeypatch.setattr(store, "ready", busy)
    answer = await nobody.client.get("/readyz")
    assert (answer.status_code, answer.json()["data"]) == (503, {"status": "unavailable", "reason": "the store is closed"})
    assert (await nobody.client.get("/health")).status_code == 200


async def test_an_unknown_route_answers_the_documented_envelope(nobody: Door) -> None:
    answer = await nobody.client.get("/api/v1/nope")
    assert answer.status_code == 404
    assert answer.json()["error"] == {"code": "NOT_FOUND", "message": "not found"}
    assert set(answer.json()["meta"]) == {"request_id", "timestamp"}


async def test_a_method_that_a_route_does_not_take_answers_the_envelope_too(nobody: Door) -> None:
    answer = await nobody.client.post("/health")
    assert (answer.status_code, answer.headers["allow"]) == (405, "GET")
    assert answer.json()["error"] == {"code": "METHOD_NOT_ALLOWED", "message": "method not allowed"}


async def test_people_are_led_to_graphiql(services: Services, door: Door) -> None:
    shown = await door.client.get("/graphql", headers={"Accept": "text/html,application/xhtml+xml,*/*;q=0.8"})
    assert shown.status_code == 200
    assert shown.headers["content-type"] == "text/html; charset=utf-8"
    assert shown.headers["content-security-policy"].startswith("default-src 'none'")
    assert shown.headers["cache-control"] == "no-store"
    assert "gwk_" not in shown.text


async def test_the_page_of_a_demonstration_has_the_token_in_place(services: Services, door: Door) -> None:
    shown = create_app(dataclasses.replace(services, demo_token=door.token))
    async with httpx2.AsyncClient(transport=httpx2.ASGITransport(shown), base_url=ORIGIN) as client:
        answer = await client.get("/graphql", headers={"Accept": "text/html"})
    assert f'"token":"{door.token}"' in answer.text


async def test_the_page_is_shown_when_its_token_is_not_accepted_any_more(services: Services) -> None:
    shown = create_app(dataclasses.replace(services, demo_token="gwk_" + "a" * 16 + "_" + "A" * 43))
    async with httpx2.AsyncClient(transport=httpx2.ASGITransport(shown), base_url=ORIGIN) as client:
        assert (await client.get("/graphql", headers={"Accept": "text/html"})).status_code == 200


async def test_the_pages_files_are_kept_for_ever_and_nothing_else_is_served(door: Door) -> None:
    shown = await door.client.get("/graphql", headers={"Accept": "text/html"})
    script = shown.text.split('<script type="module" src="')[1].split('"')[0]
    file = await door.client.get(script)
    assert (file.status_code, file.headers["cache-control"]) == (200, "public, max-age=31536000, immutable")
    for path in ("nope.js", "../__init__.py", "%2e%2e/__init__.py", ""):
        assert (await door.client.get(f"{page.STATIC_PATH}/{path}")).status_code in (404, 405)


async def test_a_page_that_was_not_built_says_so(door: Door, monkeypatch: Any) -> None:
    def missing(*_args: Any, **_named: Any) -> Any:
        raise page.ide.NotBuilt("the GraphiQL bundle is not there: run scripts/setup")

    monkeypatch.setattr(page.ide, "page", missing)
    answer = await door.client.get("/graphql", headers={"Accept": "text/html"})
    assert (answer.status_code, answer.text) == (503, "the GraphiQL bundle is not there: run scripts/setup\n")
    assert (await door.ask(VIEWER)).status == 200


async def test_a_failure_inside_is_masked_and_logged_with_its_request_id(door: Door, store: Store, monkeypatch: Any) -> None:
    async def broken(*_args: Any) -> Any:
        raise RuntimeError("secret path /var/lib/ledger")

    monkeypatch.setattr(store, "rows", broken)
    with capture_logs() as lines:
        answer = await door.post({"query": "{ usageLedger { asOf } }"}, X_Request_Id="r-1")
    assert (answer.status, answer.code) == (200, "INTERNAL_ERROR")
    assert answer.error["message"] == "the gateway failed to answer; the request id finds the reason in its log"
    assert "secret" not in orjson.dumps(answer.body).decode()
    (failure,) = [each for each in lines if each["log_level"] == "error"]
    assert str(failure["exc_info"]) == "secret path /var/lib/ledger"


async def test_a_failure_before_the_operation_is_masked_too(app: FastAPI, door: Door, store: Store, monkeypatch: Any) -> None:
    async def broken(*_args: Any) -> Any:
        raise RuntimeError("secret")

    monkeypatch.setattr(app.state.services.doorkeeper, "admit", broken)
    answer = await door.ask(VIEWER)
    assert (answer.status, answer.code) == (500, "INTERNAL_ERROR")
    monkeypatch.setattr(store, "ready", broken)
    probe = await door.client.get("/readyz")
    assert (probe.status_code, probe.json()["error"]["code"]) == (500, "INTERNAL_ERROR")
    assert "secret" not in probe.text
    assert probe.headers["x-request-id"] == probe.json()["meta"]["request_id"]


async def test_a_store_that_is_busy_is_told_as_such(door: Door, store: Store, monkeypatch: Any) -> None:
    async def busy(*_args: Any) -> Any:
        raise errors.Unavailable("the store is busy")

    monkeypatch.setattr(store, "head", busy)
    answer = await door.ask("{ usageLedger { asOf } }")
    assert (answer.code, answer.error["message"]) == ("UNAVAILABLE", "the store is busy")


async def test_pages_of_other_origins_call_only_where_the_operator_allows_it(services: Services, nobody: Door) -> None:
    asked = {"Origin": "https://app.example.com", "Access-Control-Request-Method": "POST"}
    assert (await nobody.client.options("/graphql", headers=asked)).status_code == 405

    open_app = create_app(dataclasses.replace(services, cors_origins=("https://app.example.com",)))
    async with httpx2.AsyncClient(transport=httpx2.ASGITransport(open_app), base_url=ORIGIN) as client:
        headers = asked | {"Access-Control-Request-Headers": "authorization,content-type"}
        preflight = await client.options("/graphql", headers=headers)
        refused = await client.options("/graphql", headers=headers | {"Origin": "https://evil.example.com"})
        answer = await client.post("/graphql", headers={"Origin": "https://app.example.com"}, json={"query": VIEWER})
    assert (preflight.status_code, preflight.headers["access-control-allow-origin"]) == (200, "https://app.example.com")
    assert "access-control-allow-credentials" not in preflight.headers
    assert refused.status_code == 400
    assert (answer.status_code, answer.headers["access-control-allow-origin"]) == (401, "https://app.example.com")
    assert "X-Request-Id" in answer.headers["access-control-expose-headers"]


def codes_below(error: type[errors.GatewayError]) -> set[str]:
    """The codes of an error and of every one derived from it."""
    return {error.code}.union(*(codes_below(each) for each in error.__subclasses__()))


def test_every_error_has_a_status() -> None:
    assert codes_below(errors.GatewayError) <= set(STATUSES)
    assert {code for code, status in STATUSES.items() if status >= 500} == {
        *("INVALID_SETTING", "LEDGER_CORRUPT", "INTERNAL_ERROR", "UNAVAILABLE")
    }


async def test_a_scope_is_told_as_it_is_written_elsewhere(door_with: Any) -> None:
    caller: Door = await door_with(Permission.USAGE_WRITE, Permission.REPORT_EXPORT)
    assert (await caller.ask("{ viewer { scopes key { scopes label networks expiresAt } } }")).data["viewer"] == {
        "scopes": ["REPORT_EXPORT", "USAGE_WRITE"],
        "key": {"scopes": ["REPORT_EXPORT", "USAGE_WRITE"], "label": "test", "networks": [], "expiresAt": None},
    }
