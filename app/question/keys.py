"""What usage can be grouped by: the dimensions of an entry, and the senders' own keys in additional data."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, TypeAlias

import orjson

from app.domain.entry import Entry
from app.domain.errors import InvalidQuery

LONGEST_KEY = 256
"""Characters that a key of additional data may have, as recording bounds them."""
_DECIMAL = "$decimal"


def check_characters(name: str, value: str) -> None:
    """Return if an engine can look for `value`; raises InvalidQuery naming the column for NUL and half a surrogate pair."""
    if "\0" in value:
        raise InvalidQuery(name, "contains the character NUL")
    try:
        value.encode()
    except UnicodeEncodeError:
        raise InvalidQuery(name, "contains half of a surrogate pair") from None


class Dimension(StrEnum):
    """What usage can be grouped by. Each value is the entry's own column."""

    PRODUCT = "product_id"
    CUSTOMER = "customer_id"
    LICENSE = "license_id"
    ORDER = "order_id"
    SUBSCRIPTION = "subscription_id"
    FEATURE = "feature_code"


@dataclass(frozen=True, slots=True)
class DataKey:
    """A key that senders put into additional data. Raises InvalidQuery for a name that no key can have."""

    name: str

    def __post_init__(self) -> None:
        if not self.name or len(self.name) > LONGEST_KEY:
            raise InvalidQuery("data", f"must have 1 to {LONGEST_KEY} characters")
        check_characters("data", self.name)


GroupKey: TypeAlias = Dimension | DataKey


def values_of(entry: Entry, keys: tuple[GroupKey, ...]) -> tuple[str | None, ...]:
    """What the entry says under each key, as text; None where it says nothing."""
    data: Mapping[str, Any] = {}
    if entry.additional_data is not None and any(isinstance(each, DataKey) for each in keys):
        data = orjson.loads(entry.additional_data)
    return tuple(getattr(entry, each.value) if isinstance(each, Dimension) else spoken(data.get(each.name)) for each in keys)


def spoken(value: Any) -> str | None:
    """A value of additional data as the text that it is grouped by, the definition that engines are tested against.

    A string is itself, a number its digits, a truth value `true` or `false`, a list or an object its canonical JSON; null is as
    good as absent. So the number 7 and the string "7" are one group.
    """
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, dict) and _DECIMAL in value:
        return str(value[_DECIMAL])
    return orjson.dumps(value).decode()
