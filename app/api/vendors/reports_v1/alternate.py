"""The `Link` header: where GraphQL answers the same question, so that a legacy caller finds the way over.

The target is asked with GET and the same bearer token. A page further on is the ledger as of the sequence before its cursor:
what stands below a sequence never changes.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache
from typing import Any
from urllib.parse import urlencode

import orjson

from app.api.vendors.reports_v1.answering import PARTS, own_columns
from app.api.vendors.reports_v1.asking import Asked
from app.domain.instant import format_instant
from app.question.filters import Filters
from app.reports.report import Column, Opened, Report, Section
from app.reports.totals import GroupRow

LONGEST = 6_000
"""Bytes of a target: servers and proxies commonly take 8 kB of headers in all, and a link with a long list of ids says little."""


def link(public_url: str, report: Report, asked: Asked, opened: Opened) -> str | None:
    """The header's value; None where the question is too long for one, or GraphQL has no such report."""
    document = document_for(report)
    if document is None:
        return None
    stated = {"query": document, "variables": orjson.dumps(variables_of(asked, opened)).decode()}
    target = f"{public_url}/graphql?{urlencode(stated)}"
    return f'<{target}>; rel="alternate"; type="application/json"' if len(target) <= LONGEST else None


@cache
def document_for(report: Report) -> str | None:
    """The GraphQL document that asks for the same columns of the report; what it is asked stands in variables."""
    field = _camel(report.name)
    match report.name:
        case "activities" | "usage_ledger":
            columns = _selected(report.sections[0].columns)
            return (
                "query ($filters: UsageFilters, $asOf: AsOfInput, $first: Int)"
                f" {{ {field}(filters: $filters, asOf: $asOf, first: $first) {{ edges {{ node {{ {columns} }} }} }} }}"
            )
        case "usage_summary":
            total, groups = report.section("total"), report.section("groups")
            return (
                "query ($filters: UsageFilters, $groupBy: [Dimension!] = [], $bucket: BucketInput, $asOf: AsOfInput, $first: Int)"
                f" {{ {field}(filters: $filters, groupBy: $groupBy, bucket: $bucket, asOf: $asOf) {{ asOf"
                f" total {{ {_with_parts(report, total)} }}"
                f" groups(first: $first) {{ edges {{ node {{ {_with_parts(report, groups)} }} }} }} }} }}"
            )
    return None


def variables_of(asked: Asked, opened: Opened) -> dict[str, Any]:
    """What is asked, in the document's variables; what was left out is left out here too."""
    parameters = asked.parameters
    stated: dict[str, Any] = {"filters": _filters(parameters.filters), "first": asked.limit}
    if parameters.by:
        stated["groupBy"] = [each.name for each in parameters.by]
    if parameters.granularity is not None:
        stated["bucket"] = {"granularity": parameters.granularity.name, "timeZone": parameters.zone}
    if asked.cursor is not None:
        stated["asOf"] = {"sequence": min(asked.cursor - 1, opened.scope.as_of)}
    elif opened.frozen:
        stated["asOf"] = {"sequence": opened.scope.as_of}
    return stated


def _filters(filters: Filters) -> dict[str, Any]:
    ends = {"from": filters.period.start, "to": filters.period.end}
    stated: dict[str, Any] = {name: format_instant(end) for name, end in ends.items() if end is not None}
    return stated | {_camel(name): list(values) for name, values in filters.terms()}


def _with_parts(report: Report, section: Section) -> str:
    selected = _selected(section.columns)
    following = report.sections[report.sections.index(section) + 1 :]
    for each in following:
        if each.row is GroupRow or each.row not in PARTS:
            break
        selected += f" {PARTS[each.row]} {{ {_selected(own_columns(each))} }}"
    return selected


def _selected(columns: Iterable[Column]) -> str:
    return " ".join(_camel(each.name) for each in columns)


def _camel(name: str) -> str:
    first, *rest = name.split("_")
    return first + "".join(each.capitalize() for each in rest)
