"""The API usage report of a busy week: 300,000 transactions, told whole in constant memory while the server answers others.

    scripts/prove busy_week [TRANSACTIONS]

The transactions are recorded by the ledger's own commands into an embedded database, in another order than they happened in.
Then a server is asked for the week, as JSON alone and with the workbook, and each time it is seen how soon the first byte came,
how long all took, how much memory the server took at most, and how long others waited meanwhile. Rows, order and sum are compared
with what was recorded; the workbook is read back with openpyxl.
"""

from __future__ import annotations

import asyncio
import json
import random
import sys
import tempfile
import threading
import time
import urllib.parse
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

from openpyxl import load_workbook

from app.domain.account import Permission, Principal
from app.ledger.commands import Rules, record
from app.storage.sqlite import open_sqlite
from scripts.proofs.product import Product, Server, expect

WEEK = (datetime(2026, 3, 2, tzinfo=UTC), datetime(2026, 3, 9, tzinfo=UTC))
_BATCH = 10_000
_MEGABYTES = 150
"""How much more memory than before a call may take at most: it holds a thousand rows at a time, and SQLite's own pages."""


def transactions(number: int) -> list[dict[str, Any]]:
    """API transactions at random instants of the week."""
    draw = random.Random(7)
    seconds = int((WEEK[1] - WEEK[0]).total_seconds())
    return [
        {
            "transaction_id": f"{at:08x}-6f3a-4d0e-9c1b-0123456789ab",
            "occurred_at": WEEK[0] + timedelta(seconds=draw.randrange(seconds), microseconds=draw.randrange(1_000_000)),
            "product_id": draw.choice(("PAN-Plus", "GST-Basic", "Bank-Verify")),
            "status_code": draw.choice((200, 200, 200, 404, 503)),
            "message": "Pan Verified Successfully.",
            "charge": draw.choice(("2.95", "0.10", "1.005")),
            "currency": "INR",
        }
        for at in range(number)
    ]


async def recorded(product: Product, items: list[dict[str, Any]]) -> None:
    """Put them into the account's ledger."""
    store = await open_sqlite(product.database)
    account = await store.account_named("busy")
    assert account is not None
    principal = Principal(account, "k1", frozenset({Permission.ADMIN.value}))
    for first in range(0, len(items), _BATCH):
        await record(store, principal, items[first : first + _BATCH], rules=Rules())
    await store.close()


@contextmanager
def others(server: Server) -> Iterator[list[float]]:
    """How long each of a neighbour's calls takes meanwhile, in seconds."""
    waited: list[float] = []
    stop = threading.Event()

    def ask() -> None:
        while not stop.wait(0.05):
            began = time.perf_counter()
            server.call("/readyz")
            waited.append(time.perf_counter() - began)

    thread = threading.Thread(target=ask)
    thread.start()
    try:
        yield waited
    finally:
        stop.set()
        thread.join()


def peak(server: Server, *, anew: bool = False) -> int:
    """The most memory that the server took since it was asked anew, in megabytes."""
    if anew:
        Path(f"/proc/{server.process.pid}/clear_refs").write_text("5")
    status = Path(f"/proc/{server.process.pid}/status").read_text()
    return int(next(line for line in status.splitlines() if line.startswith("VmHWM")).split()[1]) // 1024


def asked(server: Server, key: dict[str, str], token: str, *, workbook: bool) -> tuple[dict[str, Any], str]:
    """The report's data, and what was seen while it came."""
    query = {"since_date": "2026-03-02", "until_date": "2026-03-08", "generate_excel": str(workbook).lower()}
    request = urllib.request.Request(f"{server.url}/v1/client/usage-report?{urllib.parse.urlencode(query)}")
    request.add_header("Authorization", f"Bearer {token}")
    request.add_header("x-api-key", key["client_secret"])
    before = peak(server, anew=True)
    began = time.perf_counter()
    with others(server) as waited, urllib.request.urlopen(request, timeout=1_200) as response:
        content = response.read(1)
        first = time.perf_counter() - began
        content += response.read()
    took = time.perf_counter() - began
    grown = peak(server) - before
    waited.sort()
    if grown > _MEGABYTES:
        raise SystemExit(f"NOT SHOWN  constant memory: {grown} MB more than the {before} before")
    told = (
        f"first byte after {first:.2f} s, all {len(content) / 1e6:.1f} MB after {took:.1f} s, {grown} MB more than the {before}"
        f" before; {len(waited)} calls of others took {waited[len(waited) // 2] * 1e3:.0f} ms, {waited[-1] * 1e3:.0f} at most"
    )
    return json.loads(content, parse_float=Decimal)["data"], told


def main() -> None:
    """Record, ask, compare."""
    number = int(sys.argv[1]) if len(sys.argv) > 1 else 300_000
    with tempfile.TemporaryDirectory() as folder:
        product = Product(Path(folder))
        product.run("account", "create", "busy")
        key = product.json("key", "create", "--account", "busy", "--scope", "report:read")
        items = transactions(number)
        began = time.perf_counter()
        asyncio.run(recorded(product, items))
        print(f"recorded {number:,} transactions in {time.perf_counter() - began:.0f} s", flush=True)
        items.reverse()  # of two at one instant, the one recorded last comes first
        items.sort(key=lambda each: each["occurred_at"], reverse=True)
        with product.serving() as server:
            form = urllib.parse.urlencode({name: key[name] for name in ("client_id", "client_secret")}).encode()
            with urllib.request.urlopen(f"{server.url}/v1/authorize", form) as response:
                token = json.load(response)["access_token"]
            plain, told = asked(server, key, token, workbook=False)
            print(f"as JSON: {told}", flush=True)
            rows = plain["usage_data"]
            expect(
                "the rows are those recorded, the latest first",
                [row["Transaction Id"] for row in rows] == [each["transaction_id"] for each in items],
                True,
            )
            expect("the sum of the charges", sum(row["Charge"] for row in rows), sum(Decimal(each["charge"]) for each in items))
            both, told = asked(server, key, token, workbook=True)
            print(f"with the workbook: {told}", flush=True)
            expect("the rows are the same", both["usage_data"] == rows, True)
            with urllib.request.urlopen(both["file_url"]) as response:
                file = Path(folder) / "week.xlsx"
                file.write_bytes(response.read())
            sheet = load_workbook(file, read_only=True).active
            found = sheet.iter_rows(min_row=2, values_only=True)
            expect(
                "the workbook has the same rows",
                all(
                    list(line) == [row[name] if name != "Charge" else float(row[name]) for name in row]
                    for line, row in zip(found, rows, strict=True)
                ),
                True,
            )


if __name__ == "__main__":
    main()
