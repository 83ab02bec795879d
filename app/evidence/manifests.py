"""Manifests: what an export is, in one signed document that goes with its file and is all that the offline verifier asks for.

A manifest is made and signed when it is first asked for, and kept: whoever asks later is given the same one, also after the
signing key was rotated, after texts were erased, and after the file itself has expired.
"""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from enum import StrEnum
from typing import Any

import orjson

from app.domain.account import Account, Principal
from app.domain.attestation import Attestation, AttestationKind
from app.domain.decimal import plain
from app.domain.errors import ExportNotReady
from app.domain.export import Export
from app.domain.instant import format_instant
from app.evidence import checkpoints
from app.evidence.checkpoints import Document, document_of
from app.evidence.keys import Signer
from app.exports.digest import SUBTREE_ROWS, stated
from app.exports.order import order_of
from app.exports.register import find
from app.ports import Store
from app.question.groups import Group, GroupOrder, Groups
from app.reports.report import Column, Section

TYPE = "usage-gateway/export-manifest/v1"
EXTENSION = ".manifest.json"
"""What a manifest's file is called after the file that it is about."""
_ADD_UP = frozenset({"total_quantities", "total_charges", "entries", "activities"})
"""Sections whose rows add up to the total of what was asked for, by their definition."""
_HASH_BYTES = 32


async def manifest(store: Store, signer: Signer, principal: Principal, export_id: str) -> Document:
    """The signed manifest of the caller's export. Needs `report:export`.

    Raises NotFound, and ExportNotReady for an export that has no digests yet, or will have none.
    """
    export = await find(store, principal, export_id)
    found = await store.attestations(
        export.account_id, AttestationKind.MANIFEST, limit=1, above=export.sequence - 1, below=export.sequence + 1
    )
    if found:
        return document_of(found[0])
    if export.digest is None:
        raise ExportNotReady(f"export {export.id} is {export.status.value} and has no digests to state", detail=export.reason)
    made = await signer.sign(await _statement(store, principal.account, export))
    text = orjson.dumps(made).decode()
    attestation = Attestation(export.account_id, AttestationKind.MANIFEST, export.sequence, text)
    return document_of(await store.keep_attestation(attestation))


async def _statement(store: Store, account: Account, export: Export) -> Document:
    wanted, opened = order_of(export)
    subtrees = await store.subtrees(export.account_id, export.id)
    total = (await store.groups(Groups(opened.scope, wanted.parameters.filters, (), None, GroupOrder()))).total
    ledger = await checkpoints.statement(store, account, export.as_of)
    del ledger["type"]
    return {
        "type": TYPE,
        "export": export.id,
        "created_at": format_instant(export.created_at),
        "created_sequence": export.sequence,
        "report": export.report,
        "format": export.format,
        "parameters": {name: list(texts) for name, texts in export.parameters.items()},
        "as_of": export.as_of,
        "recorded_at": None if export.recorded_at is None else format_instant(export.recorded_at),
        "schema_version": export.schema_version,
        "sections": [_section(each, export, total) for each in wanted.report.sections],
        "rows": export.rows,
        "digest": export.digest,
        "subtree_rows": SUBTREE_ROWS,
        "subtrees": [stated(subtrees[at : at + _HASH_BYTES]) for at in range(0, len(subtrees), _HASH_BYTES)],
        "artifact_digest": export.artifact_digest,
        "size": export.size,
        "content_type": export.content_type,
        "file_name": export.file_name,
        "ledger": ledger,
    }


def _section(section: Section, export: Export, total: Group) -> Document:
    return {
        "name": section.name,
        "rows": export.sections.get(section.name, 0),
        "columns": [{"name": each.name, "type": _kind(each)} for each in section.columns],
        "totals": list(_totals(section, total)),
    }


def _totals(section: Section, total: Group) -> Iterator[Document]:
    names = {each.name for each in section.columns}
    if section.name in _ADD_UP:
        if {"quantity", "unit"} <= names:
            yield from ({"column": "quantity", "of": each.unit, "sum": plain(each.quantity)} for each in total.quantities)
        if {"charge", "currency"} <= names:
            yield from ({"column": "charge", "of": each.currency, "sum": plain(each.charge)} for each in total.charges)


_KINDS: dict[Any, str] = {str: "text", int: "integer", bool: "boolean", Decimal: "decimal", list: "list"}


def _kind(column: Column) -> str:
    """What the column holds, in the words of the verifier."""
    if column.json:
        return "object"
    if issubclass(column.type, StrEnum):
        return "text"
    return _KINDS.get(column.type, "instant")
