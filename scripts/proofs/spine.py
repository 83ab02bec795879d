"""A walk while another process records, a byte changed, a text erased, a server killed while it records."""

from __future__ import annotations

import json
import signal
import sqlite3
import tempfile
import threading
import urllib.error
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from scripts.proofs.product import Product, Server, expect

WALK = """
query ($first: Int, $after: String, $last: Int, $before: String) {
  usageLedger(first: $first, after: $after, last: $last, before: $before) {
    pageInfo { hasNextPage hasPreviousPage startCursor endCursor }
    edges { node { sequence } }
  }
}
"""


def events(prefix: str, count: int, start: int = 0) -> Iterator[dict[str, Any]]:
    """Events with ids of their own."""
    for number in range(start, start + count):
        yield {
            "id": f"{prefix}-{number}",
            "occurred_at": f"2026-04-{number % 28 + 1:02}T12:00:00Z",
            "customer_id": f"cust_{number % 50}",
            "product_id": "api",
            "quantity": 1,
            "unit": "calls",
            "message": f"call {number}",
        }


def write_lines(path: Path, items: Iterator[dict[str, Any]]) -> None:
    """One JSON object a line."""
    with path.open("w") as file:
        for item in items:
            file.write(json.dumps(item) + "\n")


def walk(server: Server, token: str, size: int, *, backward: bool) -> list[int]:
    """Every sequence that a walk meets, in the order in which it meets them."""
    met: list[int] = []
    cursor = None
    while True:
        asked = {"last": size, "before": cursor} if backward else {"first": size, "after": cursor}
        page = server.graphql(token, WALK, **asked)["usageLedger"]
        sequences = [edge["node"]["sequence"] for edge in page["edges"]]
        met += reversed(sequences) if backward else sequences
        info = page["pageInfo"]
        if not info["hasPreviousPage" if backward else "hasNextPage"]:
            return met
        cursor = info["startCursor" if backward else "endCursor"]


def walks(product: Product, folder: Path) -> None:
    """Walks of all sizes, both ways, while another process imports without pause."""
    token = product.account("walked")
    write_lines(folder / "first.jsonl", events("first", 3_000))
    product.run("import", str(folder / "first.jsonl"), "--account", "walked")
    stopped = threading.Event()
    rounds = 0

    def record() -> None:
        nonlocal rounds
        while not stopped.is_set():
            write_lines(folder / "more.jsonl", events("more", 500, rounds * 500))
            product.run("import", str(folder / "more.jsonl"), "--account", "walked")
            rounds += 1

    recording = threading.Thread(target=record)
    with product.serving() as server:
        known = walk(server, token, 200, backward=False)
        recording.start()
        try:
            for size in (200, 7, 1):
                for backward in (False, True):
                    began = len(product_sequences(product, "walked"))
                    met = walk(server, token, size, backward=backward)
                    what = f"walk by {size} {'backward' if backward else 'forward'} over {len(met)} rows"
                    expect(f"{what}: none twice", len(met) - len(set(met)), 0)
                    expect(f"{what}: in order", met == sorted(met, reverse=not backward), True)
                    expect(f"{what}: none of the {began} that were there missing", sorted(set(known) - set(met)), [])
                    known = sorted(set(product_sequences(product, "walked")[:began]) | set(known))
        finally:
            stopped.set()
            recording.join()
    expect("another process recorded meanwhile, in batches of 500", rounds > 0, True)


def product_sequences(product: Product, account: str) -> list[int]:
    """The usage entries' sequences, read past the product."""
    with sqlite3.connect(f"file:{product.database}?mode=ro", uri=True) as database:
        rows = database.execute(
            "SELECT sequence FROM entries JOIN accounts ON accounts.id = account_id "
            "WHERE accounts.name = ? AND kind = 'usage' ORDER BY sequence",
            (account,),
        )
        return [row[0] for row in rows]


def tamper(product: Product, folder: Path) -> None:
    """One byte of one entry changed with the sqlite3 shell is named; a text erased as a request would have it is not."""
    product.account("checked")
    write_lines(folder / "checked.jsonl", events("checked", 500))
    product.run("import", str(folder / "checked.jsonl"), "--account", "checked")
    expect("verified", product.json("ledger", "verify", "--account", "checked")["ok"], True)
    account = next(each["id"] for each in product.json("account", "list") if each["name"] == "checked")
    erased = product.json("ledger", "erase", f"act_{account}_200", "--account", "checked", "--field", "message")
    expect("erased", erased, {"fields": ["message"], "sequences": [200]})
    told = product.json("report", "usage-ledger", "--account", "checked")["entries"]
    row = next(each for each in told if each["sequence"] == 200)
    expect("the row says so", (row["message"], row["erased"]), (None, ["message"]))
    verified = product.json("ledger", "verify", "--account", "checked")
    expect("verified after the erasure", (verified["ok"], verified["erased"]), (True, 1))
    changes = (
        ("quantity", "UPDATE entries SET quantity_1 = quantity_1 + 1 WHERE account_id = ? AND sequence = 321"),
        ("message", "UPDATE entries SET message = 'call 9' || substr(message, 7) WHERE account_id = ? AND sequence = 123"),
        ("time of recording", "UPDATE entries SET recorded_at = recorded_at + 1 WHERE account_id = ? AND sequence = 77"),
    )
    for what, statement in changes:
        copy = Product(folder / what.replace(" ", "-"))
        copy.folder.mkdir()
        with sqlite3.connect(product.database) as source, sqlite3.connect(copy.database) as target:
            source.backup(target)
            columns = [row[1] for row in target.execute("PRAGMA table_info(entries)")]
            limb = next(name for name in columns if name.startswith("quantity") and "1" in name)
            changed = target.execute(statement.replace("quantity_1", limb), (account,)).rowcount
        expect(f"{what}: rows changed behind the product's back", changed, 1)
        done = copy.run("ledger", "verify", "--account", "checked", "--json", check=False)
        found = json.loads(done.stdout)
        named = int(statement.rsplit("= ", 1)[1])
        expect(f"{what}: verification", (done.returncode, found["ok"], found["sequence"]), (1, False, named))


def killed(product: Product, folder: Path) -> None:
    """A server killed with SIGKILL while 100,000 events are posted to it, and all of them posted again."""
    token = product.account("killed")
    batches = [list(events("killed", 1_000, start)) for start in range(0, 100_000, 1_000)]
    server = product.start()
    posted = 0
    kill = threading.Timer(6, lambda: server.process.send_signal(signal.SIGKILL))
    kill.start()
    try:
        for batch in batches:
            server.call("/api/v1/usage-events", json.dumps(batch).encode(), token)
            posted += 1
    except (OSError, urllib.error.URLError):
        pass
    kill.cancel()
    server.stop(signal.SIGKILL)
    kept = len(product_sequences(product, "killed"))
    expect(
        f"killed after {posted} answered batches of 1,000: whole batches kept, none answered lost",
        (kept % 1_000, kept >= posted * 1_000),
        (0, True),
    )
    expect("killed in the middle", 0 < kept < 100_000, True)
    with product.serving() as again:
        counted = {"inserted": 0, "duplicate": 0, "conflict": 0, "rejected": 0}
        for batch in batches:
            data = again.call("/api/v1/usage-events", json.dumps(batch).encode(), token)["data"]
            counted = {name: counted[name] + data[name] for name in counted}
    expect("posted again", counted, {"inserted": 100_000 - kept, "duplicate": kept, "conflict": 0, "rejected": 0})
    sequences = product_sequences(product, "killed")
    expect("exactly 100,000", len(sequences), 100_000)
    expect("verified", product.json("ledger", "verify", "--account", "killed")["ok"], True)
    write_lines(folder / "killed.jsonl", (each for batch in batches for each in batch))
    summary = product.json("import", str(folder / "killed.jsonl"), "--account", "killed")
    expect("imported from a file once more", (summary["inserted"], summary["duplicate"]), (0, 100_000))


def main() -> None:
    """Run the proof."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        product = Product(folder)
        walks(product, folder)
        tamper(product, folder)
        killed(product, folder)
    print(json.dumps({"proof": "spine", "shown": True}))


if __name__ == "__main__":
    main()
