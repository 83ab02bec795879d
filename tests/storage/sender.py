"""A process that records into a file until it is told otherwise: `python -m tests.storage.sender FILE NAME BATCHES`.

It prints the last sequence of each batch once that is acknowledged. Batches are of ten events with ids of the sender's own.
"""

from __future__ import annotations

import asyncio
import sys

from app.domain.account import Permission, Principal
from app.ledger.commands import Rules, record
from app.storage.sqlite import open_sqlite
from tests.events import START, usage


async def send(file: str, name: str, batches: int) -> None:
    """Record so many batches."""
    store = await open_sqlite(file)
    account = await store.account_named("acme")
    assert account is not None
    principal = Principal(account, name, frozenset({Permission.ADMIN.value}))
    for batch in range(batches):
        items = [usage(id=f"{name}-{batch}-{item}", customer_id=f"c{batch}", actor=name) for item in range(10)]
        outcomes = await record(store, principal, items, rules=Rules(clock=lambda: START))
        last = outcomes[-1].entry
        assert last is not None
        print(last.sequence, flush=True)
    if name != "careless":
        await store.close()


if __name__ == "__main__":
    asyncio.run(send(sys.argv[1], sys.argv[2], int(sys.argv[3])))
