"""A data set verifies like a ledger that was recorded, knows its senders' ids, and is the same every time."""

from __future__ import annotations

from pathlib import Path

import pytest

from app.domain.account import genesis
from app.domain.entry import Entry
from app.ledger.chain import verify
from app.ledger.events import claim_key
from app.ports import Store
from app.question.rows import Rows
from app.question.scope import Scope
from app.storage.postgres import open_postgres
from app.storage.sqlite import open_sqlite
from scripts.benchmarks import dataset
from tests.conftest import DURABLE
from tests.databases import DATABASES

CHAIN = "5db83e24558a952b"
"""The first 16 digits of the digest in which the busiest account's ledger ends, whichever engine holds it."""


async def made(engine: str, folder: Path) -> Store:
    """A data set of 3,000 entries in four accounts."""
    url = f"sqlite:///{folder / 'bench.db'}" if engine == "sqlite" else await DATABASES.new()
    await dataset.build(url, 3_000)
    return await (open_sqlite(folder / "bench.db") if engine == "sqlite" else open_postgres(url))


@pytest.mark.parametrize("engine", DURABLE)
async def test_a_data_set_is_a_ledger_like_any_other(engine: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dataset, "BATCH", 500)
    store = await made(engine, tmp_path)
    sizes = {}
    for account in await store.accounts():
        head = await store.head(account.id)
        whole = store.stream(Rows(Scope(account.id, head.sequence), descending=False))
        sizes[account.name] = (await verify(whole, genesis(account.name), head)).entries
    account = await store.account_named("northwind")
    assert account is not None
    head = await store.head(account.id)
    assert head.chain.hex()[:16] == CHAIN
    keys = {_key(each): each.event_sequence for each in await store.rows(Rows(Scope(account.id, head.sequence), limit=50))}
    assert await store.transact(account.id, lambda tx: tx.claimed(list(keys))) == keys
    await store.close()
    assert sizes == {"northwind": 2_400, "contoso": 360, "fabrikam": 150, "tailspin": 90}


def _key(entry: Entry) -> bytes:
    key = claim_key(entry)
    assert key is not None
    return key
