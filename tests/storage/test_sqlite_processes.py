"""One file and several processes: two that write at once, one that is killed in the middle, one that leaves without closing."""

from __future__ import annotations

import subprocess
import sys
import time
from collections import Counter
from collections.abc import AsyncIterator
from pathlib import Path

from app.domain.account import Account, genesis
from app.ledger.chain import verify
from app.ports import Store
from app.question.rows import Rows
from app.question.scope import Scope
from app.storage.sqlite import open_sqlite
from tests.events import START

ROOT = Path(__file__).parents[2]


def sender(file: Path, name: str, batches: int) -> subprocess.Popen[str]:
    """Start a sender."""
    command = [sys.executable, "-m", "tests.storage.sender", str(file), name, str(batches)]
    return subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def opener(file: Path) -> subprocess.Popen[str]:
    """Start a process that opens the file and leaves."""
    command = "import asyncio, sys; from app.storage.sqlite import open_sqlite\nasyncio.run(open_sqlite(sys.argv[1]))"
    return subprocess.Popen([sys.executable, "-c", command, str(file)], cwd=ROOT, stderr=subprocess.PIPE, text=True)


def killed_midway(file: Path, name: str, pause: float) -> int:
    """Kill a sender in the middle of its work; gives the last sequence that it acknowledged."""
    process = sender(file, name, 100_000)
    assert process.stdout is not None
    acknowledged = [process.stdout.readline() for _ in range(20)]
    time.sleep(pause)
    process.kill()
    acknowledged += process.communicate(timeout=60)[0].splitlines(keepends=True)
    return max(int(line) for line in acknowledged if line.endswith("\n"))


async def new_file(file: Path) -> None:
    """A file with the account `acme`."""
    store = await open_sqlite(file)
    await store.create_account("acme", START)
    await store.close()


async def verified(store: Store) -> tuple[Account, int]:
    """The account and its length, once every digest from the first entry to the head was found to hold, without a gap."""
    account = await store.account_named("acme")
    assert account is not None
    head = await store.head(account.id)
    batches: AsyncIterator[list] = store.stream(Rows(Scope(account.id, head.sequence), descending=False))
    found = await verify(batches, genesis("acme"), head)
    assert found.entries == head.sequence
    return account, head.sequence


async def test_two_processes_append_to_one_ledger_without_gaps(file: Path) -> None:
    await new_file(file)
    both = [sender(file, name, 100) for name in ("one", "two")]
    for process in both:
        printed, errors = process.communicate(timeout=60)
        assert process.returncode == 0, errors
        assert len(printed.split()) == 100
    store = await open_sqlite(file)
    account, length = await verified(store)
    assert length == 2_000
    entries = await store.rows(Rows(Scope(account.id, length)))
    assert Counter(entry.actor for entry in entries) == {"one": 1_000, "two": 1_000}
    await store.close()


async def test_processes_that_open_a_new_file_at_once_make_it_once(file: Path) -> None:
    for process in [opener(file) for _ in range(3)]:
        _, errors = process.communicate(timeout=60)
        assert process.returncode == 0, errors
    store = await open_sqlite(file)
    await store.ready()
    await store.close()


async def test_a_process_that_is_killed_loses_nothing_that_it_acknowledged(file: Path) -> None:
    await new_file(file)
    for attempt in range(3):
        acknowledged = killed_midway(file, f"killed-{attempt}", 0.01 * attempt)
        store = await open_sqlite(file)
        _, length = await verified(store)
        assert length >= acknowledged
        assert length % 10 == 0  # a batch is there as a whole or not at all
        await store.close()


async def test_a_process_that_leaves_without_closing_does_not_hang(file: Path) -> None:
    await new_file(file)
    process = sender(file, "careless", 1)
    printed, _ = process.communicate(timeout=20)
    assert (process.returncode, printed) == (0, "10\n")
    store = await open_sqlite(file)
    assert (await verified(store))[1] == 10
    await store.close()
