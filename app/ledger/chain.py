"""Leaves and the chain: what makes the order and the time of recording part of the evidence.

The chain at an entry is SHA-256(chain before ‖ leaf); `app.domain.entry.leaf` says what a leaf is.
A chain alone shows accidents; only a digest kept elsewhere shows an attacker who rewrites all of it.
"""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterable, Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import datetime
from operator import attrgetter
from types import MappingProxyType

from app.domain.entry import Content, Entry, leaf
from app.domain.errors import Corrupt
from app.domain.merkle import EMPTY, Growing
from app.ports import Head

_content = attrgetter(*(each.name for each in fields(Content)))
_new = object.__new__


# Not frozen: see `app.domain.entry.Content`.
@dataclass(slots=True)
class Prepared:
    """Content whose canonical bytes are hashed already, so that the account's lock need not wait for that."""

    content: Content
    digest: bytes
    claim: bytes | None = None
    """What stands for the sender's id of an event that is recorded once for ever."""


def prepare(content: Content, claim: bytes | None = None) -> Prepared:
    """Veil the content's private texts with fresh salts, and hash its canonical bytes."""
    return Prepared(content, content.veiled().digest(), claim)


def seal(account_id: int, prepared: Sequence[Prepared], head: Head, moment: datetime) -> list[Entry]:
    """The entries that follow `head`, recorded at `moment`, or at the head's own instant if the clock went back."""
    recorded_at = moment if head.recorded_at is None or moment >= head.recorded_at else head.recorded_at
    chain = head.chain
    entries = []
    for sequence, each in enumerate(prepared, start=head.sequence + 1):
        own = leaf(sequence, recorded_at, each.digest)
        chain = hashlib.sha256(chain + own).digest()
        # Right into the entry's slots, in the order of Content's fields: calling the class with the keywords takes twice as long.
        entry: Entry = _new(Entry)
        (
            entry.kind, entry.action, entry.source, entry.occurred_at, entry.product_id, entry.customer_id, entry.license_id,
            entry.order_id, entry.subscription_id, entry.feature_code, entry.quantity, entry.unit, entry.charge, entry.currency,
            entry.request_id, entry.result_class, entry.status_code, entry.transaction_id, entry.sender_id, entry.message,
            entry.actor, entry.reason, entry.name, entry.additional_data, entry.record, entry.event, entry.version,
            entry.correction, entry.corrects, entry.veil,
        ) = _content(each.content)  # fmt: skip
        entry.account_id, entry.sequence, entry.recorded_at = account_id, sequence, recorded_at
        entry.content_digest, entry.leaf, entry.chain = each.digest, own, chain
        entries.append(entry)
    return entries


@dataclass(frozen=True, slots=True)
class Verified:
    """What a walk of the chain found in order: so many entries, ending in this digest, so many of them with erased texts.

    `root` is that of the tree over the leaves, `checkpoints` the sequences of those that were found to hold.
    """

    entries: int
    chain: bytes
    erased: int
    root: bytes
    checkpoints: tuple[int, ...]


async def verify(
    batches: AsyncIterable[Sequence[Entry]], genesis: bytes, head: Head, roots: Mapping[int, bytes] = MappingProxyType({})
) -> Verified:
    """Re-derive every digest from the stored content, from the first entry to `head`, and compare with roots of checkpoints.

    Raises Corrupt naming the first sequence whose content, leaf, chain, place or time does not hold; where only a root shows that
    something was rewritten, the first one after the checkpoint before.
    """
    chain, before, erased = genesis, None, 0
    sequence = held = 0
    tree = Growing()
    if roots.get(0, EMPTY) != EMPTY:
        raise Corrupt(0, "the checkpoint of the empty ledger has the root of another one")
    async for batch in batches:
        for entry in batch:
            sequence += 1
            if entry.sequence != sequence:
                raise Corrupt(sequence, f"is missing; entry {entry.sequence} follows entry {sequence - 1}")
            if entry.digest() != entry.content_digest:
                raise Corrupt(sequence, "its content does not give the digest stored for it")
            if leaf(sequence, entry.recorded_at, entry.content_digest) != entry.leaf:
                raise Corrupt(sequence, "its sequence, time of recording and content do not give its leaf")
            chain = hashlib.sha256(chain + entry.leaf).digest()
            if chain != entry.chain:
                raise Corrupt(sequence, "its leaf and the chain before it do not give the chain stored for it")
            if before is not None and entry.recorded_at < before:
                raise Corrupt(sequence, "it was recorded before the entry that precedes it")
            tree.add(entry.leaf)
            if sequence in roots:
                if tree.root() != roots[sequence]:
                    within = f"one of the entries {held + 1} to {sequence} is" if sequence > held + 1 else "it is"
                    raise Corrupt(
                        held + 1, f"{within} not what the checkpoint at {sequence} was signed over; all digests are new"
                    )
                held = sequence
            before = entry.recorded_at
            erased += bool(entry.veil.erased)
    if sequence != head.sequence:
        raise Corrupt(sequence + 1, f"is missing; the ledger says that it ends at entry {head.sequence}")
    if chain != head.chain:
        raise Corrupt(sequence, "the chain does not end in the digest that the ledger's head states")
    if max(roots, default=0) > sequence:
        raise Corrupt(sequence + 1, f"is missing; the ledger reached entry {max(roots)} when a checkpoint was signed there")
    return Verified(sequence, chain, erased, tree.root(), tuple(sorted(roots)))
