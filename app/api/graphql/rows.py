"""Rows of catalogue records as nodes: with an id that is unique across kinds and accounts beside the one that callers know."""

from __future__ import annotations

from dataclasses import dataclass, fields

from app.api.graphql.enums import DocumentType
from app.domain.catalogue import RecordKind
from app.reports.subjects import RecordRow

_NAMES = tuple(each.name for each in fields(RecordRow))


@dataclass(frozen=True, slots=True, kw_only=True)
class Told(RecordRow):
    """A record's row as a node: its `id` is unique across kinds and accounts, `record_id` is the one that the caller named."""

    record_id: str


def told(row: RecordRow, account_id: int) -> Told:
    """The row as a node of that account."""
    stated = {name: getattr(row, name) for name in _NAMES}
    stated |= {"id": node_id(row.kind, account_id, row.id), "type": row.type and DocumentType(row.type)}
    return Told(**stated, record_id=row.id)


def node_id(kind: RecordKind, account_id: int, record_id: str) -> str:
    """The id by which `node` finds a record."""
    return f"{kind}_{account_id}_{record_id}"
