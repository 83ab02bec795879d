"""The usage summary: quantity per unit, charge per currency, events, first and last use, by any keys and buckets of time.

Where it is asked, it also tells numbers that are no sums, how groups compare with another period, and what the top ones leave.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from typing import Any

from app.ports import Ledger
from app.question.measures import NO_EXTRAS
from app.reports.grouping import SummaryQuestion, Wanted, read
from app.reports.parameters import CHOOSING, DIMENSIONS, GROUPING, Parameters
from app.reports.report import Opened, Report, Section
from app.reports.totals import (
    ALL_KEYS,
    TOTAL,
    ComparisonRow,
    StatisticRow,
    comparison_rows,
    group_keys,
    group_rows,
    other_rows,
    section_of,
    statistic_rows,
    tables,
    total_rows,
)

GROUPS = tables("groups", "group", "Groups", ALL_KEYS)
OTHER = tables(
    *("other", "other", "Other"),
    (),
    rows="One row: all that the `top` groups leave, so that with it they add up to the total; none where nothing is left.",
    only_with="top",
)
TOTAL_STATISTICS, GROUP_STATISTICS = (
    section_of(
        f"{of}_statistics",
        f"Statistics, {title}",
        "One row for each measure that was asked for, of each unit or currency; over the versions that stand.",
        StatisticRow,
        keys,
        only_with="measures",
    )
    for of, title, keys in (("total", "total", ()), ("group", "groups", ALL_KEYS))
)
TOTAL_COMPARISON, GROUP_COMPARISON = (
    section_of(
        f"{of}_comparison",
        f"Comparison, {title}",
        "One row for each sum, beside the same one in the period that is compared with.",
        ComparisonRow,
        keys,
        only_with="compare_with",
    )
    for of, title, keys in (("total", "total", ()), ("group", "groups", ALL_KEYS))
)


def question_of(parameters: Parameters) -> SummaryQuestion:
    """What these parameters ask of a summary."""
    return SummaryQuestion(
        parameters.filters,
        parameters.by,
        parameters.granularity,
        parameters.zone,
        parameters.order,
        parameters.fill,
        parameters.having,
        parameters.top,
        parameters.compare,
    )


async def answer(ledger: Ledger, opened: Opened, parameters: Parameters) -> AsyncIterator[tuple[Section, Sequence[Any]]]:
    """The report's rows, with the first `limit` groups, or all of them."""
    extras = parameters.extras
    for each in parameters.measures:
        extras |= each.extras
    wanted = Wanted(groups=extras, total=extras, other=NO_EXTRAS)
    summary = await read(ledger, opened, question_of(parameters), limit=parameters.limit, wanted=wanted)
    grouped = summary.grouped
    for told in (*total_rows(summary), *group_rows(GROUPS, summary)):
        yield told
    if parameters.top is not None:
        for told in other_rows(OTHER, summary):
            yield told
    groups = [(each, group_keys(each, summary.question)) for each in grouped.groups]
    if parameters.measures:
        yield TOTAL_STATISTICS, list(statistic_rows(grouped.total, parameters.measures, {}))
        yield GROUP_STATISTICS, [row for group, keys in groups for row in statistic_rows(group, parameters.measures, keys)]
    earlier = summary.question.earlier
    if earlier is not None:
        yield TOTAL_COMPARISON, list(comparison_rows(grouped.total, earlier, {}))
        yield GROUP_COMPARISON, [row for group, keys in groups for row in comparison_rows(group, earlier, keys)]
    elif parameters.compare is not None:  # an open period without any usage, cut into buckets: there is nothing to compare
        yield TOTAL_COMPARISON, []
        yield GROUP_COMPARISON, []


REPORT = Report(
    "usage_summary",
    "Usage summary",
    "Totals of usage: quantity per unit, charge per currency, events, first and last use, in all and by group.",
    (*TOTAL, *GROUPS, *OTHER, TOTAL_STATISTICS, GROUP_STATISTICS, TOTAL_COMPARISON, GROUP_COMPARISON),
    ("from", "to", *DIMENSIONS, "action", "source", "request_id", "result_class", "status_code", *GROUPING, *CHOOSING),
    answer,
)
