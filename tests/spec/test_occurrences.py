"""API transactions by when they happened: which they are, in what order, and that a walk meets each of them once."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from app.domain.account import Account, Principal
from app.domain.entry import Entry, EntryKind
from app.domain.period import Period
from app.ledger.commands import Rules, amend, record, retract
from app.ports import Store
from app.question.filters import Filters
from app.question.occurrences import Occurrences
from app.question.scope import Scope
from tests.conftest import Clock
from tests.events import START, at

DAY = Period(at(-24), at(0))


async def called(store: Store, admin: Principal, rules: Rules, *items: dict[str, Any]) -> list[Entry]:
    made = [{"quantity": 1, "status_code": 200, "occurred_at": at(-1)} | each for each in items]
    return [each.entry for each in await record(store, admin, made, rules=rules) if each.entry is not None]


async def walked(store: Store, question: Occurrences) -> AsyncIterator[list[Entry]]:
    while True:
        page = await store.occurrences(question)
        if not page:
            return
        yield page
        question = replace(question, before=(page[-1].occurred_at, page[-1].sequence))


async def found(store: Store, account: Account, filters: Filters = Filters(DAY), as_of: int | None = None) -> list[int]:
    head = (await store.head(account.id)).sequence
    return [
        each.sequence async for page in walked(store, Occurrences(Scope(account.id, as_of or head), filters)) for each in page
    ]


async def test_what_happened_last_comes_first_whenever_it_was_recorded(
    store: Store, account: Account, admin: Principal, rules: Rules
) -> None:
    hours = (-3, -1, -2, -1, -30, -24)
    entries = await called(store, admin, rules, *({"occurred_at": at(hour)} for hour in hours))

    assert [each.sequence for each in entries] == [1, 2, 3, 4, 5, 6]
    assert await found(store, account) == [4, 2, 3, 1, 6]


async def test_a_period_is_half_open(store: Store, account: Account, admin: Principal, rules: Rules) -> None:
    tick = timedelta(microseconds=1)
    moments = (at(-2) - tick, at(-2), at(-1) - tick, at(-1))
    await called(store, admin, rules, *({"occurred_at": each} for each in moments))

    assert await found(store, account, Filters(Period(at(-2), at(-1)))) == [3, 2]


async def test_usage_with_a_transaction_id_or_a_status_code_is_an_api_transaction_and_nothing_else_is(
    store: Store, account: Account, admin: Principal, rules: Rules
) -> None:
    await called(
        store, admin, rules, {}, {"status_code": None, "transaction_id": "t"}, {"status_code": None}, {"transaction_id": "u"}
    )
    lived = {"action": "license.issued", "occurred_at": at(-1), "status_code": 200}
    await record(store, admin, [lived], rules=rules, kind=EntryKind.ACTIVITY)

    assert await found(store, account) == [4, 2, 1]


async def test_only_the_standing_version_counts_as_of_each_point(
    store: Store, account: Account, admin: Principal, rules: Rules
) -> None:
    first, second, _ = await called(store, admin, rules, {}, {}, {})
    amended = await amend(store, admin, first.event_ref, {"occurred_at": at(-2)}, rules=rules, reason="r")  # 4 and 5
    await retract(store, admin, second.event_ref, rules=rules, reason="r")  # 6

    assert amended.replacement is not None
    assert [await found(store, account, as_of=n) for n in (3, 4, 5, 6)] == [[3, 2, 1], [3, 2], [3, 2, 5], [3, 5]]


async def test_products_are_told_apart(store: Store, account: Account, admin: Principal, rules: Rules) -> None:
    await called(store, admin, rules, *({"product_id": each} for each in ("a", "b", None, "a", "c")))

    assert await found(store, account, Filters(DAY, product_id=("a",))) == [4, 1]
    assert await found(store, account, Filters(DAY, product_id=("a", "c"))) == [5, 4, 1]
    assert await found(store, account, Filters(DAY, product_id=("z",))) == []


async def test_accounts_are_told_apart(
    store: Store, account: Account, admin: Principal, stranger: Principal, rules: Rules
) -> None:
    await called(store, stranger, rules, {}, {})
    await called(store, admin, rules, {})

    assert await found(store, account) == [1]


async def test_a_walk_meets_each_once_also_where_many_happened_at_one_instant(
    store: Store, account: Account, admin: Principal, rules: Rules, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in ("app.storage.sql.occurrences", "app.storage.memory.store"):
        monkeypatch.setattr(f"{module}.PAGE", 3)
    minutes = [0, 1, 1, 1, 1, 1, 1, 1, 2, 2, 0, 3, 1]
    entries = await called(store, admin, rules, *({"occurred_at": at(-1) + timedelta(minutes=each)} for each in minutes))
    expected = [each.sequence for each in sorted(entries, key=lambda each: (each.occurred_at, each.sequence), reverse=True)]

    assert await found(store, account) == expected
    pages = [len(page) async for page in walked(store, Occurrences(Scope(account.id, 13), Filters(DAY)))]
    assert pages == [3, 3, 3, 3, 1]


async def test_what_is_recorded_during_a_walk_is_not_in_it(
    store: Store, account: Account, admin: Principal, rules: Rules, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in ("app.storage.sql.occurrences", "app.storage.memory.store"):
        monkeypatch.setattr(f"{module}.PAGE", 2)
    await called(store, admin, rules, *({"occurred_at": at(-hour)} for hour in (1, 2, 3, 4)))
    seen = []
    async for page in walked(store, Occurrences(Scope(account.id, 4), Filters(DAY))):
        seen += [each.sequence for each in page]
        await called(store, admin, rules, {"occurred_at": at(-3.5)})

    assert seen == [1, 2, 3, 4]


async def test_months_of_recording_do_not_matter(
    store: Store, account: Account, admin: Principal, rules: Rules, clock: Clock
) -> None:
    for days, hour in ((0, -2), (40, -1), (40, -3), (0, -1)):
        clock.advance(days=days)
        await called(store, admin, rules, {"occurred_at": at(hour)})

    assert clock.now - START == timedelta(days=80)
    assert await found(store, account) == [4, 2, 1, 3]


async def test_nothing_happened_in_an_empty_ledger(store: Store, account: Account) -> None:
    assert await store.occurrences(Occurrences(Scope(account.id, 0), Filters(DAY))) == []
    before = (at(-24), 1)
    assert await store.occurrences(Occurrences(Scope(account.id, 0), Filters(DAY), before)) == []
