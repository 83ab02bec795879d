"""Entries lie in partitions by month of recording, made in time, and a question looks into no others than it must."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

import asyncpg
import pytest

from app.domain.account import Account, Permission, Principal
from app.domain.entry import EntryKind
from app.domain.period import Granularity, Period, cut
from app.ledger.acts import append_act
from app.ledger.commands import Rules, amend, record
from app.ports import Transaction
from app.question.filters import Filters
from app.question.groups import Dimension, Groups
from app.question.rows import Rows
from app.question.scope import NEWEST, Scope
from app.storage.postgres import PostgresStore, ledger, open_postgres
from app.storage.sql import planner
from app.storage.sql.dialect import Statement
from app.storage.sql.tables import INDEXED
from tests.conftest import Clock, caller
from tests.databases import DATABASES
from tests.events import START, usage
from tests.storage.postgres.conftest import LIMITS

APRIL, JUNE = Period(datetime(2026, 4, 1, tzinfo=UTC), datetime(2026, 5, 1, tzinfo=UTC)), datetime(2026, 6, 10, tzinfo=UTC)


async def partitions(outside: asyncpg.Connection) -> list[str]:
    """The partitions, with their bounds."""
    rows = await outside.fetch(
        "SELECT relname || ' ' || pg_get_expr(relpartbound, oid) FROM pg_class WHERE relispartition AND relkind = 'r' ORDER BY 1"
    )
    return [row[0] for row in rows]


async def months_of(outside: asyncpg.Connection) -> list[tuple[str, int]]:
    """The partitions that hold entries, with their number."""
    rows = await outside.fetch("SELECT tableoid::regclass::text, count(*) FROM entries GROUP BY 1 ORDER BY 1")
    return [tuple(row) for row in rows]


@dataclass
class Bare:
    """A database without any partition yet, a store on it with an account, and a connection to look at it."""

    url: str
    store: PostgresStore
    account: Account
    outside: asyncpg.Connection

    @property
    def principal(self) -> Principal:
        """Who may do everything in the account."""
        return caller(self.account, Permission.ADMIN)


@pytest.fixture
async def bare() -> AsyncIterator[Bare]:
    """One, all closed at the end."""
    url = await DATABASES.new()
    store = await open_postgres(url, LIMITS)
    outside = await asyncpg.connect(url, server_settings={"TimeZone": "UTC"})
    yield Bare(url, store, await store.create_account("acme", START), outside)
    await outside.close()
    await store.close()


async def test_a_month_and_the_one_after_are_made_when_the_first_entry_comes(bare: Bare, rules: Rules, clock: Clock) -> None:
    assert await partitions(bare.outside) == []
    clock.now = datetime(2026, 12, 31, 23, 59, 59, 999_999, tzinfo=UTC)
    await record(bare.store, bare.principal, [usage()], rules=rules)
    assert await partitions(bare.outside) == [
        "entries_2026_12 FOR VALUES FROM ('2026-12-01 00:00:00+00') TO ('2027-01-01 00:00:00+00')",
        "entries_2027_01 FOR VALUES FROM ('2027-01-01 00:00:00+00') TO ('2027-02-01 00:00:00+00')",
    ]
    clock.advance(microseconds=1)
    await record(bare.store, bare.principal, [usage()], rules=rules)
    assert await months_of(bare.outside) == [("entries_2026_12", 1), ("entries_2027_01", 1)]
    assert len(await partitions(bare.outside)) == 3


async def test_the_last_month_of_the_calendar_has_a_partition_too(bare: Bare, rules: Rules, clock: Clock) -> None:
    clock.now = datetime(9999, 12, 1, tzinfo=UTC)
    await record(bare.store, bare.principal, [usage()], rules=rules)
    assert await partitions(bare.outside) == [
        "entries_9999_12 FOR VALUES FROM ('9999-12-01 00:00:00+00') TO ('10000-01-01 00:00:00+00')"
    ]
    assert [entry.recorded_at for entry in await bare.store.rows(Rows(Scope(1, 1)))] == [clock.now]


async def test_servers_that_enter_a_month_at_once_make_it_once(bare: Bare, rules: Rules) -> None:
    stores = [await open_postgres(bare.url, LIMITS) for _ in range(4)]
    accounts = [await store.create_account(f"account-{at}", START) for at, store in enumerate(stores)]
    principals = [caller(account, Permission.ADMIN) for account in accounts]
    await asyncio.gather(*(record(store, each, [usage()], rules=rules) for store, each in zip(stores, principals, strict=True)))
    for store in stores:
        await store.close()
    assert [line.split()[0] for line in await partitions(bare.outside)] == ["entries_2026_04", "entries_2026_05"]
    assert await months_of(bare.outside) == [("entries_2026_04", 4)]


async def test_a_month_that_was_made_and_undone_is_made_again(bare: Bare, rules: Rules) -> None:
    async def failing(tx: Transaction) -> None:
        await append_act(tx, bare.account.id, "key.created", {"kind": "key"}, actor="a", rules=rules)
        await tx.record("customer", "c1")  # brings what was appended into the database
        raise ValueError("undo")

    with pytest.raises(ValueError, match="undo"):
        await bare.store.transact(bare.account.id, failing)
    assert await partitions(bare.outside) == []
    await record(bare.store, bare.principal, [usage()], rules=rules)
    assert await months_of(bare.outside) == [("entries_2026_04", 1)]


class Looked:
    """Which partitions the plans of the statements name that the store has run since it was asked last."""

    def __init__(self, store: PostgresStore, outside: asyncpg.Connection, monkeypatch: pytest.MonkeyPatch) -> None:
        self._outside = outside
        self._asked: list[tuple[Statement, Mapping[str, Any]]] = []
        self._steady: list[Statement] = []
        self._walkers = store._readers._walkers
        fetch = store._readers.fetch

        async def noted(statement: Statement, values: Mapping[str, Any], *, steady: bool = False) -> list[Any]:
            self._asked.append((statement, dict(values)))
            if steady:
                self._steady.append(statement)
            return await fetch(statement, values, steady=steady)

        monkeypatch.setattr(store._readers, "fetch", noted)

    async def __call__(self, question: Awaitable[Any]) -> list[str]:
        """Those of each statement that answering takes, `04 05` for April and May."""
        self._asked.clear()
        await question
        plans = []
        for statement, values in list(self._asked):
            [[plan]] = await self._outside.fetch(f"EXPLAIN (FORMAT JSON) {statement.sql}", *statement.bind(values))
            names = sorted({name for name in _named(json.loads(plan), "Relation Name") if name.startswith("entries_")})
            plans.append(" ".join(name.rpartition("_")[2] for name in names))
        return [plan for plan in plans if plan]

    async def kept(self, question: Awaitable[Any]) -> list[tuple[str, set[str]]]:
        """Of each statement with a plan that is kept: its text, and the indexes that the plan names."""
        self._steady.clear()
        await question
        # As tables are that have grown: of a few rows, any index is as good. Of tests before, indexes may have empty pages.
        await self._outside.execute("REINDEX TABLE entries")
        parts = "SELECT inhrelid FROM pg_inherits WHERE inhparent = 'entries'::regclass"
        await self._outside.execute(f"UPDATE pg_class SET relpages = 1, reltuples = 1000000 WHERE oid IN ({parts})")
        await self._outside.execute(f"DELETE FROM pg_statistic WHERE starelid IN ({parts})")
        found = []
        for statement in list(self._steady):
            async with self._walkers.acquire() as connection:
                await connection.execute(f"PREPARE kept AS {statement.sql}")
                nothing = ", ".join(["NULL"] * len(statement.names))
                [[plan]] = await connection.fetch(f"EXPLAIN (FORMAT JSON) EXECUTE kept ({nothing})")
                await connection.execute("DEALLOCATE kept")
            found.append((statement.sql, set(_named(json.loads(plan), "Index Name"))))
        return found


def _named(plan: Any, what: str) -> Iterator[str]:
    if isinstance(plan, dict):
        if what in plan:
            yield plan[what]
        plan = list(plan.values())
    if isinstance(plan, list):
        for each in plan:
            yield from _named(each, what)


@pytest.fixture
async def lived(postgres: PostgresStore, acme: Account, operator: Principal, rules: Rules, clock: Clock) -> Scope:
    """Ten events a month from April to August, the first of them reported a month late; one of May corrected in July."""
    amended = ""
    for month in range(4, 9):
        clock.now = datetime(2026, month, 20, tzinfo=UTC)
        late = datetime(2026, month - 1, 20, tzinfo=UTC)
        items = [usage(occurred_at=clock.now, id=f"{month}-{at}", customer_id=f"c{at}") for at in range(9)]
        outcomes = await record(postgres, operator, [usage(occurred_at=late, id=f"{month}-late"), *items], rules=rules)
        if month == 5:
            assert outcomes[3].entry is not None
            amended = outcomes[3].entry.event_ref
        if month == 7:
            await amend(postgres, operator, amended, {"quantity": "5"}, rules=rules, reason="counted again")
    return Scope(acme.id, (await postgres.head(acme.id)).sequence)


@pytest.fixture
def looked(lived: Scope, postgres: PostgresStore, outside: asyncpg.Connection, monkeypatch: pytest.MonkeyPatch) -> Looked:
    """The partitions in the plans of a question, once the account's months are known, and pieces of a walk are small."""
    monkeypatch.setattr(ledger, "PIECE", 15)
    monkeypatch.setattr(planner, "ROLLUPS", ())  # which tell a period without any partition
    return Looked(postgres, outside, monkeypatch)


async def test_a_page_looks_into_the_months_that_it_walks_through(postgres: PostgresStore, lived: Scope, looked: Looked) -> None:
    assert await looked(postgres.rows(Rows(lived, limit=5))) == ["07 08"]
    assert await looked(postgres.rows(Rows(lived, limit=5, below=8))) == ["04"]
    assert await looked(postgres.rows(Rows(lived, limit=5, above=13, descending=False))) == ["05 06"]
    assert await looked(postgres.rows(Rows(lived, limit=30))) == ["07 08", "04 05 06"]
    assert await looked(postgres.rows(Rows(Scope(lived.account_id, 25), limit=5))) == ["05 06"]


@pytest.mark.parametrize("descending", [True, False])
@pytest.mark.parametrize("lead", [*INDEXED, "", "not_usage"])
async def test_a_plan_that_is_kept_walks_along_the_index_that_leads(
    postgres: PostgresStore, lived: Scope, looked: Looked, lead: str, descending: bool
) -> None:
    narrowed: Any = {"product_id": ("maps", "mail"), "feature_code": ("a", "b"), lead: ("x",)}
    filters, kinds = Filters(), frozenset({EntryKind.USAGE})
    if lead == "not_usage":
        kinds = frozenset({EntryKind.ACTIVITY})
    elif lead:
        filters = Filters(**narrowed, period=APRIL)
    [(statement, names)] = await looked.kept(postgres.rows(Rows(lived, filters, kinds, limit=5, descending=descending)))
    assert "UNION ALL" in statement
    index = {"": "_pkey", "not_usage": "_account_id_sequence_idx"}.get(lead, lead)
    assert names
    assert all(index in name for name in names), names
    at_once = postgres.look(Rows(lived, filters, kinds, limit=5, descending=descending))
    [(_, more)] = await looked.kept(at_once)
    assert more == names | {"heads_pkey", "entries_2026_08_pkey"}  # the account's end, and when the last entry was recorded


async def test_a_page_is_looked_at_together_with_the_end_of_the_ledger(
    postgres: PostgresStore, lived: Scope, looked: Looked, clock: Clock
) -> None:
    newest = Scope(lived.account_id, NEWEST)
    assert await postgres.look(Rows(newest, limit=5)) is None  # nothing is known of its months yet
    await postgres.rows(Rows(lived, limit=1))
    assert await looked(postgres.look(Rows(newest, limit=5))) == ["07 08"]
    assert await looked(postgres.look(Rows(newest, limit=30))) == ["07 08", "04 05 06"]
    assert await looked(postgres.look(Rows(Scope(lived.account_id, 25), limit=5, below=8))) == ["04 06"]
    assert await looked(postgres.look(Rows(newest, limit=5, above=13, descending=False))) == ["05 06"]
    for question in (
        Rows(newest, limit=5),
        Rows(newest, limit=30),
        Rows(newest, limit=60),
        Rows(newest, Filters(customer_id=("c3",)), limit=30, descending=False),
        Rows(newest, limit=30, above=40, descending=False),
        Rows(newest, fields=frozenset({"customer_id"}), limit=3),
    ):
        look = await postgres.look(question)
        assert look is not None
        assert (look.head, look.recorded_at) == (lived.as_of, clock.now)
        expected = await postgres.rows(replace(question, scope=lived))
        assert [(each.sequence, each.customer_id) for each in look.rows] == [
            (each.sequence, each.customer_id) for each in expected
        ]


async def test_a_look_at_the_end_sees_what_was_recorded_since_by_whoever_did(
    postgres: PostgresStore, url: str, operator: Principal, lived: Scope, looked: Looked, rules: Rules, clock: Clock
) -> None:
    newest = Rows(Scope(lived.account_id, NEWEST), Filters(customer_id=("c1",)), limit=2)
    await postgres.rows(Rows(lived, limit=1))
    other = await open_postgres(url, LIMITS)
    for day in (21, 22):  # the months are not read again in between
        clock.now = datetime(2026, 8, day, tzinfo=UTC)
        await record(other, operator, [usage(customer_id="c1", id=f"on {day}")], rules=rules)
        look = await postgres.look(newest)
        assert look is not None
        assert (look.head, look.recorded_at) == ((await other.head(lived.account_id)).sequence, clock.now)
        assert look.rows[0].sender_id == f"on {day}"
        onwards = await postgres.look(Rows(newest.scope, descending=False, above=lived.as_of - 1, limit=9))
        assert onwards is not None
        assert [each.sequence for each in onwards.rows] == list(range(lived.as_of, look.head + 1))
    # A page that begins in earlier months ends with what was recorded since, too.
    for filters in (Filters(customer_id=("c1",)), Filters()):
        upwards = Rows(newest.scope, filters, descending=False, limit=99)
        look = await postgres.look(upwards)
        assert look is not None
        assert look.rows == await other.rows(replace(upwards, scope=Scope(lived.account_id, look.head)))
        assert look.rows[-1].sequence == look.head
    clock.now = datetime(2026, 10, 1, tzinfo=UTC)
    await record(other, operator, [usage(customer_id="c1", id="a month later")], rules=rules)
    await other.close()
    assert await postgres.look(newest) is None
    earlier = await postgres.look(replace(newest, below=lived.as_of))
    assert earlier is not None  # which has nothing to do with that month
    head = await postgres.head(lived.account_id)
    await postgres.rows(Rows(Scope(lived.account_id, head.sequence), limit=1))
    look = await postgres.look(newest)
    assert look is not None
    assert [each.sender_id for each in look.rows] == ["a month later", "on 22"]


@pytest.mark.parametrize("descending", [True, False])
@pytest.mark.parametrize("filters", [Filters(), Filters(customer_id=("c1", "c3"))], ids=["all", "some"])
async def test_a_walk_through_all_months_meets_each_entry_once_and_no_more_than_were_asked_for(
    postgres: PostgresStore, lived: Scope, looked: Looked, monkeypatch: pytest.MonkeyPatch, filters: Filters, descending: bool
) -> None:
    monkeypatch.setattr(ledger, "BATCH", 3)
    every = [entry.sequence for entry in await postgres.rows(Rows(lived, filters, descending=descending))]
    assert len(every) == (15 if filters.customer_id else 52)
    assert every == sorted(every, reverse=descending)
    for limit in (1, 3, 5, 12, 13, 60):
        question = Rows(lived, filters, descending=descending, limit=limit)
        walked = [entry.sequence async for batch in postgres.stream(question) for entry in batch]
        assert walked == [entry.sequence for entry in await postgres.rows(question)] == every[:limit]


async def test_a_period_leaves_out_the_months_in_which_nothing_of_it_was_recorded(
    postgres: PostgresStore, lived: Scope, looked: Looked
) -> None:
    filters = Filters(period=APRIL)
    assert await looked(postgres.groups(Groups(lived, filters, (Dimension.PRODUCT,)))) == ["04 05"]
    assert await looked(postgres.groups(Groups(lived, filters, (), cut(APRIL, Granularity.DAY, "Europe/Berlin")))) == ["04 05"]
    assert await looked(postgres.count(Rows(lived, filters, frozenset({EntryKind.USAGE})))) == ["04 05"]
    assert await looked(postgres.extent(lived, filters)) == ["04 05"]
    assert await looked(postgres.rows(Rows(lived, filters, limit=3))) == ["04 05"]


async def test_a_correction_is_looked_for_where_it_was_recorded(postgres: PostgresStore, lived: Scope, looked: Looked) -> None:
    may = Filters(period=Period(datetime(2026, 5, 20, tzinfo=UTC), datetime(2026, 5, 21, tzinfo=UTC)))
    # May itself with June, where the late one was reported, and July, where one was corrected.
    assert await looked(postgres.groups(Groups(lived, may))) == ["05 06 07"]
    june = Filters(period=Period(datetime(2026, 6, 20, tzinfo=UTC), datetime(2026, 6, 20, 1, tzinfo=UTC)))
    assert await looked(postgres.groups(Groups(lived, june))) == ["06 07"]


async def test_months_apart_are_asked_one_by_one(
    postgres: PostgresStore, operator: Principal, lived: Scope, looked: Looked, rules: Rules, clock: Clock
) -> None:
    clock.now = datetime(2026, 8, 21, tzinfo=UTC)
    await record(postgres, operator, [usage(occurred_at=APRIL.start, id="very late")], rules=rules)
    scope = Scope(lived.account_id, lived.as_of + 1)
    # That a month holds something of a period is known by its first and last: May to July do, as far as that tells.
    assert await looked(postgres.groups(Groups(scope, Filters(period=APRIL)))) == ["04 05", "08"]
    assert (await postgres.groups(Groups(scope, Filters(period=APRIL)))).total.events == 11
    assert (await postgres.extent(scope, Filters(period=APRIL))) == (APRIL.start, datetime(2026, 4, 20, tzinfo=UTC))
    assert await postgres.count(Rows(scope, Filters(period=APRIL))) == 11
    assert len(await postgres.rows(Rows(scope, Filters(period=APRIL), limit=100))) == 11


async def test_an_instant_is_looked_for_in_its_month(postgres: PostgresStore, lived: Scope, looked: Looked) -> None:
    assert await looked(postgres.sequence_at(lived.account_id, datetime(2026, 6, 20, tzinfo=UTC))) == ["06"]
    assert await postgres.sequence_at(lived.account_id, JUNE) == 20
    assert await postgres.sequence_at(lived.account_id, datetime(2026, 3, 31, tzinfo=UTC)) == 0


async def test_what_another_server_recorded_in_a_later_month_is_found(
    postgres: PostgresStore, url: str, operator: Principal, lived: Scope, looked: Looked, rules: Rules, clock: Clock
) -> None:
    await postgres.rows(Rows(lived, limit=1))
    other = await open_postgres(url, LIMITS)
    clock.now = datetime(2026, 10, 1, tzinfo=UTC)
    await record(other, operator, [usage(occurred_at=APRIL.start, id="by another")], rules=rules)
    await other.close()
    head = await postgres.head(lived.account_id)
    [found] = await postgres.rows(Rows(Scope(lived.account_id, head.sequence), limit=1))
    assert found.sender_id == "by another"
    assert await postgres.sequence_at(lived.account_id, clock.now) == head.sequence
    assert (await postgres.groups(Groups(Scope(lived.account_id, head.sequence), Filters(period=APRIL)))).total.events == 11
    assert await looked(postgres.groups(Groups(lived, Filters(period=APRIL)))) == ["04 05"]
