"""The shared filter vocabulary: a period of occurrence, and for each dimension the values that count."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, fields, replace

from app.domain.catalogue import LONGEST_ID
from app.domain.entry import Entry
from app.domain.errors import InvalidQuery
from app.domain.period import Period

MOST_VALUES = 200
"""Values that one filter may name."""


def check_characters(name: str, value: str) -> None:
    """Return if an engine can look for `value`; raises InvalidQuery naming the column for NUL and half a surrogate pair."""
    if "\0" in value:
        raise InvalidQuery(name, "contains the character NUL")
    try:
        value.encode()
    except UnicodeEncodeError:
        raise InvalidQuery(name, "contains half of a surrogate pair") from None


@dataclass(frozen=True, slots=True)
class Filters:
    """What entries must be: in the period by `occurred_at`, and for each named column one of its values. None asks nothing.

    Field names are the entry's own columns, so an engine needs no table of names. Raises InvalidQuery for an empty list
    of values, for more than 200, and for values that no entry can have.
    """

    period: Period = Period()
    product_id: tuple[str, ...] | None = None
    customer_id: tuple[str, ...] | None = None
    license_id: tuple[str, ...] | None = None
    order_id: tuple[str, ...] | None = None
    subscription_id: tuple[str, ...] | None = None
    feature_code: tuple[str, ...] | None = None
    action: tuple[str, ...] | None = None
    source: tuple[str, ...] | None = None
    request_id: tuple[str, ...] | None = None
    result_class: tuple[str, ...] | None = None
    status_code: tuple[int, ...] | None = None

    def __post_init__(self) -> None:
        for name, values in self.terms():
            if not values:
                raise InvalidQuery(name, "names no value; leave it out to ask for all")
            if len(values) > MOST_VALUES:
                raise InvalidQuery(name, f"names more than {MOST_VALUES} values")
            for value in values:
                if isinstance(value, int):
                    if not 100 <= value <= 599:
                        raise InvalidQuery(name, "must be a whole number from 100 to 599")
                    continue
                if not value or len(value) > LONGEST_ID:
                    raise InvalidQuery(name, f"must have 1 to {LONGEST_ID} characters")
                check_characters(name, value)

    def terms(self) -> Iterator[tuple[str, tuple[str | int, ...]]]:
        """The (column, allowed values) pairs that are asked for; values repeated by the caller appear once."""
        for each in fields(self):
            if each.name != "period":
                values = getattr(self, each.name)
                if values is not None:
                    yield each.name, tuple(dict.fromkeys(values))

    def accept(self, entry: Entry) -> bool:
        """Whether the entry is asked for: the definition that every engine's own filtering is tested against."""
        return self.period.contains(entry.occurred_at) and all(getattr(entry, name) in values for name, values in self.terms())

    def within(self, period: Period) -> Filters:
        """The same filters over another period."""
        return replace(self, period=period)
