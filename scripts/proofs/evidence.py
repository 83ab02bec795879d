"""Every report in every format and engine proven offline, ledgers tampered with by SQL, every proof of 10,000 entries, drift."""

from __future__ import annotations

import argparse
import asyncio
import dataclasses
import hashlib
import json
import random
import shutil
import sqlite3
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from app.domain.account import Account, Permission, Principal
from app.domain.catalogue import RecordKind
from app.domain.export import Export
from app.domain.merkle import Growing
from app.domain.signing import base64url
from app.evidence.drift import ChangeKind, changes, counted, differences, drift
from app.evidence.keys import Signer
from app.evidence.manifests import manifest
from app.evidence.trees import extends, included
from app.evidence.verifier import pinned, verify_export
from app.exports.formats import FORMATS
from app.exports.freeze import WHOLE, create
from app.ledger import demo
from app.ledger.catalogue import upsert
from app.ledger.commands import Rules, record
from app.ports import Files, Store, Transaction
from app.question.rows import Rows
from app.question.scope import Scope
from app.reports.catalog import REPORTS
from app.reports.tree import tree_of
from app.storage.files import open_files
from app.storage.memory import open_memory
from app.storage.postgres import open_postgres
from app.storage.sqlite import open_sqlite
from scripts.proofs.product import GATEWAY, Product, expect
from tests.conftest import Clock
from tests.databases import DATABASES
from tests.events import START, usage
from tests.evidence.test_drift import mutate
from tests.exports.world import fill as fill_small

SUBJECTS = (
    ("license_id", RecordKind.LICENSE),
    ("customer_id", RecordKind.CUSTOMER),
    ("subscription_id", RecordKind.SUBSCRIPTION),
)
FLIPS = 30
OWN = {"id", "sequence", "created_at", "updated_at", "file"}
"""What of an export is not the same when it is made again: its id and so its file's name in the store of files, when it was made,
and where its entry stands in the ledger."""


def admin(account: Account) -> Principal:
    return Principal(account, "proof", frozenset({Permission.ADMIN.value}))


async def subjects(store: Store, caller: Principal) -> dict[str, str]:
    """One id for each kind of subject: the first that an entry names, or one that is described for this."""
    found: dict[str, str] = {}
    head = await store.head(caller.account.id)
    for name, kind in SUBJECTS:
        async for batch in store.stream(Rows(Scope(caller.account.id, head.sequence), descending=False)):
            named = next((value for each in batch if (value := getattr(each, name)) is not None), None)
            if named is not None:
                found[name] = named
                break
        else:
            await upsert(store, caller, kind, "proof", {"status": "active"}, rules=Rules())
            found[name] = "proof"
    return found


async def same_ledger(source: Store, target: Store, account: Account) -> Principal:
    """The account with every entry of its ledger, in another engine."""
    there = await target.create_account(account.name, account.created_at)
    assert there == account
    head = await source.head(account.id)
    async for batch in source.stream(Rows(Scope(account.id, head.sequence), descending=False)):

        async def body(tx: Transaction, batch: Any = batch) -> None:
            await tx.lock()
            await tx.append(batch, [])

        await target.transact(account.id, body)
    return admin(there)


async def reports(folder: Path, real: Path | None) -> None:
    """Made twice, in every format, on every engine: the same bytes, one digest, proven; with a flipped byte refused."""
    product = Product(folder)
    if real is not None:
        product.run("account", "create", "focus")
        product.run("import", str(real), "--account", "focus", "--format", "focus")
    source = await open_sqlite(product.database)
    await source.create_account("demo", datetime(2026, 2, 1, tzinfo=UTC))
    files = await open_files(folder / "artifacts")
    for account in await source.accounts():
        caller = admin(account)
        if account.name == "demo":
            demo.DAYS, demo.EVENTS_A_DAY = 12, 200  # enough for several blocks, and little enough to be made 30 times
            await demo.fill(source, caller, now=datetime(2026, 2, 1, tzinfo=UTC))
        await every_report(source, files, caller, folder)
    await source.close()


async def every_report(source: Store, files: Files, caller: Principal, folder: Path) -> None:
    account, about = caller.account, await subjects(source, caller)
    as_of = (await source.head(account.id)).sequence
    engines: dict[str, Store] = {"sqlite": source}
    # Ids of accounts are given in order, so each copy is a store of its own that has those before it too.
    for name, store in (("memory", open_memory()), ("postgres", await open_postgres(await DATABASES.new()))):
        for each in sorted(await source.accounts(), key=lambda each: each.id):
            if each.id < account.id:
                await store.create_account(each.name, each.created_at)
        await same_ledger(source, store, account)
        engines[name] = store
    signer = Signer(source)
    keys = pinned(json.dumps(await signer.jwks()))
    unlike: set[str] = set()
    for report in (each for each in REPORTS if each.exported):
        parameters = {name: [about[name]] for name in report.required[:1]}
        if report.name == "usage_summary":
            parameters = {"group_by": ["product_id"], "bucket": ["day"]}
        digests, bytes_ = set(), 0
        for format_ in FORMATS:
            made: list[tuple[Export, bytes]] = []
            for store in (*engines.values(), *engines.values()):
                export = await create(
                    *(store, files, caller, report.name, format_.name, parameters), rules=Rules(), as_of=as_of, patience=WHOLE
                )
                assert export.file is not None
                made.append((export, b"".join([chunk async for chunk in files.read(export.file)])))
                await files.delete(export.file)
            kept, data = made[0]
            # Each file was read back: it is not that the same is said of them, they are the same.
            assert [each == data for _, each in made] == [True] * len(made), (report.name, format_.name)
            assert kept.artifact_digest == f"sha256:{hashlib.sha256(data).hexdigest()}"
            digests |= {each.digest for each, _ in made}
            unlike |= set[str]().union(*(unlike_facts(kept, each) for each, _ in made))
            file = folder / f"proof{format_.extension}"
            file.write_bytes(data)
            signed = json.dumps(await manifest(source, signer, caller, kept.id))
            told = verify_export(file, signed, keys)
            assert told.refused == [], (report.name, format_.name, told.refused)
            flipped(file, data, signed, keys, named=format_.name in ("json", "csv"))
            bytes_ += len(data)
        rows = f"{kept.rows} rows, {len(FORMATS)} formats, {len(engines)} engines, made twice"
        expect(f"{account.name}, {report.name}: {rows}, {bytes_} bytes, all files the same; digests", len(digests), 1)
    expect(f"{account.name}: what differs between exports that were made again", sorted(unlike), sorted(OWN))
    for store in (engines["memory"], engines["postgres"]):
        await store.close()


def unlike_facts(one: Export, other: Export) -> set[str]:
    """The names of the facts that are told otherwise of one than of the other."""
    names = [each.name for each in dataclasses.fields(Export)]
    return {name for name in names if getattr(one, name) != getattr(other, name)}


def flipped(file: Path, data: bytes, signed: str, keys: Mapping[str, bytes], *, named: bool) -> None:
    """A bit turned anywhere is refused, in JSON and CSV with the block named; so is one in the manifest or the key."""
    draw = random.Random(len(data))
    # Of a large file a few are turned: each is read whole again.
    for at in draw.sample(range(len(data)), FLIPS if len(data) < 1_000_000 else 3):
        changed = bytearray(data)
        changed[at] ^= 1 << draw.randrange(8)
        file.write_bytes(bytes(changed))
        told = verify_export(file, signed, keys)
        assert not told.verified, at
        around = any("stands around them" in each for each in told.refused)
        assert not named or around or any(f"block {told.block}, rows" in each for each in told.refused), told.refused
    file.write_bytes(data)
    for at in draw.sample(range(len(signed)), FLIPS):
        text = signed[:at] + chr(ord(signed[at]) ^ (1 << draw.randrange(6))) + signed[at + 1 :]
        try:
            same = json.loads(text) == json.loads(signed)  # white space between tokens says nothing
        except ValueError:
            same = False
        assert same or not verify_export(file, text, keys).verified, at
    [(kid, key)] = keys.items()
    for bit in draw.sample(range(256), FLIPS):
        other = bytearray(key)
        other[bit // 8] ^= 1 << bit % 8
        assert not verify_export(file, signed, {kid: bytes(other)}).verified
        assert not verify_export(file, signed, pinned(base64url(bytes(other)))).verified


async def proofs(folder: Path) -> None:
    """Every inclusion proof, and every consistency proof, over a ledger of 10,000 entries, by the verifier's own hashing."""
    store = await open_sqlite(folder / "gateway.db")
    account = await store.create_account("acme", START)
    for at in range(10):
        said = [usage(id=f"e{at}-{each}", quantity=str(each), message="m") for each in range(1_000)]
        await record(store, admin(account), said, rules=Rules(clock=lambda: START))
    size = 10_000
    whole = await tree_of(store, account.id, size, range(size))
    root = whole.root()
    held = sum(included(whole.leaf(at), at, size, whole.inclusion(at)) == root for at in range(size))
    expect("inclusion proofs of a ledger of 10,000 entries that hold", held, size)
    held, growing = 0, Growing()
    for older in range(1, size + 1):
        growing.add(whole.leaf(older - 1))
        held += extends(older, size, growing.root(), root, whole.consistency(older))
    expect("consistency proofs up to it that hold", held, size)
    await store.close()


def tampering(folder: Path) -> None:
    """Edited, inserted, deleted and cut off by SQL: an earlier checkpoint names the first bad sequence."""
    product = Product(folder)
    (folder / "keys.json").write_text(product.run("signing-key", "list", "--json").stdout)
    kept = folder / "kept.json"
    product.run("ledger", "checkpoint", "--account", "acme", "--as-of", "9000", "--out", str(kept))
    sound = folder / "sound.db"
    with sqlite3.connect(product.database) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    connection.close()
    shutil.copy(product.database, sound)
    cases: dict[str, tuple[int, list[str]]] = {
        "edit": (4_321, ["UPDATE entries SET customer_id = 'mine' WHERE sequence = 4321"]),
        "insert": (
            2_000,
            [
                "UPDATE entries SET sequence = -(sequence + 1) WHERE sequence >= 2000",
                "UPDATE entries SET sequence = -sequence WHERE sequence < 0",
                "CREATE TEMP TABLE forged AS SELECT * FROM entries WHERE sequence = 2001",
                "UPDATE forged SET sequence = 2000, customer_id = 'mine'",
                "INSERT INTO entries SELECT * FROM forged",
                "UPDATE heads SET sequence = sequence + 1",
            ],
        ),
        "delete": (777, ["DELETE FROM entries WHERE sequence = 777"]),
        "truncate": (
            8_001,
            [
                "DELETE FROM entries WHERE sequence > 8000",
                "UPDATE heads SET sequence = 8000, chain = (SELECT chain FROM entries WHERE sequence = 8000)",
            ],
        ),
    }
    for name, (sequence, statements) in cases.items():
        shutil.copy(sound, product.database)
        with sqlite3.connect(product.database) as connection:
            for each in statements:
                connection.execute(each)
        connection.close()
        done = product.run(
            *("ledger", "verify", "--account", "acme", "--checkpoint", str(kept), "--key", str(folder / "keys.json"), "--json"),
            check=False,
        )
        told = json.loads(done.stdout)
        expect(f"{name} by SQL, found against a checkpoint at 9,000", (done.returncode, told["sequence"]), (1, sequence))
    shutil.copy(sound, product.database)


def offline(folder: Path) -> None:
    """The command verifies where there is no database, and no server."""
    product = Product(folder)
    product.run("export", "usage-ledger", "--account", "acme", "--out", str(folder / "out.csv"), "--format", "csv")
    with tempfile.TemporaryDirectory() as empty:
        words = [GATEWAY, "verify", str(folder / "out.csv"), "--key", str(folder / "keys.json"), "--json"]
        done = subprocess.run(words, cwd=empty, env={"PATH": "/nowhere"}, capture_output=True, text=True, check=False)
        expect("gateway verify in an empty folder", (done.returncode, json.loads(done.stdout)["verified"]), (0, True))
        expect("what it left there", [each.name for each in Path(empty).iterdir()], [])


async def drifting(folder: Path) -> None:
    """Drift is the log of the mutations made."""
    files = await open_files(folder / "drift")
    told = 0
    for seed in range(10):
        store, clock = open_memory(), Clock(START)
        rules = Rules(clock=clock)
        caller = admin(await store.create_account("acme", START))
        await fill_small(store, caller, rules)
        export = await create(store, files, caller, "usage-ledger", "json", {"customer_id": ["c1"]}, rules=rules, patience=WHOLE)
        log = await mutate(store, caller, rules, clock, random.Random(seed), steps=100)
        found = await drift(store, caller, export.id)
        seen = [each async for batch in changes(store, found) for each in batch]
        assert [(each.kind, each.first.reason, len(each.entries)) for each in seen] == log, seed
        counts = Counter(kind for kind, *_ in log)
        assert await counted(store, found) == {each: counts[each] for each in ChangeKind}
        events = sum(entry.sign for each in seen for entry in each.entries)
        assert next(each for each in await differences(store, found) if each.measure == "events").change == events
        told += len(seen)
    print(f"shown  drift told {told} changes of 10 random lives, each as it was made", flush=True)


def main() -> None:
    """Run them all."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--reports", action="store_true", help="only that the files of reports are the same everywhere")
    arguments.add_argument("real", nargs="?", type=Path, help="a cloud bill in the FOCUS layout, for the reports on real usage")
    given = arguments.parse_args()
    if not given.reports:
        with tempfile.TemporaryDirectory() as folder:
            asyncio.run(drifting(Path(folder)))
            asyncio.run(proofs(Path(folder)))
            tampering(Path(folder))
            offline(Path(folder))
    with tempfile.TemporaryDirectory() as folder:
        try:
            asyncio.run(reports(Path(folder), given.real))
        finally:
            DATABASES.close()


if __name__ == "__main__":
    sys.exit(main())
