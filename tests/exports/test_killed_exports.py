"""Workers in several processes that are killed: at random, a small twin of `scripts/prove killed-exports`, and at a set place."""

from __future__ import annotations

import asyncio
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from app.domain.account import Principal
from app.domain.export import ExportStatus
from app.domain.instant import now
from app.exports.jobs import LEASE_SECONDS, Worker
from app.ledger.commands import Rules, record
from app.ports import Store
from app.storage.files import LocalFiles
from scripts.proofs import killed_exports
from tests.conftest import Clock, sqlite_file
from tests.events import usage
from tests.exports.test_jobs import LEFT, as_it_stands
from tests.exports.world import content, fill, frozen

EVENTS = 1_100
"""More than one block."""


@pytest.mark.timeout(300)
async def test_an_export_ends_ready_and_the_same_whoever_is_killed(tmp_path: Path) -> None:
    seen = await killed_exports.prove(tmp_path, 8_000, 1, seed=1)

    assert (seen["rows"], seen["killed"]) == (8_000, 1)
    assert (seen["not ready"], seen["other"], seen["at once"]) == (0, 0, 0)
    assert seen["leases"] >= seen["exports"] + 1


@contextmanager
def halted(database: Path, folder: Path, where: str) -> Iterator[tuple[subprocess.Popen[str], int]]:
    """A worker's process that has come as far as that and waits, and how many bytes it wrote last."""
    words = [sys.executable, "-m", "tests.exports.halting", str(database), str(folder), where]
    with subprocess.Popen(words, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            lines = (line.strip() for line in process.stdout)
            yield process, int(next(line for line in lines if line.isdecimal()))
        finally:
            process.kill()


@pytest.mark.timeout(120)
@pytest.mark.parametrize("engine", ["sqlite"])
@pytest.mark.parametrize("format", ["xlsx", "pdf"])
@pytest.mark.parametrize("where", ["rows", "file"])
async def test_what_cannot_be_gone_on_with_is_made_again_after_a_kill_and_is_the_same(
    store: Store, files: LocalFiles, admin: Principal, tmp_path: Path, format: str, where: str
) -> None:
    clock = Clock(now())
    rules = Rules(clock=clock)
    await fill(store, admin, rules)
    await record(store, admin, [usage(id=f"n{at}", message=f"call {at}") for at in range(EVENTS)], rules=rules)
    left = await frozen(store, files, admin, rules, format=format, patience=LEFT)
    await Worker(store, files, rules=rules).work()
    whole = await as_it_stands(store, left)
    export = await frozen(store, files, admin, rules, format=format, as_of=whole.as_of, patience=LEFT)

    with halted(sqlite_file(tmp_path), files.folder, where) as (process, written):
        held = await as_it_stands(store, export)
        drafts = [each.stat().st_size for each in files.folder.glob(".draft-*")]
        process.send_signal(signal.SIGKILL)
        ended = await asyncio.to_thread(process.wait)
    clock.now = now()
    clock.advance(seconds=LEASE_SECONDS)
    await Worker(store, files, rules=rules).work()

    assert (held.status, held.lease, ended) == (ExportStatus.RUNNING, 1, -signal.SIGKILL)
    assert held.worker is not None
    assert held.worker.startswith(f"{process.pid}-")
    assert whole.size is not None
    assert drafts == [written] == [0 if where == "rows" else whole.size // 2]
    made = await as_it_stands(store, export)
    assert (made.status, made.lease, made.rows) == (ExportStatus.READY, 2, whole.rows)
    assert (made.digest, made.artifact_digest) == (whole.digest, whole.artifact_digest)
    assert await content(files, made) == await content(files, whole)
