"""Proofs over a ledger's tree: that entries are in a checkpoint, and that one checkpoint goes on from another (RFC 9162).

A proof is a document that needs nothing else to be checked but a pinned key: the checkpoints in it are signed. An entry in it
stands with its canonical content, so that content digest, leaf and path can be followed up to the root; of private texts the
content has the digests alone, so that a proof tells no text and stays true once it is erased.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from app.domain.account import Permission, Principal
from app.domain.entry import Entry, sequence_in
from app.domain.errors import InvalidQuery, NotFound
from app.domain.instant import format_instant
from app.evidence.checkpoints import Document, checkpoint
from app.evidence.keys import Signer
from app.exports.digest import stated
from app.ports import Store
from app.question.rows import Rows
from app.question.scope import Scope
from app.reports.answer import AsOf
from app.reports.tree import tree_of

INCLUSION = "usage-gateway/inclusion-proof/v1"
CONSISTENCY = "usage-gateway/consistency-proof/v1"
MOST_ENTRIES = 100


@dataclass(frozen=True, slots=True)
class Included:
    """An entry, and the hashes beside its way up to the root: the audit path, from the leaf upwards."""

    entry: Entry
    path: list[bytes]


@dataclass(frozen=True, slots=True)
class Inclusion:
    """Entries that are in a checkpoint."""

    checkpoint: Document
    entries: list[Included]

    def document(self) -> Document:
        """The proof as JSON."""
        return {
            "type": INCLUSION,
            "checkpoint": self.checkpoint,
            "entries": [
                {
                    "id": each.entry.id,
                    "sequence": each.entry.sequence,
                    "recorded_at": format_instant(each.entry.recorded_at),
                    "content": each.entry.canonical(),
                    "path": [stated(node) for node in each.path],
                }
                for each in self.entries
            ],
        }


@dataclass(frozen=True, slots=True)
class Consistency:
    """A checkpoint that goes on from an older one."""

    older: Document
    newer: Document
    path: list[bytes]

    def document(self) -> Document:
        """The proof as JSON."""
        path = [stated(node) for node in self.path]
        return {"type": CONSISTENCY, "older": self.older, "newer": self.newer, "path": path}


async def inclusion(store: Store, signer: Signer, principal: Principal, ids: Sequence[str], as_of: AsOf = None) -> Inclusion:
    """The proof that the entries with these ids are in the checkpoint at that point, the ledger's end by default.

    Needs `report:read`. Raises InvalidQuery naming `ids` for none, for more than 100, and for an entry recorded after that point,
    and NotFound for what is no entry of the account.
    """
    principal.require(Permission.REPORT_READ)
    if not 1 <= len(ids) <= MOST_ENTRIES:
        raise InvalidQuery("ids", f"must name 1 to {MOST_ENTRIES} entries")
    account_id = principal.account.id
    made = await checkpoint(store, signer, principal, as_of)
    size = int(made["statement"]["sequence"])
    entries = []
    for each in dict.fromkeys(ids):
        sequence = sequence_in(each, account_id) if each.startswith("act_") else None
        found = await store.rows(Rows(Scope(account_id, sequence), above=sequence - 1, limit=1)) if sequence is not None else []
        if not found:
            raise NotFound(f"no entry {each[:64]}")
        if found[0].sequence > size:
            raise InvalidQuery("ids", f"{each} was recorded after sequence {size}, which the checkpoint ends at")
        entries.append(found[0])
    tree = await tree_of(store, account_id, size, [each.sequence - 1 for each in entries])
    return Inclusion(made, [Included(each, tree.inclusion(each.sequence - 1)) for each in entries])


async def consistency(store: Store, signer: Signer, principal: Principal, older: AsOf, newer: AsOf = None) -> Consistency:
    """The proof that the checkpoint at `newer`, the ledger's end by default, goes on from the one at `older`.

    Needs `report:read`. Raises InvalidQuery naming `older` where it is the newer one.
    """
    first = await checkpoint(store, signer, principal, older)
    second = await checkpoint(store, signer, principal, newer)
    size, begun = int(second["statement"]["sequence"]), int(first["statement"]["sequence"])
    if begun > size:
        raise InvalidQuery("older", f"ends at sequence {begun}, after the newer one, which ends at {size}")
    tree = await tree_of(store, principal.account.id, size, [begun - 1] if begun else [])
    return Consistency(first, second, tree.consistency(begun))
