"""Reading a query string: this contract's own rules first, then the vocabulary that every surface shares."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from app.api.vendors.reports_v1.vocabulary import BUCKETS, LARGEST_SEQUENCE, ReadRoute
from app.domain.errors import InvalidQuery
from app.reports.answer import AsOf
from app.reports.parameters import DIMENSIONS, Parameters, parse, parse_as_of
from app.reports.report import DEFAULT_ROWS, MOST_ROWS


@dataclass(frozen=True, slots=True)
class Asked:
    """One question: `limit` is the rows that a page or a part of a report may have, `cursor` the sequence that rows are below."""

    parameters: Parameters
    limit: int
    cursor: int | None
    as_of: AsOf


def read(query: Iterable[tuple[str, str]], route: ReadRoute) -> Asked:
    """What a query string asks of a route. Raises InvalidQuery naming the parameter that is unknown or malformed."""
    given: dict[str, list[str]] = {}
    for name, value in query:
        given.setdefault(name, []).append(value)
    # These three are not of the shared vocabulary, where a door decides how much it asks for and as of when.
    own: dict[str, list[str]] = {
        name: given.pop(name) for name in ("cursor", "limit", "as_of") if name in given and name in route.parameters
    }
    parameters = understood(given, route)
    cursor, limit, as_of = (_single(own, name) for name in ("cursor", "limit", "as_of"))
    below = None if cursor is None else _whole("cursor", cursor)
    if below is not None and below > LARGEST_SEQUENCE:
        raise InvalidQuery("cursor", f"must be at most {LARGEST_SEQUENCE}")
    return Asked(
        parameters,
        DEFAULT_ROWS if limit is None else min(_whole("limit", limit), MOST_ROWS),
        below,
        None if as_of is None else parse_as_of(as_of),
    )


def understood(given: Mapping[str, Sequence[str]], route: ReadRoute) -> Parameters:
    """The shared vocabulary, where this contract knows less of it than the gateway does. Raises InvalidQuery."""
    for name, values in given.items():
        if name in route.parameters and not all(part for value in values for part in _parts(name, value)):
            raise InvalidQuery(name, "is empty; leave it out instead")
    if "bucket" in route.parameters and not set(given.get("bucket", ())) <= set(BUCKETS):
        raise InvalidQuery("bucket", f"must be {' or '.join(BUCKETS)}")
    for part in (part for value in given.get("group_by", ()) for part in _parts("group_by", value)):
        if "group_by" in route.parameters and part not in DIMENSIONS:
            raise InvalidQuery("group_by", f"{part[:64]} is not one of {', '.join(DIMENSIONS)}")
    return parse(given, route.parameters)


def _parts(name: str, value: str) -> list[str]:
    return [part.strip() for part in value.split(",")] if name == "group_by" else [value]


def _single(given: dict[str, list[str]], name: str) -> str | None:
    values = given.get(name, [])
    if len(values) > 1:
        raise InvalidQuery(name, "is given more than once")
    return values[0] if values else None


def _whole(name: str, text: str) -> int:
    """A whole number from 1; beyond what a sequence can be, all are told as the one after it."""
    digits = text.lstrip("0")
    if not (text.isascii() and text.isdigit()) or not digits:
        raise InvalidQuery(name, "must be a whole number from 1")
    return min(int(digits), LARGEST_SEQUENCE + 1) if len(digits) < 20 else LARGEST_SEQUENCE + 1
