"""The activity feed: every entry of the ledger in the order of recording, of whatever kind."""

from __future__ import annotations

from functools import partial

from app.domain.entry import Entry, EntryKind
from app.reports.feed import COLUMNS, answer
from app.reports.parameters import FEED
from app.reports.report import Report, Section

KINDS: frozenset[EntryKind] | None = None
SECTION = Section("activities", "Activities", "One row for each entry of the ledger.", Entry, COLUMNS)
REPORT = Report(
    "activities",
    "Activities",
    "Everything that was recorded: usage, lifecycle activities, catalogue changes and the gateway's own acts.",
    (SECTION,),
    FEED,
    partial(answer, SECTION, KINDS),
    exported=False,
)
