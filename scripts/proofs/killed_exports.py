"""Exports whose workers are killed (-9) at random moments: always ready in the end, the same file, and never two at one.

A CSV of 500,000 rows is made undisturbed, for its digests. Then two worker processes share exports of the same point in the
ledger, and whoever holds one is killed again and again, after a random time. Each process notes when it took an export and
each of its writes, on the machine's one clock, so that afterwards it can be seen whether two were ever at the same one.
"""

from __future__ import annotations

import argparse
import asyncio
import hashlib
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from itertools import pairwise
from pathlib import Path
from typing import Any

import structlog

from app.domain.account import Principal
from app.domain.export import UNFINISHED, Export, ExportStatus
from app.exports.freeze import Patience, create
from app.exports.jobs import Worker
from app.ledger.commands import Rules, record
from app.observability.logs import configure
from app.ports import Files, Store
from app.storage.files import LocalDraft, open_files
from app.storage.sqlite import open_sqlite
from scripts.proofs.product import expect
from tests.events import START, usage

ROWS, KILLS, WORKERS = 500_000, 20, 2
BATCH = 10_000
LEASE_SECONDS = 3.0
"""Short, so that a proof is not spent waiting; a gateway's own leases last longer."""
LEFT = Patience(rows=0, seconds=None)
RULES = Rules()


async def fill(store: Store, rows: int) -> Principal:
    """An account with so many usage entries, with texts and keys of their own."""
    principal = Principal(await store.create_account("acme", START), "k1", frozenset({"admin"}))
    for begin in range(0, rows, BATCH):
        items = [
            usage(id=f"n{at}", customer_id=f"c{at % 997}", message=f"call {at}", additional_data={f"k{at % 5}": at})
            for at in range(begin, min(begin + BATCH, rows))
        ]
        await record(store, principal, items, rules=RULES)
    return principal


async def work(folder: Path) -> None:
    """One worker process: its whole life, until it is killed. What it does is noted in a file of its own."""
    notes = (folder / f"worker-{os.getpid()}.jsonl").open("w", buffering=1)

    def note(**facts: Any) -> None:
        notes.write(json.dumps({"at": time.monotonic()} | facts) + "\n")

    def noting(_: Any, __: str, event: dict[str, Any]) -> str:
        note(**{name: event.get(name) for name in ("event", "export", "lease", "rows")})
        return ""

    structlog.configure(processors=[noting], logger_factory=structlog.ReturnLoggerFactory())
    write = LocalDraft.write

    async def writing(draft: LocalDraft, data: bytes) -> None:
        note(event="write", draft=draft.name)
        await write(draft, data)

    LocalDraft.write = writing  # type: ignore[method-assign]
    store, files = await open_sqlite(folder / "gateway.db"), await open_files(folder / "artifacts")
    await Worker(
        store, files, rules=RULES, lease_seconds=LEASE_SECONDS, beat_seconds=0.5, mark_seconds=0.5, poll_seconds=0.2, at_once=1
    ).run()


class Workers:
    """The worker processes; one that is killed is followed by another."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._running: dict[int, subprocess.Popen[bytes]] = {}
        for _ in range(WORKERS):
            self.start()

    def start(self) -> None:
        """One more."""
        words = [sys.executable, "-m", "scripts.proofs.killed_exports", "--work", str(self._folder)]
        started = subprocess.Popen(words)
        self._running[started.pid] = started

    def kill(self, pid: int) -> bool:
        """Kill it without a word, and start another; False where it is none of these."""
        killed = self._running.pop(pid, None)
        if killed is None:
            return False
        killed.send_signal(signal.SIGKILL)
        killed.wait()
        self.start()
        return True

    def stop(self) -> None:
        """Kill them all."""
        for each in self._running.values():
            each.kill()
            each.wait()


@asynccontextmanager
async def running(folder: Path) -> AsyncIterator[Workers]:
    """The workers, for as long as the block lasts."""
    workers = Workers(folder)
    try:
        yield workers
    finally:
        workers.stop()


async def prove(folder: Path, rows: int, kills: int, seed: int) -> dict[str, Any]:
    """What was seen: exports, kills, and how many of what must not be."""
    chance = random.Random(seed)
    store, files = await open_sqlite(folder / "gateway.db"), await open_files(folder / "artifacts")
    principal = await fill(store, rows)
    whole = await frozen(store, files, principal, None)
    began = time.monotonic()
    await Worker(store, files, rules=RULES).work()
    undisturbed = time.monotonic() - began
    whole = await standing(store, whole)
    assert whole.status is ExportStatus.READY, whole.reason
    exports, killed = [await frozen(store, files, principal, whole.as_of)], 0
    async with running(folder) as workers:
        while killed < kills:
            await asyncio.sleep(chance.uniform(0.05, max(undisturbed / 4, 0.5)))
            current = await standing(store, exports[-1])
            if current.status not in UNFINISHED:
                exports.append(await frozen(store, files, principal, whole.as_of))
                continue
            if current.status is ExportStatus.RUNNING and current.worker is not None and current.leased(RULES.clock()):
                killed += workers.kill(int(current.worker.partition("-")[0]))
        for each in exports:
            while (await standing(store, each)).status in UNFINISHED:  # noqa: ASYNC110 -- another process makes it
                await asyncio.sleep(0.1)
    made = [await standing(store, each) for each in exports]
    same = [await is_same(files, each, whole) for each in made]
    await store.close()
    return {
        "rows": whole.rows,
        "seconds": undisturbed,
        "exports": len(made),
        "killed": killed,
        "leases": sum(each.lease for each in made),
        "not ready": sum(each.status is not ExportStatus.READY for each in made),
        "other": same.count(False),
        "at once": overlaps(folder),
    }


async def frozen(store: Store, files: Files, principal: Principal, as_of: int | None) -> Export:
    """An export that is left to the workers."""
    return await create(store, files, principal, "usage-ledger", "csv", {}, rules=RULES, as_of=as_of, patience=LEFT)


async def standing(store: Store, export: Export) -> Export:
    """The export as it is."""
    found = await store.export(export.account_id, export.id)
    assert found is not None
    return found


async def is_same(files: Files, made: Export, whole: Export) -> bool:
    """Whether record and file say what the undisturbed one's do."""
    if made.file is None:
        return False
    digest = hashlib.sha256()
    async for chunk in files.read(made.file):
        digest.update(chunk)
    told = (made.digest, made.artifact_digest, made.rows, made.sections, f"sha256:{digest.hexdigest()}")
    return told == (whole.digest, whole.artifact_digest, whole.rows, whole.sections, whole.artifact_digest)


def overlaps(folder: Path) -> int:
    """How often a worker was still writing at an export when another had taken it."""
    spells: dict[str, list[tuple[int, float, float]]] = {}
    for path in folder.glob("worker-*.jsonl"):
        spell: tuple[str, int, float] | None = None
        last = 0.0
        for line in [*path.read_text().splitlines(), '{"event": "export is taken"}']:
            try:
                told = json.loads(line)
            except ValueError:  # the line within which it was killed
                continue
            if told["event"] == "export is taken":
                if spell is not None:
                    spells.setdefault(spell[0], []).append((spell[1], spell[2], last))
                spell, last = (told["export"], told["lease"], told["at"]) if "at" in told else None, told.get("at", 0.0)
            elif told["event"] == "write":
                last = told["at"]
    found = 0
    for held in spells.values():
        held.sort()
        found += sum(before[2] > after[1] for before, after in pairwise(held))
    return found


def show(seen: dict[str, Any], kills: int) -> None:
    """Say what was seen, and end the proof where it is not what was wanted."""
    print(
        f"       {seen['rows']:,} rows, {seen['seconds']:.1f} s undisturbed; {seen['exports']} exports,"
        f" {seen['killed']} workers killed while they made one, {seen['leases']} leases"
    )
    expect("workers killed", seen["killed"], kills)
    expect("exports that are not ready", seen["not ready"], 0)
    expect("exports with other digests or another file", seen["other"], 0)
    expect("exports that two workers wrote at once", seen["at once"], 0)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=ROWS)
    parser.add_argument("--kills", type=int, default=KILLS)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--work", type=Path, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.work is not None:
        with suppress(KeyboardInterrupt):
            asyncio.run(work(given.work))
    else:
        configure("warning", as_json=False)
        with tempfile.TemporaryDirectory(prefix="killed-exports-") as folder:
            show(asyncio.run(prove(Path(folder), given.rows, given.kills, given.seed)), given.kills)
