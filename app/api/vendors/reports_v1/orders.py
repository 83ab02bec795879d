"""Reading the body that orders an export: unknown fields are INVALID_JSON, broken rules VALIDATION_ERROR."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from app.api.body import exact_json
from app.api.vendors.reports_v1.asking import understood
from app.api.vendors.reports_v1.vocabulary import EXPORTED, ReadRoute
from app.domain.canonical import canonical_bytes, sha256
from app.domain.errors import InvalidBody, InvalidEvent, InvalidQuery
from app.exports.formats import FORMATS as ALL_FORMATS
from app.exports.order import of_filters
from app.reports.answer import AsOf
from app.reports.parameters import parse_as_of

FIELDS = ("report_kind", "format", "filters")
FORMATS = tuple(each for each in ALL_FORMATS if each.name in ("json", "csv", "pdf", "xlsx"))
"""The formats that the contract has, and the one that the gateway adds to it."""
DEFAULT_FORMAT = "json"
_PAGING = frozenset({"limit", "cursor"})
"""Parameters of the read routes that an export has no use for: it is whole."""


@dataclass(frozen=True, slots=True)
class Ordered:
    """What was ordered: `filters` hold the texts of each name, `as_of` apart."""

    kind: str
    format: str
    filters: Mapping[str, tuple[str, ...]]
    as_of: AsOf
    digest: bytes
    """SHA-256 over what was ordered, however the body spelled it."""


def filters_of(route: ReadRoute) -> tuple[str, ...]:
    """The filters that an export of the route's report takes."""
    return tuple(name for name in route.parameters if name not in _PAGING)


def read(data: bytes) -> Ordered:
    """The order that a body makes. Raises InvalidBody and InvalidEvent."""
    body = exact_json(data)
    if not isinstance(body, dict):
        raise InvalidEvent("", "the body must be an object")
    _known("", body, FIELDS)
    kind, format_ = _word(body, "report_kind"), _word(body, "format") or DEFAULT_FORMAT
    if format_ not in {each.name for each in FORMATS}:
        raise InvalidEvent("format", f"is not a format of exports; these are: {', '.join(each.name for each in FORMATS)}")
    if kind is None:
        raise InvalidEvent("report_kind", f"is missing; the kinds are {', '.join(EXPORTED)}")
    if kind not in EXPORTED:
        raise InvalidEvent("report_kind", f"must be one of {', '.join(EXPORTED)}")
    stated = body.get("filters", {})
    if not isinstance(stated, dict):
        raise InvalidEvent("filters", "must be an object")
    _known("filters.", stated, filters_of(EXPORTED[kind]))
    given = {name: _texts(f"filters.{name}", value) for name, value in stated.items()}
    digest = sha256(canonical_bytes({"report_kind": kind, "format": format_, "filters": {k: list(v) for k, v in given.items()}}))
    instants = given.pop("as_of", ())
    try:
        if len(instants) > 1:
            raise InvalidQuery("as_of", "is given more than once")
        as_of = parse_as_of(instants[0]) if instants else None
        understood(given, EXPORTED[kind])
    except InvalidQuery as error:
        raise of_filters(error) from None
    return Ordered(kind, format_, given, as_of, digest)


def _known(where: str, stated: Mapping[str, Any], names: tuple[str, ...]) -> None:
    for name in stated:
        if name not in names:
            raise InvalidBody(f"{where}{name[:64]} is not a field here; these are: {', '.join(names)}")


def _word(body: Mapping[str, Any], name: str) -> str | None:
    if name in body and not isinstance(body[name], str):
        raise InvalidEvent(name, "must be a string")
    return body.get(name)


def _texts(name: str, value: Any) -> tuple[str, ...]:
    """A filter's texts: one value or a list of them. Numbers are ids and sequences, and are meant as they are written."""
    values = value if isinstance(value, list) else [value]
    if not values:
        raise InvalidEvent(name, "names no value; leave it out instead")
    for each in values:
        if isinstance(each, bool) or not isinstance(each, (str, int)):
            raise InvalidEvent(name, "must be a string, a whole number, or a list of them")
    return tuple(str(each) for each in values)
