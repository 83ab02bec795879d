"""Checkpoints: what a ledger's first n entries are, in one signed hash that can be kept elsewhere.

A checkpoint states a sequence and the root of the RFC 9162 tree over the leaves up to there. Whoever has one can tell for ever
whether the ledger still begins so. Making one reads some thousand nodes at most, however long the ledger is.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import orjson

from app.domain.account import Account, Permission, Principal, genesis
from app.domain.attestation import Attestation, AttestationKind
from app.domain.errors import InvalidQuery
from app.domain.instant import format_instant
from app.evidence.keys import Signer
from app.exports.digest import stated
from app.ports import Store
from app.question.rows import Rows
from app.question.scope import Scope
from app.reports.answer import AsOf, open_ledger
from app.reports.tree import tree_of

TYPE = "usage-gateway/checkpoint/v1"
MOST_KEPT = 200
"""Kept checkpoints in one answer."""
Document = dict[str, Any]
"""A signed document as JSON: `statement` and `signature`."""


async def checkpoint(store: Store, signer: Signer, principal: Principal, as_of: AsOf = None) -> Document:
    """The checkpoint at a point of the caller's ledger, its end by default. Needs `report:read`; raises InvalidQuery.

    What was kept is given as it was kept, whichever key it was signed with; nothing is written.
    """
    opened = await open_ledger(store, principal, as_of)
    kept = await _kept(store, principal.account.id, opened.scope.as_of)
    return kept if kept is not None else await signer.sign(await statement(store, principal.account, opened.scope.as_of))


async def keep(store: Store, signer: Signer, account: Account) -> Document:
    """The checkpoint at the end of the account's ledger, kept beside it."""
    sequence = (await store.head(account.id)).sequence
    kept = await _kept(store, account.id, sequence)
    if kept is not None:
        return kept
    made = await signer.sign(await statement(store, account, sequence))
    text = orjson.dumps(made).decode()
    standing = await store.keep_attestation(Attestation(account.id, AttestationKind.CHECKPOINT, sequence, text))
    return document_of(standing)


async def kept(store: Store, principal: Principal, *, limit: int = MOST_KEPT, below: int | None = None) -> Sequence[Document]:
    """The checkpoints that were kept of the caller's ledger, newest first. Needs `report:read`; raises InvalidQuery."""
    principal.require(Permission.REPORT_READ)
    if not 0 <= limit <= MOST_KEPT:
        raise InvalidQuery("limit", f"must be from 0 to {MOST_KEPT}")
    found = await store.attestations(principal.account.id, AttestationKind.CHECKPOINT, limit=limit, below=below)
    return [document_of(each) for each in found]


async def statement(store: Store, account: Account, sequence: int) -> Document:
    """What a checkpoint at that sequence states. Raises Corrupt where the tree lacks nodes."""
    root = (await tree_of(store, account.id, sequence)).root()
    last = await store.rows(Rows(Scope(account.id, sequence), above=sequence - 1, limit=1)) if sequence else []
    return {
        "type": TYPE,
        "account": account.name,
        "ledger": stated(genesis(account.name)),
        "sequence": sequence,
        "recorded_at": format_instant(last[0].recorded_at) if last else None,
        "root": stated(root),
        "chain": stated(last[0].chain if last else genesis(account.name)),
    }


def document_of(attestation: Attestation) -> Document:
    """The document that was kept."""
    found: Document = orjson.loads(attestation.document)
    return found


async def _kept(store: Store, account_id: int, sequence: int) -> Document | None:
    found = await store.attestations(account_id, AttestationKind.CHECKPOINT, limit=1, above=sequence - 1, below=sequence + 1)
    return document_of(found[0]) if found else None
