"""Formats and rejects over GraphQL: listed, tried, saved; what was refused, why, replayed and dropped."""

from __future__ import annotations

import asyncio
import csv
import gzip
import json
from typing import Any

import pytest

from app.domain.account import Account, Permission, Principal
from app.exports.freeze import create
from app.ledger import own_formats
from app.ledger.commands import Rules
from app.ledger.formats import NAMES, document_of, sample_of
from app.ports import Files, Store
from tests.asking import ledger_of, nothing_written
from tests.contract.conftest import Door
from tests.contract.test_recording import post
from tests.spec.test_rejects import a_line, document

AT = "2026-04-01T12:00:00.000000Z"
SAVE = """mutation ($document: JSONObject!) {
  saveFormat(input: { document: $document }) {
    format { name ref version description document digest createdBy createdAt } errors { code field message }
  }
}"""
TRY = """query ($format: FormatChoice!, $samples: String!, $kind: InputKind) {
  tryFormat(format: $format, samples: $samples, kind: $kind) {
    index line status event entry { eventRef } errors { code field message }
  }
}"""
REJECTS = """query ($filters: RejectFilters, $first: Int, $after: String, $last: Int, $before: String) {
  rejects(filters: $filters, first: $first, after: $after, last: $last, before: $before) {
    totalCount
    pageInfo { hasNextPage hasPreviousPage endCursor startCursor }
    edges {
      cursor
      node { id status format source field reason sender senderId sequence payload times firstAt lastAt receivedBy }
    }
  }
}"""
WHY = """query ($id: ID!, $source: String) {
  why(id: $id, source: $source) {
    verdict told entry { eventRef } standing { id } reject { id status } countedIn { report subject value } exportIds
  }
}"""
REPLAY = """mutation ($input: ReplayRejectsInput!) {
  replayRejects(input: $input) { inserted duplicate conflict rejected more left { id field reason } errors { code message } }
}"""
DROP = "mutation ($ids: [ID!]!) { dropRejects(input: { ids: $ids }) { ids errors { code message } } }"


async def sent(door: Door, *lines: bytes, query: str = "?format=meter") -> dict[str, Any]:
    answer = await post(door, b"\n".join(lines), query, kind="application/x-ndjson")
    return dict(answer.json()["data"])


@pytest.fixture
async def meter(store: Store, admin: Principal, rules: Rules) -> None:
    """The format `meter` in its first version."""
    await own_formats.save(store, admin, document(), rules=rules)


async def test_formats_that_ship_and_the_accounts_own_are_listed_and_found(door: Door, strange_door: Door, meter: None) -> None:
    listed = (await door.ask("{ formats { name ref version } }")).data["formats"]
    assert [each["name"] for each in listed] == [*NAMES, "meter"]
    assert listed[-1] == {"name": "meter", "ref": "meter@1", "version": 1}
    one = "query ($ref: String!) { format(ref: $ref) { ref version document digest createdBy createdAt } }"
    shipped = (await door.ask(one, ref="focus")).data["format"]
    assert shipped == {
        "ref": "focus", "version": None, "document": document_of("focus"), "digest": None, "createdBy": None, "createdAt": None,
    }  # fmt: skip
    own = (await door.ask(one, ref="meter@1")).data["format"]
    assert (own["document"], own["createdBy"], own["createdAt"]) == (document(), "key k1", AT)
    assert (await door.ask(one, ref="meter@2")).data["format"] is None
    assert (await strange_door.ask(one, ref="meter")).data["format"] is None


async def test_a_format_is_saved_and_an_unusable_one_is_told_by_its_place(door: Door, store: Store, account: Account) -> None:
    saved = (await door.ask(SAVE, document=document())).data["saveFormat"]
    assert (saved["format"]["ref"], saved["format"]["document"], saved["errors"]) == ("meter@1", document(), [])
    async with nothing_written(store, account):
        refused = (await door.ask(SAVE, document=document(unit={"compute": "[1].map(x, x)"}))).data["saveFormat"]
        assert refused["format"] is None
        [error] = refused["errors"]
        assert (error["code"], error["field"]) == ("VALIDATION_ERROR", "document.fields.unit.compute")
        assert "calls map, which is not known here" in error["message"]
        again = (await door.ask(SAVE, document=document())).data["saveFormat"]
        assert again["format"]["ref"] == "meter@1"


async def test_samples_are_tried_by_name_or_document_and_nothing_is_kept(
    door: Door, store: Store, account: Account, meter: None
) -> None:
    await sent(door, a_line())
    async with nothing_written(store, account):
        samples = b"\n".join([a_line(), a_line(id="b", n=0.5), a_line(id="c", at="soon")]).decode()
        found = (await door.ask(TRY, format={"ref": "meter"}, samples=samples)).data["tryFormat"]
        assert [(each["line"], each["status"], each["entry"], each["errors"]) for each in found] == [
            (1, "DUPLICATE", {"eventRef": "evt_1_2"}, []),
            (2, "INSERTED", None, []),
            (3, "REJECTED", None, [{
                "code": "VALIDATION_ERROR", "field": "at",
                "message": "at is not an RFC 3339 date and time, such as 2026-04-01T00:00:00Z",
            }]),
        ]  # fmt: skip
        assert found[1]["event"] == {
            "id": "b", "source": "default", "action": "usage.consumed", "occurred_at": "2026-03-01T10:00:00.000000Z",
            "quantity": "0.5",
        }  # fmt: skip
        log = sample_of("access-log")[1].decode()
        found = (await door.ask(TRY, format={"ref": "access-log"}, samples=log)).data["tryFormat"]
        assert (found[0]["status"], found[0]["event"]["customer_id"]) == ("INSERTED", "frank")
        unsaved = document(quantity={"compute": "times(n, '2')"})
        found = (await door.ask(TRY, format={"document": unsaved}, samples=samples, kind="JSONL")).data["tryFormat"]
        assert [each["event"] and each["event"]["quantity"] for each in found] == ["2", "1", None]
        assert (await door.ask(TRY, format={"ref": "nobody"}, samples="")).code == "NOT_FOUND"
        assert (await door.ask(TRY, format={"document": {"version": 2}}, samples="")).code == "VALIDATION_ERROR"
        assert (await door.ask(TRY, format={"ref": "meter"}, samples="[", kind="JSON")).code == "INVALID_JSON"
        assert (await door.ask(TRY, format={"ref": "meter"}, samples="{}\n" * 101, kind="JSONL")).code == "PAYLOAD_TOO_LARGE"
    assert (await door.ask(REJECTS)).data["rejects"]["totalCount"] == 0


async def test_what_was_refused_is_walked_page_by_page(door: Door, strange_door: Door, meter: None) -> None:
    await sent(door, *(a_line(id=f"e{at}", n="x") for at in range(5)))
    first = (await door.ask(REJECTS, first=2)).data["rejects"]
    assert first["totalCount"] == 5
    assert first["edges"][0]["node"] == {
        "id": "rej_1_5", "status": "REJECTED", "format": "meter@1", "source": None, "field": "n",
        "reason": "is not a decimal number", "sender": "default", "senderId": "e4", "sequence": None,
        "payload": a_line(id="e4", n="x").decode(), "times": 1,
        "firstAt": AT, "lastAt": AT, "receivedBy": first["edges"][0]["node"]["receivedBy"],
    }  # fmt: skip
    assert first["pageInfo"]["hasNextPage"] is True
    second = (await door.ask(REJECTS, first=2, after=first["pageInfo"]["endCursor"])).data["rejects"]
    assert [each["node"]["id"] for each in second["edges"]] == ["rej_1_3", "rej_1_2"]
    back = (await door.ask(REJECTS, last=2, before=second["pageInfo"]["startCursor"])).data["rejects"]
    assert [each["node"]["id"] for each in back["edges"]] == ["rej_1_5", "rej_1_4"]
    assert (await door.ask(REJECTS, filters={"senderId": ["e1", "e2"]})).data["rejects"]["totalCount"] == 2
    assert (await door.ask(REJECTS, filters={"format": ["meter"], "status": ["CONFLICT"]})).data["rejects"]["totalCount"] == 0
    assert (await door.ask(REJECTS, filters={"format": []})).code == "INVALID_QUERY"
    assert (await door.ask(REJECTS, after="x")).code == "INVALID_QUERY"
    node = '{ node(id: "rej_1_5") { id ... on Reject { senderId } } }'
    assert (await door.ask(node)).data["node"] == {"id": "rej_1_5", "senderId": "e4"}
    assert (await strange_door.ask(node)).data["node"] is None
    assert (await strange_door.ask(REJECTS)).data["rejects"]["totalCount"] == 0


async def test_from_a_broken_format_to_a_replay_that_leaves_nothing(
    door: Door, store: Store, account: Account, admin: Principal, rules: Rules, meter: None
) -> None:
    lines = [a_line(), b'{"id": "b", "at": "2026-03-01T10:00:00Z", "amount": 2}', b'{"at": "2026-03-01T10:00:00Z", "amount": 3}']
    data = await sent(door, *lines)
    assert [each["reject_id"] for each in data["results"]] == [None, "rej_1_1", "rej_1_2"]
    left = (await door.ask(REPLAY, input={})).data["replayRejects"]
    assert (left["inserted"], left["rejected"], left["more"], [each["id"] for each in left["left"]]) == (
        0, 2, False, ["rej_1_1", "rej_1_2"],
    )  # fmt: skip
    assert left["left"][0]["field"] == "n"

    await door.ask(SAVE, document=document(quantity={"path": "n || amount"}))
    done = (await door.ask(REPLAY, input={"format": ["meter"]})).data["replayRejects"]
    assert done == {
        "inserted": 2, "duplicate": 0, "conflict": 0, "rejected": 0, "more": False, "left": [], "errors": [],
    }  # fmt: skip
    assert (await door.ask(REJECTS)).data["rejects"]["totalCount"] == 0
    assert (await door.ask(REPLAY, input={})).data["replayRejects"]["inserted"] == 0
    quantities = [str(each.quantity) for each in await ledger_of(store, account) if each.quantity is not None]
    assert quantities == ["1", "2", "3"]

    [found] = (await door.ask(WHY, id="b")).data["why"]
    assert found == {
        "verdict": "ACCEPTED",
        "told": f"accepted as evt_1_4 on {AT}; it was rejected at first: n: is missing, and so is charge:"
        " a usage event has one of them or both",
        "entry": {"eventRef": "evt_1_4"},
        "standing": {"id": "act_1_4"},
        "reject": {"id": "rej_1_1", "status": "RECORDED"},
        "countedIn": [
            {"report": name, "subject": None, "value": None} for name in ("activities", "usage_summary", "usage_ledger")
        ],
        "exportIds": [],
    }
    assert (await door.ask(WHY, id="b", source="elsewhere")).data["why"] == []
    assert (await door.ask(WHY, id="nobody")).data["why"] == []
    missing = (await door.ask(REPLAY, input={"ids": ["rej_1_9"]})).data["replayRejects"]
    assert missing["errors"] == [{"code": "NOT_FOUND", "message": "no reject rej_1_9"}]


async def test_a_replay_tries_so_many_at_once_and_says_that_there_are_more(
    door: Door, meter: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    await sent(door, *(b'{"at": "2026-03-01T10:00:00Z", "amount": 3}' for _ in range(5)))
    await door.ask(SAVE, document=document(quantity={"path": "amount"}))
    monkeypatch.setattr("app.api.graphql.mending.MOST_REPLAYED", 3)
    done = [(await door.ask(REPLAY, input={})).data["replayRejects"] for _ in range(3)]
    assert [(each["inserted"], each["more"]) for each in done] == [(3, True), (2, False), (0, False)]


async def test_what_is_dropped_is_gone(door: Door, door_with: Any, meter: None) -> None:
    await sent(door, a_line(n="x"))
    writer = await door_with(Permission.USAGE_WRITE)
    assert (await writer.ask(DROP, ids=["rej_1_1"])).code == "TOKEN_SCOPE_DENIED"
    assert (await door.ask(DROP, ids=["rej_1_1"])).data["dropRejects"] == {"ids": ["rej_1_1"], "errors": []}
    assert (await door.ask(DROP, ids=["rej_1_1"])).data["dropRejects"]["ids"] == []
    [found] = (await door.ask(WHY, id="rej_1_1")).data["why"]
    assert (found["verdict"], found["told"]) == ("DROPPED", f"taken away for good; it came last on {AT}")


async def test_an_event_that_is_refused_over_graphql_is_kept_too(door: Door, store: Store, account: Account) -> None:
    record = """mutation ($input: UsageEventInput!) { recordUsageEvent(input: $input) { status rejectId errors { field } } }"""
    async with nothing_written(store, account):
        answer = await door.ask(
            record, input={"id": "u", "occurredAt": "2026-03-01T10:00:00Z", "quantity": "1", "currency": "eur"}
        )
    assert answer.data["recordUsageEvent"] == {"status": "REJECTED", "rejectId": "rej_1_1", "errors": [{"field": "currency"}]}
    [edge] = (await door.ask(REJECTS)).data["rejects"]["edges"]
    assert json.loads(edge["node"]["payload"]) == {
        "id": "u", "occurred_at": "2026-03-01T10:00:00.000000Z", "quantity": 1, "currency": "eur",
    }  # fmt: skip


async def test_others_are_answered_while_the_worst_that_a_format_may_do_is_done(
    door: Door, store: Store, account: Account
) -> None:
    """The most signs, texts and computed fields; the long way, with a clock, is `scripts/prove hostile-formats`."""
    heavy = " + ".join(["a"] * 17)
    names = ("message", "actor", "request_id", "transaction_id", "license_id", "order_id", "subscription_id", "unit")
    fields = {name: {"compute": f"part({heavy}, 'b', 9) == null ? null : 'x'"} for name in names}
    await door.ask(SAVE, document=document(**fields))
    lines = [json.dumps({"at": "2026-03-01T10:00:00Z", "n": 1, "a": "a" * 1_000}).encode() for _ in range(1_000)]
    sending = asyncio.create_task(sent(door, *lines))
    answered = 0
    while not sending.done():
        assert (await door.ask("{ viewer { scopes } }")).data["viewer"] == {"scopes": ["ADMIN"]}
        answered += 1
    assert (await sending)["inserted"] == 1_000
    assert answered > 3


async def test_bodies_made_to_hurt_are_refused_and_leave_nothing(door: Door, store: Store, account: Account) -> None:
    deep = b'{"at": ' + b'{"a": ' * 10_000 + b"1" + b"}" * 10_001
    long = b'{"id": "' + b"x" * 1_000_000 + b'"}'
    digits = b'{"quantity": ' + b"9" * 100_000 + b"}"
    async with nothing_written(store, account):
        data = await sent(door, deep, long, digits, query="")
        packed = await post(door, gzip.compress(b" " * 40_000_000), content_encoding="gzip")
    assert [each["reason"] for each in data["results"]] == [
        "is not JSON: is nested too deeply at column 1",
        "is larger than 131,072 bytes",
        "has a number that is far too long to be recorded",
    ]
    assert packed.json()["error"]["code"] == "PAYLOAD_TOO_LARGE"
    found = (await door.ask(REJECTS)).data["rejects"]["edges"]
    assert [len(each["node"]["payload"]) for each in reversed(found)] == [len(deep), 1_000, len(digits)]


async def test_what_a_format_does_not_map_becomes_columns_of_the_usage_ledgers_files(
    door: Door, store: Store, files: Files, admin: Principal, rules: Rules
) -> None:
    """Keys in order of first sight, and no column for what is mapped."""
    made = document() | {"fields": {"occurred_at": {"path": "at"}, "quantity": {"path": "n"}}, "additional": "rest"}
    await own_formats.save(store, admin, made, rules=rules)
    first_line = b'{"at": "2026-03-01T10:00:00Z", "n": 1, "zone": "eu", "price": 0.10}'
    await sent(door, first_line, b'{"at": "2026-03-01T11:00:00Z", "n": 2, "who": "x"}')
    frozen = await create(store, files, admin, "usage-ledger", "csv", {"order": ["asc"]}, rules=rules)
    assert frozen.file is not None
    text = b"".join([chunk async for chunk in files.read(frozen.file)]).decode()
    header, first, second = csv.reader(text.splitlines())
    columns = [each for each in header if each.startswith("additional_data")]
    assert columns == ["additional_data.price", "additional_data.zone", "additional_data.who"]
    assert [[row[header.index(each)] for each in columns] for row in (first, second)] == [["0.1", "eu", ""], ["", "", "x"]]
