"""Catalogue records as the memory engine finds them: by walking every entry."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import orjson

from app.domain.catalogue import LINKED_KINDS, Record, RecordKind
from app.domain.entry import Entry, EntryKind
from app.domain.instant import parse_instant
from app.question.records import Records

_STATED = ("status", "type", "number", "parent_id", "currency", "entity_ref")
_STATED_INSTANTS = ("starts_at", "ends_at")


def catalogue_of(entries: Iterable[Entry]) -> dict[tuple[RecordKind, str], Record]:
    """Every record that the entries carry or name, in its last version."""
    known: dict[tuple[RecordKind, str], Record] = {}
    for entry in entries:
        if entry.kind is EntryKind.CATALOGUE:
            carried = _carried(entry)
            before = known.get((carried.kind, carried.id))
            if before is not None:
                carried.first_sequence = before.first_sequence
            known[carried.kind, carried.id] = carried
        for kind in LINKED_KINDS:
            named = getattr(entry, f"{kind}_id")
            if named is not None and (kind, named) not in known:
                known[kind, named] = Record(
                    kind=kind,
                    id=named,
                    sequence=entry.sequence,
                    first_sequence=entry.sequence,
                    stub=True,
                    recorded_at=entry.recorded_at,
                )
    return known


def _carried(entry: Entry) -> Record:
    """The record that a catalogue entry carries. Its own id in the column of its kind is there to be found by, and no link."""
    assert entry.record is not None
    facts = orjson.loads(entry.record)
    own = RecordKind(facts["kind"])
    links: dict[str, Any] = {f"{kind}_id": getattr(entry, f"{kind}_id") for kind in LINKED_KINDS if kind is not own}
    instants: dict[str, Any] = {name: parse_instant(facts[name], name) for name in _STATED_INSTANTS if name in facts}
    return Record(
        kind=own,
        id=facts["id"],
        sequence=entry.sequence,
        first_sequence=entry.sequence,
        name=entry.name,
        additional_data=entry.additional_data,
        recorded_at=entry.recorded_at,
        erased=entry.erased,
        **{name: facts.get(name) for name in _STATED},
        **links,
        **instants,
    )


def wanted(record: Record, question: Records) -> bool:
    """Whether the question asks for the record. Ids are compared as bytes, which is the order of every engine."""
    links = ("name", *(f"{kind}_id" for kind in LINKED_KINDS))
    return (
        record.kind is question.kind
        and (question.ids is None or record.id in question.ids)
        and all(getattr(question, name) in (None, getattr(record, name)) for name in links)
        and (question.after is None or record.id.encode() > question.after.encode())
        and (question.before is None or record.id.encode() < question.before.encode())
    )
