"""The usage summary: quantity per unit, charge per currency, events, first and last use, by dimensions and buckets of time."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from typing import Any

from app.ports import Ledger
from app.reports.parameters import DIMENSIONS, GROUPING, Parameters
from app.reports.report import Opened, Report, Section
from app.reports.totals import ALL_KEYS, TOTAL, SummaryQuestion, group_rows, read, tables, total_rows

GROUPS = tables("groups", "group", "Groups", ALL_KEYS)


async def answer(ledger: Ledger, opened: Opened, parameters: Parameters) -> AsyncIterator[tuple[Section, Sequence[Any]]]:
    """The report's rows, with the first `limit` groups, or all of them."""
    question = SummaryQuestion(
        parameters.filters, parameters.by, parameters.granularity, parameters.zone, parameters.order, parameters.fill
    )
    summary = await read(ledger, opened, question, limit=parameters.limit)
    for told in (*total_rows(summary.grouped.total), *group_rows(GROUPS, summary)):
        yield told


REPORT = Report(
    "usage_summary",
    "Usage summary",
    "Totals of usage: quantity per unit, charge per currency, events, first and last use, in all and by group.",
    (*TOTAL, *GROUPS),
    ("from", "to", *DIMENSIONS, "action", "source", "request_id", "result_class", "status_code", *GROUPING),
    answer,
)
