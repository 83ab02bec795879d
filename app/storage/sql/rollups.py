"""The rollups: narrow tables with a row for each UTC day (hour, month) and few dimensions, kept while entries are appended.

A row holds the signed totals of a day's usage entries that share the dimensions, the unit and the currency. All of it can be
added, so late arrivals and corrections are entries like any other; only the first and the last use can not be taken back. They
are kept as twice the microsecond, and the odd bit tells whether they are certain: the entry that bore them may have been
reversed since. Then no entry that stands lies beyond them, and the ledger of that one day knows the rest.

A customer's days of all time are many where it uses much: of such a customer they are *folded*, added up by month, once they
are past. `folded_customers` says before which day; what comes late for a folded day is added to both.

A dimension, unit or currency that an entry does not name is the empty text here: no id is empty, and keys hold no nulls.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from functools import cache
from types import MappingProxyType
from typing import Any

from sqlalchemy import Column, Integer, MetaData, Table

from app.storage.sql.tables import CLUSTERED, Big, Words

NOTHING = ""
"""What stands for null in a key."""
COUNTS = ("entries", "events", "measured", "quantities", "charged", "charges")
"""How many entries there are, and with a quantity, and with a charge: signed ones (a reversal counts -1) before each of all."""
EXTREMES = ("first_use", "last_use")
TIMES = ("day", "hour")
"""The columns of keys that are times: whole UTC days and whole hours since 1970."""
EVER = -(2**30)
"""Before all days."""
_OPTIONS: dict[str, Any] = {**CLUSTERED, "postgresql_with": {"fillfactor": 80}}
"""Rows of the present day change all the time: room in its page lets PostgreSQL change one without touching the indexes."""


@dataclass(frozen=True, slots=True)
class Rollup:
    """One rollup: its table, and the columns of its key between the account and the unit, in their order."""

    name: str
    key: tuple[str, ...]
    months: bool = False
    """Whether a row is of a month: its `day` is the first one."""
    folds: str | None = None
    """The rollup whose rows are folded into this one; None where entries are added as they come."""

    @property
    def dimensions(self) -> tuple[str, ...]:
        """What it can be grouped and filtered by."""
        return tuple(each for each in self.key if each not in TIMES)

    @property
    def time(self) -> str:
        """The column that says when."""
        return next(each for each in self.key if each in TIMES)

    @property
    def step(self) -> timedelta:
        """How long the time is that the column counts."""
        return timedelta(hours=1) if self.time == "hour" else timedelta(days=1)

    @property
    def by_customer(self) -> bool:
        """Whether a customer's days are in one place; otherwise a day's rows are."""
        return self.key[0] == "customer_id"

    @property
    def whole_key(self) -> tuple[str, ...]:
        """The primary key."""
        return ("account_id", *self.key, "unit", "currency")


_CONTRACT = ("customer_id", "day", "product_id", "license_id", "order_id", "subscription_id")
_FEATURE = ("customer_id", "day", "license_id", "feature_code")
ROLLUPS = (
    Rollup("usage_days", ("day", "product_id")),
    Rollup("code_days", ("day", "feature_code")),
    Rollup("product_days", ("day", "product_id", "feature_code")),
    Rollup("customer_days", ("day", "customer_id")),
    Rollup("contract_days", _CONTRACT),
    Rollup("feature_days", _FEATURE),
    Rollup("product_months", ("day", "product_id", "feature_code"), months=True),
    Rollup("customer_months", ("day", "customer_id"), months=True),
    Rollup("usage_hours", ("hour", "product_id")),
    Rollup("contract_months", _CONTRACT, months=True, folds="contract_days"),
    Rollup("feature_months", _FEATURE, months=True, folds="feature_days"),
)
"""Every rollup, those of days, of months, of hours and of folded days each with the smallest first. A license, an order or a
subscription mostly belongs to one customer and few products, so that naming all of them in one rollup makes few more rows than
naming one."""

NAMED = MappingProxyType({each.name: each for each in ROLLUPS})
FOLDED = tuple(each for each in ROLLUPS if each.folds)
LINKED = ("license_id", "order_id", "subscription_id")
"""Dimensions whose customers are known, so that naming one finds its rows among a customer's: indexes by each of them took as
much room as the rollups themselves."""


def rollup_tables(metadata: MetaData, decimals: Mapping[str, Any]) -> Mapping[str, Table]:
    """The tables of one engine by name; `decimals` are its columns for a quantity and a charge, with their types."""
    return MappingProxyType({each.name: _table(each, metadata, decimals) for each in ROLLUPS})


@cache
def value_columns(decimals: tuple[str, ...]) -> tuple[str, ...]:
    """The columns behind the key."""
    return (*COUNTS, *EXTREMES, *decimals)


def _table(rollup: Rollup, metadata: MetaData, decimals: Mapping[str, Any]) -> Table:
    def column(name: str) -> Column[Any]:
        kind: Any = Integer() if name in ("account_id", *TIMES) else Words
        return Column(name, kind, primary_key=True, autoincrement=False)

    return Table(
        rollup.name,
        metadata,
        *map(column, rollup.whole_key),
        *(Column(name, Big, nullable=False) for name in COUNTS),
        *(Column(name, Big) for name in EXTREMES),
        *(Column(name, kind, nullable=False) for name, kind in decimals.items()),
        **_OPTIONS,
    )
