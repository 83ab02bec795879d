"""The `Link` header: where GraphQL answers the same question, so that a legacy caller finds the way over.

The target is asked with GET and the same bearer token. A page further on is the ledger as of the sequence before its cursor:
what stands below a sequence never changes.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any
from urllib.parse import urlencode

import orjson

from app.api.vendors.reports_v1.answering import PARTS, is_cut, is_object, own_columns, told_sections
from app.api.vendors.reports_v1.asking import Asked
from app.domain.instant import format_instant
from app.domain.period import Period
from app.question.filters import Filters
from app.question.keys import Dimension
from app.reports.report import Column, Opened, Report, Section
from app.reports.subjects import RecordRow
from app.reports.totals import GroupRow

LONGEST = 6_000
"""Bytes of a target: servers and proxies commonly take 8 kB of headers in all, and a link with a long list of ids says little."""
_TYPES = {
    "filters": "UsageFilters",
    "licenseId": "ID!",
    "customerId": "ID!",
    "subject": "SettlementSubject!",
    "period": "PeriodInput",
    "groupBy": "[GroupKey!]! = []",
    "bucket": "BucketInput",
    "timeZone": 'TimeZone! = "UTC"',
    "first": "Int",
    "asOf": "AsOfInput",
}
_FEED = ("filters", "first", "asOf")
_ARGUMENTS: dict[str, tuple[str, ...]] = {
    "activities": _FEED,
    "usage_ledger": _FEED,
    "usage_summary": ("filters", "groupBy", "bucket", "asOf"),
    "license_audit": ("licenseId", "period", "timeZone", "first", "asOf"),
    "customer_summary": ("customerId", "period", "first", "asOf"),
    "subscription_settlement": ("subject", "period", "groupBy", "first", "asOf"),
}
"""What the field of each report is asked with."""
_RECORD = "__typename recordId name status described startsAt endsAt currency sequence firstSequence additionalData"
"""What records of every kind have there."""
_QUERIES: dict[str, str] = {}
"""For each report its document as it stands in a link, once it was asked for: writing it anew is a twentieth of a page's time."""


def link(public_url: str, report: Report, asked: Asked, opened: Opened) -> str | None:
    """The header's value; None where the question is too long for one, or GraphQL asks about one subject at a time."""
    if asked.parameters.filters.subscription_id and asked.parameters.filters.order_id and "subject" in _ARGUMENTS[report.name]:
        return None
    query = _QUERIES.get(report.name)
    if query is None:
        query = _QUERIES[report.name] = urlencode({"query": document_for(report)})
    variables = urlencode({"variables": orjson.dumps(variables_of(report, asked, opened)).decode()})
    target = f"{public_url}/graphql?{query}&{variables}"
    return f'<{target}>; rel="alternate"; type="application/json"' if len(target) <= LONGEST else None


def document_for(report: Report) -> str:
    """The GraphQL document that asks the report for the same columns; what it is asked stands in variables."""
    names = _ARGUMENTS[report.name]
    paged = () if "first" in names else ("first",)  # of a summary it is the groups that come in pages
    declared = ", ".join(f"${name}: {_TYPES[name]}" for name in (*names, *paged))
    given = ", ".join(f"{name}: ${name}" for name in names)
    return f"query ({declared}) {{ {_camel(report.name)}({given}) {{ {_selection(report)} }} }}"


def variables_of(report: Report, asked: Asked, opened: Opened) -> dict[str, Any]:
    """What is asked, in the document's variables; what was left out is left out here too."""
    names = (*_ARGUMENTS[report.name], "first")
    return {name: value for name, value in _values(asked, opened) if name in names and value}


def _values(asked: Asked, opened: Opened) -> Iterator[tuple[str, Any]]:
    parameters, filters = asked.parameters, asked.parameters.filters
    yield "filters", _period(filters.period) | _terms(filters)
    yield "period", _period(filters.period)
    for name in ("license_id", "customer_id"):
        yield _camel(name), next(iter(getattr(filters, name) or ()), None)
    yield "subject", {name: values[0] for name, values in _terms(filters).items()}
    yield "groupBy", [{"dimension": each.name} for each in parameters.by if isinstance(each, Dimension)]
    if parameters.granularity is not None:
        yield "bucket", {"granularity": parameters.granularity.name, "timeZone": parameters.zone}
    yield "timeZone", parameters.zone if parameters.zone != "UTC" else None
    yield "first", asked.limit
    if asked.cursor is not None:
        yield "asOf", {"sequence": min(asked.cursor - 1, opened.scope.as_of)}
    elif opened.frozen:
        yield "asOf", {"sequence": opened.scope.as_of}


def _period(period: Period) -> dict[str, Any]:
    ends = {"from": period.start, "to": period.end}
    return {name: format_instant(end) for name, end in ends.items() if end is not None}


def _terms(filters: Filters) -> dict[str, Any]:
    return {_camel(name): list(values) for name, values in filters.terms()}


def _selection(report: Report) -> str:
    match report.name:
        case "activities" | "usage_ledger":
            return _edges(_fields(report, report.sections[0]))
        case "usage_summary":
            total, groups = (_fields(report, report.section(name)) for name in ("total", "groups"))
            return f"asOf total {{ {total} }} groups(first: $first) {{ {_edges(groups)} }}"
    sections = (each for each in told_sections(report) if each.row not in PARTS)
    return " ".join(["asOf", *(f"{_camel(each.name)} {{ {_rows(report, each)} }}" for each in sections)])


def _edges(fields: str) -> str:
    return f"edges {{ node {{ {fields} }} }}"


def _rows(report: Report, section: Section) -> str:
    fields = _fields(report, section)
    return f"isCut rows {{ {fields} }}" if is_cut(section) and not is_object(section) else fields


def _fields(report: Report, section: Section) -> str:
    """The fields of a section's rows, with those of the parts that follow a section of groups."""
    if section.row is RecordRow:
        return _RECORD
    selected = _selected(own_columns(section))
    if section.row is GroupRow:
        for each in report.sections[report.sections.index(section) + 1 :]:
            if each.row not in PARTS:
                break
            selected += f" {PARTS[each.row]} {{ {_selected(own_columns(each))} }}"
    return selected


def _selected(columns: Iterable[Column]) -> str:
    return " ".join(_camel(each.name) for each in columns)


def _camel(name: str) -> str:
    first, *rest = name.split("_")
    return first + "".join(each.capitalize() for each in rest)
