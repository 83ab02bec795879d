"""The demo account: the same life for everyone, recorded as life is recorded, and whole after an interruption."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime, timedelta

import pytest

from app.domain.account import Account, Principal, genesis
from app.domain.entry import Entry, EntryKind
from app.ledger import demo
from app.ledger.chain import verify
from app.ports import Store
from app.question.rows import Rows
from tests.asking import ledger_of, live

NOW = datetime(2026, 4, 1, 15, 30, tzinfo=UTC)


@pytest.fixture
def engine() -> str:
    """The referee: what is recorded goes through the ordinary commands, which are held to the same on every engine."""
    return "memory"


@pytest.fixture(autouse=True)
def few_events(monkeypatch: pytest.MonkeyPatch) -> None:
    """A tenth of the events, which are as manifold as all of them."""
    monkeypatch.setattr(demo, "EVENTS_A_DAY", 33)


def said(entry: Entry) -> dict[str, object]:
    return entry.canonical() | {"private": sorted(entry.texts().items()), "recorded_at": entry.recorded_at}


async def test_it_is_manifold_and_was_recorded_as_it_happened(store: Store, account: Account, admin: Principal) -> None:
    days: list[tuple[int, int]] = []
    await demo.fill(store, admin, now=NOW, on_progress=lambda done, total: days.append((done, total)))
    assert days == [(day, demo.DAYS + 1) for day in range(1, demo.DAYS + 2)]

    entries = await ledger_of(store, account)
    used = [each for each in entries if each.kind is EntryKind.USAGE]
    first = [each for each in used if each.correction is None]
    assert len(first) > 33 * demo.DAYS * 0.7
    assert {each.unit for each in first} == {"requests", "checks", "GB-hours", "vCPU-hours", "messages"}
    assert {each.currency for each in first} == {"EUR", "USD", None}
    assert {each.result_class for each in first} == {"success", "client_error", "server_error"}
    assert {each.correction and each.correction.value for each in used} == {None, "reversal", "replacement"}
    assert {"license.issued", "subscription.renewed", "customer.updated"} <= {each.action for each in entries}
    assert len({each.customer_id for each in first}) > 30
    by_customer = Counter(each.customer_id for each in first).most_common()
    assert by_customer[0][1] > 10 * by_customer[-1][1]
    assert all(each.occurred_at < each.recorded_at <= NOW for each in first)
    assert any(each.recorded_at - each.occurred_at > timedelta(days=1) for each in first)
    assert NOW - min(each.recorded_at for each in entries) > timedelta(days=90)
    head = await store.head(account.id)
    verified = await verify(store.stream(Rows(await live(store, account), descending=False)), genesis("acme"), head)
    assert verified.entries == len(entries)


async def test_it_is_the_same_for_every_account_and_after_an_interruption(
    store: Store, account: Account, admin: Principal, stranger: Principal, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(demo, "DAYS", 20)

    def interrupt(done: int, total: int) -> None:
        if done == total // 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        await demo.fill(store, admin, now=NOW, on_progress=interrupt)
    await demo.fill(store, admin, now=NOW)
    await demo.fill(store, stranger, now=NOW)
    entries = await ledger_of(store, account)
    assert [said(each) for each in entries] == [said(each) for each in await ledger_of(store, stranger.account)]
    await demo.fill(store, admin, now=NOW)
    assert await ledger_of(store, account) == entries
