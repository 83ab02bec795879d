"""A small ledger with a bit of everything, the exports that can be asked of it, and short ways to make and read them."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from typing import Any

import orjson

from app.domain.account import Account, Principal
from app.domain.catalogue import RecordKind
from app.domain.entry import EntryKind
from app.domain.export import Export
from app.exports.freeze import Patience, create
from app.ledger.catalogue import upsert
from app.ledger.commands import Rules, amend, record, retract
from app.ports import Files, Store, Transaction
from tests.events import START, activity, at, usage

ASKED: dict[str, dict[str, list[str]]] = {
    "usage-summary": {"group_by": ["product_id,customer_id"], "bucket": ["day"], "from": ["2026-03-01"], "to": ["2026-05-01"]},
    "usage-ledger": {},
    "license-audit": {"license_id": ["l1"]},
    "customer-summary": {"customer_id": ["c1"]},
    "subscription-settlement": {"subscription_id": ["s1"]},
}
"""Every report that can be exported, by the name that callers have for it, with a question to which this ledger has an answer."""


async def fill(store: Store, principal: Principal, rules: Rules) -> None:
    """Usage in two units and currencies, an activity, a described license, a correction and a retraction.

    No private text: its salts are random, so that the digests of its entry would differ from ledger to ledger.
    """
    subscribed = {"license_id": "l1", "subscription_id": "s1"}
    items = [
        usage(id="a", **subscribed, charge="0.10", currency="EUR", occurred_at=at(-30)),
        usage(id="b", customer_id="c2", quantity="-2.5", unit="GB", result_class="success", request_id="r1"),
        usage(id="c", **subscribed, quantity="0.000000000000000001", charge="3", currency="USD", status_code=500),
        usage(id="d", customer_id="=1+1", feature_code="'-x", product_id='ключ, "two"\r\nlines'),
    ]
    await record(store, principal, items, rules=rules)
    await record(store, principal, [activity(subscription_id="s1")], rules=rules, kind=EntryKind.ACTIVITY)
    described = {"status": "active", "customer_id": "c1", "subscription_id": "s1"}
    await upsert(store, principal, RecordKind.LICENSE, "l1", described, rules=rules)


async def correct(store: Store, principal: Principal, rules: Rules) -> None:
    """Amend the first event, take the second back, and record another."""
    await amend(store, principal, "evt_1_1", {"quantity": "7"}, rules=rules, reason="typo")
    await retract(store, principal, "evt_1_2", rules=rules, reason="never happened")
    await record(store, principal, [usage(id="e", license_id="l1", subscription_id="s1")], rules=rules)


async def frozen(
    store: Store,
    files: Files,
    principal: Principal,
    rules: Rules,
    kind: str = "usage-ledger",
    format: str = "json",
    parameters: Mapping[str, Sequence[str]] | None = None,
    **stated: Any,
) -> Export:
    """An export of that report, asked as in ASKED where nothing else is said. However slow the machine is, it is waited for."""
    asked = ASKED[kind] if parameters is None else parameters
    return await create(
        store, files, principal, kind, format, asked, rules=rules, **({"patience": Patience(seconds=None)} | stated)
    )


async def put(store: Store, account: Account, export_id: str, *, sequence: int = 1) -> None:
    """Keep an export under that very id, pending, with no entry that tells of it."""
    export = Export(
        id=export_id,
        account_id=account.id,
        sequence=sequence,
        report="usage_ledger",
        format="json",
        parameters={},
        as_of=0,
        recorded_at=None,
        content_type="application/json",
        file_name="usage-ledger-as-of-0.json",
        created_by="key k1",
        created_at=START,
        updated_at=START,
    )

    async def body(tx: Transaction) -> None:
        await tx.put_export(export)

    await store.transact(account.id, body)


async def content(files: Files, export: Export) -> bytes:
    """The bytes of the export's file, read without leaving a trace in the ledger."""
    assert export.file is not None
    return b"".join([chunk async for chunk in files.read(export.file)])


def json_of(data: bytes) -> Any:
    """What a JSON file says."""
    return orjson.loads(data)


def table_of(data: bytes) -> list[list[str]]:
    """The cells of a CSV file, as a reader that knows RFC 4180 sees them."""
    return list(csv.reader(io.StringIO(data.decode(), newline=""), strict=True))
