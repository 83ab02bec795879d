"""The tables as a distributed PostgreSQL wants them: the account leads every key, every join and every look-up; text is binary.

Read from the server's own catalogue, so that a table or an index added later is held to it too. Exceptions have names here.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

import asyncpg
import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import pool
from sqlalchemy.ext.asyncio import create_async_engine

from app.access.tokens import new_key
from app.domain.account import Account, Principal
from app.domain.catalogue import RecordKind
from app.domain.entry import EntryKind
from app.domain.instant import now
from app.domain.period import Granularity, Period, cut
from app.exports.freeze import create
from app.ledger import credentials
from app.ledger.catalogue import upsert
from app.ledger.commands import Rules, amend, record, retract
from app.ledger.erasure import erase
from app.ports import Files
from app.question.filters import Filters
from app.question.groups import Dimension, Groups
from app.question.occurrences import Occurrences
from app.question.records import Records
from app.question.rows import Rows
from app.question.scope import Scope
from app.storage.postgres import PostgresStore
from app.storage.postgres.dialect import Own
from app.storage.sql.tables import Shared
from tests.events import START, usage

EVERYWHERE = {"accounts", "keys", "signing_keys", "alembic_version"}
"""Small tables of which every node has a copy: they are asked before the account is known, to find it."""
POLLED = {"exports_unfinished": "created_at", "exports_with_file": "updated_at", "rejects_by_last_at": "last_at"}
"""Workers look for what is left to do in all accounts at once."""


async def tables(outside: asyncpg.Connection) -> list[str]:
    """The tables that are spread by account."""
    rows = await outside.fetch(
        "SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p')"
        " AND NOT relispartition ORDER BY 1"
    )
    return [row[0] for row in rows if row[0] not in EVERYWHERE]


async def test_the_tables_that_are_spread_are_these(outside: asyncpg.Connection) -> None:
    assert await tables(outside) == [
        "attestations", "catalogue", "claims", "code_days", "contract_customers", "contract_days", "contract_months",
        "customer_days", "customer_months", "ended_sessions", "entries", "export_marks", "exports", "feature_days",
        "feature_months", "first_answers", "folded_customers", "formats", "heads", "months", "product_days",
        "product_months", "rejects", "reversals", "secrets", "tree_nodes", "usage_days", "usage_hours",
    ]  # fmt: skip


async def test_the_account_leads_every_key_and_index(outside: asyncpg.Connection) -> None:
    rows = await outside.fetch(
        "SELECT own.relname, made.relname, attname FROM pg_index JOIN pg_class own ON own.oid = indrelid"
        " JOIN pg_class made ON made.oid = indexrelid JOIN pg_attribute ON attrelid = indrelid AND attnum = indkey[0]"
        " WHERE own.relnamespace = 'public'::regnamespace"
    )
    assert len(rows) > 20
    leads = {index: column for table, index, column in rows if not table.startswith(tuple(EVERYWHERE))}
    assert {index: column for index, column in leads.items() if column != "account_id"} == POLLED
    keyed = await outside.fetch("SELECT conrelid::regclass::text FROM pg_constraint WHERE contype = 'p'")
    assert {row[0] for row in keyed} >= {*await tables(outside)}


async def test_a_foreign_key_leads_to_a_table_that_is_everywhere(outside: asyncpg.Connection) -> None:
    rows = await outside.fetch(
        "SELECT conrelid::regclass::text, confrelid::regclass::text, pg_get_constraintdef(oid) FROM pg_constraint"
        " WHERE contype = 'f' ORDER BY 1"
    )
    assert [tuple(row) for row in rows] == [
        (table, "accounts", "FOREIGN KEY (account_id) REFERENCES accounts(id)")
        for table in (
            *(
                "attestations",
                "ended_sessions",
                "export_marks",
                "exports",
                "first_answers",
                "formats",
                "heads",
                "keys",
                "rejects",
                "secrets",
            ),
        )
    ]


async def test_every_text_is_compared_by_its_bytes(outside: asyncpg.Connection) -> None:
    rows = await outside.fetch(
        "SELECT relname, attname, collname FROM pg_attribute JOIN pg_collation ON pg_collation.oid = attcollation"
        " JOIN pg_class ON pg_class.oid = attrelid WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p')"
        " AND attrelid <> 'alembic_version'::regclass"
    )
    assert len(rows) > 50
    assert [tuple(row) for row in rows if row[2] != "C"] == []


async def test_the_migrated_tables_are_those_that_the_models_declare(url: str, outside: asyncpg.Connection) -> None:
    engine = create_async_engine("postgresql+asyncpg://", async_creator=lambda: asyncpg.connect(url), poolclass=pool.NullPool)

    def differences(connection: Any) -> list[Any]:
        def own(name: str | None, kind: str, parents: Any) -> bool:
            return not (kind == "table" and name is not None and re.fullmatch(r"entries_\d{4}_\d\d", name))

        options = {"compare_type": True, "compare_server_default": True, "include_name": own}
        return compare_metadata(MigrationContext.configure(connection, opts=options), [Shared.metadata, Own.metadata])

    async with engine.connect() as connection:
        assert await connection.run_sync(differences) == []
    await engine.dispose()
    told = await outside.fetchval("SELECT pg_get_partkeydef('entries'::regclass)")
    assert told == "RANGE (recorded_at)"


@pytest.fixture
def statements(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What is said to the server from now on."""
    said: list[str] = []
    for name in ("fetch", "fetchrow", "execute", "executemany"):
        method = getattr(asyncpg.Connection, name)

        async def noted(self: Any, query: str, *args: Any, _method: Any = method, **kwargs: Any) -> Any:
            said.append(query)
            return await _method(self, query, *args, **kwargs)

        monkeypatch.setattr(asyncpg.Connection, name, noted)
    return said


def unbound(sql: str, names: Sequence[str]) -> list[str]:
    """The tables that the statement reads, joins or changes in a place where nothing says whose rows are meant."""
    found = []
    for verb, table, alias, column in re.findall(
        rf"(INSERT INTO|FROM|JOIN|UPDATE) ({'|'.join(names)})\b(?: AS)?(?: (\w+))?(?: \((\w+))?", " ".join(sql.split())
    ):
        if verb == "INSERT INTO":
            bound = column == "account_id"
        else:
            bound = any(re.search(rf"(?<![.\w])(?:{each}\.)?account_id = ", sql) for each in {table, alias or table})
        if not bound:
            found.append(table)
    return found


async def test_every_look_up_and_every_join_says_whose_rows_are_meant(
    postgres: PostgresStore,
    acme: Account,
    operator: Principal,
    rules: Rules,
    files: Files,
    outside: asyncpg.Connection,
    statements: list[str],
) -> None:
    scope, names = Scope(acme.id, 2**53), await tables(outside)
    items = [usage(id=f"e{at}", message="m", license_id="l", feature_code=f"f{at % 2}") for at in range(5)]
    outcomes = await record(postgres, operator, [*items, items[0]], rules=rules)
    refs = [each.entry.event_ref for each in outcomes if each.entry is not None]
    await amend(postgres, operator, refs[0], {"quantity": "2"}, rules=rules, reason="r")
    await retract(postgres, operator, refs[1], rules=rules, reason="r")
    await erase(postgres, operator, refs[2], rules=rules)
    await upsert(postgres, operator, RecordKind.CUSTOMER, "c1", {"name": "One", "license_id": "l"}, rules=rules)
    key, _ = new_key(acme, label="k", scopes=["admin"], created_at=now())
    await credentials.issue(postgres, key, actor="a", rules=rules)
    await create(postgres, files, operator, "usage-ledger", "json", {}, rules=rules)
    period = Period(START.replace(month=3), START.replace(month=5))
    for filters in (Filters(), Filters(period=period), Filters(customer_id=("c1",)), Filters(period, source=("x", "y"))):
        for descending in (True, False):
            await postgres.rows(Rows(scope, filters, descending=descending, limit=2))
        [_ async for _ in postgres.stream(Rows(scope, filters))]
        await postgres.count(Rows(scope, filters, frozenset({EntryKind.USAGE})))
        await postgres.extent(scope, filters)
        await postgres.groups(Groups(scope, filters, (Dimension.PRODUCT,)))
    await postgres.rows(Rows(scope, corrections_only=True, limit=5))
    await postgres.groups(Groups(scope, Filters(period=period), (), cut(period, Granularity.WEEK)))
    await postgres.records(Records(scope, RecordKind.CUSTOMER, license_id="l", after="a", limit=5))
    await postgres.occurrences(Occurrences(scope, Filters(period)))
    await postgres.sequence_at(acme.id, START)
    await postgres.exports(acme.id, limit=5)
    await postgres.end_session(acme.id, "s", START)
    await postgres.session_ended(acme.id, "s")
    await postgres.forget_sessions(acme.id, START)

    spread = [
        sql for sql in statements if re.search(rf"\b({'|'.join(names)})\b", sql) and "pg_" not in sql and "CREATE" not in sql
    ]
    assert len(set(spread)) > 40
    assert {sql for sql in spread if unbound(sql, names)} == set()
    statements.clear()
    await postgres.unfinished()
    assert [unbound(sql, names) for sql in statements] == [["exports"]]  # the one that asks for all accounts at once


def test_a_look_up_that_does_not_say_whose_would_be_noticed() -> None:
    names = ["entries", "reversals", "heads"]
    own = "SELECT 1 FROM entries WHERE entries.account_id = $1 AND sequence = $2"
    joined = (
        "SELECT 1 FROM entries LEFT OUTER JOIN reversals ON {}reversals.corrects = entries.sequence WHERE entries.account_id = $1"
    )
    assert unbound(own, names) == []
    assert unbound("SELECT 1 FROM entries WHERE sequence = $1", names) == ["entries"]
    assert unbound(joined.format("reversals.account_id = entries.account_id AND "), names) == []
    assert unbound(joined.format(""), names) == ["reversals"]
    assert unbound("UPDATE heads SET sequence = $2", names) == ["heads"]
    assert unbound("INSERT INTO heads (sequence, account_id) VALUES ($1, $2)", names) == ["heads"]
