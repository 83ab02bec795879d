"""Describing what events are about: a change to a catalogue record is an entry that carries the whole record."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from app.domain.account import Permission, Principal
from app.domain.canonical import additional_data, canonical_bytes, check_text
from app.domain.catalogue import LINKED_KINDS, LONGEST_ID, Record, RecordKind
from app.domain.entry import Content, Entry, EntryKind
from app.domain.errors import InvalidEvent
from app.domain.instant import as_utc, format_instant, parse_instant
from app.ledger.chain import prepare, seal
from app.ledger.commands import Rules
from app.ledger.events import DEFAULT_SOURCE
from app.ports import Ledger, Store, Transaction
from app.question.records import Records
from app.question.scope import Scope

_LINKS = tuple(f"{kind}_id" for kind in LINKED_KINDS)
_TEXTS = ("status", "type", "number", "parent_id", "currency", "entity_ref")
_INSTANTS = ("starts_at", "ends_at")
_DOCUMENT_ONLY = ("type", "number", "parent_id", "entity_ref")
FIELDS = frozenset((*_LINKS, *_TEXTS, *_INSTANTS, "name", "additional_data"))
"""What can be said of a record."""
_PERMISSIONS = {RecordKind.PRODUCT: Permission.PRODUCT_WRITE}


async def upsert(
    store: Store,
    principal: Principal,
    kind: RecordKind,
    record_id: str,
    changes: Mapping[str, Any],
    *,
    rules: Rules,
    source: str = DEFAULT_SOURCE,
) -> tuple[Record, Entry | None]:
    """Make the record, or change what `changes` names and keep the rest; None takes a value away.

    Gives the record and the entry that carries it, None where nothing changed. Needs `product:write` for products,
    `license:write` for everything else. Raises InvalidEvent.
    """
    principal.require(_PERMISSIONS.get(kind, Permission.LICENSE_WRITE))
    if not record_id:
        raise InvalidEvent("id", "is missing")
    check_text(record_id, "id", longest=LONGEST_ID)
    stated = _stated(kind, changes)
    account_id = principal.account.id

    async def body(tx: Transaction) -> tuple[Record, Entry | None]:
        head = await tx.lock()
        before = await tx.record(kind.value, record_id)
        merged = {name: getattr(before, name) for name in FIELDS} if before is not None else dict.fromkeys(FIELDS)
        merged |= stated
        if merged["starts_at"] and merged["ends_at"] and merged["starts_at"] >= merged["ends_at"]:
            raise InvalidEvent("starts_at", "must be before ends_at")
        if before is not None and not before.stub and all(getattr(before, name) == merged[name] for name in FIELDS):
            return before, None
        moment = rules.clock()
        entries = seal(account_id, [prepare(_content(kind, record_id, merged, source, moment))], head, moment)
        await tx.append(entries, [])
        after = await tx.record(kind.value, record_id)
        assert after is not None
        return after, entries[0]

    return await store.transact(account_id, body)


async def id_of_name(store: Ledger, account_id: int, kind: RecordKind, name: str, *, field: str) -> str:
    """The id of the account's record with exactly that name; raises InvalidEvent naming `field` for none, or for several."""
    check_text(name, field, longest=LONGEST_ID)
    scope = Scope(account_id, (await store.head(account_id)).sequence)
    found = await store.records(Records(scope, kind, name=name, limit=2))
    if len(found) != 1:
        raise InvalidEvent(field, f"names {'more than one' if found else 'no'} {kind}: {name}")
    return found[0].id


def _content(kind: RecordKind, record_id: str, merged: Mapping[str, Any], source: str, moment: datetime) -> Content:
    facts: dict[str, Any] = {"kind": kind.value, "id": record_id}
    facts |= {name: merged[name] for name in _TEXTS if merged[name] is not None}
    facts |= {name: format_instant(merged[name]) for name in _INSTANTS if merged[name] is not None}
    columns = {name: merged[name] for name in _LINKS}
    if kind in LINKED_KINDS:
        columns[f"{kind}_id"] = record_id
    return Content(
        kind=EntryKind.CATALOGUE,
        action=f"{kind}.updated",
        source=source,
        occurred_at=moment,
        **columns,
        name=merged["name"],
        additional_data=merged["additional_data"],
        record=canonical_bytes(facts).decode(),
    )


def _stated(kind: RecordKind, changes: Mapping[str, Any]) -> dict[str, Any]:
    stated: dict[str, Any] = {}
    for name, value in changes.items():
        if name not in FIELDS:
            raise InvalidEvent(str(name)[:64], "is not a field of a catalogue record")
        if value is None or value == "":
            stated[name] = None
        elif name == f"{kind}_id":
            raise InvalidEvent(name, f"a {kind} does not link to a {kind}")
        elif name in _DOCUMENT_ONLY and kind is not RecordKind.DOCUMENT:
            raise InvalidEvent(name, "is a field of documents only")
        elif name == "additional_data":
            stated[name] = additional_data(value, name)
        elif name in _INSTANTS:
            stated[name] = as_utc(value, name) if isinstance(value, datetime) else parse_instant(value, name)
        elif not isinstance(value, str):
            raise InvalidEvent(name, "must be a string")
        else:
            stated[name] = check_text(value, name, longest=LONGEST_ID)
    if kind is RecordKind.DOCUMENT and stated.get("type") not in (None, "invoice", "credit", "debit"):
        raise InvalidEvent("type", "of a document is invoice, credit or debit")
    return stated
