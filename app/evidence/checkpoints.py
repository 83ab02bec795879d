"""Checkpoints: what a ledger's first n entries are, in one signed hash that can be kept elsewhere.

A checkpoint states a sequence and the root of the RFC 9162 tree over the leaves up to there. Whoever has one can tell for ever
whether the ledger still begins so. Making one reads some thousand nodes at most, however long the ledger is.
"""

from __future__ import annotations

from typing import Any

import orjson

from app.domain.account import Account, Permission, Principal, genesis
from app.domain.attestation import Attestation, AttestationKind
from app.domain.errors import InvalidQuery
from app.domain.instant import format_instant
from app.evidence.keys import Signer
from app.evidence.trees import hash_of
from app.exports.digest import stated
from app.ports import Store
from app.question import cursor
from app.question.rows import Rows
from app.question.scope import Checkpoint, Scope
from app.reports.answer import AsOf, open_ledger
from app.reports.report import Page, PageRequest
from app.reports.tree import root_of

TYPE = "usage-gateway/checkpoint/v1"
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


async def page(store: Store, principal: Principal, request: PageRequest) -> Page[Document]:
    """One page of the kept checkpoints of the caller's ledger, newest first. Needs `report:read`; raises InvalidQuery."""
    principal.require(Permission.REPORT_READ)
    account_id, size = principal.account.id, request.size()
    bound = cursor.binding("checkpoints", account_id)
    after, before = (_sequence(text, bound, name) for text, name in ((request.after, "after"), (request.before, "before")))
    found = await store.attestations(
        account_id, AttestationKind.CHECKPOINT, limit=size + 1, above=before, below=after, descending=not request.backward
    )
    more = len(found) > size
    rows = found[:size]
    if request.backward:
        rows.reverse()
    return Page(
        [document_of(each) for each in rows],
        [cursor.encode(bound, [each.sequence]) for each in rows],
        has_next=more if not request.backward else before is not None,
        has_previous=more if request.backward else after is not None,
    )


async def statement(store: Store, account: Account, sequence: int) -> Document:
    """What a checkpoint at that sequence states. Raises Corrupt where the tree lacks nodes."""
    root = await root_of(store, account.id, sequence)
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


def name_of(document: Document) -> str:
    """How callers name the checkpoint where a point of the ledger is asked for."""
    statement = document["statement"]
    return str(Checkpoint(int(statement["sequence"]), hash_of(statement["root"])))


def _sequence(text: str | None, bound: bytes, name: str) -> int | None:
    if text is None:
        return None
    match cursor.decode(text, bound, name):
        case [int(sequence)] if sequence >= 0:
            return sequence
    raise InvalidQuery(name, "is not a cursor of this gateway")
