"""A store copied to PostgreSQL and back is the same store; a backup taken while events come in restores and verifies."""

from __future__ import annotations

import argparse
import asyncio
import json
import random
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from app.domain.account import Permission, Principal
from app.ledger.commands import Rules, record
from app.ledger.demo import fill
from app.ledger.erasure import erase
from app.ports import Store
from app.question.rows import Rows
from app.question.scope import Scope
from app.storage.copying import Transferable, compare
from app.storage.sqlite import open_sqlite
from scripts.proofs.product import Product, Server, expect
from tests.databases import DATABASES


async def live(store: Store, entries: int) -> None:
    """Two accounts: one with all that the demo has, and erasures; one with so many entries of every shape that numbers take."""
    began = datetime(2026, 2, 1, tzinfo=UTC)
    for name in ("acme", "globex"):
        await store.create_account(name, began)
    acme, globex = [Principal(each, "proof", frozenset({Permission.ADMIN.value})) for each in await store.accounts()]
    await fill(store, acme, now=began)
    for sequence in (3, 40, 500):
        await erase(store, acme, f"act_{acme.account.id}_{sequence}", rules=Rules())
    draw, moment = random.Random(1), began
    while (head := await store.head(globex.account.id)).sequence < entries:
        moment += timedelta(minutes=draw.randrange(120))
        items: list[dict[str, Any]] = [
            {
                "id": f"e{head.sequence}-{each}",
                "occurred_at": moment - timedelta(seconds=draw.randrange(10**6)),
                "customer_id": f"cüstomer {draw.randrange(3_000)}",
                "product_id": draw.choice(("maps", "tiles", "routes")),
                "request_id": draw.randbytes(8).hex(),
                "quantity": f"{draw.randrange(10**20)}.{draw.randrange(10**18):018}",
                "unit": draw.choice(("call", "GB", None)),
                "charge": f"-{draw.randrange(100)}.5",
                "currency": draw.choice(("EUR", "USD")),
                "message": draw.choice((None, "said by a person: ça va")),
                "additional_data": {"region": draw.choice(("eu", "us")), "n": draw.randrange(10**9)},
            }
            for each in range(1_000)
        ]
        await record(store, globex, items, rules=Rules(clock=lambda moment=moment: moment))


async def same(one: Path, other: Path) -> list[str]:
    """What two files hold alike, row by row and digest by digest."""
    stores: list[Transferable] = [await open_sqlite(one), await open_sqlite(other)]
    try:
        return [f"{name}: {head.sequence}" for name, head in await compare(*stores, lambda *_: None)]
    finally:
        for store in stores:
            await store.close()


@contextmanager
def sending(server: Server, token: str) -> Iterator[list[int]]:
    """Four callers that send batches as long as the context lasts; gives the number of batches answered so far."""
    answered, stop = [0], threading.Event()

    def send(number: int) -> None:
        while not stop.is_set():
            events = [
                {
                    "id": f"{number}-{answered[0]}-{each}-{time.monotonic_ns()}",
                    "occurred_at": "2026-01-01T00:00:00Z",
                    "quantity": 1,
                }
                for each in range(50)
            ]
            server.call("/api/v1/usage-events", json.dumps(events).encode(), token)
            answered[0] += 1

    callers = [threading.Thread(target=send, args=(number,)) for number in range(4)]
    for caller in callers:
        caller.start()
    try:
        yield answered
    finally:
        stop.set()
        for caller in callers:
            caller.join()


def prove_copy(folder: Path, url: str, entries: int) -> None:
    """Copy there and back."""
    first, second = Product(folder / "first"), Product(folder / "second")
    for product in (first, second):
        product.folder.mkdir()

    async def filled() -> None:
        store = await open_sqlite(first.database)
        await live(store, entries)
        await store.close()

    asyncio.run(filled())
    first.run("key", "create", "--account", "globex", "--scope", "report:read", "--label", "kept")
    there, seconds = timed(first, "copy", "--from", f"sqlite:///{first.database}", "--to", url)
    total = sum(each["entries"] for each in there["accounts"])
    print(f"       to PostgreSQL, compared: {total} entries in {seconds:.0f} s")
    back, seconds = timed(first, "copy", "--from", url, "--to", f"sqlite:///{second.database}")
    print(f"       back to a file, compared: {total} entries in {seconds:.0f} s")
    expect("at least so many entries", total >= entries, True)
    expect("the copy back ends as the copy there", back, there)
    expect(
        "the first file and the last hold the same",
        asyncio.run(same(first.database, second.database)),
        [f"{each['account']}: {each['entries']}" for each in there["accounts"]],
    )
    for account in there["accounts"]:
        verified = second.json("ledger", "verify", "--account", account["account"])
        expect(
            f"the ledger of {account['account']} verifies",
            (verified["entries"], verified["chain"]),
            (account["entries"], account["chain"]),
        )


def prove_backup(folder: Path) -> None:
    """Back up under load, restore elsewhere."""
    product, restored = Product(folder / "loaded"), Product(folder / "restored")
    for each in (product, restored):
        each.folder.mkdir()
    token = product.account("acme", "usage:write")
    with product.serving() as server, sending(server, token) as answered:
        while answered[0] < 40:
            time.sleep(0.05)
        before, (taken, seconds) = answered[0], timed(product, "backup", str(folder / "backup.db"))
        during = answered[0] - before
        while answered[0] < before + during + 20:
            time.sleep(0.05)
    print(f"       backed up in {seconds:.1f} s, while {during} batches of 50 were recorded")
    expect("batches were recorded meanwhile", during > 0, True)
    [end] = taken["accounts"]
    expect("the restored file ends as the backup", restored.json("restore", str(folder / "backup.db")), taken)
    verified = restored.json("ledger", "verify", "--account", "acme")
    expect("and verifies", (verified["entries"], verified["chain"]), (end["entries"], end["chain"]))

    async def chain_there() -> tuple[int, str]:
        store = await open_sqlite(product.database)
        head = await store.head(1)
        [entry] = await store.rows(Rows(Scope(1, head.sequence), above=end["entries"] - 1, below=end["entries"] + 1))
        await store.close()
        return head.sequence - end["entries"], entry.chain.hex()

    later, chain = asyncio.run(chain_there())
    expect("the ledger went on from where the backup ends", (later > 0, chain), (True, end["chain"]))


def timed(product: Product, *arguments: str) -> tuple[Any, float]:
    """What a command says, and the seconds it took."""
    began = time.monotonic()
    return product.json(*arguments), time.monotonic() - began


def main(entries: int) -> None:
    """Both, in a folder of their own."""
    try:
        with tempfile.TemporaryDirectory() as folder:
            prove_copy(Path(folder), asyncio.run(DATABASES.new()), entries)
            prove_backup(Path(folder))
    finally:
        DATABASES.close()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--entries", type=int, default=200_000)
    main(parser.parse_args().entries)
