"""asOf: an answer as of a sequence is the same for ever, whatever is recorded, corrected, described or erased later."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import timedelta
from itertools import pairwise
from typing import Any

from app.domain.account import Account, Principal
from app.domain.catalogue import RecordKind
from app.domain.entry import EntryKind
from app.domain.period import Granularity, Period, cut
from app.ledger.catalogue import upsert
from app.ledger.commands import Rules, amend, record, retract
from app.ports import Store
from app.question.filters import Filters
from app.question.groups import Dimension, GroupOrder, Groups, Measure
from app.question.records import Records
from app.question.rows import Rows
from app.question.scope import Scope
from tests.conftest import Clock
from tests.events import START, activity, at, usage

Step = Callable[[], Awaitable[Any]]


def steps(store: Store, admin: Principal, rules: Rules) -> list[Step]:
    """A life: each step writes something that changes some answer."""
    return [
        lambda: record(
            store, admin, [usage(id="a"), usage(id="b", customer_id="c2", unit="GB", occurred_at=at(-30))], rules=rules
        ),
        lambda: record(store, admin, [activity(customer_id="c3")], rules=rules, kind=EntryKind.ACTIVITY),
        lambda: amend(store, admin, "evt_1_1", {"quantity": "7", "occurred_at": at(-50)}, rules=rules, reason="typo"),
        lambda: upsert(store, admin, RecordKind.CUSTOMER, "c1", {"name": "Ada Ltd"}, rules=rules),
        lambda: retract(store, admin, "evt_1_2", rules=rules, reason="never happened"),
        lambda: upsert(store, admin, RecordKind.LICENSE, "l1", {"customer_id": "c4", "status": "active"}, rules=rules),
        lambda: upsert(store, admin, RecordKind.CUSTOMER, "c1", {"name": "Ada & Sons"}, rules=rules),
        lambda: amend(store, admin, "evt_1_1", {"charge": "2", "currency": "EUR"}, rules=rules, reason="price"),
        lambda: retract(store, admin, "evt_1_1", rules=rules, reason="never happened"),
        lambda: record(store, admin, [usage(id="c", customer_id="c5")], rules=rules),
    ]


async def answers(store: Store, scope: Scope) -> list[Any]:
    """One answer to every kind of question."""
    period = Period(at(-72), START)
    filters = Filters(customer_id=("c1", "c2"))
    return [
        await store.rows(Rows(scope)),
        await store.rows(Rows(scope, filters, kinds=frozenset({EntryKind.USAGE}), descending=False, limit=2)),
        [entry async for batch in store.stream(Rows(scope, descending=False)) for entry in batch],
        await store.count(Rows(scope)),
        await store.count(Rows(scope, filters)),
        await store.extent(scope, Filters()),
        await store.extent(scope, filters),
        await store.groups(Groups(scope)),
        await store.groups(Groups(scope, by=(Dimension.CUSTOMER,), order=GroupOrder(Measure.LAST_USE, descending=True))),
        await store.groups(Groups(scope, Filters(period), buckets=cut(period, Granularity.DAY), fill=True)),
        *[await store.records(Records(scope, kind)) for kind in RecordKind],
    ]


async def test_an_answer_as_of_a_sequence_is_the_same_after_everything_later(
    store: Store, account: Account, admin: Principal, rules: Rules, clock: Clock
) -> None:
    given: dict[int, list[Any]] = {0: await answers(store, Scope(account.id, 0))}
    for step in steps(store, admin, rules):
        clock.advance(minutes=1)
        await step()
        sequence = (await store.head(account.id)).sequence
        given[sequence] = await answers(store, Scope(account.id, sequence))

    assert list(given) == [0, 2, 3, 5, 6, 7, 8, 9, 11, 12, 13]
    for sequence, answer in given.items():
        assert await answers(store, Scope(account.id, sequence)) == answer
    # Each step did change what is answered.
    told = list(given.values())
    assert all(before != after for before, after in pairwise(told))


async def test_between_a_reversal_and_its_replacement_nothing_stands(
    store: Store, account: Account, admin: Principal, rules: Rules
) -> None:
    await record(store, admin, [usage()], rules=rules)
    await amend(store, admin, "evt_1_1", {"quantity": "7"}, rules=rules, reason="typo")

    totals = [(await store.groups(Groups(Scope(account.id, sequence)))).total for sequence in (1, 2, 3)]

    assert [(total.events, total.first_use) for total in totals] == [(1, at(-1)), (0, None), (1, at(-1))]
    assert [str(total.quantities[0].quantity) for total in totals] == ["1", "0", "7"]


async def test_past_the_end_is_the_present(store: Store, account: Account, admin: Principal, rules: Rules) -> None:
    await record(store, admin, [usage(), usage()], rules=rules)
    assert await answers(store, Scope(account.id, 2**62)) == await answers(store, Scope(account.id, 2))


async def test_as_of_nothing_there_is_nothing(store: Store, account: Account, admin: Principal, rules: Rules) -> None:
    before = await answers(store, Scope(account.id, 0))
    await record(store, admin, [usage(), usage()], rules=rules)
    assert await answers(store, Scope(account.id, 0)) == before
    assert before[:7] == [[], [], [], 0, 0, None, None]


async def test_an_instant_of_recording_names_the_last_sequence_at_or_before_it(
    store: Store, account: Account, admin: Principal, rules: Rules, clock: Clock
) -> None:
    assert await store.sequence_at(account.id, START) == 0
    await record(store, admin, [usage(), usage()], rules=rules)
    clock.advance(seconds=1)
    await record(store, admin, [usage(occurred_at=at(-9))], rules=rules)
    await record(store, admin, [usage(occurred_at=at(-9))], rules=rules)

    asked = [at(-1), START - timedelta.resolution, START, START + timedelta(microseconds=999_999), at(1 / 3600), at(99)]
    assert [await store.sequence_at(account.id, moment) for moment in asked] == [0, 0, 2, 2, 4, 4]
