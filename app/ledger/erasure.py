"""Erasing personal and free text on request, without breaking anything that was proven over it."""

from __future__ import annotations

from dataclasses import dataclass

from app.domain.account import Permission, Principal
from app.domain.entry import PRIVATE_FIELDS, EntryKind, sequence_in
from app.domain.errors import InvalidEvent, NotFound
from app.ledger.acts import append_act
from app.ledger.commands import Rules
from app.ports import Store, Transaction

ERASED = "entry.erased"
"""The action of the entry that tells of an erasure."""


@dataclass(frozen=True, slots=True)
class Erased:
    """What an erasure removed: the texts' names, in the entries with these sequences. Empty if nothing was left."""

    names: tuple[str, ...]
    sequences: tuple[int, ...]


async def erase(store: Store, principal: Principal, ref: str, *, rules: Rules, names: tuple[str, ...] = PRIVATE_FIELDS) -> Erased:
    """Remove the named private texts and their salts, keep their digests, and record that this was done. Needs `admin`.

    `ref` is an entry's id, or an event's ref, which means all its versions. Leaves, chain and whatever was proven over them still
    verify, since the digest of a text stands in the canonical bytes, not the text. Raises NotFound and InvalidEvent.
    """
    principal.require(Permission.ADMIN)
    for name in names:
        if name not in PRIVATE_FIELDS:
            raise InvalidEvent("fields", f"{name} is no private text; these are: {', '.join(PRIVATE_FIELDS)}")
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
        erased: list[int] = []
        found: dict[str, None] = {}
        for entry in entries:
            texts = {name: text for name, text in entry.texts().items() if name in names}
            if texts:
                await tx.erase(entry.sequence, tuple(texts), entry.veil.without(texts))
                erased.append(entry.sequence)
                found.update(dict.fromkeys(texts))
        if erased:
            facts = {"kind": "erasure", "sequences": erased, "fields": sorted(found)}
            await append_act(tx, account_id, ERASED, facts, actor=principal.actor, rules=rules)
        return Erased(tuple(sorted(found)), tuple(erased))

    return await store.transact(account_id, body)
