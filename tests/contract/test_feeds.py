"""The two feeds as Relay connections: walks in both directions, filters, asOf, and totals that are counted only on demand."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from app.domain.account import Account, Principal
from app.domain.entry import EntryKind
from app.domain.errors import Unavailable
from app.ledger.commands import Rules, amend, record
from app.ports import Look, Store
from app.question.rows import Rows
from app.question.scope import NEWEST, Scope
from tests import conftest
from tests.conftest import Clock
from tests.contract.conftest import Door
from tests.events import START, activity, usage

engine = conftest.engine
PAGE = """
query ($first: Int, $after: String, $last: Int, $before: String, $order: FeedOrder! = NEWEST_FIRST,
       $filters: UsageFilters, $asOf: AsOfInput) {
  usageLedger(first: $first, after: $after, last: $last, before: $before, order: $order, filters: $filters, asOf: $asOf) {
    edges { cursor node { sequence } }
    pageInfo { hasNextPage hasPreviousPage startCursor endCursor }
  }
}
"""
COUNT = """
query ($filters: UsageFilters, $asOf: AsOfInput) {
  usageLedger(filters: $filters, asOf: $asOf) { totalCount asOf dataThrough edges { node { sequence } } }
}
"""


@pytest.fixture
async def eleven(store: Store, account: Account, admin: Principal, rules: Rules) -> list[int]:
    """Eleven usage events, sequences 1 to 11, with an activity after them."""
    items = [usage(id=f"e{number}", customer_id=f"c{number % 3}") for number in range(1, 12)]
    await record(store, admin, items, rules=rules)
    await record(store, admin, [activity(id="a1")], rules=rules, kind=EntryKind.ACTIVITY)
    return list(range(1, 12))


def sequences(page: dict[str, Any]) -> list[int]:
    return [each["node"]["sequence"] for each in page["edges"]]


SIZES = (1, 2, 3, 5, 10, 11, 12, 200)


@pytest.mark.parametrize("order", ["NEWEST_FIRST", "OLDEST_FIRST"])
async def test_a_walk_forward_meets_every_row_once(order: str, door: Door, eleven: list[int]) -> None:
    expected = eleven if order == "OLDEST_FIRST" else eleven[::-1]
    for size in SIZES:
        assert await walk_forward(door, size, order, len(expected)) == expected


async def walk_forward(door: Door, size: int, order: str, rows: int) -> list[int]:
    met: list[int] = []
    after = None
    while True:
        page = (await door.ask(PAGE, first=size, after=after, order=order)).data["usageLedger"]
        info = page["pageInfo"]
        assert info["hasPreviousPage"] is (after is not None)
        assert (info["startCursor"], info["endCursor"]) == (page["edges"][0]["cursor"], page["edges"][-1]["cursor"])
        met += sequences(page)
        assert info["hasNextPage"] is (len(met) < rows)
        if not info["hasNextPage"]:
            return met
        after = info["endCursor"]


@pytest.mark.parametrize("order", ["NEWEST_FIRST", "OLDEST_FIRST"])
async def test_a_walk_backward_meets_every_row_once(order: str, door: Door, eleven: list[int]) -> None:
    expected = eleven if order == "OLDEST_FIRST" else eleven[::-1]
    for size in SIZES:
        assert await walk_backward(door, size, order, len(expected)) == expected


async def walk_backward(door: Door, size: int, order: str, rows: int) -> list[int]:
    met: list[int] = []
    before = None
    while True:
        page = (await door.ask(PAGE, last=size, before=before, order=order)).data["usageLedger"]
        info = page["pageInfo"]
        assert info["hasNextPage"] is (before is not None)
        met = sequences(page) + met
        assert info["hasPreviousPage"] is (len(met) < rows)
        if not info["hasPreviousPage"]:
            return met
        before = info["startCursor"]


async def test_both_cursors_bound_a_page(door: Door, eleven: list[int]) -> None:
    edges = (await door.ask(PAGE)).data["usageLedger"]["edges"]
    cursor = {each["node"]["sequence"]: each["cursor"] for each in edges}
    between = {"after": cursor[10], "before": cursor[3]}
    assert sequences((await door.ask(PAGE, first=3, **between)).data["usageLedger"]) == [9, 8, 7]
    assert sequences((await door.ask(PAGE, last=3, **between)).data["usageLedger"]) == [6, 5, 4]
    assert sequences((await door.ask(PAGE, first=20, **between)).data["usageLedger"]) == [9, 8, 7, 6, 5, 4]


async def test_a_page_size_may_change_along_a_walk_and_nothing_else(door: Door, eleven: list[int]) -> None:
    page = (await door.ask(PAGE, first=2)).data["usageLedger"]
    after = page["pageInfo"]["endCursor"]
    assert sequences((await door.ask(PAGE, first=3, after=after)).data["usageLedger"]) == [9, 8, 7]
    for other in ({"order": "OLDEST_FIRST"}, {"filters": {"customerId": "c1"}}, {"asOf": {"sequence": 11}}):
        answer = await door.ask(PAGE, first=2, after=after, **other)
        assert (answer.code, answer.error["extensions"]["field"]) == ("INVALID_QUERY", "after")


async def test_a_walk_is_not_disturbed_by_what_is_recorded_meanwhile(
    door: Door, eleven: list[int], store: Store, admin: Principal, rules: Rules
) -> None:
    first = (await door.ask(PAGE, first=6)).data["usageLedger"]
    await record(store, admin, [usage(id="late")], rules=rules)
    rest = (await door.ask(PAGE, first=20, after=first["pageInfo"]["endCursor"])).data["usageLedger"]
    assert sequences(first) + sequences(rest) == eleven[::-1]


async def test_nothing_is_a_page_too(door: Door, eleven: list[int]) -> None:
    page = (await door.ask(PAGE, first=0)).data["usageLedger"]
    assert page["edges"] == []
    assert page["pageInfo"] == {"hasNextPage": True, "hasPreviousPage": False, "startCursor": None, "endCursor": None}


@pytest.mark.parametrize(
    ("asked", "field", "message"),
    [
        ({"first": -1}, "first", "first must be from 0 to 200"),
        ({"first": 201}, "first", "first must be from 0 to 200"),
        ({"last": 201}, "last", "last must be from 0 to 200"),
        ({"first": 1, "last": 1}, "last", "last cannot be combined with first"),
        ({"after": "nonsense"}, "after", "after is not a cursor of this version of the gateway"),
        ({"before": "Größe"}, "before", "before is not a cursor of this gateway"),
        ({"filters": {"productId": []}}, "productId", "productId names no value; leave it out to ask for all"),
        ({"filters": {"featureCode": [""]}}, "featureCode", "featureCode must have 1 to 256 characters"),
        ({"filters": {"from": "2026-04-02T00:00:00Z", "to": "2026-04-02T00:00:00Z"}}, "from", "from must be before `to`"),
        ({"filters": {"statusCode": [99]}}, "statusCode", "statusCode must be a whole number from 100 to 599"),
        ({"asOf": {"sequence": 13}}, "asOf", "asOf is not in the ledger, which has the sequences 1 to 12"),
        ({"asOf": {"recordedAt": "2126-01-01T00:00:00Z"}}, "asOf", "asOf lies in the future"),
    ],
)
async def test_what_cannot_be_asked_names_the_field(
    asked: dict[str, Any], field: str, message: str, door: Door, eleven: list[int]
) -> None:
    answer = await door.ask(PAGE, **asked)
    assert (answer.status, answer.code, answer.body["data"]) == (200, "INVALID_QUERY", None)
    assert (answer.error["extensions"]["field"], answer.error["message"]) == (field, message)
    assert answer.error["path"] == ["usageLedger"]


async def test_filters_take_one_value_or_several_and_all_of_them_must_hold(door: Door, eleven: list[int]) -> None:
    async def found(**filters: Any) -> list[int]:
        return sequences((await door.ask(PAGE, filters=filters, order="OLDEST_FIRST")).data["usageLedger"])

    assert await found(customerId="c1") == [1, 4, 7, 10]
    assert await found(customerId=["c1", "c2"]) == [1, 2, 4, 5, 7, 8, 10, 11]
    assert await found(customerId=["c1", "nobody"], productId="api") == [1, 4, 7, 10]
    assert await found(customerId=["c1"], productId="other") == []
    assert await found(customerId=None, productId=None) == eleven
    assert await found(**{"from": "2026-04-01T13:00:00+02:00", "to": "2026-04-01T11:00:00.000001Z"}) == eleven
    assert await found(to="2026-04-01T11:00:00Z") == []


async def test_activities_tell_every_kind_and_the_usage_ledger_usage_alone(door: Door, eleven: list[int]) -> None:
    data = (
        await door.ask(
            "{ activities(first: 2) { totalCount edges { node { sequence kind action } } } usageLedger { totalCount } }"
        )
    ).data
    assert data == {
        "activities": {
            "totalCount": 12,
            "edges": [
                {"node": {"sequence": 12, "kind": "ACTIVITY", "action": "license.issued"}},
                {"node": {"sequence": 11, "kind": "USAGE", "action": "usage.consumed"}},
            ],
        },
        "usageLedger": {"totalCount": 11},
    }


async def test_the_past_is_told_as_it_was_known(door: Door, store: Store, admin: Principal, rules: Rules, clock: Clock) -> None:
    await record(store, admin, [usage(id="e1", quantity="1")], rules=rules)
    clock.advance(hours=1)
    await amend(store, admin, "evt_1_1", {"quantity": "5"}, rules=rules, reason="metered twice")

    before = (await door.ask(COUNT, asOf={"sequence": 1})).data["usageLedger"]
    assert before == {
        "totalCount": 1,
        "asOf": 1,
        "dataThrough": "2026-04-01T12:00:00.000000Z",
        "edges": [{"node": {"sequence": 1}}],
    }
    assert (await door.ask(COUNT, asOf={"recordedAt": "2026-04-01T14:59:59.999999+02:00"})).data["usageLedger"] == before
    after = (await door.ask(COUNT, asOf={"recordedAt": "2026-04-01T13:00:00Z"})).data["usageLedger"]
    assert (after["totalCount"], after["asOf"], after["dataThrough"]) == (3, 3, "2026-04-01T13:00:00.000000Z")
    assert (await door.ask(COUNT)).data["usageLedger"] == after
    empty = (await door.ask(COUNT, asOf={"sequence": 0})).data["usageLedger"]
    assert empty == {"totalCount": 0, "asOf": 0, "dataThrough": None, "edges": []}


async def test_a_point_is_named_in_one_way(door: Door, eleven: list[int]) -> None:
    both = {"sequence": 1, "recordedAt": "2026-04-01T13:00:00Z"}
    for wrong in (both, {}, {"sequence": None}):
        assert (await door.ask(COUNT, asOf=wrong)).code == "INVALID_QUERY"


async def test_rows_are_counted_only_when_it_is_asked(door: Door, eleven: list[int], store: Store, monkeypatch: Any) -> None:
    counted: list[Any] = []
    count = store.count

    async def noting(question: Any) -> int:
        counted.append(question)
        return await count(question)

    monkeypatch.setattr(store, "count", noting)
    await door.ask("{ usageLedger { edges { cursor } } }")
    assert counted == []
    assert (await door.ask("{ usageLedger { totalCount } }")).data == {"usageLedger": {"totalCount": 11}}
    assert len(counted) == 1


async def test_a_count_that_fails_takes_nothing_else_with_it(
    door: Door, eleven: list[int], store: Store, monkeypatch: Any
) -> None:
    async def busy(_question: Any) -> int:
        raise Unavailable("the store is busy")

    monkeypatch.setattr(store, "count", busy)
    answer = await door.ask("{ usageLedger(first: 1) { totalCount asOf } }")
    assert (answer.code, answer.error["path"]) == ("UNAVAILABLE", ["usageLedger", "totalCount"])
    assert answer.body["data"] == {"usageLedger": {"totalCount": None, "asOf": 12}}


async def test_all_of_one_operation_is_told_as_of_one_point(
    door: Door, eleven: list[int], store: Store, monkeypatch: Any
) -> None:
    asked: list[int] = []
    head = store.head

    async def noting(account_id: int) -> Any:
        asked.append(account_id)
        return await head(account_id)

    monkeypatch.setattr(store, "head", noting)
    data = (await door.ask("{ activities { asOf } usageLedger { asOf } usageSummary { asOf } }")).data
    assert [each["asOf"] for each in data.values()] == [12, 12, 12]
    assert asked == [1]


async def test_a_page_and_the_ledgers_end_that_were_seen_at_once_are_told_with_all_else_as_of_it(
    door: Door, eleven: list[int], store: Store, monkeypatch: Any
) -> None:
    asked: list[Rows] = []

    async def look(question: Rows) -> Look:
        asked.append(question)
        scope = Scope(question.scope.account_id, 9)
        return Look(9, START, await store.rows(replace(question, scope=scope)))

    monkeypatch.setattr(store, "look", look)
    page = "{ asOf dataThrough edges { node { sequence } } }"
    data = (await door.ask(f"{{ usageLedger(first: 1) {page} usageSummary {{ asOf }} activities(first: 1) {page} }}")).data
    assert len(asked) == 1
    assert asked[0].scope == Scope(1, NEWEST)
    told = {"asOf": 9, "dataThrough": "2026-04-01T12:00:00.000000Z", "edges": [{"node": {"sequence": 9}}]}
    assert data == {"usageLedger": told, "activities": told, "usageSummary": {"asOf": 9}}
    frozen = (await door.ask(f"{{ usageLedger(first: 1, asOf: {{sequence: 9}}) {page} }}")).data
    assert frozen == {"usageLedger": told}
    assert asked[1].scope == Scope(1, 9)


async def test_what_is_wrong_with_the_rows_of_one_field_is_not_told_of_the_others(
    door: Door, eleven: list[int], store: Store, monkeypatch: Any
) -> None:
    async def busy(*_given: Any) -> Any:
        raise Unavailable("the store took too long")

    monkeypatch.setattr(store, "look", busy)
    monkeypatch.setattr(store, "rows", busy)
    answer = await door.ask("{ usageLedger { asOf } usageSummary { asOf } }")
    assert [(each["extensions"]["code"], each["path"]) for each in answer.body["errors"]] == [("UNAVAILABLE", ["usageLedger"])]


async def test_an_entry_tells_every_column(door: Door, store: Store, admin: Principal, rules: Rules) -> None:
    said = usage(
        id="e1",
        source="meter",
        license_id="l1",
        order_id="o1",
        subscription_id="s1",
        feature_code="lookup",
        quantity="1.50",
        charge="0.000000000000000001",
        currency="EUR",
        request_id="r1",
        status_code=404,
        transaction_id="t1",
        message="No match.",
        actor="Ada",
        additional_data={"region": "eu", "n": 1},
    )
    await record(store, admin, [said], rules=rules)
    names = "id sequence eventRef version kind action source occurredAt recordedAt productId customerId licenseId orderId"
    names += " subscriptionId featureCode quantity unit charge currency requestId resultClass statusCode transactionId senderId"
    names += " message actor reason name correction corrects additionalData record erased __typename"
    assert (await door.ask(f"{{ activities {{ edges {{ node {{ {names} }} }} }} }}")).data["activities"]["edges"] == [
        {
            "node": {
                "id": "act_1_1",
                "sequence": 1,
                "eventRef": "evt_1_1",
                "version": 1,
                "kind": "USAGE",
                "action": "usage.consumed",
                "source": "meter",
                "occurredAt": "2026-04-01T11:00:00.000000Z",
                "recordedAt": "2026-04-01T12:00:00.000000Z",
                "productId": "api",
                "customerId": "c1",
                "licenseId": "l1",
                "orderId": "o1",
                "subscriptionId": "s1",
                "featureCode": "lookup",
                "quantity": "1.5",
                "unit": "call",
                "charge": "0.000000000000000001",
                "currency": "EUR",
                "requestId": "r1",
                "resultClass": "client_error",
                "statusCode": 404,
                "transactionId": "t1",
                "senderId": "e1",
                "message": "No match.",
                "actor": "Ada",
                "reason": None,
                "name": None,
                "correction": None,
                "corrects": None,
                "additionalData": {"n": 1, "region": "eu"},
                "record": None,
                "erased": [],
                "__typename": "Entry",
            }
        }
    ]
