"""What SQLite keeps in its own way: decimals as limbs, instants as integers, private texts that must really go."""

from __future__ import annotations

from dataclasses import fields
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.account import Account, Principal
from app.domain.catalogue import RecordKind
from app.domain.decimal import scaled, unscaled
from app.domain.entry import Correction, Entry, EntryKind, Veil
from app.domain.errors import AlreadyCorrected, NotFound
from app.domain.period import Granularity, Period, cut
from app.ledger.catalogue import upsert
from app.ledger.chain import prepare, seal
from app.ledger.commands import Rules, amend, record
from app.ledger.erasure import erase
from app.ports import Transaction
from app.question.filters import Filters
from app.question.groups import Groups
from app.question.records import Records
from app.question.rows import Rows
from app.question.scope import Scope
from app.storage.sql.mapping import Mapping
from app.storage.sqlite import SqliteStore
from app.storage.sqlite.dialect import SqliteDialect
from tests.events import START, at, usage

DIALECT = SqliteDialect()
LARGEST = 10**38 - 1

numbers = st.integers(-LARGEST, LARGEST).map(unscaled)


@given(numbers)
def test_a_decimal_comes_back_from_its_limbs(number: Decimal) -> None:
    limbs = DIALECT.decimal_values(number)
    assert DIALECT.decimal(limbs) == number
    assert all(limb is not None and abs(limb) < 10**10 for limb in limbs)
    assert {limb < 0 for limb in limbs if limb} <= {number < 0}


@given(st.lists(st.one_of(st.none(), numbers), max_size=20))
def test_sums_of_limbs_make_the_sum(values: list[Decimal | None]) -> None:
    columns = list(zip(*(DIALECT.decimal_values(each) for each in values), strict=True)) or [()] * 4
    sums = [
        sum(limb for limb in column if limb is not None) if any(limb is not None for limb in column) else None
        for column in columns
    ]
    assert DIALECT.total(sums) == sum(scaled(each) for each in values if each is not None)


def test_a_row_holds_every_field_of_an_entry() -> None:
    mapping = Mapping(DIALECT)
    assert sorted(mapping.entry_columns) == sorted(column.name for column in DIALECT.entries.columns)
    stated: dict[str, Any] = {each.name: f"<{each.name}>" for each in fields(Entry)}
    private = Veil({"name": bytes(16)}, {"actor": bytes(32)})
    stated |= {"kind": EntryKind.ACTIVITY, "correction": Correction.REVERSAL, "veil": private}
    stated |= {
        "occurred_at": at(-1),
        "recorded_at": at(0),
        "quantity": Decimal("-1.5"),
        "charge": Decimal("0.000000000000000001"),
    }
    stated |= {name: name.encode() for name in ("content_digest", "leaf", "chain")}
    entry = Entry(**stated)
    assert mapping.entry(mapping.entry_values(entry)) == entry


def test_no_number_is_no_limbs() -> None:
    assert DIALECT.decimal_values(None) == (None, None, None, None)
    assert DIALECT.decimal((None, None, None, None)) is None
    assert DIALECT.decimal_values(Decimal("-1.5")) == (0, -1, -500_000_000, 0)


async def test_the_largest_numbers_are_summed_exactly(
    sqlite: SqliteStore, acme: Account, operator: Principal, rules: Rules
) -> None:
    largest = "99999999999999999999.999999999999999999"
    await record(sqlite, operator, [usage(quantity=largest)] * 1_000, rules=rules)
    found = await sqlite.groups(Groups(Scope(acme.id, 1_000)))
    assert scaled(found.total.quantities[0].quantity) == 1_000 * LARGEST


async def test_a_page_that_holds_the_event_loop_for_too_long_is_left_to_a_thread(
    sqlite: SqliteStore, acme: Account, operator: Principal, rules: Rules, monkeypatch: pytest.MonkeyPatch
) -> None:
    await record(sqlite, operator, [usage() for _ in range(400)], rules=rules)
    page = Rows(Scope(acme.id, 400), Filters(customer_id=("c1",), product_id=("another",)), limit=10)
    asked: list[str] = []
    fetch = sqlite._readers.fetch

    async def noted(*given: Any) -> Any:
        asked.append("a thread")
        return await fetch(*given)

    monkeypatch.setattr(sqlite._readers, "fetch", noted)
    monkeypatch.setattr("app.storage.sqlite.readers.GLANCE_SECONDS", 3_600)
    assert await sqlite.rows(page) == []
    assert not asked
    monkeypatch.setattr("app.storage.sqlite.readers.GLANCE_SECONDS", 0)
    assert await sqlite.rows(page) == []
    assert asked == ["a thread"]
    # What is read right here is given up anew each time, and not for good.
    monkeypatch.setattr("app.storage.sqlite.readers.GLANCE_SECONDS", 3_600)
    assert len(await sqlite.rows(Rows(page.scope, limit=100))) == 100
    assert asked == ["a thread"]


async def test_a_question_that_took_too_long_is_left_to_a_thread_until_it_is_short_again(
    sqlite: SqliteStore, acme: Account, operator: Principal, rules: Rules, monkeypatch: pytest.MonkeyPatch
) -> None:
    await record(sqlite, operator, [usage() for _ in range(400)], rules=rules)
    question = Groups(Scope(acme.id, 400), Filters(status_code=(200,)))
    tried: list[str] = []
    here, fetch = sqlite._readers._read, sqlite._readers.fetch

    def noted_here(*given: Any) -> Any:
        tried.append("here")
        return here(*given)

    async def noted_fetch(*given: Any) -> Any:
        tried.append("a thread")
        return await fetch(*given)

    monkeypatch.setattr(sqlite._readers, "_read", noted_here)
    monkeypatch.setattr(sqlite._readers, "fetch", noted_fetch)
    # Everything is short at first, then nothing, then everything again.
    for seconds, expected in (
        (7_200, ["here"]),
        (0, ["here", "a thread"]),
        (0, ["a thread"]),
        (7_200, ["a thread"]),
        (7_200, ["here"]),
    ):
        monkeypatch.setattr("app.storage.sqlite.readers.GLANCE_SECONDS", seconds)
        tried.clear()
        assert (await sqlite.groups(question)).total.events == 0
        assert tried == expected


async def test_buckets_of_more_runs_than_one_statement_takes_are_counted_once(
    sqlite: SqliteStore, acme: Account, operator: Principal, rules: Rules, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("app.storage.sqlite.runs.MOST_RUNS", 2)
    await record(sqlite, operator, [usage(occurred_at=at(-24 * day)) for day in range(400)], rules=rules)
    period = Period(at(-24 * 500), at(1))
    buckets = cut(period, Granularity.MONTH, "Europe/Berlin")
    assert len(buckets.runs()) > 6
    found = await sqlite.groups(Groups(Scope(acme.id, 400), Filters(period), buckets=buckets))
    assert sum(group.events for group in found.groups) == found.total.events == 400
    assert [group.bucket for group in found.groups] == [edge for edge in buckets.edges[:-1] if edge >= found.groups[0].bucket]


async def test_an_erased_text_is_nowhere_in_the_file(
    sqlite: SqliteStore, acme: Account, operator: Principal, rules: Rules, file: Path
) -> None:
    await record(sqlite, operator, [usage(id=f"e{n}", message=f"filler {n}") for n in range(50)], rules=rules)
    _, described = await upsert(
        sqlite, operator, RecordKind.CUSTOMER, "c1", {"name": "Ada of Nowhere", "additional_data": {"k": "Nowhere"}}, rules=rules
    )
    await record(sqlite, operator, [usage(id=f"f{n}", message=f"filler {n}") for n in range(50)], rules=rules)
    assert described is not None
    await erase(sqlite, operator, described.id, rules=rules)

    head = await sqlite.head(acme.id)
    [customer] = await sqlite.records(Records(Scope(acme.id, head.sequence), RecordKind.CUSTOMER, ids=("c1",)))
    assert (customer.name, customer.additional_data) == (None, None)
    assert b"Nowhere" not in content(file)
    await sqlite.close()
    assert b"Nowhere" not in content(file)
    assert b"filler 1" in content(file)


def content(file: Path) -> bytes:
    """All that the store left on disk."""
    return b"".join(each.read_bytes() for each in file.parent.iterdir())


async def test_an_entry_is_reversed_once_whatever_a_body_says(
    sqlite: SqliteStore, acme: Account, operator: Principal, rules: Rules
) -> None:
    [first] = await record(sqlite, operator, [usage(id="e1")], rules=rules)
    assert first.entry is not None
    amended = await amend(sqlite, operator, first.entry.event_ref, {"quantity": "2"}, rules=rules, reason="typo")
    twice = amended.reversal

    async def body(tx: Transaction) -> None:
        await tx.append(seal(acme.id, [prepare(twice)], await tx.lock(), START), [])

    with pytest.raises(AlreadyCorrected):
        await sqlite.transact(acme.id, body)
    assert (await sqlite.head(acme.id)).sequence == 3
    assert len(await sqlite.rows(Rows(Scope(acme.id, 10)))) == 3


async def test_entries_that_leave_a_gap_are_refused(
    sqlite: SqliteStore, acme: Account, operator: Principal, rules: Rules
) -> None:
    [first] = await record(sqlite, operator, [usage(id="e1")], rules=rules)
    entry = first.entry
    assert entry is not None

    async def body(tx: Transaction) -> None:
        await tx.append([entry], [])

    with pytest.raises(ValueError, match="does not follow the head at 1"):
        await sqlite.transact(acme.id, body)
    assert (await sqlite.head(acme.id)).sequence == 1


async def test_a_transaction_of_no_account_is_refused(sqlite: SqliteStore) -> None:
    async def body(tx: Transaction) -> None:
        raise AssertionError("never run")

    with pytest.raises(NotFound):
        await sqlite.transact(7, body)


async def test_an_id_is_known_only_once_it_is_committed(
    sqlite: SqliteStore, acme: Account, operator: Principal, rules: Rules
) -> None:
    async def failing(tx: Transaction) -> None:
        content = (await tx.entries([1]))[1]
        content.customer_id = "c9"
        await tx.append(seal(acme.id, [prepare(content)], await tx.lock(), START), [])
        raise LookupError

    await record(sqlite, operator, [usage(id="e1")], rules=rules)
    with pytest.raises(LookupError):
        await sqlite.transact(acme.id, failing)
    await record(sqlite, operator, [usage(id="e2", customer_id="c9")], rules=rules)
    [stub] = await sqlite.records(Records(Scope(acme.id, 2), RecordKind.CUSTOMER, ids=("c9",)))
    assert (stub.stub, stub.first_sequence) == (True, 2)
