"""The usage summary: totals per unit and currency, groups as a connection, buckets, orders, and one read for both."""

from __future__ import annotations

from typing import Any

import pytest

from app.domain.account import Principal
from app.ledger.commands import Rules, record
from app.ports import Store
from tests import conftest
from tests.conftest import Clock
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


@pytest.fixture
async def regions(store: Store, admin: Principal, rules: Rules) -> None:
    """Usage in regions that senders name in additional data, on two days; one customer is of the first day alone."""
    items = [
        usage(customer_id="c1", quantity="4", additional_data={"region": "eu", "tier": 1}, occurred_at=at(-30)),
        usage(customer_id="c2", quantity="1", additional_data={"region": "eu"}, occurred_at=at(-30)),
        usage(customer_id="c1", quantity="2.5", additional_data={"region": "us"}, occurred_at=at(-3)),
        usage(customer_id="c1", quantity="8", additional_data={"region": "eu"}, occurred_at=at(-2)),
        usage(customer_id="c3", quantity="3", unit="GB", occurred_at=at(-1)),
    ]
    await record(store, admin, items, rules=rules)


async def test_keys_of_additional_data_are_grouped_by_like_dimensions(door: Door, regions: None) -> None:
    query = """{ usageSummary(
        groupBy: [{ data: "region" }, { dimension: CUSTOMER }], orderBy: { key: { dimension: CUSTOMER }, direction: DESCENDING }
    ) { groups { edges { node { additionalData customerId events productId } } } } }"""
    groups = (await door.ask(query)).data["usageSummary"]["groups"]["edges"]
    assert [(each["node"]["customerId"], each["node"]["additionalData"], each["node"]["events"]) for each in groups] == [
        ("c3", {"region": None}, 1),
        ("c2", {"region": "eu"}, 1),
        ("c1", {"region": "us"}, 1),
        ("c1", {"region": "eu"}, 2),
    ]


async def test_numbers_that_are_no_sums_are_told_of_groups_of_the_total_and_of_the_rest(door: Door, regions: None) -> None:
    query = """query ($half: Decimal!) { usageSummary(
        groupBy: { data: "region" }, orderBy: { measure: EVENTS, direction: DESCENDING }, top: 1
    ) {
      groups { edges { node { ...Told additionalData } } }
      total { ...Total }
      other { events distinctCustomers quantities { unit minimum p: percentile(percent: 100) } }
    } }
    fragment Told on UsageGroup { distinctCustomers quantities { average minimum maximum half: percentile(percent: $half) } }
    fragment Total on UsageTotal { distinctCustomers quantities { unit average percentile(percent: 99.9) } }
    """
    told = (await door.ask(query, half="50")).data["usageSummary"]
    assert [each["node"] for each in told["groups"]["edges"]] == [
        {
            "additionalData": {"region": "eu"},
            "distinctCustomers": 2,
            "quantities": [{"average": "4.333333333333333333", "minimum": "1", "maximum": "8", "half": "4"}],
        }
    ]
    assert told["total"] == {
        "distinctCustomers": 3,
        "quantities": [
            {"unit": "GB", "average": "3", "percentile": "3"},
            {"unit": "call", "average": "3.875", "percentile": "8"},
        ],
    }
    assert told["other"] == {
        "events": 2,
        "distinctCustomers": 2,
        "quantities": [{"unit": "GB", "minimum": "3", "p": "3"}, {"unit": "call", "minimum": "2.5", "p": "2.5"}],
    }


async def test_what_nobody_asks_for_is_not_counted(door: Door, regions: None, store: Store, monkeypatch: Any) -> None:
    asked: list[Any] = []
    groups = store.groups

    async def noting(question: Any) -> Any:
        asked.append(question)
        return await groups(question)

    monkeypatch.setattr(store, "groups", noting)
    fields = "groups { edges { node { events quantities { quantity average } } } }"
    await door.ask(f"{{ usageSummary(groupBy: {{ dimension: CUSTOMER }}) {{ {fields} }} }}")
    assert [bool(each.wanted) for each in asked] == [False]


@pytest.mark.parametrize(
    ("having", "expected"),
    [
        ("{ measure: EVENTS, atLeast: 2 }", ["c1"]),
        ("[{ measure: EVENTS, below: 2 }, { measure: QUANTITY, above: 2 }]", ["c3"]),
        ('{ measure: QUANTITY, unit: "call", atMost: "14.5", above: 1 }', ["c1"]),
        ("{ measure: QUANTITY_AVERAGE, equals: 3 }", ["c3"]),
        ("{ measure: QUANTITY_PERCENTILE, percentile: 100, atLeast: 8 }", ["c1"]),
        ("{ measure: CUSTOMERS, equals: 1 }", ["c1", "c2", "c3"]),
        ('{ measure: LAST_USE, from: "2026-04-01T09:00:00Z", to: "2026-04-01T11:00:00Z" }', ["c1"]),
        ("{ measure: CHARGE, atLeast: 0 }", []),  # there is no charge: nothing to compare
    ],
)
async def test_groups_are_chosen_by_what_they_add_up_to(having: str, expected: list[str], door: Door, regions: None) -> None:
    query = f"""{{ usageSummary(groupBy: {{ dimension: CUSTOMER }}, having: {having}) {{
        total {{ events }} groups {{ totalCount edges {{ node {{ customerId }} }} }} }} }}"""
    told = (await door.ask(query)).data["usageSummary"]
    assert [each["node"]["customerId"] for each in told["groups"]["edges"]] == expected
    assert (told["groups"]["totalCount"], told["total"]["events"]) == (len(expected), 5)


async def test_groups_are_compared_with_the_period_before_also_those_that_were_only_there_then(door: Door, regions: None) -> None:
    query = """{ usageSummary(
        filters: { from: "2026-04-01T00:00:00Z", to: "2026-04-02T00:00:00Z" }
        groupBy: { dimension: CUSTOMER }, compareWith: { previous: true }
    ) {
      total { events previous { periodStart periodEnd events } change { events distinctCustomers } distinctCustomers }
      groups { edges { node {
        customerId events
        previous { events quantity entries { edges { node { quantity } } } }
        change { events quantities { unit quantity events } }
      } } }
    } }"""
    told = (await door.ask(query)).data["usageSummary"]
    assert told["total"] == {
        "events": 3,
        "previous": {"periodStart": "2026-03-31T00:00:00.000000Z", "periodEnd": "2026-04-01T00:00:00.000000Z", "events": 2},
        "change": {"events": 1, "distinctCustomers": 0},
        "distinctCustomers": 2,
    }
    rows = {each["node"]["customerId"]: each["node"] for each in told["groups"]["edges"]}
    assert rows["c1"]["previous"] == {"events": 1, "quantity": "4", "entries": {"edges": [{"node": {"quantity": "4"}}]}}
    assert rows["c1"]["change"] == {"events": 1, "quantities": [{"unit": "call", "quantity": "6.5", "events": 1}]}
    assert rows["c2"] == {
        "customerId": "c2",
        "events": 0,
        "previous": {"events": 1, "quantity": "1", "entries": {"edges": [{"node": {"quantity": "1"}}]}},
        "change": {"events": -1, "quantities": [{"unit": "call", "quantity": "-1", "events": -1}]},
    }
    assert rows["c3"]["previous"] == {"events": 0, "quantity": None, "entries": {"edges": []}}


async def test_numbers_open_into_the_entries_that_add_up_to_them_also_the_rest(door: Door, regions: None) -> None:
    entries = "entries(order: OLDEST_FIRST) { totalCount edges { node { sequence } } }"
    query = f"""{{ usageSummary(
        groupBy: {{ data: "region" }}, bucket: {{ granularity: DAY }}, top: 2
        orderBy: {{ measure: QUANTITY, direction: DESCENDING }}
    ) {{ groups {{ edges {{ node {{ {entries} }} }} }} total {{ {entries} }} other {{ events {entries} }} }} }}"""
    told = (await door.ask(query)).data["usageSummary"]

    def sequences(of: dict[str, Any]) -> list[int]:
        assert of["entries"]["totalCount"] == len(of["entries"]["edges"])
        return [each["node"]["sequence"] for each in of["entries"]["edges"]]

    assert [sequences(each["node"]) for each in told["groups"]["edges"]] == [[4], [1, 2]]
    assert sequences(told["total"]) == [1, 2, 3, 4, 5]
    assert (told["other"]["events"], sequences(told["other"])) == (2, [3, 5])


async def test_an_answer_says_how_complete_it_is(
    door: Door, regions: None, store: Store, admin: Principal, rules: Rules, clock: Clock
) -> None:
    clock.advance(days=2)
    await record(store, admin, [usage(occurred_at=at(-3)), usage(occurred_at=at(13))], rules=rules)
    query = """query ($asOf: AsOfInput) { usageSummary(
        asOf: $asOf, filters: { customerId: ["c1", "nobody"], featureCode: "teleport", to: "2026-04-02T00:00:00Z" }
    ) { total { events } completeness {
        sequence recordedAt lateArrivals { afterPeriod sinceAsOf } rejectsWaiting unknown { filter value }
    } } }"""
    told = (await door.ask(query)).data["usageSummary"]
    assert told["completeness"] == {
        "sequence": 7,
        "recordedAt": "2026-04-03T12:00:00.000000Z",
        "lateArrivals": {"afterPeriod": 0, "sinceAsOf": 0},
        "rejectsWaiting": 0,
        "unknown": [{"filter": "customerId", "value": "nobody"}, {"filter": "featureCode", "value": "teleport"}],
    }
    late = """query ($asOf: AsOfInput) { usageLedger(
        asOf: $asOf, filters: { customerId: ["c1"], to: "2026-04-02T00:00:00Z" }
    ) { completeness { sequence lateArrivals { afterPeriod sinceAsOf } unknown { value } } } }"""
    now = (await door.ask(late)).data["usageLedger"]["completeness"]
    assert now == {"sequence": 7, "lateArrivals": {"afterPeriod": 1, "sinceAsOf": 0}, "unknown": []}
    then = (await door.ask(late, asOf={"sequence": 5})).data["usageLedger"]["completeness"]
    assert then == {"sequence": 5, "lateArrivals": {"afterPeriod": 0, "sinceAsOf": 1}, "unknown": []}


@pytest.mark.parametrize(
    ("arguments", "field", "message"),
    [
        ('groupBy: { data: "" }', "data", "data must have 1 to 256 characters"),
        ("top: 0", "top", "top must be from 1 to 100"),
        ("orderBy: { key: { dimension: PRODUCT } }", "orderBy", "orderBy names a key that is not grouped by"),
        ("having: { measure: EVENTS }", "having", "having names no bound; which groups are to be told?"),
        ("having: { measure: LAST_USE, above: 1 }", "having", "having must compare last_use with an instant"),
        ("having: { measure: KEY, above: 1 }", "having", "having is about what groups add up to; keys are chosen by filters"),
        (
            "compareWith: { previous: true }",
            "compareWith",
            "compareWith needs both ends of the period: which one lies before it?",
        ),
        ("compareWith: { previous: false }", "compareWith", "compareWith must be true, or be left out"),
        (
            'filters: { from: "2026-03-01T00:00:00Z", to: "2026-04-01T00:00:00Z" }, bucket: { granularity: DAY },'
            ' compareWith: { period: { from: "2026-02-01T00:00:00Z", to: "2026-03-01T00:00:00Z" } }',
            "compareWith",
            "compareWith is cut into 28 buckets and the period into 31; name one that is cut alike",
        ),
    ],
)
async def test_a_grouping_that_cannot_be_is_refused_by_name(
    arguments: str, field: str, message: str, door: Door, regions: None
) -> None:
    answer = await door.ask(f"{{ usageSummary({arguments}) {{ groups {{ totalCount }} }} }}")
    assert (answer.error["message"], answer.error["extensions"]["field"]) == (message, field)
    wrong = "{ usageSummary { total { quantities { percentile(percent: 100.5) } } } }"
    assert (await door.ask(wrong)).code == "INVALID_QUERY"
