"""Makes a data set for benchmarks: `python -m scripts.benchmarks.dataset --to sqlite:////tmp/bench.db --rows 1000000`.

Entries are hashed, sealed and appended by the gateway's own code, so that every ledger verifies and every projection is what
recording makes of it. What makes it quicker than recording: nothing is parsed, the indexes of `entries` are made at the end, and
so are the claims, in their own order.
"""

from __future__ import annotations

import argparse
import asyncio
import sqlite3
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import asyncpg

from app.domain.account import Account
from app.domain.entry import Entry
from app.ledger.chain import Prepared, seal
from app.ports import Store, Transaction
from app.storage.migrations import upgrade
from app.storage.postgres import open_postgres
from app.storage.sqlite import open_sqlite
from app.storage.sqlite.connection import prepare_file
from scripts.benchmarks.events import BEGINS, SHARES, Life

BATCH = 10_000
Claim = tuple[int, bytes, int]
"""Account, key and sequence."""


async def build(url: str, rows: int, *, seed: int = 1, told: Callable[[int], None] | None = None) -> None:
    """Fill the empty database behind that URL (`sqlite:///…` or `postgresql://…`) with so many entries."""
    place: Place = SqlitePlace(url) if url.startswith("sqlite:") else PostgresPlace(url)
    await place.prepare()
    store = await place.open()
    claims: list[Claim] = []
    made = 0
    try:
        for name, share in SHARES.items():
            account = await store.create_account(name, BEGINS)
            head = await store.head(account.id)
            for moment, prepared in Life(account, rows * share // 100, seed).batches(BATCH):
                entries = seal(account.id, prepared, head, moment)
                await store.transact(account.id, _appending(entries))
                claims += _claims(account, entries, prepared)
                head = await store.head(account.id)
                made += len(entries)
                if told is not None:
                    told(made)
    finally:
        await store.close()
    claims.sort()
    await place.finish(claims)


def _claims(account: Account, entries: Sequence[Entry], prepared: Sequence[Prepared]) -> list[Claim]:
    pairs = zip(entries, prepared, strict=True)
    return [(account.id, each.claim, entry.sequence) for entry, each in pairs if each.claim is not None]


def _appending(entries: Sequence[Entry]) -> Callable[[Transaction], Any]:
    async def body(tx: Transaction) -> None:
        await tx.append(entries, [])

    return body


class SqlitePlace:
    """A file."""

    def __init__(self, url: str) -> None:
        self._path = Path(url.removeprefix("sqlite:///"))
        self._indexes: list[str] = []

    async def prepare(self) -> None:
        """Make the tables; `entries` without indexes."""
        await asyncio.to_thread(prepare_file, self._path)
        with sqlite3.connect(self._path) as connection:
            found = connection.execute("SELECT name, sql FROM sqlite_master WHERE type = 'index' AND tbl_name = 'entries'")
            for name, sql in found.fetchall():
                if sql is not None:
                    self._indexes.append(sql)
                    connection.execute(f"DROP INDEX {name}")
        connection.close()

    async def open(self) -> Store:
        """The store."""
        return await open_sqlite(self._path)

    async def finish(self, claims: Sequence[Claim]) -> None:
        """Put the claims in, and make the indexes."""
        connection = sqlite3.connect(self._path, isolation_level=None)
        connection.execute("PRAGMA cache_size = -500000")
        connection.execute("BEGIN")
        rows = ((account, bytearray(key), sequence) for account, key, sequence in claims)
        connection.executemany("INSERT INTO claims (account_id, claim_key, sequence) VALUES (?, ?, ?)", rows)
        for sql in self._indexes:
            connection.execute(sql)
        connection.execute("COMMIT")
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        connection.close()


class PostgresPlace:
    """A database of a server."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._indexes: list[str] = []

    async def prepare(self) -> None:
        """Make the tables; `entries` without indexes."""
        await asyncio.to_thread(upgrade, self._url)
        connection = await asyncpg.connect(self._url)
        found = await connection.fetch(
            "SELECT indexrelid::regclass::text, pg_get_indexdef(indexrelid) FROM pg_index"
            " WHERE indrelid = 'entries'::regclass AND NOT indisprimary"
        )
        for name, sql in found:
            self._indexes.append(sql)
            await connection.execute(f"DROP INDEX {name}")
        await connection.close()

    async def open(self) -> Store:
        """The store."""
        return await open_postgres(self._url)

    async def finish(self, claims: Sequence[Claim]) -> None:
        """Put the claims in, make the indexes, and gather statistics."""
        connection = await asyncpg.connect(self._url)
        await connection.copy_records_to_table("claims", records=claims, columns=("account_id", "claim_key", "sequence"))
        await connection.execute("SET maintenance_work_mem = '512MB'")
        for sql in self._indexes:
            await connection.execute(sql.replace(" ON ONLY ", " ON "), timeout=3_600)
        await connection.execute("VACUUM ANALYZE", timeout=3_600)
        await connection.close()


Place = SqlitePlace | PostgresPlace


def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--to", required=True, help="sqlite:///… or postgresql://…, empty")
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    began = time.perf_counter()

    def told(made: int) -> None:
        if made % 100_000 < BATCH:
            print(f"{made:>12,} entries, {made / (time.perf_counter() - began):,.0f} a second", flush=True)

    asyncio.run(build(given.to, given.rows, seed=given.seed, told=told))
    print(f"done in {time.perf_counter() - began:,.1f} s")


if __name__ == "__main__":
    main()
