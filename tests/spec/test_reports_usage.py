"""The usage summary, the usage ledger and the activity feed: what their rows say, how they page, and that they agree."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from app.domain.account import Account, Permission, Principal
from app.domain.catalogue import RecordKind
from app.domain.entry import EntryKind
from app.domain.errors import InvalidQuery, ScopeDenied
from app.domain.period import Granularity
from app.ledger.catalogue import upsert
from app.ledger.commands import Rules, amend, record, retract
from app.ledger.erasure import erase
from app.ports import Store
from app.question import cursor
from app.question.filters import Filters
from app.question.groups import Dimension, GroupOrder, Measure
from app.reports import activities, feed, grouping, usage_ledger
from app.reports.answer import open_ledger
from app.reports.feed import FeedQuestion
from app.reports.grouping import SummaryQuestion
from app.reports.report import PageRequest
from tests.asking import told
from tests.conftest import Clock
from tests.events import START, activity, at, usage


def some(count: int) -> list[dict[str, Any]]:
    """So many events of customers c0 to c3 in turn, one in each hour before the clock's start."""
    return [usage(customer_id=f"c{number % 4}", occurred_at=at(-number), quantity=str(number)) for number in range(count)]


async def test_a_summary_tells_totals_and_groups_by_unit_and_currency(
    store: Store, account: Account, admin: Principal, rules: Rules
) -> None:
    await record(
        store,
        admin,
        [
            usage(quantity="1.5", charge="2", currency="EUR", occurred_at=at(-3)),
            usage(quantity="2", unit="GB", charge="1", currency="USD", occurred_at=at(-2)),
            usage(customer_id="c2", quantity="0.25", unit=None),
        ],
        rules=rules,
    )
    sections = await told(store, admin, "usage_summary", group_by="customer_id", order="desc", order_by="events")

    nothing = {"bucket_start": None, "bucket_end": None, "product_id": None, "license_id": None, "order_id": None}
    nothing |= {"subscription_id": None, "feature_code": None, "additional_data": None}
    used = {"first_use": "2026-04-01T09:00:00.000000Z", "last_use": "2026-04-01T11:00:00.000000Z"}
    mixed = {"quantity": None, "unit": None, "charge": None, "currency": None}
    assert sections == {
        "total": [{"events": 3, **mixed, **used}],
        "total_quantities": [
            {"unit": "GB", "quantity": "2", "events": 1},
            {"unit": "call", "quantity": "1.5", "events": 1},
            {"unit": None, "quantity": "0.25", "events": 1},
        ],
        "total_charges": [{"currency": "EUR", "charge": "2", "events": 1}, {"currency": "USD", "charge": "1", "events": 1}],
        "groups": [
            {**nothing, "customer_id": "c1", "events": 2, **mixed, **used, "last_use": "2026-04-01T10:00:00.000000Z"},
            {
                **nothing,
                "customer_id": "c2",
                "events": 1,
                "quantity": "0.25",
                "unit": None,
                "charge": None,
                "currency": None,
                "first_use": used["last_use"],
                "last_use": used["last_use"],
            },
        ],
        "group_quantities": [
            {**nothing, "customer_id": "c1", "unit": "GB", "quantity": "2", "events": 1},
            {**nothing, "customer_id": "c1", "unit": "call", "quantity": "1.5", "events": 1},
            {**nothing, "customer_id": "c2", "unit": None, "quantity": "0.25", "events": 1},
        ],
        "group_charges": [
            {**nothing, "customer_id": "c1", "currency": "EUR", "charge": "2", "events": 1},
            {**nothing, "customer_id": "c1", "currency": "USD", "charge": "1", "events": 1},
        ],
    }


async def test_the_one_quantity_of_a_group_stands_beside_its_own_unit(
    store: Store, account: Account, admin: Principal, rules: Rules
) -> None:
    await record(store, admin, [usage(quantity="3", unit="GB", charge="5", currency="EUR")], rules=rules)
    await amend(store, admin, "evt_1_1", {"unit": "MB", "currency": "USD"}, rules=rules, reason="wrong unit")

    sections = await told(store, admin, "usage_summary")

    [total] = sections["total"]
    assert (total["events"], total["quantity"], total["unit"], total["charge"], total["currency"]) == (1, "3", "MB", "5", "USD")
    assert sections["total_quantities"] == [
        {"unit": "GB", "quantity": "0", "events": 0},
        {"unit": "MB", "quantity": "3", "events": 1},
    ]


async def test_buckets_are_told_with_both_edges_on_the_zones_calendar(
    store: Store, account: Account, admin: Principal, rules: Rules
) -> None:
    moments = ["2026-03-28T22:59:59.999999Z", "2026-03-28T23:00:00Z", "2026-03-29T22:00:00Z"]
    await record(store, admin, [usage(occurred_at=moment) for moment in moments], rules=rules)

    sections = await told(store, admin, "usage_summary", bucket="1d", time_zone="Europe/Berlin")

    assert [(row["bucket_start"], row["bucket_end"], row["events"]) for row in sections["groups"]] == [
        ("2026-03-27T23:00:00.000000Z", "2026-03-28T23:00:00.000000Z", 1),
        ("2026-03-28T23:00:00.000000Z", "2026-03-29T22:00:00.000000Z", 1),  # 23 hours
        ("2026-03-29T22:00:00.000000Z", "2026-03-30T22:00:00.000000Z", 1),
    ]


async def test_an_open_period_is_cut_as_far_as_there_is_usage(
    store: Store, account: Account, admin: Principal, rules: Rules
) -> None:
    assert (await told(store, admin, "usage_summary", bucket="day", fill="true"))["groups"] == []
    await record(store, admin, [usage(occurred_at=at(-72)), usage(occurred_at=at(-1))], rules=rules)

    async def days(**given: str) -> list[tuple[str, int]]:
        sections = await told(store, admin, "usage_summary", bucket="day", fill="true", **given)
        return [(row["bucket_start"][:10], row["events"]) for row in sections["groups"]]

    assert await days() == [("2026-03-29", 1), ("2026-03-30", 0), ("2026-03-31", 0), ("2026-04-01", 1)]
    assert await days(from_="2026-03-31") == [("2026-03-31", 0), ("2026-04-01", 1)]
    assert await days(to="2026-03-31") == [("2026-03-29", 1), ("2026-03-30", 0)]
    assert await days(from_="2026-03-30", to="2026-04-01") == [("2026-03-30", 0), ("2026-03-31", 0)]


@pytest.mark.parametrize("measure", Measure)
@pytest.mark.parametrize("descending", [False, True])
@pytest.mark.parametrize("backwards", [False, True])
async def test_a_summary_is_walked_by_cursors_whatever_the_page_size(
    store: Store, account: Account, admin: Principal, rules: Rules, measure: Measure, descending: bool, backwards: bool
) -> None:
    said = [*some(16), usage(product_id="web", quantity=None, charge="1", currency="EUR"), usage(customer_id=None)]
    await record(store, admin, said, rules=rules)
    question = SummaryQuestion(
        by=(Dimension.CUSTOMER, Dimension.PRODUCT), granularity=Granularity.DAY, order=GroupOrder(measure, descending)
    )
    opened = await open_ledger(store, admin)
    whole = await grouping.read(store, opened, question)
    assert (len(whole.grouped.groups), whole.cursors) == (9, ())

    met = []
    edge = None
    sizes = iter([1, 3, 2, 3, 99])
    more = True
    while more:
        size = next(sizes)
        request = PageRequest(last=size, before=edge) if backwards else PageRequest(first=size, after=edge)
        page = await grouping.read(store, opened, question, request)
        assert page.grouped.total == whole.grouped.total
        assert len(page.cursors) == len(page.grouped.groups)
        met = [*page.grouped.groups, *met] if backwards else [*met, *page.grouped.groups]
        edge = page.cursors[0 if backwards else -1] if page.cursors else None
        more = page.grouped.more_before if backwards else page.grouped.more_after
    assert met == whole.grouped.groups


async def test_a_cursor_serves_its_own_question_only(store: Store, account: Account, admin: Principal, rules: Rules) -> None:
    await record(store, admin, some(8), rules=rules)
    question = SummaryQuestion(by=(Dimension.CUSTOMER,), order=GroupOrder(Measure.EVENTS))
    live, frozen = await open_ledger(store, admin), await open_ledger(store, admin, 8)
    after = (await grouping.read(store, live, question, PageRequest(first=1))).cursors[0]

    for opened, other in (
        (live, SummaryQuestion(by=(Dimension.CUSTOMER,), order=GroupOrder(Measure.EVENTS, descending=True))),
        (live, SummaryQuestion(by=(Dimension.PRODUCT,), order=GroupOrder(Measure.EVENTS))),
        (live, SummaryQuestion(Filters(product_id=("api",)), (Dimension.CUSTOMER,), order=GroupOrder(Measure.EVENTS))),
        (frozen, question),
    ):
        with pytest.raises(InvalidQuery, match="after: was given for another question"):
            await grouping.read(store, opened, other, PageRequest(after=after))
    await record(store, admin, some(2), rules=rules)
    rest = await grouping.read(store, await open_ledger(store, admin), question, PageRequest(after=after))
    # The live ledger may grow under a walk: c0 and c1 have more events by now, and stand further on.
    assert [group.dimensions[0] for group in rest.grouped.groups] == ["c2", "c3", "c0", "c1"]


@pytest.mark.parametrize(
    ("measure", "values"),
    [
        (Measure.EVENTS, ["many", None, "c1"]),
        (Measure.EVENTS, [1.5, None, "c1"]),
        (Measure.EVENTS, [1, None, 7]),
        (Measure.EVENTS, [1, None]),
        (Measure.EVENTS, [1, None, "a", "b"]),
        (Measure.EVENTS, []),
        (Measure.EVENTS, [1, "monday", "c1"]),
        (Measure.EVENTS, [1, 10**18, "c1"]),
        (Measure.QUANTITY, ["NaN", None, "c1"]),
        (Measure.QUANTITY, ["many", None, "c1"]),
        (Measure.QUANTITY, [[1], None, "c1"]),
        (Measure.LAST_USE, [10**18, None, "c1"]),
        (Measure.LAST_USE, ["monday", None, "c1"]),
        (Measure.KEY, [1, None, "c1"]),
    ],
)
async def test_a_cursor_that_was_forged_is_refused(
    store: Store, account: Account, admin: Principal, rules: Rules, measure: Measure, values: list[Any]
) -> None:
    await record(store, admin, some(8), rules=rules)
    question = SummaryQuestion(by=(Dimension.CUSTOMER,), order=GroupOrder(measure))
    opened = await open_ledger(store, admin)
    forged = cursor.encode(cursor.binding("groups", account.id, None, question), values)
    with pytest.raises(InvalidQuery, match="before: is not a cursor of this gateway"):
        await grouping.read(store, opened, question, PageRequest(before=forged))


async def everything(store: Store, principal: Principal, rules: Rules) -> None:
    """Entries of every kind, 1 to 8."""
    await record(store, principal, [usage(id="a", message="m", additional_data={"n": Decimal("0.1")})], rules=rules)
    await record(store, principal, [activity(actor="Ada")], rules=rules, kind=EntryKind.ACTIVITY)
    await amend(store, principal, "evt_1_1", {"quantity": "2"}, rules=rules, reason="typo")
    await upsert(store, principal, RecordKind.CUSTOMER, "c1", {"name": "Ada", "status": "new"}, rules=rules)
    await retract(store, principal, "evt_1_1", rules=rules, reason="never happened")
    await erase(store, principal, "act_1_1", rules=rules)  # 7
    await record(store, principal, [usage(license_id="l1", quantity="5", charge="1", currency="EUR")], rules=rules)


async def test_the_activity_feed_tells_everything_and_the_usage_ledger_usage(
    store: Store, account: Account, admin: Principal, rules: Rules
) -> None:
    await everything(store, admin, rules)
    feed_rows = (await told(store, admin, "activities"))["activities"]
    ledger_rows = (await told(store, admin, "usage_ledger", order="asc"))["entries"]

    assert [(row["sequence"], row["kind"], row["action"]) for row in feed_rows] == [
        (8, "usage", "usage.consumed"),
        (7, "gateway", "entry.erased"),
        (6, "usage", "usage.consumed"),
        (5, "catalogue", "customer.updated"),
        (4, "usage", "usage.consumed"),
        (3, "usage", "usage.consumed"),
        (2, "activity", "license.issued"),
        (1, "usage", "usage.consumed"),
    ]
    assert [row["sequence"] for row in ledger_rows] == [1, 3, 4, 6, 8]
    by_sequence = {row["sequence"]: row for row in feed_rows}
    assert [by_sequence[row["sequence"]] for row in ledger_rows] == ledger_rows


async def test_a_row_says_all_that_its_entry_says(store: Store, account: Account, admin: Principal, rules: Rules) -> None:
    await everything(store, admin, rules)
    rows = {row["sequence"]: row for row in (await told(store, admin, "activities"))["activities"]}
    common = {
        "kind": "usage",
        "action": "usage.consumed",
        "source": "default",
        "occurred_at": "2026-04-01T11:00:00.000000Z",
        "recorded_at": "2026-04-01T12:00:00.000000Z",
        "product_id": "api",
        "customer_id": "c1",
        **dict.fromkeys(("license_id", "order_id", "subscription_id", "feature_code", "charge", "currency", "request_id")),
        **dict.fromkeys(("result_class", "status_code", "transaction_id", "message", "actor", "reason", "name", "correction")),
        **dict.fromkeys(("corrects", "additional_data", "record")),
        "sender_id": "a",
        "unit": "call",
        "erased": [],
    }
    first = {"id": "act_1_1", "sequence": 1, "event_ref": "evt_1_1", "version": 1, "quantity": "1"}
    assert rows[1] == {**common, **first, "erased": ["message", "additional_data"]}
    replacement = {"id": "act_1_4", "sequence": 4, "event_ref": "evt_1_1", "version": 2, "quantity": "2", "message": "m"}
    corrected = {"correction": "replacement", "corrects": "act_1_1", "reason": "typo", "actor": "key k1"}
    assert rows[4] == {**common, **replacement, **corrected, "additional_data": {"n": {"$decimal": "0.1"}}}
    assert rows[3]["quantity"] == "-1"
    assert (rows[5]["name"], rows[5]["record"]) == ("Ada", {"id": "c1", "kind": "customer", "status": "new"})
    assert rows[7]["record"] == {"fields": ["additional_data", "message"], "kind": "erasure", "sequences": [1]}
    assert all(list(row) == [column.name for column in feed.COLUMNS] for row in rows.values())


async def test_the_rows_of_the_ledger_add_up_to_the_totals_of_the_summary(
    store: Store, account: Account, admin: Principal, rules: Rules
) -> None:
    await record(store, admin, some(30), rules=rules)
    for number in (2, 9, 16):
        await amend(
            store, admin, f"evt_1_{number}", {"quantity": "7.5", "charge": "3", "currency": "EUR"}, rules=rules, reason="x"
        )
    await retract(store, admin, "evt_1_5", rules=rules, reason="never happened")

    for given in ({}, {"customer_id": "c1"}, {"from_": "2026-03-31T20:00:00Z", "to": "2026-04-01T03:00:00Z"}):
        rows = (await told(store, admin, "usage_ledger", **given))["entries"]
        sections = await told(store, admin, "usage_summary", **given)
        signs = [-1 if row["correction"] == "reversal" else 1 for row in rows]
        assert sections["total"][0]["events"] == sum(signs)
        assert [Decimal(row["quantity"]) for row in sections["total_quantities"]] == [
            sum(Decimal(row["quantity"]) for row in rows)
        ]


async def test_a_feed_is_paged_both_ways_in_both_orders(store: Store, account: Account, admin: Principal, rules: Rules) -> None:
    await record(store, admin, some(10), rules=rules)
    await record(store, admin, [activity()], rules=rules, kind=EntryKind.ACTIVITY)
    opened = await open_ledger(store, admin)

    for newest_first in (True, False):
        question = FeedQuestion(Filters(customer_id=("c0", "c1")), newest_first)
        expected = [1, 2, 5, 6, 9, 10]
        expected = expected[::-1] if newest_first else expected

        async def page(question: FeedQuestion = question, **stated: Any) -> Any:
            return await feed.page(store, opened, question, PageRequest(**stated), usage_ledger.KINDS)

        whole = await page()
        assert [row.sequence for row in whole.rows] == expected
        assert (whole.has_next, whole.has_previous) == (False, False)

        first = await page(first=4)
        assert ([row.sequence for row in first.rows], first.has_next, first.has_previous) == (expected[:4], True, False)
        second = await page(first=4, after=first.cursors[-1])
        assert ([row.sequence for row in second.rows], second.has_next, second.has_previous) == (expected[4:], False, True)
        back = await page(last=3, before=second.cursors[0])
        assert ([row.sequence for row in back.rows], back.has_next, back.has_previous) == (expected[1:4], True, True)
        last = await page(last=6)
        assert ([row.sequence for row in last.rows], last.has_next, last.has_previous) == (expected, False, False)
        between = await page(first=9, after=first.cursors[0], before=second.cursors[-1])
        assert [row.sequence for row in between.rows] == expected[1:5]
        none = await page(first=0)
        assert ([*none.rows], none.has_next) == ([], True)
        assert await feed.count(store, opened, question, usage_ledger.KINDS) == 6

    assert await feed.count(store, opened, FeedQuestion(), activities.KINDS) == 11


@pytest.mark.parametrize(
    ("stated", "message"),
    [
        ({"first": 1, "last": 1}, "last: cannot be combined with first"),
        ({"first": 201}, "first: must be from 0 to 200"),
        ({"last": -1}, "last: must be from 0 to 200"),
        ({"after": "x"}, "after: is not a cursor of this"),
    ],
)
async def test_a_page_that_cannot_be_cut_is_refused(
    store: Store, account: Account, admin: Principal, stated: dict[str, Any], message: str
) -> None:
    opened = await open_ledger(store, admin)
    with pytest.raises(InvalidQuery, match=message):
        await feed.page(store, opened, FeedQuestion(), PageRequest(**stated), None)
    with pytest.raises(InvalidQuery, match=message):
        await grouping.read(store, opened, SummaryQuestion(), PageRequest(**stated))


async def test_a_report_is_limited_where_it_is_asked_to_be(
    store: Store, account: Account, admin: Principal, rules: Rules
) -> None:
    await record(store, admin, some(8), rules=rules)
    assert [row["sequence"] for row in (await told(store, admin, "usage_ledger", limit=3))["entries"]] == [8, 7, 6]
    sections = await told(store, admin, "usage_summary", group_by="customer_id", limit=2)
    assert [row["customer_id"] for row in sections["groups"]] == ["c0", "c1"]
    assert sections["total"][0]["events"] == 8


async def test_a_ledger_is_opened_as_of_a_sequence_or_an_instant_that_will_not_change(
    store: Store, account: Account, admin: Principal, rules: Rules, clock: Clock
) -> None:
    empty = await open_ledger(store, admin)
    assert (empty.scope.as_of, empty.recorded_at, empty.bound_as_of) == (0, None, None)
    await record(store, admin, some(2), rules=rules)
    clock.advance(hours=1)
    await record(store, admin, some(3), rules=rules)

    opened = {as_of: await open_ledger(store, admin, as_of) for as_of in (None, 0, 1, 5, START, at(1), at(-1))}
    assert {as_of: (each.scope.as_of, each.recorded_at, each.bound_as_of) for as_of, each in opened.items()} == {
        None: (5, at(1), None),
        0: (0, None, 0),
        1: (1, START, 1),
        5: (5, at(1), 5),
        START: (2, START, 2),
        at(1): (5, at(1), 5),
        at(-1): (0, None, 0),
    }
    for as_of in (6, -1):
        with pytest.raises(InvalidQuery, match="asOf: is not in the ledger, which has the sequences 1 to 5"):
            await open_ledger(store, admin, as_of)
    with pytest.raises(InvalidQuery, match="asOf: lies in the future"):
        await open_ledger(store, admin, START + timedelta(days=365_000))


async def test_reports_need_their_permission(store: Store, caller_with: Callable[..., Principal]) -> None:
    with pytest.raises(ScopeDenied) as refused:
        await open_ledger(store, caller_with(Permission.USAGE_WRITE, Permission.EVENT_READ))
    assert refused.value.scope == "report:read"
    assert (await open_ledger(store, caller_with(Permission.REPORT_READ))).scope.as_of == 0
    assert (await open_ledger(store, caller_with(Permission.EVENT_READ), permission=Permission.EVENT_READ)).scope.as_of == 0
