"""What the query parameters of this contract mean, for the OpenAPI document: one description for all routes that take them."""

from __future__ import annotations

from typing import Any

from app.api.vendors.reports_v1.vocabulary import BUCKETS, LARGEST_SEQUENCE, ReadRoute
from app.domain.catalogue import LONGEST_ID
from app.question.filters import MOST_VALUES
from app.reports import feed
from app.reports.parameters import DIMENSIONS
from app.reports.report import DEFAULT_ROWS, MOST_ROWS, Report

_INSTANT = {"anyOf": [{"type": "string", "format": "date-time"}, {"type": "string", "format": "date"}]}
_OWN: dict[str, tuple[dict[str, Any], str]] = {
    "from": (_INSTANT, "Only what happened at this instant or later: RFC 3339 with an offset, or a date for its midnight UTC."),
    "to": (_INSTANT, "Only what happened before this instant; later than `from`."),
    "limit": (
        {"type": "integer", "minimum": 1, "default": DEFAULT_ROWS},
        f"How many rows at most; more than {MOST_ROWS} means {MOST_ROWS}. Totals cover everything all the same.",
    ),
    "cursor": (
        {"type": "integer", "minimum": 1, "maximum": LARGEST_SEQUENCE},
        "Only rows with a lower sequence than this: the `next_cursor` of the page before.",
    ),
    "group_by": (
        {
            "type": "array",
            "items": {"type": "string", "enum": list(DIMENSIONS)},
            "uniqueItems": True,
        },
        f"What to group by: {', '.join(DIMENSIONS)}. Repeated or comma-separated; without it there is one total.",
    ),
    "bucket": ({"type": "string", "enum": list(BUCKETS)}, "How long the buckets are that time is cut into; not cut without it."),
    "time_zone": (
        {"type": "string", "default": "UTC", "examples": ["Europe/Berlin"]},
        "The IANA time zone on whose calendar buckets are cut.",
    ),
    "as_of": (
        {"anyOf": [{"type": "integer", "minimum": 0}, *_INSTANT["anyOf"]]},
        "As of which point in the ledger: a sequence, or a past instant of recording. The newest entry without it.",
    ),
    "status_code": (
        {"type": "array", "items": {"type": "integer", "minimum": 100, "maximum": 599}, "maxItems": MOST_VALUES},
        "Only entries with one of these status codes.",
    ),
}
_TEXT = {"type": "string", "minLength": 1, "maxLength": LONGEST_ID, "pattern": r"^[^\u0000]*$"}


def described(report: Report, route: ReadRoute) -> list[dict[str, Any]]:
    """The parameters of a route as the OpenAPI specification writes them."""
    return [_parameter(name, report) for name in route.parameters]


def schema_of(name: str, report: Report) -> dict[str, Any]:
    """The JSON schema of a parameter's value."""
    if name in _OWN:
        return dict(_OWN[name][0])
    if name in report.required:
        return dict(_TEXT)
    return {"type": "array", "items": dict(_TEXT), "maxItems": MOST_VALUES}


def _parameter(name: str, report: Report) -> dict[str, Any]:
    return {
        "name": name,
        "in": "query",
        "required": report.required == (name,),
        "description": _description(name, report),
        "schema": schema_of(name, report),
    }


def _description(name: str, report: Report) -> str:
    if name in _OWN:
        return _OWN[name][1]
    if name in report.required:
        return "Which one the report is about."
    column = next(each for each in feed.COLUMNS if each.name == name)
    return f"{column.description} Only entries with this value; repeated, with one of these."
