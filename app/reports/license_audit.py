"""The license audit: one license, what became of it, how it was used, what was corrected, and the evidence for all of it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import orjson

from app.domain.catalogue import RecordKind
from app.domain.entry import Entry, EntryKind
from app.domain.period import Granularity
from app.ports import Ledger
from app.question.groups import Dimension
from app.question.rows import Rows
from app.reports import feed
from app.reports.at_once import AtOnce
from app.reports.grouping import SummaryQuestion, Wanted, read
from app.reports.parameters import Parameters, subject
from app.reports.report import Column, Opened, Report, Section, column, columns_of
from app.reports.subjects import find, record_row, record_section
from app.reports.totals import TOTAL, group_rows, tables, total_rows
from app.reports.tree import root_of

_LIFE = frozenset({EntryKind.ACTIVITY, EntryKind.CATALOGUE})
"""The kinds of entries that tell a license's states."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StateRow:
    """One change in the life of the license."""

    id: str = column("Id", "Id of the entry that tells it.")
    sequence: int = column("Sequence", "Its position in the ledger.")
    action: str = column("Action", "What happened, such as `license.issued`.")
    status: str | None = column("Status", "The state that the license has from then on, where the entry states one.")
    occurred_at: datetime = column("Occurred at", "When it happened, UTC.")
    recorded_at: datetime = column("Recorded at", "When the gateway recorded it, UTC.")
    actor: str | None = column("Actor", "Who did it.")
    message: str | None = column("Message", "What was said of it, for people.")


@dataclass(frozen=True, slots=True, kw_only=True)
class CoverRow:
    """The end of the ledger that the report stands on."""

    as_of: int = column("As of", "Sequence of the last entry that the report takes into account.")
    recorded_at: datetime | None = column("Recorded at", "When that entry was recorded, UTC.")
    chain: str | None = column("Chain", "The chain digest at that entry, as hex: it covers every entry up to there.")
    root: str = column("Root", "The root of the ledger's tree there, as hex: what a checkpoint at that sequence states, signed.")


_EVIDENCE = (
    Column(
        "content_digest", "content_digest_hex", str, False, "Content digest", "SHA-256 of the entry's canonical bytes, stored."
    ),
    Column("leaf", "leaf_hex", str, False, "Leaf", "The entry's leaf, as RFC 9162 makes them, stored."),
    Column("chain", "chain_hex", str, False, "Chain", "The chain digest at the entry, stored."),
    Column("holds", "holds", bool, False, "Holds", "Whether the content, hashed again now, gives the stored digest and leaf."),
)
LICENSE = record_section("license", "License", "The license's record and links.")
STATES = Section("states", "States", "One row for each change in its life, oldest first.", StateRow, columns_of(StateRow))
FEATURES = tables("features", "feature", "By feature", ("feature_code",))
MONTHS = tables("months", "month", "By month", ("bucket_start", "bucket_end"))
CORRECTIONS = Section(
    "corrections", "Corrections", "One row for each reversal and replacement, newest first.", Entry, feed.COLUMNS
)
ACTIVITIES = Section(
    "activities",
    "Activities",
    "What was recorded of the license, newest first, each entry hashed again.",
    Entry,
    (*feed.COLUMNS, *_EVIDENCE),
)
COVER = Section(
    "cover",
    "Cover",
    "The digests that cover everything here: compare the root with that of a checkpoint kept elsewhere.",
    CoverRow,
    columns_of(CoverRow),
)


async def answer(ledger: Ledger, opened: Opened, parameters: Parameters) -> AsyncIterator[tuple[Section, Sequence[Any]]]:
    """The report's rows; corrections and activities with the first `limit` rows each, or all of them."""
    filters, scope = parameters.filters, opened.scope
    zone, extras = parameters.zone, parameters.extras
    record = await find(ledger, scope, RecordKind.LICENSE, subject(filters, "license_id"))
    yield LICENSE, [record_row(record)]
    async with AtOnce(ledger) as at_once:
        states = at_once.start(_states(ledger, Rows(scope, filters, _LIFE, descending=False)))
        features, months = SummaryQuestion(filters, (Dimension.FEATURE,)), SummaryQuestion(filters, (), Granularity.MONTH, zone)
        # First what asks most questions one after another.
        by_month = at_once.start(read(ledger, opened, months, wanted=Wanted(groups=extras)))
        by_feature = at_once.start(read(ledger, opened, features, wanted=Wanted.everywhere(extras)))
        corrections = feed.begun(at_once, ledger, Rows(scope, filters, corrections_only=True, limit=parameters.limit))
        activities = feed.begun(at_once, ledger, Rows(scope, filters, limit=parameters.limit))
        end = at_once.start(ledger.rows(Rows(scope, limit=1)))
        root = at_once.start(root_of(ledger, scope.account_id, scope.as_of))
        yield STATES, await states
        summary = await by_feature
        for told in (*total_rows(summary), *group_rows(FEATURES, summary)):
            yield told
        for told in group_rows(MONTHS, await by_month):
            yield told
        async for batch in corrections:
            yield CORRECTIONS, batch
        async for batch in activities:
            yield ACTIVITIES, batch
        newest = await end
        cover = CoverRow(
            as_of=scope.as_of,
            recorded_at=newest[0].recorded_at if newest else None,
            chain=newest[0].chain.hex() if newest else None,
            root=(await root).hex(),
        )
        yield COVER, [cover]


async def _states(ledger: Ledger, life: Rows) -> list[StateRow]:
    return [_state(each) async for batch in ledger.stream(life) for each in batch if _is_of_license(each)]


def _is_of_license(entry: Entry) -> bool:
    """A lifecycle activity that names the license, or a version of its own record; other records merely link to it."""
    return entry.kind is EntryKind.ACTIVITY or entry.action == f"{RecordKind.LICENSE}.updated"


def _state(entry: Entry) -> StateRow:
    stated = orjson.loads(entry.record).get("status") if entry.record else None
    return StateRow(
        id=entry.id,
        sequence=entry.sequence,
        action=entry.action,
        status=stated,
        occurred_at=entry.occurred_at,
        recorded_at=entry.recorded_at,
        actor=entry.actor,
        message=entry.message,
    )


REPORT = Report(
    "license_audit",
    "License audit",
    "One license: its record and states, its usage by feature and month, its corrections, and the evidence for each entry.",
    (LICENSE, STATES, *TOTAL, *FEATURES, *MONTHS, CORRECTIONS, ACTIVITIES, COVER),
    ("license_id", "from", "to", "time_zone"),
    answer,
    required=("license_id",),
)
