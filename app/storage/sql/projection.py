"""From entries to the catalogue versions that they bring: whole records from catalogue entries, stubs from ids that any name."""

from __future__ import annotations

from collections.abc import Iterable
from operator import attrgetter
from typing import Any

import orjson

from app.domain.catalogue import LINKED_KINDS, Record, RecordKind
from app.domain.entry import Entry, EntryKind
from app.domain.instant import parse_instant

_KINDS = tuple(kind.value for kind in LINKED_KINDS)
_COLUMNS = tuple(f"{kind}_id" for kind in _KINDS)
_links = attrgetter(*_COLUMNS)
_TEXTS = ("status", "type", "number", "parent_id", "currency", "entity_ref")
_INSTANTS = ("starts_at", "ends_at")


def carried(entry: Entry) -> Record | None:
    """The record that a catalogue entry carries; None for any other entry.

    Its links, name and additional data stand in the entry's own columns. Its own id stands there too, in the column of its
    kind, where it is no link. `first_sequence` is the entry's own: whether the id was named before is the engine's to know.
    """
    if entry.kind is not EntryKind.CATALOGUE or entry.record is None:
        return None
    facts = orjson.loads(entry.record)
    kind = RecordKind(facts["kind"])
    instants: dict[str, Any] = {name: parse_instant(facts[name], name) for name in _INSTANTS if name in facts}
    return Record(
        kind=kind,
        id=facts["id"],
        sequence=entry.sequence,
        first_sequence=entry.sequence,
        name=entry.name,
        additional_data=entry.additional_data,
        recorded_at=entry.recorded_at,
        erased=entry.erased,
        **{column: getattr(entry, column) for linked, column in zip(LINKED_KINDS, _COLUMNS, strict=True) if linked is not kind},
        **{name: facts.get(name) for name in _TEXTS},
        **instants,
    )


def first_named(entries: Iterable[Entry]) -> dict[tuple[str, str], Entry]:
    """The kinds and ids that the entries name, each with the entry that does so first; without those that one carried before.

    Which of them were known already, only the engine can tell.
    """
    found: dict[tuple[str, str], Entry] = {}
    described: set[tuple[str, str]] = set()
    for entry in entries:
        own = carried(entry)
        if own is not None:
            described.add((own.kind.value, own.id))
        for kind, named in zip(_KINDS, _links(entry), strict=True):
            if named is not None and (kind, named) not in found and (kind, named) not in described:
                found[kind, named] = entry
    return found
