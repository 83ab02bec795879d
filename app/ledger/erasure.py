"""Erasing personal and free text on request, without breaking anything that was proven over it.

Leaves, chain, tree and whatever was signed over them still hold: the digest of a text stands in the canonical bytes, not the
text. What files of exports hold is another matter: see `app.evidence.erasure`, which is what callers use.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from app.domain.account import Permission, Principal
from app.domain.catalogue import RecordKind
from app.domain.entry import PRIVATE_FIELDS, Entry, EntryKind, sequence_in
from app.domain.errors import InvalidEvent, NotFound
from app.ledger.acts import append_act
from app.ledger.commands import Rules
from app.ledger.forgetting import forget_customer, forget_event
from app.ports import Store, Transaction
from app.question.filters import Filters
from app.question.records import Records
from app.question.rows import Rows
from app.question.scope import Scope

ERASED = "entry.erased"
"""The action of the entry that tells of an erasure."""
_AT_ONCE = 500
"""Entries of a customer that one transaction erases: the account's lock is free in between."""


@dataclass(frozen=True, slots=True)
class Erased:
    """What an erasure removed: the texts' names, in the entries with these sequences. Empty if nothing was left."""

    names: tuple[str, ...]
    sequences: tuple[int, ...]
    others: tuple[int, ...] = ()
    """Of a customer's, those of entries that name another customer: versions of its events that were given to that one."""


async def erase(store: Store, principal: Principal, ref: str, *, rules: Rules, names: tuple[str, ...] = PRIVATE_FIELDS) -> Erased:
    """Remove the named private texts and their salts, keep their digests, and record that this was done. Needs `admin`.

    `ref` is an entry's id, or an event's ref, which means all its versions, and what was refused since it contradicts the event.
    Raises NotFound and InvalidEvent.
    """
    principal.require(Permission.ADMIN)
    _check(names)
    account_id = principal.account.id
    sequence = sequence_in(ref, account_id)
    if sequence is None:
        raise NotFound(f"no entry {ref[:64]}")

    async def body(tx: Transaction) -> Erased:
        await tx.lock()
        named = (await tx.entries([sequence])).get(sequence)
        if named is None or (ref.startswith("evt_") and (named.kind is not EntryKind.USAGE or named.event is not None)):
            raise NotFound(f"no entry {ref}")
        entries = await tx.versions(sequence) if ref.startswith("evt_") else [named]
        return await _erased(tx, principal, entries, names, {}, rules)

    erased = await store.transact(account_id, body)
    if ref.startswith("evt_"):
        await forget_event(store, principal, sequence, rules=rules)
    return erased


async def erase_customer(
    store: Store, principal: Principal, customer_id: str, *, rules: Rules, names: tuple[str, ...] = PRIVATE_FIELDS
) -> Erased:
    """The same for every entry that names a customer: all versions of its events, its activities, and the catalogue records that
    are its own or belong to it. What was refused and names the customer is dropped. Needs `admin`.

    Some hundred entries are one transaction, so that others can record meanwhile; what is recorded of the customer after this was
    begun stays. Asked for again, it goes on where it was broken off. Raises NotFound for a customer nobody has named.
    """
    principal.require(Permission.ADMIN)
    _check(names)
    account_id = principal.account.id
    scope = Scope(account_id, (await store.head(account_id)).sequence)
    if not await store.records(Records(scope, RecordKind.CUSTOMER, ids=(customer_id,))):
        raise NotFound(f"no customer {customer_id[:64]}")
    filters = Filters(customer_id=(customer_id,))
    gone: dict[str, None] = {}
    sequences: list[int] = []
    others: list[int] = []
    above = 0
    while True:
        question = Rows(scope, filters, descending=False, above=above, limit=_AT_ONCE)
        found = await store.rows(question)
        if not found:
            await forget_customer(store, principal, customer_id, rules=rules)
            return Erased(tuple(sorted(gone)), tuple(sorted(sequences)), tuple(sorted(others)))
        above = found[-1].sequence
        erased = await _erased_of(store, principal, found, names, {"customer_id": customer_id}, rules)
        gone.update(dict.fromkeys(erased.names))
        sequences += erased.sequences
        others += erased.others


async def _erased_of(
    store: Store,
    principal: Principal,
    found: Sequence[Entry],
    names: tuple[str, ...],
    facts: dict[str, Any],
    rules: Rules,
) -> Erased:
    named = [each.sequence for each in found]
    # A version that names another customer was made of one that named this one, and may say the same.
    corrected = {each.event_sequence for each in found if each.correction is not None}

    async def body(tx: Transaction) -> Erased:
        await tx.lock()
        entries = await tx.entries(named)
        for event in sorted(corrected):
            entries |= {each.sequence: each for each in await tx.versions(event)}
        done = await _erased(tx, principal, [entries[each] for each in sorted(entries)], names, facts, rules)
        return replace(done, others=tuple(each for each in done.sequences if entries[each].customer_id != facts["customer_id"]))

    return await store.transact(principal.account.id, body)


async def _erased(
    tx: Transaction,
    principal: Principal,
    entries: Sequence[Entry],
    names: tuple[str, ...],
    facts: dict[str, Any],
    rules: Rules,
) -> Erased:
    """What is removed of these entries, once that is told in the ledger too."""
    erased: list[int] = []
    found: dict[str, None] = {}
    for entry in entries:
        texts = {name: text for name, text in entry.texts().items() if name in names}
        if texts:
            await tx.erase(entry.sequence, tuple(texts), entry.veil.without(texts))
            erased.append(entry.sequence)
            found.update(dict.fromkeys(texts))
    if erased:
        told = {"kind": "erasure", "sequences": erased, "fields": sorted(found)} | facts
        await append_act(tx, principal.account.id, ERASED, told, actor=principal.actor, rules=rules)
    return Erased(tuple(sorted(found)), tuple(erased))


def _check(names: tuple[str, ...]) -> None:
    for name in names:
        if name not in PRIVATE_FIELDS:
            raise InvalidEvent("fields", f"{name} is no private text; these are: {', '.join(PRIVATE_FIELDS)}")
