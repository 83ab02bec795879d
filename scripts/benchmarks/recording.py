"""Recording: batches of 1,000 through the door against bare inserts into the same tables, and single events from many callers.

Batches are of what was used lately, as senders tell it, from one caller, who waits for each answer, and from four at once; and of
three months in no order, as somebody tells it who brings history along. What is written goes into a copy that is thrown away.
"""

from __future__ import annotations

import asyncio
import json
import shutil
import sqlite3
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import asyncpg

from app.bootstrap import open_store
from app.domain.account import Permission, Principal
from app.domain.entry import Entry
from app.ledger.chain import Prepared, seal
from app.ledger.commands import Rules, record
from app.ports import Head, Store
from app.settings import Settings
from app.storage.postgres.dialect import PostgresDialect
from app.storage.sql.dialect import Dialect
from app.storage.sql.mapping import Mapping
from app.storage.sqlite.connection import connect
from app.storage.sqlite.dialect import SqliteDialect
from scripts.benchmarks.events import new_contents, said
from scripts.benchmarks.load import Call, one
from scripts.benchmarks.pairs import Result, paired
from scripts.benchmarks.places import LARGE, Place, serving, token

BATCH = 1_000
SENDERS = 4
SINGLE, CALLERS = 1_024, 64
LATELY = timedelta(hours=5)
"""How long the account of a million entries takes to use as much as a batch tells."""


def run(place: Place, *, seconds: float, runs: int) -> Iterator[Result]:
    """Every pair; `seconds` decides how many batches one measurement is of."""
    batches = max(2, round(seconds * 5))
    with copied(place) as copy:
        bare = Bare(copy)
        with serving(copy) as url:
            call = Call(f"{url}/api/v1/usage-events", copy.token, content_type="application/x-ndjson")
            for told, senders, within in (
                ("three months in each, one caller", 1, None),
                (f"{LATELY.seconds // 3_600} hours in each, one caller", 1, LATELY),
                (f"{LATELY.seconds // 3_600} hours in each, {SENDERS} callers", SENDERS, LATELY),
            ):
                yield paired(
                    f"recording through the door, batches of {BATCH:,}, {told}",
                    lambda senders=senders, within=within: through_door(call, batches, senders=senders, within=within),
                    lambda within=within: bare.rate(batches, within),
                    unit="events/s",
                    against="bare inserts into entries and claims",
                    wanted=0.4,
                    runs=runs,
                )
        bare.close()
    with copied(place) as copy:
        yield asyncio.run(_singles(copy, runs, alone=max(64, round(seconds * SINGLE / 8))))


@contextmanager
def copied(place: Place) -> Iterator[Place]:
    """The same data set in a place of its own."""
    if place.engine == "SQLite":
        path = Path(place.url.removeprefix("sqlite:///"))
        with sqlite3.connect(path) as connection:
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        connection.close()
        copy = path.with_name("scratch.db")
        for left in copy.parent.glob("scratch.db*"):  # by a run that was ended
            left.unlink()
        shutil.copyfile(path, copy)
        url = f"sqlite:///{copy}"
        try:
            yield replace(place, url=url, token=token(url))
        finally:
            for each in copy.parent.glob("scratch.db*"):
                each.unlink()
        return
    base, _, name = place.url.rpartition("/")

    async def make(sql: str) -> None:
        connection = await asyncpg.connect(f"{base}/postgres")
        await connection.execute(sql, timeout=3_600)
        await connection.close()

    asyncio.run(make("DROP DATABASE IF EXISTS scratch WITH (FORCE)"))
    asyncio.run(make(f"CREATE DATABASE scratch TEMPLATE {name}"))
    url = f"{base}/scratch"
    try:
        yield replace(place, url=url, token=token(url))
    finally:
        asyncio.run(make("DROP DATABASE IF EXISTS scratch WITH (FORCE)"))


def through_door(call: Call, batches: int, *, senders: int = 1, within: timedelta | None = None) -> float:
    """Events a second: each sender sends a batch when its one before was answered. Making the bodies is not in it."""
    bodies = ["\n".join(json.dumps(said(each)) for each in new_contents(BATCH, within=within)) for _ in range(batches * senders)]
    with ThreadPoolExecutor(senders) as pool:
        began = time.perf_counter()
        answers = list(pool.map(lambda body: one(replace(call, body=body)), bodies))
        took = time.perf_counter() - began
    for answer in answers:
        told = json.loads(answer)["data"]
        assert told["inserted"] == BATCH, told
    return len(bodies) * BATCH / took


class Bare:
    """What a writer with nothing to think about does: rows that lie ready, one statement for each table, one commit a batch."""

    def __init__(self, place: Place) -> None:
        self._place = place
        self._dialect: Dialect = SqliteDialect() if place.engine == "SQLite" else PostgresDialect()
        self._mapping = Mapping(self._dialect)
        self._next = 2**40  # far above what the gateway writes meanwhile: nothing reads these
        if place.engine == "SQLite":
            self._connection = connect(Path(place.url.removeprefix("sqlite:///")))

    def rate(self, batches: int, within: timedelta | None = None) -> float:
        """Events a second."""
        made = [self._rows(within) for _ in range(batches)]
        took = self._sqlite(made) if self._place.engine == "SQLite" else asyncio.run(self._postgres(made))
        return batches * BATCH / took

    def close(self) -> None:
        """Let go of the file."""
        if self._place.engine == "SQLite":
            self._connection.close()

    def _rows(self, within: timedelta | None) -> tuple[list[Any], list[Any]]:
        from app.ledger.events import claim_key

        prepared = [Prepared(each, each.digest(), claim_key(each)) for each in new_contents(BATCH, within=within)]
        # In July, whose partition is there and empty.
        head = Head(self._next, datetime(2026, 7, 15, tzinfo=UTC), bytes(32))
        entries: list[Entry] = seal(1, prepared, head, datetime(2026, 7, 15, tzinfo=UTC))
        self._next += BATCH
        blob = self._dialect.blob
        claims = [(1, blob(each.claim or b""), entry.sequence) for each, entry in zip(prepared, entries, strict=True)]
        return [self._mapping.entry_values(each) for each in entries], claims

    def _sqlite(self, made: list[tuple[list[Any], list[Any]]]) -> float:
        columns = self._mapping.entry_columns
        entries = f"INSERT INTO entries ({', '.join(columns)}) VALUES ({', '.join('?' * len(columns))})"
        claims = "INSERT INTO claims (account_id, claim_key, sequence) VALUES (?, ?, ?)"
        began = time.perf_counter()
        for rows, claimed in made:
            self._connection.execute("BEGIN IMMEDIATE")
            self._connection.executemany(entries, rows)
            self._connection.executemany(claims, claimed)
            self._connection.execute("COMMIT")
        return time.perf_counter() - began

    async def _postgres(self, made: list[tuple[list[Any], list[Any]]]) -> float:
        connection = await asyncpg.connect(self._place.url)
        began = time.perf_counter()
        for rows, claimed in made:
            async with connection.transaction():
                await connection.copy_records_to_table("entries", records=rows, columns=self._mapping.entry_columns)
                await connection.copy_records_to_table("claims", records=claimed, columns=("account_id", "claim_key", "sequence"))
        took = time.perf_counter() - began
        await connection.close()
        return took


async def _singles(place: Place, runs: int, *, alone: int) -> Result:
    """Single events from 64 callers at once, and one after the other; both through the command, without HTTP."""
    store = await open_store(Settings(database_url=place.url))
    try:
        account = await store.account_named(LARGE)
        assert account is not None
        caller = Principal(account, "bench", frozenset({Permission.ADMIN.value}))
        pairs = [(await _rate(store, caller, CALLERS, SINGLE), await _rate(store, caller, 1, alone)) for _ in range(runs + 1)][1:]
    finally:
        await store.close()
    ours, theirs = (sorted(each)[len(pairs) // 2] for each in zip(*pairs, strict=True))
    return Result(
        f"single events from {CALLERS} callers at once",
        ours,
        theirs,
        "events/s",
        [mine / other for mine, other in pairs],
        "one transaction for each, one after the other",
        8,
    )


async def _rate(store: Store, caller: Principal, callers: int, count: int) -> float:
    events = [said(each) for each in new_contents(count, within=LATELY)]
    waiting = iter(events)

    async def send() -> None:
        for each in waiting:
            (outcome,) = await record(store, caller, [each], rules=Rules())
            assert outcome.status == "inserted", outcome

    senders: list[Callable[[], Any]] = [send] * callers
    began = time.perf_counter()
    await asyncio.gather(*(each() for each in senders))
    return len(events) / (time.perf_counter() - began)
