"""The batch door: what `POST /api/v1/usage-events` takes, refuses and answers, and what it leaves in the ledger."""

from __future__ import annotations

import asyncio
import gzip
import json
from collections.abc import AsyncIterator, Callable
from decimal import Decimal
from typing import Any

import httpx2
import pytest
from fastapi import FastAPI

from app.domain.account import Account, Permission, Principal
from app.domain.canonical import additional_value
from app.domain.entry import EntryKind
from app.ledger import own_formats
from app.ledger.commands import MOST_ITEMS, Rules
from app.ledger.formats import NAMES, sample_of
from app.ledger.intake import LARGEST_ITEM
from app.ports import Store
from app.question.rows import Rows
from app.question.scope import Scope
from tests.asking import ledger_of, nothing_written
from tests.contract.conftest import ORIGIN, Door
from tests.ledger.focus import row

PATH = "/api/v1/usage-events"
JSON, LINES = "application/json", "application/x-ndjson"
AT = "2026-04-01T10:00:00Z"


def event(number: int, **stated: Any) -> dict[str, Any]:
    return {"id": f"e{number}", "occurred_at": AT, "quantity": 1, "unit": "call"} | stated


async def post(
    door: Door, body: Any, query: str = "", *, kind: str = JSON, method: str = "POST", **headers: str
) -> httpx2.Response:
    """Post a body: bytes as they are, anything else as JSON."""
    content = body if isinstance(body, bytes) or hasattr(body, "__aiter__") else json.dumps(body).encode()
    named = {name.replace("_", "-"): text for name, text in headers.items()}
    sent = door.headers | {"Content-Type": kind} | named
    return await door.client.request(method, PATH + query, content=content, headers=sent)


def refusal(answer: httpx2.Response) -> tuple[int, str, str]:
    body = answer.json()
    assert body.keys() == {"error", "meta"}
    assert body["meta"]["request_id"] == answer.headers["x-request-id"]
    return answer.status_code, body["error"]["code"], body["error"]["message"]


async def test_each_item_is_answered_with_what_became_of_it(door: Door, store: Store, account: Account) -> None:
    first = await post(door, [event(1), event(2)], x_request_id="call-1")
    assert first.status_code == 200
    body = first.json()
    assert body["meta"].keys() == {"request_id", "timestamp"}
    assert body["meta"]["request_id"] == "call-1"
    assert body["data"] == {
        "inserted": 2,
        "duplicate": 0,
        "conflict": 0,
        "rejected": 0,
        "results": [
            {
                "index": at,
                "status": "inserted",
                "id": f"act_1_{at + 1}",
                "event_ref": f"evt_1_{at + 1}",
                "sequence": at + 1,
                "field": None,
                "reason": None,
                "reject_id": None,
            }
            for at in range(2)
        ],
    }

    again = await post(door, [event(2), event(1, quantity=2), event(3, quantity="many"), 7, event(4)])
    assert again.json()["data"] == {
        "inserted": 1,
        "duplicate": 1,
        "conflict": 1,
        "rejected": 2,
        "results": [
            {
                "index": 0,
                "status": "duplicate",
                "id": "act_1_2",
                "event_ref": "evt_1_2",
                "sequence": 2,
                "field": None,
                "reason": None,
                "reject_id": "rej_1_1",
            },
            {
                "index": 1,
                "status": "conflict",
                "id": "act_1_1",
                "event_ref": "evt_1_1",
                "sequence": 1,
                "field": "id",
                "reason": "was recorded as evt_1_1 with other content: quantity differs",
                "reject_id": "rej_1_2",
            },
            {
                "index": 2,
                "status": "rejected",
                "id": None,
                "event_ref": None,
                "sequence": None,
                "field": "quantity",
                "reason": "is not a decimal number",
                "reject_id": "rej_1_3",
            },
            {
                "index": 3,
                "status": "rejected",
                "id": None,
                "event_ref": None,
                "sequence": None,
                "field": None,
                "reason": "must be an object of keys and values",
                "reject_id": "rej_1_4",
            },
            {
                "index": 4,
                "status": "inserted",
                "id": "act_1_3",
                "event_ref": "evt_1_3",
                "sequence": 3,
                "field": None,
                "reason": None,
                "reject_id": None,
            },
        ],
    }
    assert [each.sender_id for each in await ledger_of(store, account)] == ["e1", "e2", "e4"]


async def test_numbers_arrive_with_all_their_digits(door: Door, store: Store, account: Account) -> None:
    body = (
        b'{"occurred_at": "%s", "quantity": 12345678901234567890.123456789012345678, "additional_data": {"n": 0.1}}' % AT.encode()
    )
    assert (await post(door, body)).json()["data"]["inserted"] == 1
    (entry,) = await ledger_of(store, account)
    assert entry.quantity == Decimal("12345678901234567890.123456789012345678")
    assert additional_value(entry.additional_data) == {"n": Decimal("0.1")}


@pytest.mark.parametrize(
    ("kind", "body"),
    [
        (JSON, json.dumps([event(1), event(2)]).encode()),
        (f"{JSON}; charset=utf-8", json.dumps([event(1), event(2)]).encode()),
        (LINES, b"\n".join(json.dumps(event(number)).encode() for number in (1, 2))),
        (LINES.upper(), b"\xef\xbb\xbf" + b"\r\n\r\n".join(json.dumps(event(number)).encode() for number in (1, 2))),
    ],
    ids=["array", "with a charset", "lines", "lines with a mark, blanks and capitals"],
)
@pytest.mark.parametrize("encoding", ["", "identity", "gzip", "unsaid"])
async def test_arrays_and_lines_are_taken_plain_and_packed(door: Door, kind: str, body: bytes, encoding: str) -> None:
    packed = gzip.compress(body) if encoding in ("gzip", "unsaid") else body
    headers = {"Content_Encoding": encoding} if encoding in ("identity", "gzip") else {}
    answer = await post(door, packed, kind=kind, **headers)
    assert [each["status"] for each in answer.json()["data"]["results"]] == ["inserted", "inserted"]


async def test_a_body_that_comes_in_small_pieces_is_read_all_the_same(door: Door) -> None:
    whole = json.dumps([event(number, message="é" * 40) for number in range(50)], ensure_ascii=False).encode()

    async def pieces() -> AsyncIterator[bytes]:
        for start in range(0, len(whole), 7):
            yield whole[start : start + 7]

    assert (await post(door, pieces())).json()["data"]["inserted"] == 50


async def test_nothing_sent_is_nothing_recorded(door: Door) -> None:
    nothing = {"inserted": 0, "duplicate": 0, "conflict": 0, "rejected": 0, "results": []}
    assert (await post(door, [])).json()["data"] == nothing
    assert (await post(door, b"", kind=LINES)).json()["data"] == nothing


async def test_a_format_of_the_accounts_own_reads_the_items_in_its_newest_version_or_the_one_named(
    door: Door, strange_door: Door, store: Store, account: Account, admin: Principal, rules: Rules
) -> None:
    for unit in ("GB", "TB"):
        fields = {"occurred_at": {"path": "at"}, "quantity": {"path": "n"}, "unit": {"constant": unit}}
        await own_formats.save(store, admin, {"version": 1, "name": "meter", "fields": fields}, rules=rules)
    said = {"at": "2026-03-01T00:00:00Z", "n": 3}
    await post(door, said, "?format=meter")
    await post(door, said, "?format=meter@1")
    head = await store.head(account.id)
    rows = await store.rows(Rows(Scope(account.id, head.sequence), kinds=frozenset({EntryKind.USAGE}), descending=False))
    assert [each.unit for each in rows] == ["TB", "GB"]

    refused = await post(strange_door, said, "?format=meter")
    assert refused.json()["error"]["message"] == "format: no format meter; beside the account's own there are " + ", ".join(NAMES)


@pytest.mark.parametrize(
    ("kind", "name", "query"),
    [
        ("application/cloudevents-batch+json", "cloudevents", ""),
        ("application/json", "openmeter", "?format=openmeter"),
        ("application/json", "stripe-meter-event", "?format=stripe-meter-event"),
        ("text/plain", "access-log", ""),
        ("text/csv; charset=utf-8", "focus", "?format=focus"),
    ],
)
async def test_the_sample_of_each_shipped_format_is_recorded_once(
    door: Door, store: Store, account: Account, kind: str, name: str, query: str
) -> None:
    body = sample_of(name)[1]
    assert (await post(door, body, query, kind=kind)).json()["data"]["inserted"] == 1
    assert (await post(door, body, query, kind=kind)).json()["data"]["duplicate"] == 1
    (entry,) = await ledger_of(store, account)
    assert entry.sender_id is not None


async def test_one_cloud_event_can_be_sent_by_itself(door: Door, store: Store, account: Account) -> None:
    [event] = json.loads(sample_of("cloudevents")[1])
    answer = await post(door, event, kind="application/cloudevents+json; charset=UTF-8")
    assert answer.json()["data"]["inserted"] == 1
    (entry,) = await ledger_of(store, account)
    assert (entry.source, entry.sender_id, entry.customer_id) == ("/maps/frontend", "C234-1234-1234", "cust_1")


async def test_a_format_and_a_source_can_be_named(door: Door, store: Store, account: Account) -> None:
    answer = await post(door, [row(Id="1"), row(Id="2", ChargePeriodStart="soon"), row(Id="1", BilledCost="2")], "?format=focus")
    assert [(each["status"], each["field"]) for each in answer.json()["data"]["results"]] == [
        ("inserted", None),
        ("rejected", "ChargePeriodStart"),
        ("conflict", "Id"),
    ]
    await post(door, row(Id="1"), "?format=focus&source=cloud-a")
    await post(door, [event(1), event(1, source="own")], "?source=meter")
    assert [each.source for each in await ledger_of(store, account)] == ["focus", "cloud-a", "meter", "own"]


@pytest.mark.parametrize(
    ("query", "message"),
    [
        ("?colour=red", "colour: is not known here; known are format, source"),
        ("?format=none", "format: no format none; beside the account's own there are " + ", ".join(NAMES)),
        ("?format=", "format: is empty; leave it out instead"),
        ("?source=a&source=b", "source: is given more than once"),
        ("?source=%00", "source: contains the character NUL"),
        ("?source=" + "x" * 257, "source: is longer than 256 characters"),
    ],
)
async def test_a_query_that_is_not_known_here_is_refused(
    door: Door, store: Store, account: Account, query: str, message: str
) -> None:
    async with nothing_written(store, account):
        assert refusal(await post(door, [event(1)], query)) == (400, "INVALID_QUERY", message)


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b"", "the JSON text is broken at line 1, column 1: ends too early"),
        (json.dumps([event(1)])[:-1].encode(), "the JSON text is broken at line 1, column 84: ends too early"),
        (json.dumps([event(1)]).encode() + b"\n}", "the JSON text is broken at line 2, column 1: has something after its end"),
        (b'"text"', "the JSON text is broken at line 1, column 1: must be an array of objects, or one object"),
        (b"[\xff]", "the JSON text is not UTF-8 at byte 2"),
        (gzip.compress(b"[]")[:-1], "the gzip data ends too early"),
    ],
    ids=["empty", "half", "too much", "text", "bytes", "half packed"],
)
async def test_a_broken_body_leaves_nothing_behind(door: Door, store: Store, account: Account, body: bytes, message: str) -> None:
    async with nothing_written(store, account):
        assert refusal(await post(door, body)) == (400, "INVALID_JSON", message)


async def test_a_body_that_breaks_after_thousands_of_items_leaves_nothing_behind(
    door: Door, store: Store, account: Account
) -> None:
    async with nothing_written(store, account):
        answer = await post(door, json.dumps([event(number) for number in range(5_000)])[:-1].encode())
        assert refusal(answer)[:2] == (400, "INVALID_JSON")


async def test_a_broken_line_is_one_rejected_item(door: Door) -> None:
    lines = [json.dumps(event(1)).encode(), b'{"id": "e2"', json.dumps(event(3)).encode()]
    data = (await post(door, b"\n".join(lines), kind=LINES)).json()["data"]
    assert [each["status"] for each in data["results"]] == ["inserted", "rejected", "inserted"]
    assert data["results"][1]["reason"] == "is not JSON: expecting ',' delimiter at column 12"


async def test_what_cannot_be_written_as_utf8_is_told_all_the_same(door: Door) -> None:
    body = b'[{"\\ud800": 1}, {"occurred_at": "\\udc00"}, {"\\u0000": 1}, {"a": 1, "a": "\\ud800"}]'
    data = (await post(door, body)).json()["data"]
    assert [(each["field"], each["reason"]) for each in data["results"]] == [
        (None, "contains half of a surrogate pair"),
        (None, "contains half of a surrogate pair"),
        ("occurred_at", "is missing"),
        (None, "contains half of a surrogate pair"),
    ]


@pytest.mark.parametrize(
    ("kind", "headers"),
    [
        ("text/html", {}),
        ("", {}),
        (f"{JSON}; charset=latin-1", {}),
        (JSON, {"Content_Encoding": "br"}),
    ],
)
async def test_a_body_of_another_kind_is_refused(
    door: Door, store: Store, account: Account, kind: str, headers: dict[str, str]
) -> None:
    async with nothing_written(store, account):
        assert refusal(await post(door, [event(1)], kind=kind, **headers)) == (
            415,
            "UNSUPPORTED_MEDIA_TYPE",
            "the body must be application/json, application/x-ndjson, application/cloudevents+json,"
            " application/cloudevents-batch+json, text/csv, text/plain, in UTF-8, plain or gzip",
        )


async def test_ten_thousand_items_are_taken_and_one_more_is_too_many(door: Door, store: Store, account: Account) -> None:
    lines = b"\n".join(json.dumps(event(number)).encode() for number in range(MOST_ITEMS + 1))
    async with nothing_written(store, account):
        assert refusal(await post(door, lines, kind=LINES)) == (413, "PAYLOAD_TOO_LARGE", "the body has more than 10,000 items")
    data = (await post(door, lines.rpartition(b"\n")[0], kind=LINES)).json()["data"]
    assert (data["inserted"], len(data["results"])) == (10_000, 10_000)
    assert [each["index"] for each in data["results"]] == list(range(10_000))


async def test_a_body_over_its_bound_is_refused_however_small_it_was_packed(door: Door, store: Store, account: Account) -> None:
    bound = 32 * 1024 * 1024
    message = f"the body is larger than {bound:,} bytes"
    async with nothing_written(store, account):
        for body in (b" " * (bound + 1), gzip.compress(b" " * (bound + 1))):
            assert refusal(await post(door, body)) == (413, "PAYLOAD_TOO_LARGE", message)
        large = [event(1), event(2, message="x" * LARGEST_ITEM)]
        assert refusal(await post(door, large)) == (413, "PAYLOAD_TOO_LARGE", f"item 1 is larger than {LARGEST_ITEM:,} bytes")


async def test_a_caller_without_a_token_or_without_the_scope_writes_nothing(
    nobody: Door, door_with: Callable[..., Any], store: Store, account: Account
) -> None:
    reader = await door_with(Permission.REPORT_READ, Permission.REPORT_EXPORT)
    async with nothing_written(store, account):
        status, code, _ = refusal(await post(nobody, [event(1)]))
        assert (status, code) == (401, "UNAUTHORIZED")
        answer = await post(reader, b"not even JSON")
        assert refusal(answer) == (403, "TOKEN_SCOPE_DENIED", "token scope denied")
        assert answer.json()["error"]["detail"] == "requires usage:write"
    writer = await door_with(Permission.USAGE_WRITE)
    assert (await post(writer, [event(1)])).json()["data"]["inserted"] == 1


async def test_a_stranger_writes_in_a_ledger_of_its_own(door: Door, strange_door: Door, store: Store, account: Account) -> None:
    await post(door, [event(1)])
    async with nothing_written(store, account):
        data = (await post(strange_door, [event(1)])).json()["data"]
    assert (data["results"][0]["status"], data["results"][0]["id"]) == ("inserted", "act_2_1")


async def test_other_methods_are_not_taken(door: Door) -> None:
    answer = await post(door, [], method="PUT")
    assert refusal(answer)[:2] == (405, "METHOD_NOT_ALLOWED")


async def test_the_same_batch_sent_twice_at_once_is_recorded_once(door: Door, store: Store, account: Account) -> None:
    batch = [event(number) for number in range(300)]
    answers = await asyncio.gather(*(post(door, batch) for _ in range(4)))
    assert sum(each.json()["data"]["inserted"] for each in answers) == 300
    assert sum(each.json()["data"]["duplicate"] for each in answers) == 900
    assert len(await ledger_of(store, account)) == 300


async def test_a_caller_that_goes_away_in_the_middle_leaves_nothing(
    app: FastAPI, door: Door, store: Store, account: Account
) -> None:
    whole = json.dumps([event(number) for number in range(2_000)]).encode()
    messages = [
        {"type": "http.request", "body": whole[:-1], "more_body": True},
        {"type": "http.disconnect"},
    ]
    sent: list[dict[str, Any]] = []

    async def receive() -> dict[str, Any]:
        return messages.pop(0)

    async def send(message: Any) -> None:
        sent.append(message)

    headers = [(name.lower().encode(), value.encode()) for name, value in (door.headers | {"Content-Type": JSON}).items()]
    scope = {
        "type": "http",
        "method": "POST",
        "path": PATH,
        "raw_path": PATH.encode(),
        "query_string": b"",
        "headers": [(b"host", ORIGIN.encode()), *headers],
        "client": ("127.0.0.1", 1),
        "server": ("gateway.test", 80),
        "scheme": "http",
        "root_path": "",
        "http_version": "1.1",
    }
    async with nothing_written(store, account):
        await app(scope, receive, send)
    assert sent[0]["status"] == 400


async def test_the_document_tells_of_the_route(door: Door) -> None:
    document = (await door.client.get("/api/v1/openapi.json")).json()
    operation = document["paths"][PATH]["post"]
    assert operation["operationId"] == "recordUsageEvents"
    assert operation["x-required-scopes"] == ["usage:write"]
    assert [each["name"] for each in operation["parameters"]] == ["format", "source"]
    assert operation["requestBody"]["content"].keys() == {
        *(JSON, LINES, "application/cloudevents+json", "application/cloudevents-batch+json", "text/plain")
    }
    assert operation["responses"].keys() == {"200", "400", "401", "403", "413", "415", "500", "503"}
