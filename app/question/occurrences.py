"""Questions for API transactions by when they happened, and not by when they were recorded."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from app.domain.entry import Correction, Entry, EntryKind
from app.question.filters import Filters
from app.question.scope import Scope

PAGE = 1_000
"""API transactions in one answer."""
TICK = timedelta(microseconds=1)


@dataclass(frozen=True, slots=True)
class Occurrences:
    """At most 1,000 API transactions of a period, the one that happened last first; at one instant the one recorded last first.

    An API transaction is usage that names a transaction id or a status code, in the version standing as of the scope. The period
    of `filters` has both ends. `before` is the place (occurred_at, sequence) of the last one that was told, which bounds a walk.
    """

    scope: Scope
    filters: Filters
    before: tuple[datetime, int] | None = None

    def __post_init__(self) -> None:
        assert self.filters.period.start is not None, "the period has no start"
        assert self.filters.period.end is not None, "the period has no end"

    @property
    def bound(self) -> tuple[datetime, int]:
        """The place that everything asked for stands before."""
        end = self.filters.period.end
        assert end is not None
        return (end, 0) if self.before is None else min(self.before, (end, 0))


def is_api_transaction(entry: Entry) -> bool:
    """Whether the entry is one, where no later one takes it back."""
    named = entry.transaction_id is not None or entry.status_code is not None
    return entry.kind is EntryKind.USAGE and named and entry.correction is not Correction.REVERSAL
