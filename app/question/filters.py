"""The shared filter vocabulary: a period of occurrence, and for each dimension the values that count."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, fields, replace
from typing import Any

from app.domain.catalogue import LONGEST_ID
from app.domain.entry import Entry
from app.domain.errors import InvalidQuery
from app.domain.period import Period
from app.question.keys import DataKey, Dimension, GroupKey, check_characters, values_of

MOST_VALUES = 200
"""Values that one filter may name."""
OTHER_THAN_COLUMNS = frozenset({"period", "absent", "data", "outside"})
"""Fields of `Filters` that are not lists of values of an entry's column."""


@dataclass(frozen=True, slots=True)
class Datum:
    """A key of additional data and the text that it must say, as `app.question.keys.spoken` tells it; None: nothing at all."""

    key: DataKey
    value: str | None


@dataclass(frozen=True, slots=True)
class Slice:
    """The entries of one group: those that occurred in its bucket of time, if it has one, and say just this under each key."""

    keys: tuple[GroupKey, ...]
    values: tuple[str | None, ...]
    period: Period = Period()

    def accept(self, entry: Entry) -> bool:
        """Whether the entry is of the group."""
        return self.period.contains(entry.occurred_at) and values_of(entry, self.keys) == self.values


@dataclass(frozen=True, slots=True)
class Filters:
    """What entries must be: in the period by `occurred_at`, and for each named column one of its values. None asks nothing.

    Field names are the entry's own columns, so an engine needs no table of names; `absent`, `data` and `outside` are how a group
    opens into its rows (see `opened`). Raises InvalidQuery for an empty list of values, for more than 200, and for values that
    no entry can have.
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
    absent: tuple[Dimension, ...] = ()
    """Dimensions under which entries must say nothing."""
    data: tuple[Datum, ...] = ()
    """What they must say in additional data."""
    outside: tuple[Slice, ...] = ()
    """Groups that they must not be of."""

    def __post_init__(self) -> None:
        for name, values in self.terms():
            if not values:
                raise InvalidQuery(name, "names no value; leave it out to ask for all")
            if len(getattr(self, name)) > MOST_VALUES:  # also where the same one is repeated, as the documents say
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
        for name in _COLUMNS:
            values = getattr(self, name)
            if values is not None:
                yield name, tuple(dict.fromkeys(values))

    def accept(self, entry: Entry) -> bool:
        """Whether the entry is asked for: the definition that every engine's own filtering is tested against."""
        return (
            self.period.contains(entry.occurred_at)
            and all(getattr(entry, name) in values for name, values in self.terms())
            and all(getattr(entry, name) is None for name in self.absent)
            and all(values_of(entry, (each.key,)) == (each.value,) for each in self.data)
            and not any(each.accept(entry) for each in self.outside)
        )

    def within(self, period: Period) -> Filters:
        """The same filters over another period."""
        return replace(self, period=period)

    def opened(self, part: Slice) -> Filters:
        """The entries of one group among these: what its numbers are the sums of. The group must have come from these filters."""
        stated = dict(zip(part.keys, part.values, strict=True))
        columns: dict[str, Any] = {
            each.value: (value,) for each, value in stated.items() if isinstance(each, Dimension) and value is not None
        }
        absent = tuple(each for each, value in stated.items() if isinstance(each, Dimension) and value is None)
        data = tuple(Datum(each, value) for each, value in stated.items() if isinstance(each, DataKey))
        return replace(
            self, period=self.period.common(part.period), absent=self.absent + absent, data=self.data + data, **columns
        )


_COLUMNS = tuple(each.name for each in fields(Filters) if each.name not in OTHER_THAN_COLUMNS)
