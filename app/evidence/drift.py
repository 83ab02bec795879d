"""Drift: what has become of an export's question since it was frozen, change by change and total by total.

The ledger tells it by itself: whatever was recorded after the export's sequence and is asked for by its filters is a change. An
event that was amended twice has drifted twice; a reversal or a replacement that the filters do not ask for is left out of its
change, as it is of the report.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from typing import Any

import orjson

from app.domain.account import Permission, Principal
from app.domain.decimal import scaled, unscaled
from app.domain.entry import Correction, Entry, EntryKind
from app.domain.errors import InvalidQuery
from app.domain.export import Export
from app.exports.order import Order, order_of
from app.exports.register import find
from app.ports import Ledger, Store
from app.question import cursor
from app.question.filters import Filters
from app.question.groups import Group
from app.question.rows import Rows
from app.question.scope import Scope
from app.reports.answer import AsOf, open_ledger
from app.reports.grouping import SummaryQuestion, read
from app.reports.report import Opened, Page, PageRequest
from app.reports.totals import group_keys

_OF_USAGE = frozenset({"usage_summary", "usage_ledger"})
"""Reports that tell of usage entries alone; the others tell of what happened to their subject too."""
_ALL_BUT_ACTS = frozenset({EntryKind.USAGE, EntryKind.ACTIVITY, EntryKind.CATALOGUE})
MOST_ERASURES = 200


class ChangeKind(StrEnum):
    """What became of a row."""

    ADDED = "added"
    """It was recorded after the export was frozen, whenever it happened."""
    AMENDED = "amended"
    """Its event was given another version."""
    RETRACTED = "retracted"
    """Its event was taken back."""


@dataclass(frozen=True, slots=True)
class Change:
    """One change, with the entries that made it and that the question asks for: two at most, in the order of the ledger."""

    kind: ChangeKind
    entries: tuple[Entry, ...]

    @property
    def first(self) -> Entry:
        """The entry that tells when, and of a correction who and why."""
        return self.entries[0]


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """One total, then and now. `measure` is events, quantity or charge; `keys` are those of its group, none for the total."""

    measure: str
    unit: str | None
    then: Decimal
    now: Decimal
    change: Decimal
    keys: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Erasure:
    """Texts that were erased from entries which the export covers: its rows would be told without them now."""

    sequence: int
    recorded_at: datetime
    actor: str | None
    sequences: tuple[int, ...]
    texts: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Drift:
    """An export, and the ledger as of the point that it is compared with."""

    export: Export
    opened: Opened
    order: Order

    @property
    def filters(self) -> Filters:
        """What the export asked for."""
        return self.order.parameters.filters

    def rows(self, **bounds: Any) -> Rows:
        """The entries that the export would have now and has not."""
        kinds = frozenset({EntryKind.USAGE}) if self.export.report in _OF_USAGE else _ALL_BUT_ACTS
        above = max(bounds.pop("above", None) or 0, self.export.as_of)
        return Rows(self.opened.scope, self.filters, kinds, above=above, **bounds)


async def drift(store: Store, principal: Principal, export_id: str, as_of: AsOf = None) -> Drift:
    """The caller's export, compared with a point of the ledger, its end by default. Needs `report:export`.

    Raises NotFound, and InvalidQuery for a point before the one at which the export was frozen.
    """
    export = await find(store, principal, export_id)
    opened = await open_ledger(store, principal, as_of, permission=Permission.REPORT_EXPORT)
    if opened.scope.as_of < export.as_of:
        raise InvalidQuery("asOf", f"lies before sequence {export.as_of}, at which the export was frozen")
    return Drift(export, opened, order_of(export)[0])


async def changes(ledger: Ledger, found: Drift) -> AsyncIterator[list[Change]]:
    """Every change, oldest first, in batches."""
    waiting: list[Entry] = []
    async for batch in ledger.stream(found.rows(descending=False)):
        waiting += batch
        # The last entry may be a reversal whose replacement is in the next batch.
        held = waiting[-1:] if waiting[-1].correction is Correction.REVERSAL else []
        yield await _paired(ledger, found, waiting[: len(waiting) - len(held)])
        waiting = held
    if waiting:
        yield await _paired(ledger, found, waiting)


async def counted(ledger: Ledger, found: Drift) -> dict[ChangeKind, int]:
    """How many changes there are of each kind. Reads them all."""
    counts = dict.fromkeys(ChangeKind, 0)
    async for batch in changes(ledger, found):
        for each in batch:
            counts[each.kind] += 1
    return counts


async def page(ledger: Ledger, found: Drift, request: PageRequest) -> Page[Change]:
    """One page of changes, oldest first. A cursor holds the sequences at which a change begins and ends."""
    bound = cursor.binding("drift", found.export.account_id, found.export.id, found.opened.bound_as_of)
    size = request.size()
    after, before = (_place(text, bound, name) for text, name in ((request.after, "after"), (request.before, "before")))
    bounds = {"above": None if after is None else after[1], "below": None if before is None else before[0]}
    # Two entries for each change and one more change: then what is cut in two lies outside of the page.
    entries = await ledger.rows(found.rows(**bounds, descending=request.backward, limit=2 * size + 3))
    if request.backward:
        entries.reverse()
        if len(entries) == 2 * size + 3 and entries[0].correction is Correction.REPLACEMENT:
            entries = entries[1:]
    elif len(entries) == 2 * size + 3 and entries[-1].correction is Correction.REVERSAL:
        entries = entries[:-1]
    paired = await _paired(ledger, found, entries)
    more = len(paired) > size
    kept = (paired[-size:] if size else []) if request.backward else paired[:size]
    return Page(
        kept,
        [cursor.encode(bound, [each.entries[0].sequence, each.entries[-1].sequence]) for each in kept],
        has_next=more if not request.backward else before is not None,
        has_previous=more if request.backward else after is not None,
    )


async def differences(ledger: Ledger, found: Drift) -> list[Difference]:
    """The difference in each total: over everything that was asked for, then of each group where the question has groups."""
    asked = found.order.parameters
    question = SummaryQuestion(asked.filters, asked.by, asked.granularity, asked.zone)
    frozen = Opened(Scope(found.export.account_id, found.export.as_of), found.export.recorded_at, frozen=True)
    then, now = await read(ledger, frozen, question), await read(ledger, found.opened, question)
    told = _compared({}, then.grouped.total, now.grouped.total)
    if not asked.by and asked.granularity is None:
        return told
    groups: dict[tuple[Any, ...], tuple[dict[str, Any], list[Group | None]]] = {}
    for at, summary in enumerate((then, now)):
        for each in summary.grouped.groups:
            place = (each.bucket, *each.dimensions)
            keys, sides = groups.setdefault(place, (group_keys(each, summary.question), [None, None]))
            sides[at] = each
    for keys, (before, after) in groups.values():
        told += (each for each in _compared(keys, before, after) if each.change)
    return told


async def erasures(ledger: Ledger, found: Drift) -> list[Erasure]:
    """What was erased since the freeze from entries that the export covers, newest first; at most 200 acts are looked at."""
    acts = Rows(
        found.opened.scope,
        Filters(action=("entry.erased",)),
        frozenset({EntryKind.GATEWAY}),
        above=found.export.as_of,
        limit=MOST_ERASURES,
    )
    told = []
    for act in await ledger.rows(acts):
        facts = orjson.loads(act.record or "{}")
        covered = tuple(each for each in facts["sequences"] if each <= found.export.as_of)
        if covered:
            told.append(Erasure(act.sequence, act.recorded_at, act.actor, covered, tuple(facts["fields"])))
    return told


async def _paired(ledger: Ledger, found: Drift, entries: Sequence[Entry]) -> list[Change]:
    """The changes that entries in the order of the ledger are."""
    told: list[Change] = []
    at = 0
    while at < len(entries):
        entry, following = entries[at], entries[at + 1] if at + 1 < len(entries) else None
        if entry.correction is None:
            told.append(Change(ChangeKind.ADDED, (entry,)))
        elif entry.correction is Correction.REPLACEMENT:
            told.append(Change(ChangeKind.AMENDED, (entry,)))  # what it replaces was not asked for
        elif following is not None and _replaces(following, entry):
            told.append(Change(ChangeKind.AMENDED, (entry, following)))
            at += 1
        else:
            # Its replacement, if it has one, was recorded right after it, and is not asked for.
            beside = await ledger.rows(
                Rows(found.opened.scope, above=entry.sequence, below=entry.sequence + 2, descending=False, limit=1)
            )
            replaced = bool(beside) and _replaces(beside[0], entry)
            told.append(Change(ChangeKind.AMENDED if replaced else ChangeKind.RETRACTED, (entry,)))
        at += 1
    return told


def _replaces(entry: Entry, reversal: Entry) -> bool:
    return entry.correction is Correction.REPLACEMENT and entry.corrects == reversal.corrects


def _compared(keys: dict[str, Any], before: Group | None, after: Group | None) -> list[Difference]:
    then, now = _measures(before), _measures(after)
    return [
        Difference(
            measure=measure,
            unit=unit,
            then=then.get((measure, unit), Decimal(0)),
            now=now.get((measure, unit), Decimal(0)),
            change=unscaled(scaled(now.get((measure, unit), Decimal(0))) - scaled(then.get((measure, unit), Decimal(0)))),
            keys=keys,
        )
        for measure, unit in sorted(then.keys() | now.keys(), key=_rank)
    ]


_MEASURES = ("events", "quantity", "charge")


def _rank(key: tuple[str, str | None]) -> tuple[int, bool, str]:
    return _MEASURES.index(key[0]), key[1] is None, key[1] or ""


def _measures(group: Group | None) -> dict[tuple[str, str | None], Decimal]:
    if group is None:
        return {}
    told: dict[tuple[str, str | None], Decimal] = {("events", None): Decimal(group.events)}
    told |= {("quantity", each.unit): each.quantity for each in group.quantities}
    return told | {("charge", each.currency): each.charge for each in group.charges}


def _place(text: str | None, bound: bytes, name: str) -> tuple[int, int] | None:
    if text is None:
        return None
    match cursor.decode(text, bound, name):
        case [int(first), int(last)] if 0 < first <= last:
            return first, last
    raise InvalidQuery(name, "is not a cursor of this gateway")
