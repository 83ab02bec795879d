"""The subscription settlement: what one subscription or order used in a period, and what was corrected since; not a bill."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from app.domain.catalogue import Record, RecordKind
from app.domain.entry import Entry
from app.domain.errors import InvalidQuery
from app.ports import Ledger
from app.question.filters import Filters
from app.question.groups import Dimension, Groups
from app.question.records import Records
from app.question.rows import Rows
from app.reports import feed
from app.reports.grouping import Summary, SummaryQuestion, Wanted, added_up, read
from app.reports.parameters import GROUPING, Parameters, subject
from app.reports.report import Opened, Report, Section
from app.reports.subjects import described, find, record_row, record_section
from app.reports.totals import ALL_KEYS, TOTAL, group_rows, tables, total_rows

SUBJECT = record_section("subject", "Subject", "The subscription, the order, or both, that the report is about.")
LINKED = record_section(
    "linked", "Linked", "The licenses, orders, subscriptions, customers and products that it links to or was used with."
)
DOCUMENTS = record_section("documents", "Documents", "The invoices, credits and debits that belong to it.")
GROUPS = tables("groups", "group", "Groups", ALL_KEYS)
LATE = Section(
    "late_corrections",
    "Late corrections",
    "Reversals and replacements of its usage in the period that were recorded after the period's end, newest first.",
    Entry,
    feed.COLUMNS,
)
_FIRST = datetime.min.replace(tzinfo=UTC) + timedelta.resolution
_SUBJECTS = (("subscription_id", RecordKind.SUBSCRIPTION), ("order_id", RecordKind.ORDER))
_LINKED = (
    (Dimension.CUSTOMER, RecordKind.CUSTOMER),
    (Dimension.PRODUCT, RecordKind.PRODUCT),
    (Dimension.LICENSE, RecordKind.LICENSE),
    (Dimension.ORDER, RecordKind.ORDER),
    (Dimension.SUBSCRIPTION, RecordKind.SUBSCRIPTION),
)


async def answer(ledger: Ledger, opened: Opened, parameters: Parameters) -> AsyncIterator[tuple[Section, Sequence[Any]]]:
    """The report's rows; groups and late corrections with the first `limit` rows each, or all of them."""
    filters, scope = parameters.filters, opened.scope
    subjects = [
        await find(ledger, scope, kind, subject(filters, name)) for name, kind in _SUBJECTS if getattr(filters, name) is not None
    ]
    if not subjects:
        raise InvalidQuery("subscription_id", "is missing, and so is order_id: which one is the report about?")
    yield SUBJECT, [record_row(each) for each in subjects]
    used = await read(ledger, opened, SummaryQuestion(filters, tuple(dimension for dimension, _ in _LINKED)))
    yield LINKED, [record_row(each) for each in await _linked(ledger, opened, filters, subjects, used)]
    yield DOCUMENTS, [record_row(each) for each in await _belonging(ledger, opened, RecordKind.DOCUMENT, filters)]
    summary = await _summary(ledger, opened, parameters, used)
    for told in (*total_rows(summary), *group_rows(GROUPS, summary)):
        yield told
    end = filters.period.end
    if end is None:
        yield LATE, []
        return
    # Nothing was recorded in the first microsecond of the calendar.
    before = await ledger.sequence_at(scope.account_id, max(end, _FIRST) - timedelta.resolution)
    late = Rows(scope, filters, corrections_only=True, above=before, limit=parameters.limit)
    async for batch in feed.batches(ledger, late):
        yield LATE, batch


async def _summary(ledger: Ledger, opened: Opened, parameters: Parameters, used: Summary) -> Summary:
    """The totals that are asked for: mostly it is told already of all that they are of."""
    by, extras, limit = parameters.by, parameters.extras, parameters.limit
    question = SummaryQuestion(parameters.filters, by, parameters.granularity, parameters.zone, parameters.order, parameters.fill)
    groups = Groups(opened.scope, question.filters, by, order=question.order, limit=limit, extras=extras)
    if question.granularity is None and not groups.wanted and set(by) <= set(used.question.by):
        return added_up(used, groups)
    return await read(ledger, opened, question, limit=limit, wanted=Wanted.everywhere(extras))


async def _linked(ledger: Ledger, opened: Opened, filters: Filters, subjects: Sequence[Record], used: Summary) -> list[Record]:
    """The records of what it links to, and of what it was used with."""
    own = {(each.kind, each.id) for each in subjects}
    found: list[Record] = []
    for at, (dimension, kind) in enumerate(_LINKED):
        ids = {each.dimensions[at] for each in used.grouped.groups}
        ids |= {getattr(each, dimension.value) for each in subjects}
        if kind in (RecordKind.LICENSE, RecordKind.ORDER, RecordKind.SUBSCRIPTION):
            ids |= {each.id for each in await _belonging(ledger, opened, kind, filters)}
        known = {each for each in ids if each is not None and (kind, each) not in own}
        found += await described(ledger, opened.scope, kind, known)
    return found


async def _belonging(ledger: Ledger, opened: Opened, kind: RecordKind, filters: Filters) -> list[Record]:
    """The records of that kind that name a subject themselves, in binary order of id."""
    found: dict[str, Record] = {}
    for name, own in _SUBJECTS:
        values = getattr(filters, name)
        if values is not None and kind is not own:
            link: dict[str, Any] = {name: values[0]}
            found |= {each.id: each for each in await ledger.records(Records(opened.scope, kind, **link))}
    return [found[each] for each in sorted(found, key=str.encode)]


REPORT = Report(
    "subscription_settlement",
    "Subscription settlement",
    "One subscription or order: its links and documents, its usage and charges in the period, and corrections recorded since.",
    (SUBJECT, LINKED, DOCUMENTS, *TOTAL, *GROUPS, LATE),
    ("subscription_id", "order_id", "from", "to", *GROUPING),
    answer,
    required=("subscription_id", "order_id"),
)
