"""The usage summary: totals per unit and currency, groups as a connection, buckets, orders, and one read for both."""

from __future__ import annotations

from typing import Any

import pytest

from app.domain.account import Principal
from app.ledger.commands import Rules, record
from app.ports import Store
from tests import conftest
from tests.contract.conftest import Door
from tests.events import at, usage

engine = conftest.engine
GROUPS = """
query ($first: Int, $after: String, $last: Int, $before: String, $orderBy: GroupOrderInput, $by: [GroupKey!]!) {
  usageSummary(groupBy: $by, orderBy: $orderBy) {
    groups(first: $first, after: $after, last: $last, before: $before) {
      totalCount
      edges { cursor node { customerId productId events quantity unit charge currency } }
      pageInfo { hasNextPage hasPreviousPage startCursor endCursor }
    }
  }
}
"""


@pytest.fixture
async def recorded(store: Store, admin: Principal, rules: Rules) -> None:
    """Usage of two customers in two units and two currencies; the third customer is known by a failed call alone."""
    items = [
        usage(customer_id="c1", quantity="1.5", unit="GB", charge="0.10", currency="EUR", occurred_at=at(-50)),
        usage(customer_id="c1", quantity="2", unit="call", charge="0.20", currency="USD", occurred_at=at(-26)),
        usage(customer_id="c1", quantity="0.000000000000000001", unit="call", occurred_at=at(-2)),
        usage(customer_id="c2", quantity="7", unit="call", charge="0.3", currency="EUR", occurred_at=at(-1)),
        usage(customer_id="c3", product_id=None, quantity="0", unit=None, status_code=503, occurred_at=at(-1)),
    ]
    await record(store, admin, items, rules=rules)


async def test_totals_never_mix_units_or_currencies(door: Door, recorded: None) -> None:
    query = """{ usageSummary { asOf dataThrough total {
        events quantity unit charge currency firstUse lastUse
        quantities { unit quantity events } charges { currency charge events }
    } } }"""
    assert (await door.ask(query)).data["usageSummary"] == {
        "asOf": 5,
        "dataThrough": "2026-04-01T12:00:00.000000Z",
        "total": {
            "events": 5,
            "quantity": None,
            "unit": None,
            "charge": None,
            "currency": None,
            "firstUse": "2026-03-30T10:00:00.000000Z",
            "lastUse": "2026-04-01T11:00:00.000000Z",
            "quantities": [
                {"unit": "GB", "quantity": "1.5", "events": 1},
                {"unit": "call", "quantity": "9.000000000000000001", "events": 3},
                {"unit": None, "quantity": "0", "events": 1},
            ],
            "charges": [
                {"currency": "EUR", "charge": "0.4", "events": 2},
                {"currency": "USD", "charge": "0.2", "events": 1},
            ],
        },
    }


async def test_groups_stand_in_the_order_of_their_keys_with_nulls_last(door: Door, recorded: None) -> None:
    groups = (await door.ask(GROUPS, by=[{"dimension": "PRODUCT"}, {"dimension": "CUSTOMER"}])).data["usageSummary"]["groups"]
    assert groups["totalCount"] == 3
    assert [(each["node"]["productId"], each["node"]["customerId"], each["node"]["events"]) for each in groups["edges"]] == [
        ("api", "c1", 3),
        ("api", "c2", 1),
        (None, "c3", 1),
    ]
    assert groups["edges"][1]["node"] == {
        "customerId": "c2",
        "productId": "api",
        "events": 1,
        "quantity": "7",
        "unit": "call",
        "charge": "0.3",
        "currency": "EUR",
    }


@pytest.mark.parametrize(
    ("order_by", "expected"),
    [
        ({}, ["c1", "c2", "c3"]),
        ({"direction": "DESCENDING"}, ["c3", "c2", "c1"]),
        ({"measure": "EVENTS", "direction": "DESCENDING"}, ["c1", "c2", "c3"]),
        ({"measure": "QUANTITY", "unit": "call"}, ["c1", "c2", "c3"]),
        ({"measure": "QUANTITY", "unit": "call", "direction": "DESCENDING"}, ["c2", "c1", "c3"]),
        ({"measure": "CHARGE", "currency": "EUR", "direction": "DESCENDING"}, ["c2", "c1", "c3"]),
        ({"measure": "LAST_USE"}, ["c1", "c2", "c3"]),
    ],
)
async def test_groups_are_walked_in_both_directions_in_every_order(
    order_by: dict[str, Any], expected: list[str], door: Door, recorded: None
) -> None:
    for size in (1, 2, 3, 4):
        forward: list[str] = []
        after = None
        while True:
            asked = {"by": [{"dimension": "CUSTOMER"}], "orderBy": order_by, "first": size, "after": after}
            groups = (await door.ask(GROUPS, **asked)).data["usageSummary"]["groups"]
            forward += [each["node"]["customerId"] for each in groups["edges"]]
            assert groups["pageInfo"]["hasNextPage"] is (len(forward) < 3)
            if not groups["pageInfo"]["hasNextPage"]:
                break
            after = groups["pageInfo"]["endCursor"]
        assert forward == expected
        backward: list[str] = []
        before = None
        while True:
            asked = {"by": [{"dimension": "CUSTOMER"}], "orderBy": order_by, "last": size, "before": before}
            groups = (await door.ask(GROUPS, **asked)).data["usageSummary"]["groups"]
            backward = [each["node"]["customerId"] for each in groups["edges"]] + backward
            assert groups["pageInfo"]["hasPreviousPage"] is (len(backward) < 3)
            if not groups["pageInfo"]["hasPreviousPage"]:
                break
            before = groups["pageInfo"]["startCursor"]
        assert backward == expected


async def test_buckets_follow_the_calendar_of_their_zone(door: Door, recorded: None) -> None:
    query = """query ($fill: Boolean!) {
      usageSummary(
        filters: { from: "2026-03-28T23:00:00Z", to: "2026-03-30T22:00:00Z" }
        bucket: { granularity: DAY, timeZone: "Europe/Berlin", fill: $fill }
      ) { groups { edges { node { bucketStart bucketEnd events } } } }
    }"""
    used = {"bucketStart": "2026-03-29T22:00:00.000000Z", "bucketEnd": "2026-03-30T22:00:00.000000Z", "events": 1}
    # Clocks went forward on the 29th: that day had 23 hours.
    short = {"bucketStart": "2026-03-28T23:00:00.000000Z", "bucketEnd": "2026-03-29T22:00:00.000000Z", "events": 0}

    async def buckets(fill: bool) -> list[Any]:
        groups = (await door.ask(query, fill=fill)).data["usageSummary"]["groups"]
        return [each["node"] for each in groups["edges"]]

    assert await buckets(False) == [used]
    assert await buckets(True) == [short, used]


@pytest.mark.parametrize(
    ("arguments", "field", "message"),
    [
        ("groupBy: [{ dimension: PRODUCT }, { dimension: PRODUCT }]", "groupBy", "groupBy names a key twice"),
        ('bucket: { granularity: HOUR }, filters: { from: "1970-01-01T00:00:00Z" }', "bucket", None),
        ("asOf: { sequence: 6 }", "asOf", "asOf is not in the ledger, which has the sequences 1 to 5"),
    ],
)
async def test_what_cannot_be_asked_names_the_field(
    arguments: str, field: str, message: str | None, door: Door, recorded: None
) -> None:
    answer = await door.ask(f"{{ usageSummary({arguments}) {{ groups {{ totalCount }} }} }}")
    assert (answer.code, answer.error["extensions"]["field"]) == ("INVALID_QUERY", field)
    assert message is None or answer.error["message"] == message


async def test_totals_and_groups_come_from_one_read(door: Door, recorded: None, store: Store, monkeypatch: Any) -> None:
    asked: list[Any] = []
    groups = store.groups

    async def noting(question: Any) -> Any:
        asked.append(question)
        return await groups(question)

    monkeypatch.setattr(store, "groups", noting)
    data = (
        await door.ask(
            "{ usageSummary(groupBy: [{ dimension: CUSTOMER }]) { total { events } groups(first: 1) { totalCount } } }"
        )
    ).data
    assert data == {"usageSummary": {"total": {"events": 5}, "groups": {"totalCount": 3}}}
    assert len(asked) == 1

    asked.clear()
    assert (await door.ask("{ usageSummary(groupBy: [{ dimension: CUSTOMER }]) { total { events } } }")).data["usageSummary"][
        "total"
    ] == {"events": 5}
    assert [each.by for each in asked] == [()]  # nobody asked for groups, so none are made


async def test_nothing_recorded_is_a_total_of_nothing(door: Door) -> None:
    query = """{ usageSummary(bucket: { granularity: DAY, fill: true }) {
      asOf dataThrough total { events quantity quantities { unit } charges { currency } firstUse }
      groups { totalCount edges { cursor } }
    } }"""
    assert (await door.ask(query)).data["usageSummary"] == {
        "asOf": 0,
        "dataThrough": None,
        "total": {"events": 0, "quantity": None, "quantities": [], "charges": [], "firstUse": None},
        "groups": {"totalCount": 0, "edges": []},
    }


async def test_a_summary_tells_where_its_totals_were_found(door: Door, engine: str, recorded: None) -> None:
    query = """query ($by: [GroupKey!]) {
      usageSummary(groupBy: $by, filters: { from: "2026-03-30T00:00:00Z", to: "2026-04-01T12:00:00Z" }) {
        total { events } source { source reason days parts newerEntries lookedUp }
      }
    }"""
    found = (await door.ask(query, by=[{"dimension": "CUSTOMER"}])).data["usageSummary"]
    kept = {
        "source": "customer_days",
        "reason": "the smallest that has customer_id",
        "days": 2,
        "parts": 1,
        "newerEntries": 0,
        "lookedUp": 0,
    }
    assert found == {"total": {"events": 5}, "source": None if engine == "memory" else kept}
    found = (await door.ask(query, by=[{"dimension": "LICENSE"}])).data["usageSummary"]
    word = "no rollup has license_id in one place; name a license, an order, a subscription or a customer"
    kept = {"source": "ledger", "reason": word, "days": None, "parts": 0, "newerEntries": 0, "lookedUp": 0}
    assert found == {"total": {"events": 5}, "source": None if engine == "memory" else kept}
