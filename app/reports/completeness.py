"""How complete an answer is: what was recorded late, what was refused, and which of the asked-for values nobody has named.

An answer as of a sequence is complete up to that sequence and to the instant of its recording: nothing with a lower sequence
or an earlier instant of recording ever comes later.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from app.domain.catalogue import RecordKind
from app.domain.entry import EntryKind
from app.ports import Ledger, Rejects
from app.question.filters import Filters
from app.question.rows import Rows
from app.question.scope import Scope
from app.reports.report import Opened
from app.reports.subjects import described

_USAGE = frozenset({EntryKind.USAGE})
_FIRST = datetime.min.replace(tzinfo=UTC) + timedelta.resolution
_KINDS = {f"{kind}_id": kind for kind in RecordKind if f"{kind}_id" in Filters.__dataclass_fields__}


@dataclass(frozen=True, slots=True)
class Late:
    """Usage entries that were recorded late, corrections included."""

    after_period: int | None
    """Of the period, recorded at its end or later, and part of the answer; None where the period has no end."""
    since_as_of: int
    """Recorded since, and so no part of the answer."""


@dataclass(frozen=True, slots=True)
class Unknown:
    """A value of a filter that nobody has named by the point that the answer is as of."""

    filter: str
    value: str


async def late_arrivals(ledger: Ledger, opened: Opened, filters: Filters) -> Late:
    """How much usage of these filters was recorded after the period's end, and how much since the answer's point."""
    scope, end = opened.scope, filters.period.end
    head = (await ledger.head(scope.account_id)).sequence
    counted = await _count(ledger, scope.account_id, scope.as_of, filters)
    since = await _count(ledger, scope.account_id, head, filters) - counted if head > scope.as_of else 0
    if end is None:
        return Late(None, since)
    # Nothing was recorded in the first microsecond of the calendar.
    by_then = await ledger.sequence_at(scope.account_id, max(end, _FIRST) - timedelta.resolution)
    in_time = await _count(ledger, scope.account_id, min(by_then, scope.as_of), filters)
    return Late(counted - in_time, since)


async def unknown(ledger: Ledger, opened: Opened, filters: Filters) -> list[Unknown]:
    """The values of dimensions that are asked for and that no record bears and no usage names, in the order of the filters."""
    found: list[Unknown] = []
    for name, values in filters.terms():
        asked = [str(each) for each in values]
        if name in _KINDS:
            known = {each.id for each in await described(ledger, opened.scope, _KINDS[name], set(asked))}
        elif name == "feature_code":
            known = {each for each in asked if await _is_used(ledger, opened.scope, each)}
        else:
            continue
        found += [Unknown(name, each) for each in asked if each not in known]
    return found


async def rejects_waiting(rejects: Rejects, opened: Opened) -> int:
    """How many items of whatever sender were refused and wait to be mended: now, since they have no place in the ledger."""
    return await rejects.count_rejects(opened.scope.account_id)


async def _count(ledger: Ledger, account_id: int, as_of: int, filters: Filters) -> int:
    return await ledger.count(Rows(Scope(account_id, as_of), filters, _USAGE)) if as_of else 0


async def _is_used(ledger: Ledger, scope: Scope, feature: str) -> bool:
    """Whether any entry names the feature: features have no records."""
    return bool(await ledger.rows(Rows(scope, Filters(feature_code=(feature,)), limit=1)))
