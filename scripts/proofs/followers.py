"""Eight writers in two processes, four followers in four: each follower's ledger equals the table, also with writers killed."""

from __future__ import annotations

import argparse
import asyncio
import hashlib
import json
import random
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from app.bootstrap import open_store
from app.domain.account import Account, Permission, Principal, genesis
from app.domain.entry import Correction, Entry
from app.domain.errors import AlreadyCorrected, Unavailable
from app.ledger.chain import verify
from app.ledger.commands import Rules, amend, record, retract
from app.ports import Store
from app.question.rows import Rows
from app.question.scope import Scope
from app.settings import load
from scripts.proofs.product import expect

ROOT = Path(__file__).parents[2]
PROCESSES, WRITERS, FOLLOWERS = 2, 4, 4
"""Processes that write, writers in each of them, and processes that follow."""


def told(entry: Entry) -> bytes:
    """What a follower notes of an entry: its place, its time, its content and all digests."""
    facts = (entry.sequence, entry.recorded_at.isoformat(), entry.event, entry.version, entry.corrects)
    return repr(facts).encode() + entry.content_digest + entry.leaf + entry.chain


async def opened(url: str) -> tuple[Store, Account]:
    """The store and the account that all of them share."""
    store = await open_store(load(database_url=url))
    account = await store.account_named("acme")
    assert account is not None
    return store, account


async def write(url: str, name: str, batch: int) -> None:
    """One writer: batches with ids of its own from the given number on, and corrections of what is there, until terminated.

    Prints each batch's number, last sequence and leaf once it is acknowledged.
    """
    store, account = await opened(url)
    principal = Principal(account, name, frozenset({Permission.ADMIN.value}))
    rules, stopping = Rules(), asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stopping.set)

    async def writer(number: int) -> None:
        done = batch
        while not stopping.is_set():
            chance = random.Random(f"{name} {number} {done}")
            items = [
                {
                    "id": f"{name}-{number}-{done}-{each}",
                    "occurred_at": datetime(2026, 1, 1, tzinfo=UTC) + timedelta(seconds=chance.randrange(10**6)),
                    "customer_id": f"c{chance.randrange(200)}",
                    "product_id": f"p{chance.randrange(5)}",
                    "quantity": str(chance.randrange(1, 100)),
                    "unit": "call",
                    "message": f"by {name}",
                }
                for each in range(chance.choice((1, 1, 3, 25)))
            ]
            outcomes = await record(store, principal, items, rules=rules)
            ends = [each.entry for each in outcomes if each.entry is not None]
            if chance.random() < 0.4:
                ends += await corrected(chance.choice(ends), retracts=chance.random() < 0.3)
            last = max(ends, key=lambda entry: entry.sequence)
            print(number, done, last.sequence, last.leaf.hex(), flush=True)
            done += 1

    async def corrected(entry: Entry, *, retracts: bool) -> list[Entry]:
        try:
            if retracts:
                return [(await retract(store, principal, entry.event_ref, rules=rules, reason="sent by mistake")).reversal]
            made = await amend(store, principal, entry.event_ref, {"quantity": "7.5"}, rules=rules, reason="counted again")
        except AlreadyCorrected:
            return []
        return [made.reversal] if made.replacement is None else [made.reversal, made.replacement]

    print("writing", flush=True)
    await asyncio.gather(*(writer(number) for number in range(WRITERS)))
    await store.close()


async def follow(url: str) -> None:
    """One follower: reads on by cursor until it is told where the ledger ends and has come there; prints what it has noted."""
    store, account = await opened(url)
    end: asyncio.Future[int] = asyncio.get_running_loop().create_future()
    asyncio.get_running_loop().add_reader(sys.stdin, lambda: end.done() or end.set_result(int(sys.stdin.readline())))
    noted, last, chain, reads = hashlib.sha256(), 0, genesis(account.name), 0
    print("following", flush=True)
    while not (end.done() and last == end.result()):
        head = await store.head(account.id)
        for entry in await store.rows(Rows(Scope(account.id, head.sequence), descending=False, above=last, limit=500)):
            assert entry.sequence == last + 1, f"{entry.sequence} follows {last}"
            chain = hashlib.sha256(chain + entry.leaf).digest()
            assert entry.chain == chain, f"the chain breaks at {entry.sequence}"
            last = entry.sequence
            noted.update(told(entry))
        reads += 1
        await asyncio.sleep(0.005)
    print(json.dumps({"entries": last, "noted": noted.hexdigest(), "reads": reads}), flush=True)
    await store.close()


def started(command: list[str], word: str) -> subprocess.Popen[str]:
    """A process that has said that it has begun."""
    process = subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stdout.readline() == f"{word}\n"
    return process


@dataclass
class Writing:
    """One process that writes, and what it acknowledged."""

    url: str
    name: str
    batch: int = 0
    acknowledged: dict[int, str] = field(default_factory=dict)
    killed: int = 0

    def start(self) -> None:
        """Begin with the first batch that not all of its writers have had acknowledged."""
        command = [sys.executable, "-m", "scripts.proofs.followers", "--write", self.name, "--batch", str(self.batch), self.url]
        self.process = started(command, "writing")

    def end(self, with_signal: signal.Signals) -> None:
        """End the process, and take in what it printed."""
        self.process.send_signal(with_signal)
        printed, _ = self.process.communicate(timeout=120)
        done = dict.fromkeys(range(WRITERS), self.batch - 1)
        for line in printed.splitlines():
            if len(fields := line.split()) == 4:  # the last one may be cut
                done[int(fields[0])] = max(done[int(fields[0])], int(fields[1]))
                self.acknowledged[int(fields[2])] = fields[3][:64]
        self.batch = min(done.values()) + 1
        if with_signal is signal.SIGKILL:
            self.killed += 1
        else:
            assert self.process.returncode == 0, printed[-1_000:]


async def prove(url: str, seconds: float, *, kill: bool) -> dict[str, Any]:
    """Let them write and follow for so long, and compare; gives what was seen."""
    store = await open_store(load(database_url=url))
    account = await store.create_account("acme", datetime.now(UTC))
    command = [sys.executable, "-m", "scripts.proofs.followers", "--follow", url]
    following = await asyncio.to_thread(lambda: [started(command, "following") for _ in range(FOLLOWERS)])
    writing = [Writing(url, f"writer-{number}") for number in range(PROCESSES)]
    for process in writing:
        await asyncio.to_thread(process.start)
    until = time.monotonic() + seconds
    while (left := until - time.monotonic()) > 0:
        await asyncio.sleep(min(left, random.uniform(1.0, 2.5)) if kill else left)
        if kill and time.monotonic() < until:
            victim = random.choice(writing)
            await asyncio.to_thread(victim.end, signal.SIGKILL)
            await asyncio.to_thread(victim.start)
    for process in writing:
        await asyncio.to_thread(process.end, signal.SIGTERM)
    head = await settled(store, account)
    answers = [each.communicate(f"{head.sequence}\n", timeout=300)[0] for each in following]
    followed = [json.loads(answer) for answer in answers]

    noted, kinds, ids, leaves = hashlib.sha256(), {None: 0, Correction.REVERSAL: 0, Correction.REPLACEMENT: 0}, set(), {}

    async def table() -> AsyncIterator[Sequence[Entry]]:
        async for batch in store.stream(Rows(Scope(account.id, head.sequence), descending=False)):
            for entry in batch:
                noted.update(told(entry))
                kinds[entry.correction] += 1
                leaves[entry.sequence] = entry.leaf.hex()
                if entry.correction is None:
                    ids.add(entry.sender_id)
            yield batch

    verified = await verify(table(), genesis(account.name), head)
    acknowledged = {sequence: leaf for each in writing for sequence, leaf in each.acknowledged.items()}
    await store.close()
    return {
        "entries": head.sequence,
        "events": kinds[None],
        "ids": len(ids),
        "reversals": kinds[Correction.REVERSAL],
        "replacements": kinds[Correction.REPLACEMENT],
        "killed": sum(each.killed for each in writing),
        "acknowledged": len(acknowledged),
        "lost": sum(leaves.get(sequence) != leaf for sequence, leaf in acknowledged.items()),
        "verified": verified.entries,
        "noted": noted.hexdigest(),
        "followers": followed,
    }


async def settled(store: Store, account: Account) -> Any:
    """The ledger's end once nobody writes: what a killed writer had sent may still be committed for a moment."""
    head = await store.head(account.id)
    while True:
        await asyncio.sleep(0.5)
        try:
            again = await store.head(account.id)
        except Unavailable:
            continue
        if again == head:
            return head
        head = again


def show(seen: dict[str, Any], *, kill: bool) -> None:
    """Say what was seen, and end the proof where it is not what was wanted."""
    print(
        f"       {seen['entries']} entries: {seen['events']} events, {seen['reversals']} reversals, "
        f"{seen['replacements']} replacements; {seen['acknowledged']} acknowledgements; {seen['killed']} writers killed"
    )
    expect("entries that the chain verifies", seen["verified"], seen["entries"])
    expect("acknowledged entries that are not in the table", seen["lost"], 0)
    expect("events recorded twice", seen["events"] - seen["ids"], 0)
    expect("corrections happened", seen["reversals"] > 0 and seen["replacements"] > 0, True)
    expect("writers were killed", seen["killed"] > 0, kill)
    for number, follower in enumerate(seen["followers"], start=1):
        expect(
            f"follower {number} holds the table, in {follower['reads']} reads",
            (follower["entries"], follower["noted"]),
            (seen["entries"], seen["noted"]),
        )


async def main(seconds: float) -> None:
    """On PostgreSQL, and then on it again with writers killed at random."""
    from tests.databases import DATABASES

    try:
        for kill in (False, True):
            print(
                f"{PROCESSES} processes with {WRITERS} writers each, {FOLLOWERS} followers, {seconds:g} s"
                + (", writers killed at random" if kill else "")
            )
            show(await prove(await DATABASES.lend(kill), seconds, kill=kill), kill=kill)
    finally:
        await asyncio.to_thread(DATABASES.close)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--write", help=argparse.SUPPRESS)
    parser.add_argument("--batch", type=int, default=0, help=argparse.SUPPRESS)
    parser.add_argument("--follow", action="store_true", help=argparse.SUPPRESS)
    parser.add_argument("url", nargs="?", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.write:
        asyncio.run(write(given.url, given.write, given.batch))
    elif given.follow:
        asyncio.run(follow(given.url))
    else:
        asyncio.run(main(given.seconds))
