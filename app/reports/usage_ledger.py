"""The usage ledger: every usage entry, corrections included and linked, so that its rows always add up to the totals."""

from __future__ import annotations

from functools import partial

from app.domain.entry import Entry, EntryKind
from app.reports.feed import COLUMNS, answer, count_all
from app.reports.parameters import FEED
from app.reports.report import Report, Section

KINDS: frozenset[EntryKind] | None = frozenset({EntryKind.USAGE})
SECTION = Section("entries", "Entries", "One row for each usage entry, reversals and replacements included.", Entry, COLUMNS)
REPORT = Report(
    "usage_ledger",
    "Usage ledger",
    "Row by row what was used, with reversals and replacements, so that the rows add up to the totals of a summary.",
    (SECTION,),
    FEED,
    partial(answer, SECTION, KINDS),
    count=partial(count_all, KINDS),
    continued=True,
)
